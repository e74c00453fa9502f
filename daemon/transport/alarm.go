package transport

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Alarm is one timer of the kernel's monotonic clock that waits in Go's
// poller.
//
// A time.Timer of a process that is otherwise idle is served by epoll_wait,
// whose timeout counts milliseconds, so it may ring up to 1 ms late. A
// timerfd rings at its nanosecond, as far as the scheduler follows.
//
// It leaves no garbage. It is for one goroutine, except C and Close.
type Alarm struct {
	descriptor
	rings chan struct{}
	// set sets the timer to value, and take takes what it has counted, each
	// by the descriptor.
	value     unix.ItimerSpec
	set, take func(fd uintptr)
	failed    error // set's
	expired   bool  // take's
}

// NewAlarm returns an alarm that is not set.
func NewAlarm() (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create a timer: %w", err)
	}
	d, err := newDescriptor(fd, "timer")
	if err != nil {
		return nil, err
	}
	a := &Alarm{descriptor: d, rings: make(chan struct{}, 1)}
	a.set = func(fd uintptr) { a.failed = unix.TimerfdSettime(int(fd), 0, &a.value, nil) }
	var count [8]byte
	a.take = func(fd uintptr) {
		_, err := unix.Read(int(fd), count[:])
		a.expired = err == nil // EAGAIN: set anew meanwhile, or the watch's first call
	}
	a.watch(a.ring)
	return a, nil
}

// ring passes on an expiry that the kernel has counted.
func (a *Alarm) ring() {
	if err := a.raw.Control(a.take); err != nil || !a.expired {
		return
	}
	select {
	case a.rings <- struct{}{}:
	default:
	}
}

// C delivers a value when the alarm rings. After Set, one value from before
// may still be pending: the receiver compares the time.
func (a *Alarm) C() <-chan struct{} { return a.rings }

// Set makes the alarm ring once at t, at once when t has passed, and forgets
// what it was set to before.
func (a *Alarm) Set(t time.Time) error {
	// Zero would disarm the timer.
	return a.arm(max(time.Until(t), time.Nanosecond))
}

// Stop makes the alarm forget what it was set to.
func (a *Alarm) Stop() error { return a.arm(0) }

func (a *Alarm) arm(in time.Duration) error {
	a.value = unix.ItimerSpec{Value: unix.NsecToTimespec(in.Nanoseconds())}
	err := a.raw.Control(a.set)
	if err == nil {
		err = a.failed
	}
	if err != nil {
		return fmt.Errorf("set a timer to %s from now: %w", in, err)
	}
	return nil
}

// BusyWait returns at t and occupies the processor until then. It is for the
// last fraction of a millisecond, which a sleeping process would oversleep:
// waking up takes the longer the deeper the processor sleeps.
func BusyWait(t time.Time) {
	for time.Now().Before(t) {
	}
}
