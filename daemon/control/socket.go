package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socketMode lets only the owner, root, and the owner's group in.
const socketMode = 0o660

// answerTimeout bounds how long it takes to find out whether somebody listens.
const answerTimeout = time.Second

// InUseError says that another daemon listens already.
type InUseError struct{ Path string }

func (e *InUseError) Error() string {
	return fmt.Sprintf("listen at %s: another daemon does already", e.Path)
}

// Listen opens the socket at path, which must be absolute or in the working
// directory, and takes the place of one that nobody listens at. An InUseError
// says that somebody does.
func Listen(path string) (*net.UnixListener, error) {
	if conn, err := net.DialTimeout("unix", path, answerTimeout); err == nil {
		_ = conn.Close()
		return nil, &InUseError{Path: path}
	}
	if info, err := os.Lstat(path); err == nil && info.Mode().Type() != fs.ModeSocket {
		return nil, fmt.Errorf("listen at %s: it is there, and no socket", path)
	}
	// The mode is there before the socket is, and the socket before its name.
	next := fmt.Sprintf("%s.%d", path, os.Getpid())
	config := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		if err := raw.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), socketMode) }); err != nil {
			return err
		}
		return failed
	}}
	if err := os.Remove(next); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	l, err := config.Listen(context.Background(), "unix", next)
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	listener := l.(*net.UnixListener)
	listener.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(next, socketMode), os.Rename(next, path)); err != nil {
		_ = listener.Close()
		_ = os.Remove(next)
		return nil, fmt.Errorf("listen at %s: %w", path, err)
	}
	return listener, nil
}

// peer is who is at the other end (SO_PEERCRED, unix(7)).
func peer(conn *net.UnixConn) (unix.Ucred, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return unix.Ucred{}, err
	}
	var of *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) {
		of, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err = errors.Join(err, failed); err != nil {
		return unix.Ucred{}, fmt.Errorf("who is at the control socket: %w", err)
	}
	return *of, nil
}
