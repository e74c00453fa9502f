//go:build linux

package probe

import (
	"errors"
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// Clock is CLOCK_MONOTONIC, read as the distance from a trial's origin.
// Processes of one machine share it by its Origin (not across time
// namespaces: those may shift CLOCK_MONOTONIC).
type Clock struct{ origin int64 }

// NewClock returns a clock whose origin is now.
func NewClock() Clock { return Clock{monotonic()} }

// ClockAt returns the clock with the given origin, in nanoseconds of
// CLOCK_MONOTONIC.
func ClockAt(origin int64) Clock { return Clock{origin} }

// Origin is the clock's zero in nanoseconds of CLOCK_MONOTONIC, to hand to
// another process.
func (c Clock) Origin() int64 { return c.origin }

// Now is the distance from the origin.
func (c Clock) Now() time.Duration { return time.Duration(monotonic() - c.origin) }

// FromWall converts a moment of CLOCK_REALTIME, such as a kernel timestamp of
// socket(7) SO_TIMESTAMPNS, by the distance of both clocks as it is now. A
// step of the wall clock thus spoils only those moments that were taken before
// it and are converted after it, and those never come out later than now.
func (c Clock) FromWall(wall time.Time) time.Duration {
	offset, now := wallOffset()
	return time.Duration(min(wall.UnixNano()-offset, now) - c.origin)
}

// wallOffset returns CLOCK_REALTIME - CLOCK_MONOTONIC and a monotonic time not
// before the reading, in nanoseconds. Each reading of the wall clock stands
// between two of the monotonic one; the one with the narrowest bracket is
// taken, and half of that bracket bounds its error.
func wallOffset() (offset, now int64) {
	const tries = 3
	narrowest := int64(math.MaxInt64)
	before := monotonic()
	for range tries {
		wall := readClock(unix.CLOCK_REALTIME)
		after := monotonic()
		if after-before < narrowest {
			narrowest = after - before
			offset = wall - (before + narrowest/2)
		}
		before = after
	}
	return offset, before
}

func monotonic() int64 { return readClock(unix.CLOCK_MONOTONIC) }

func readClock(id int32) int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(id, &ts); err != nil {
		panic("clock_gettime: " + err.Error()) // only for a clock that does not exist
	}
	return ts.Nano()
}

// sleepUntil blocks the thread until the clock shows at, by
// clock_nanosleep(2) with TIMER_ABSTIME; it returns at once when that has
// passed.
func (c Clock) sleepUntil(at time.Duration) {
	ts := unix.NsecToTimespec(c.origin + int64(at))
	for {
		err := unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &ts, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
