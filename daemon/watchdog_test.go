package daemon

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

func TestVigil(t *testing.T) {
	// A run is of looks at a time, and of pledges of another: "=9" pledges 9,
	// in quarters of the tolerance. The looks that matter are those that find a
	// process that hangs.
	steps := func(n int) time.Duration { return time.Duration(n) * toleranceMin / vigilSteps }
	tests := []struct {
		name  string
		run   string
		hangs int // the look, from 1; 0: none
		next  int // when the next one is due, after the last of the others
	}{
		{"nothing pledged", "=0 100 140 180", 0, 220},
		{"first look", "=100 90", 0, 101},
		{"far ahead", "=200 90", 0, 130},
		{"far ahead, looked at again and again", "=400 90 130 170 210 250 290", 0, 330},
		{"looked at before a quarter is over", "=400 360 400 401 402 403 404", 6, 404},
		{"kept", "=100 90 =101 101 =102 102", 0, 103},
		{"broken", "=100 90 101 102 103 104", 5, 104},
		{"broken for three quarters", "=100 90 101 102 103", 0, 104},
		{"back at last", "=100 90 101 102 103 =104 104", 0, 105},
		{"found broken", "=100 120 121 122 123 124", 5, 124},
		{"other looks do not count", "=100 90 91 95 100 101 101 101 101 102 102 103 103", 0, 104},
		{"a little late", "=100 90 102 104 106 108", 5, 108},
		{"held up all the time", "=100 90 103 107 111 115 119 123", 0, 124},
		{"held up before it was broken", "=100 90 150 151 152 153 154", 6, 154},
		{"held up while it was broken", "=100 90 101 102 103 150 151", 6, 151},
		{"held up, then other looks", "=100 90 150 150 150 150 151 152 153", 0, 154},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var given time.Duration
			v, looks := vigil{}, 0
			for word := range strings.FieldsSeq(test.run) {
				var number int
				if _, err := fmt.Sscan(strings.TrimPrefix(word, "="), &number); err != nil {
					t.Fatal(err)
				}
				if word[0] == '=' {
					given = steps(number)
					continue
				}
				looks++
				var hangs bool
				v, hangs = v.look(given, toleranceMin, steps(number))
				if hangs != (looks == test.hangs) {
					t.Fatalf("at %s: hangs %t", word, hangs)
				}
			}
			if want := steps(test.next); test.hangs == 0 && v.planned != want {
				t.Errorf("looks again at %s, want %s", v.planned, want)
			}
		})
	}
}

// However the processes are held up together, and whenever else the observer
// looks: a process is blamed when it had most of the tolerance to come back,
// and only then. Many short stops, each too short to be noticed, may add up;
// here is one.
func TestVigilIsFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		duration := func(name string, most time.Duration) time.Duration {
			return time.Duration(rapid.Int64Range(0, int64(most)).Draw(t, name))
		}
		tolerance := toleranceMin + duration("tolerance", toleranceMax-toleranceMin)
		given := time.Hour + duration("given", time.Second)
		now, ran := time.Hour, time.Duration(0) // ran: since given, while nobody was held up
		pass := func(d time.Duration, together bool) {
			if !together {
				ran += max(now+d-max(given, now), 0)
			}
			now += d
		}
		v, short := vigil{}, true
		for looks := 0; ; looks++ {
			var hangs bool
			if v, hangs = v.look(given, tolerance, now); hangs {
				break
			}
			if v.planned <= now || v.planned > now+lookInterval {
				t.Fatalf("looks again in %s", v.planned-now)
			}
			if looks > 60 {
				t.Fatal("a silent process is not blamed")
			}
			wait := v.planned - now
			if looks < 40 && rapid.Bool().Draw(t, "held up") {
				before := duration("before", wait)
				pass(before, false)
				stop := tolerance/2 + 1 + duration("for", time.Minute)
				if short && rapid.Bool().Draw(t, "shortly") {
					stop, short = duration("shortly for", tolerance/2), false
				}
				pass(stop, true)
				wait = max(v.planned-now, 0)
			} else if looks < 40 && rapid.Bool().Draw(t, "looks early") {
				wait = duration("early", wait-1)
			}
			pass(wait, false)
		}
		if ran < tolerance/2 {
			t.Fatalf("blamed after %s of %s", ran, tolerance)
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
	o := newObserver(w.worker)
	if hangs, wait := o.look(toleranceMax); hangs || wait != toleranceMax/vigilSteps {
		t.Errorf("first look: hangs %t, wait %s", hangs, wait)
	}
	o.vigil.broken, o.vigil.planned = vigilSteps-1, o.now() // as if looked on time
	if hangs, _ := o.look(time.Minute); !hangs {
		t.Error("silent for a minute, and not blamed")
	}
	w.worker.Working()
	if hangs, _ := o.look(time.Minute); hangs {
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
