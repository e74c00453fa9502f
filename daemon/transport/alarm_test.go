package transport

import (
	"testing"
	"time"
)

// bound is how long a test waits for what should happen at once.
const bound = 5 * time.Second

func newAlarm(t *testing.T) *Alarm {
	t.Helper()
	a, err := NewAlarm()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func awaitRing(t *testing.T, a *Alarm) time.Time {
	t.Helper()
	select {
	case <-a.C():
		return time.Now()
	case <-time.After(bound):
		t.Fatal("the alarm did not ring")
		return time.Time{}
	}
}

func TestAlarmRingsNeverEarly(t *testing.T) {
	a := newAlarm(t)
	for _, in := range []time.Duration{time.Microsecond, time.Millisecond, 20 * time.Millisecond} {
		due := time.Now().Add(in)
		if err := a.Set(due); err != nil {
			t.Fatal(err)
		}
		if rang := awaitRing(t, a); rang.Before(due) {
			t.Errorf("set to %s, rang %s early", in, due.Sub(rang))
		}
	}
}

func TestAlarmOfThePastRingsAtOnce(t *testing.T) {
	a := newAlarm(t)
	if err := a.Set(time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	awaitRing(t, a)
}

func TestAlarmForgetsWhatItWasSetTo(t *testing.T) {
	a := newAlarm(t)
	if err := a.Set(time.Now().Add(10 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(60 * time.Millisecond)
	if err := a.Set(later); err != nil {
		t.Fatal(err)
	}
	if rang := awaitRing(t, a); rang.Before(later) {
		t.Errorf("rang %s before what it was set to last", later.Sub(rang))
	}
}

func TestStoppedAlarmIsSilent(t *testing.T) {
	stopped, witness := newAlarm(t), newAlarm(t)
	if err := stopped.Set(time.Now().Add(5 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := stopped.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := witness.Set(time.Now().Add(30 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-stopped.C():
		t.Error("the stopped alarm rang")
	case <-witness.C():
	}
}

func TestClosedAlarmSaysSo(t *testing.T) {
	a := newAlarm(t)
	a.Close()
	if err := a.Set(time.Now()); err == nil {
		t.Error("no error")
	}
}

func TestBusyWaitReturnsNoEarlier(t *testing.T) {
	due := time.Now().Add(time.Millisecond)
	BusyWait(due)
	if now := time.Now(); now.Before(due) {
		t.Errorf("%s early", due.Sub(now))
	}
}
