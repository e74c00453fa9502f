package transport

import (
	"fmt"
	"os"
	"syscall"
)

// descriptor is a non-blocking file descriptor in Go's poller.
type descriptor struct {
	file *os.File
	raw  syscall.RawConn
}

// newDescriptor takes over fd, which must be non-blocking, and closes it on
// an error.
func newDescriptor(fd int, name string) (descriptor, error) {
	file := os.NewFile(uintptr(fd), name)
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return descriptor{}, fmt.Errorf("poll %s: %w", name, err)
	}
	return descriptor{file: file, raw: raw}, nil
}

// do calls f with the descriptor, which stays open until f returns. The error
// is f's, or says that the descriptor is closed.
func (d descriptor) do(f func(fd int) error) error {
	var inner error
	if err := d.raw.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// watch calls notify each time the descriptor becomes readable, from a
// goroutine of its own, until the descriptor is closed. The poller reports
// edges: after a call, the receiver must read until nothing is pending.
func (d descriptor) watch(notify func()) {
	go func() {
		// The only error is that of closing, and it ends the watch.
		_ = d.raw.Read(func(uintptr) bool {
			notify()
			return false
		})
	}()
}

// Close closes the descriptor and ends its watch. It may be called again.
func (d descriptor) Close() {
	// The only error is that it is closed already.
	_ = d.file.Close()
}
