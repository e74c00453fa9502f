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
		steps  = 1000
		delay  = 500 * time.Millisecond
	)
	clock := NewClock()
	s := &schedule{clock: clock}
	done := errors.New("done")
	slow := 0
	s.add(10*period, func(int) error { slow++; return nil })
	next := 0
	s.add(period, func(seq int) error {
		if seq != next {
			t.Errorf("step %d in place of %d", seq, next)
		}
		if next++; next == 10 {
			clock.sleepUntil(clock.Now() + delay)
		}
		if seq == steps {
			return done
		}
		return nil
	})
	start := clock.Now()
	finished := make(chan error)
	go func() { finished <- s.run(t.Context()) }() // on a thread that it may keep
	if err := <-finished; !errors.Is(err, done) {
		t.Errorf("error %v", err)
	}
	if took := clock.Now() - start; took < steps*period || took > steps*period+delay-50*time.Millisecond {
		t.Errorf("%d steps took %s", steps, took)
	}
	if slow < steps/10 || slow > steps/10+1 {
		t.Errorf("the other stream took %d steps", slow)
	}
}
