//go:build linux

package probe

import (
	"errors"
	"testing"
	"time"
)

func TestScheduleMakesUpForADelay(t *testing.T) {
	const (
		period = time.Millisecond
		delay  = 500 * time.Millisecond
		slow   = 10  // the step that takes so long
		final  = 450 // was due during the delay
	)
	clock := NewClock()
	s := &schedule{clock: clock}
	done := errors.New("done")
	tens, next := 0, 0
	var start, resumed time.Duration
	s.add(10*period, func(int) error { tens++; return nil })
	s.add(period, func(seq int) error {
		if now := clock.Now(); seq != next || now < start+time.Duration(seq)*period {
			t.Errorf("step %d in place of %d, %s after the start", seq, next, now-start)
		}
		next++
		switch seq {
		case slow:
			clock.sleepUntil(clock.Now() + delay)
			resumed = clock.Now()
		case final:
			return done
		}
		return nil
	})
	start = clock.Now()
	finished := make(chan error)
	go func() { finished <- s.run(t.Context()) }() // on a thread that it may keep
	if err := <-finished; !errors.Is(err, done) {
		t.Errorf("error %v", err)
	}
	if took := clock.Now() - resumed; took > (final-slow)*period {
		t.Errorf("what was missed took %s", took)
	}
	if tens < final/10 || tens > final/10+1 {
		t.Errorf("the other stream took %d steps", tens)
	}
}
