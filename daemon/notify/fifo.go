package notify

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// FIFO is a named pipe. What it holds without a reader, 64 KiB (pipe(7)), is
// the backlog. It belongs to one goroutine.
type FIFO struct {
	path    string
	fd      int
	isMade  bool
	dropped uint64 // in a row
}

// fifoMode is that of a FIFO that is made (keepalived: mkfifo in notify.c).
const fifoMode = 0o644

// Owner is whose a FIFO is to be.
type Owner struct{ UID, GID int }

// OpenFIFO opens a FIFO, and makes it if it is not there. It is an error that
// something else has its name. A nil owner leaves it as it is.
func OpenFIFO(path string, owner *Owner) (*FIFO, error) {
	f := &FIFO{path: path}
	switch err := unix.Mkfifo(path, fifoMode); {
	case err == nil:
		f.isMade = true
	case !errors.Is(err, unix.EEXIST):
		return nil, fmt.Errorf("make fifo %s: %w", path, err)
	}
	var err error
	// With a reader of its own, opening does not wait for one, and writing is no
	// error without one (fifo(7)).
	f.fd, err = unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open fifo %s: %w", path, err)
	}
	if err := f.check(owner); err != nil {
		unix.Close(f.fd)
		return nil, err
	}
	return f, nil
}

func (f *FIFO) check(owner *Owner) error {
	var status unix.Stat_t
	if err := unix.Fstat(f.fd, &status); err != nil {
		return fmt.Errorf("look at fifo %s: %w", f.path, err)
	}
	if status.Mode&unix.S_IFMT != unix.S_IFIFO {
		return fmt.Errorf("open fifo %s: it is something else", f.path)
	}
	if owner == nil {
		return nil
	}
	if err := unix.Fchown(f.fd, owner.UID, owner.GID); err != nil {
		return fmt.Errorf("give fifo %s to user %d: %w", f.path, owner.UID, err)
	}
	return nil
}

// Write writes a notice, or drops it when there is no room. It does not wait.
// Only the first of some that are dropped in a row is an error.
func (f *FIFO) Write(n Notice) error {
	_, err := unix.Write(f.fd, []byte(n.Line()))
	if err == nil {
		f.dropped = 0
		return nil
	}
	f.dropped++
	if f.dropped > 1 {
		return nil
	}
	return fmt.Errorf("write to fifo %s, lines are dropped until somebody reads it: %w", f.path, err)
}

// Path is its name.
func (f *FIFO) Path() string { return f.path }

// Inherit has the FIFO removed here if former would have removed it.
func (f *FIFO) Inherit(former *FIFO) {
	f.isMade, former.isMade = f.isMade || former.isMade, false
}

// Close closes it. A reader sees the end behind the last line.
func (f *FIFO) Close() {
	unix.Close(f.fd)
}

// Remove removes it, if it was made here.
func (f *FIFO) Remove() error {
	if !f.isMade {
		return nil
	}
	if err := unix.Unlink(f.path); err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("remove fifo %s: %w", f.path, err)
	}
	return nil
}
