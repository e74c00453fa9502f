//go:build linux

package probe

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

// ProcessOptions says which process is watched.
type ProcessOptions struct {
	Host string
	Name string // vipd, keepalived, nginx, ...
	PID  int
	// Status, if given, is called after the exit was seen and returns how the
	// process ended, as os.ProcessState prints it. It may wait for that.
	Status func() string
}

// WatchProcess appends a [history.ProcessExit] when the process ends, by
// pidfd_open(2): it need not be a child, and a later process with the same id
// is not mistaken for it. A process that has already ended but was not yet
// waited for is seen to end now; one that is gone is an error.
func WatchProcess(clock Clock, log *history.Log, o ProcessOptions) (*Watch, error) {
	fd, err := unix.PidfdOpen(o.PID, unix.PIDFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch process %d (%s): %w", o.PID, o.Name, err)
	}
	file := os.NewFile(uintptr(fd), "pidfd")
	conn, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("watch process %d (%s): %w", o.PID, o.Name, err)
	}
	stop := func() { _ = file.SetReadDeadline(time.Unix(1, 0)) }
	return watch(stop, func() error {
		defer func() { _ = file.Close() }()
		var at time.Duration
		err := conn.Read(func(fd uintptr) bool {
			at = clock.Now()
			return ended(int32(fd))
		})
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch process %d (%s): %w", o.PID, o.Name, err)
		}
		exit := history.ProcessExit{Name: o.Name, PID: o.PID}
		if o.Status != nil {
			exit.Status = o.Status()
		}
		log.Append(at, o.Host, exit)
		return nil
	}), nil
}

// ended says whether a pidfd's process has ended.
func ended(fd int32) bool {
	poll := []unix.PollFd{{Fd: fd, Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, 0)
		if !errors.Is(err, unix.EINTR) {
			return err == nil && n > 0
		}
	}
}
