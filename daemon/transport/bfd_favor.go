package transport

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const (
	// favoredNice is the highest priority there is without real time.
	favoredNice = -20
	// favoredSlice is the shortest time that a thread can ask to run for at
	// once, in nanoseconds: the less it asks for, the sooner it gets it. Since
	// Linux 6.12 (kernel/sched/syscalls.c, sched_runtime of SCHED_NORMAL);
	// older kernels ignore it.
	favoredSlice = 100_000
)

// FavorThread has the kernel's scheduler run the calling thread soon after it
// wakes up on a busy machine: with the highest priority where that is allowed
// (CAP_SYS_NICE), and for short times. The caller has locked its thread, and
// calls restore on it before it unlocks it.
func FavorThread() (restore func(), err error) {
	before, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return nil, fmt.Errorf("read the thread's priority: %w", err)
	}
	// What was possible before is possible again.
	restore = func() { _ = unix.SchedSetAttr(0, before, 0) }
	if before.Policy != unix.SCHED_NORMAL { // real time: leave it
		return restore, nil
	}
	favored := *before
	favored.Nice, favored.Runtime = favoredNice, favoredSlice
	if unix.SchedSetAttr(0, &favored, 0) == nil {
		return restore, nil
	}
	favored.Nice = before.Nice
	if err := unix.SchedSetAttr(0, &favored, 0); err != nil {
		return nil, fmt.Errorf("favor the thread: %w", err)
	}
	return restore, nil
}
