package daemon

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestJudge(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name                           string
		given, tolerance, planned, now time.Duration
		hangs                          bool
		next                           time.Duration
	}{
		{"nothing pledged", 0, 100 * ms, 5000 * ms, 5000 * ms, false, 6000 * ms},
		{"nothing pledged, looked late", 0, 100 * ms, 2000 * ms, 5000 * ms, false, 6000 * ms},
		{"not due", 6000 * ms, 100 * ms, 5000 * ms, 5000 * ms, false, 6100 * ms},
		{"not due, looked late", 6000 * ms, 100 * ms, 2000 * ms, 5000 * ms, false, 6100 * ms},
		{"tolerated", 5000 * ms, 100 * ms, 5099 * ms, 5099 * ms, false, 5100 * ms},
		{"hangs", 5000 * ms, 100 * ms, 5100 * ms, 5100 * ms, true, 5100 * ms},
		{"hangs, looked a little late", 5000 * ms, 100 * ms, 5100 * ms, 5150 * ms, true, 5150 * ms},
		{"looked late", 5000 * ms, 100 * ms, 5100 * ms, 5151 * ms, false, 5251 * ms},
		{"hangs after one grace", 5000 * ms, 100 * ms, 5251 * ms, 5251 * ms, true, 5251 * ms},
		{"looked early, but overdue", 5000 * ms, 100 * ms, 6000 * ms, 5200 * ms, true, 5200 * ms},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hangs, next := judge(test.given, test.tolerance, test.planned, test.now)
			if hangs != test.hangs || next != test.next {
				t.Errorf("hangs %t, next %s; want %t, %s", hangs, next, test.hangs, test.next)
			}
		})
	}
}

// However the processes are held up: a process that keeps its pledge within
// the tolerance is never blamed, one that is silent is, two looks after it
// should have been back unless the observer is held up again and again.
func TestJudgeIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		duration := func(name string, most time.Duration) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, name))
		}
		tolerance := toleranceMin + duration("tolerance", toleranceMax)
		given, planned := time.Hour+duration("given", time.Second), time.Hour
		for looks := 0; ; looks++ {
			late := duration("late", tolerance/2)
			if looks < 3 && rapid.Bool().Draw(t, "held up") {
				late += duration("for", time.Minute)
			}
			now := planned + late
			hangs, next := judge(given, tolerance, planned, now)
			if hangs && now < given+tolerance {
				t.Fatalf("blamed %s before it was due", given+tolerance-now)
			}
			if hangs {
				return
			}
			if next <= now {
				t.Fatalf("looks again %s ago", now-next)
			}
			if looks > 6 {
				t.Fatal("a silent process is not blamed")
			}
			planned = next
		}
	})
}

func TestPledgeIsSharedAndOnTheKernelsClock(t *testing.T) {
	own, err := newWatchdog()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Dup(int(own.file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	other, err := mapWatchdog(os.NewFile(uintptr(fd), "watchdog"))
	if err != nil {
		t.Fatal(err)
	}
	var before unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &before); err != nil {
		t.Fatal(err)
	}
	own.worker.Waiting(time.Now().Add(time.Hour))
	ahead := other.worker.given() - time.Duration(before.Nano())
	if ahead < time.Hour-time.Second || ahead > time.Hour+time.Minute {
		t.Errorf("pledged %s ahead, want an hour", ahead)
	}
	if other.guardian.given() != 0 {
		t.Error("the guardian has pledged nothing")
	}
	own.worker.Working()
	if given, now := other.worker.given(), other.worker.now(); given > now+time.Second || given < now-time.Minute {
		t.Errorf("working at %s, now is %s", given, now)
	}
	own.worker.Waiting(time.Time{})
	if given := other.worker.given(); given != 0 {
		t.Errorf("still pledged: %s", given)
	}
}

func TestObserverThatBeginsLateBlamesNobodyAtOnce(t *testing.T) {
	w, err := newWatchdog()
	if err != nil {
		t.Fatal(err)
	}
	w.worker.Waiting(time.Now().Add(-time.Minute))
	const tolerance = 2 * time.Millisecond
	o := newObserver(w.worker)
	hangs, wait := o.look(tolerance)
	if hangs || wait != tolerance {
		t.Errorf("first look: hangs %t, wait %s", hangs, wait)
	}
	o.planned = o.now() - tolerance/2 // as if looked on time
	if hangs, _ = o.look(time.Minute / 2); !hangs {
		t.Error("silent for a minute, and not blamed")
	}
	w.worker.Working()
	if hangs, _ = o.look(time.Minute); hangs {
		t.Error("back, and blamed")
	}
}

func TestNoWatchdogPledgesNothing(t *testing.T) {
	var none *pledge
	none.Waiting(time.Now())
	none.Waiting(time.Time{})
	none.Working()
}

func BenchmarkPledge(b *testing.B) {
	w, err := newWatchdog()
	if err != nil {
		b.Fatal(err)
	}
	until := time.Now().Add(time.Second)
	for b.Loop() {
		w.worker.Waiting(until)
	}
}
