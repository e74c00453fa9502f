package transport

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Waiter waits for packets or a time on the thread that calls it, without Go's
// poller and scheduler in between: for sessions of a few milliseconds, of
// which there may be hundreds. The caller should have locked its thread.
type Waiter struct {
	wake  int
	polls []unix.PollFd
}

// NewWaiter returns a waiter for the receivers, which must not be closed
// before it. It makes the thread's own timers exact.
func NewWaiter(receivers ...*BFDReceiver) (*Waiter, error) {
	// The default slack of 50 us would be a twentieth of the shortest
	// interval (PR_SET_TIMERSLACK of prctl(2)).
	if err := unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("make the thread's timers exact: %w", err)
	}
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create an event descriptor: %w", err)
	}
	w := &Waiter{wake: fd, polls: []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}}
	for _, r := range receivers {
		w.Add(r)
	}
	return w, nil
}

// Add has Wait return for another receiver's packets, too.
func (w *Waiter) Add(r *BFDReceiver) {
	w.polls = append(w.polls, unix.PollFd{Fd: int32(r.fd), Events: unix.POLLIN})
}

// Wait returns at t, or for a zero t never; earlier when packets have arrived,
// Wake was called, or for no reason.
func (w *Waiter) Wait(t time.Time) error { return w.wait(w.polls, t) }

// Rest is Wait without regard to packets: they gather meanwhile.
func (w *Waiter) Rest(t time.Time) error { return w.wait(w.polls[:1], t) }

func (w *Waiter) wait(polls []unix.PollFd, t time.Time) error {
	var timeout unix.Timespec
	limit := &timeout
	if t.IsZero() {
		limit = nil
	} else {
		timeout = unix.NsecToTimespec(max(time.Until(t), 0).Nanoseconds())
	}
	_, err := unix.Ppoll(polls, limit, nil)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("wait for BFD packets: %w", err)
	}
	if w.polls[0].Revents != 0 {
		var count [8]byte
		// It is readable; and when it is not, there is nothing to clear.
		_, _ = unix.Read(w.wake, count[:])
	}
	return nil
}

// Wake makes the current or the next Wait return. It may be called from any
// goroutine, until Close.
func (w *Waiter) Wake() {
	one := [8]byte{1} // of either byte order: more than nothing
	// The only error is that enough calls are waiting already.
	_, _ = unix.Write(w.wake, one[:])
}

// Close closes it.
func (w *Waiter) Close() { unix.Close(w.wake) }
