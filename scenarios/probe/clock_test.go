//go:build linux

package probe

import (
	"testing"
	"time"
)

// near is how far two readings may be apart on a busy machine.
const near = 50 * time.Millisecond

func TestClockIsSharedByItsOrigin(t *testing.T) {
	a := NewClock()
	b := ClockAt(a.Origin())
	before, between, after := a.Now(), b.Now(), a.Now()
	if before < 0 || before > between || between > after {
		t.Errorf("%s, %s, %s", before, between, after)
	}
}

func TestClockConvertsWallTime(t *testing.T) {
	clock := NewClock()
	before := clock.Now()
	wall := time.Now()
	after := clock.Now()
	const slack = 100 * time.Microsecond
	if at := clock.FromWall(wall); at < before-slack || at > after+slack {
		t.Errorf("between %s and %s: converted to %s", before, after, at)
	}
	if at := clock.FromWall(wall.Add(-time.Hour)) + time.Hour; at < before-slack || at > after+slack {
		t.Errorf("an hour before between %s and %s: converted to an hour before %s", before, after, at)
	}
}

func TestClockConvertsNothingToTheFuture(t *testing.T) {
	clock := NewClock()
	at := clock.FromWall(time.Now().Add(time.Hour))
	if now := clock.Now(); at > now {
		t.Errorf("converted to %s at %s", at, now)
	}
}

func TestSleepUntilIsNeverEarly(t *testing.T) {
	clock := NewClock()
	for _, due := range []time.Duration{-time.Second, 0, 3 * time.Millisecond} {
		clock.sleepUntil(due)
		if now := clock.Now(); now < due || now > due+time.Second+near {
			t.Errorf("due at %s, woke at %s", due, now)
		}
	}
}
