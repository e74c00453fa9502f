//go:build linux

package probe

import (
	"context"
	"math"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// schedule does things at fixed times on one thread: number n of a stream is
// due at the start + n periods. What is late is done at once, so that nothing
// is left out.
//
// It sleeps without telling the Go scheduler, which thus takes no processor
// away and gives none back: at a thousand times a second that halves the cost.
// The price is one of GOMAXPROCS processors.
type schedule struct {
	clock   Clock
	streams []stream
}

type stream struct {
	period time.Duration
	step   func(seq int) error
	seq    int
	due    time.Duration
}

// add appends a stream; step is called on the schedule's thread.
func (s *schedule) add(period time.Duration, step func(seq int) error) {
	s.streams = append(s.streams, stream{period: period, step: step})
}

// run goes on until ctx ends or a step fails.
func (s *schedule) run(ctx context.Context) error {
	ownThread()
	start := s.clock.Now()
	for i := range s.streams {
		s.streams[i].due = start
	}
	for ctx.Err() == nil {
		first, due := 0, time.Duration(math.MaxInt64)
		for i, stream := range s.streams {
			if stream.due < due {
				first, due = i, stream.due
			}
		}
		for !s.clock.sleepHolding(due) && ctx.Err() == nil {
		}
		next := &s.streams[first]
		if err := next.step(next.seq); err != nil {
			return err
		}
		next.seq++
		next.due += next.period
	}
	return nil
}

// sleepHolding is clock_nanosleep(2) by which the goroutine keeps its
// processor. It is false when a signal cut it short, for by a signal the Go
// runtime asks for the processor: it gets it at the next call.
//
//go:noinline
func (c Clock) sleepHolding(at time.Duration) bool {
	ts := unix.NsecToTimespec(c.origin + int64(at))
	_, _, errno := unix.RawSyscall6(unix.SYS_CLOCK_NANOSLEEP, unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME,
		uintptr(unsafe.Pointer(&ts)), 0, 0, 0)
	return errno != unix.EINTR
}
