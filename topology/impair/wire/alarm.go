package wire

import (
	"time"

	"golang.org/x/sys/unix"
)

// alarm learns how much later than asked the kernel wakes a thread (some 50 us on
// a virtual machine), and asks for that much earlier.
type alarm struct {
	early time.Duration
	asked time.Duration // when it is to wake; 0: no such call
}

const (
	mostEarly = 100 * time.Microsecond
	memory    = 8 // wake-ups: how slowly it learns
)

// timeout is how long to wait for something to be done at a deadline. What is left
// when it has passed, a.early at most, is to be spent awake.
func (a *alarm) timeout(now, deadline time.Duration) *unix.Timespec {
	a.asked = deadline - a.early
	if a.asked <= now {
		a.asked = 0
		return &unix.Timespec{}
	}
	left := unix.NsecToTimespec(int64(a.asked - now))
	return &left
}

// woken says that the timeout has passed.
func (a *alarm) woken(now time.Duration) {
	if a.asked == 0 {
		return
	}
	late := min(max(now-a.asked, 0), mostEarly)
	a.early += (late - a.early) / memory
}
