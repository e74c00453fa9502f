//go:build linux

package probe

import (
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCanaryTellsOfAThreadThatDoesNotRun(t *testing.T) {
	var c canary
	c.due.Store(int64(10 * time.Millisecond))
	c.latest.Store(int64(3 * time.Millisecond))
	for _, step := range []struct {
		now, want time.Duration
	}{
		{9 * time.Millisecond, 3 * time.Millisecond}, // the one it had
		{40 * time.Millisecond, 30 * time.Millisecond},
		{140 * time.Millisecond, 130 * time.Millisecond},
	} {
		if got := c.lateness(step.now); got != step.want {
			t.Errorf("lateness at %s: %s, want %s", step.now, got, step.want)
		}
	}
}

func TestCanaryTellsOfWhatItWaitsFor(t *testing.T) {
	clock, entered, leave := NewClock(), make(chan bool), make(chan bool)
	c := &canary{period: time.Millisecond, act: func() { entered <- true; <-leave }}
	done := false
	go c.run(clock, nil, func() bool { return done })
	<-entered
	since := clock.Now()
	for clock.Now() < since+20*time.Millisecond {
		clock.sleepUntil(since + 20*time.Millisecond)
	}
	if late := c.lateness(clock.Now()); late < 20*time.Millisecond {
		t.Errorf("late by %s while it waits for 20 ms", late)
	}
	done = true // before it is read: leave comes between
	leave <- true
	var none *canary
	if late := none.lateness(time.Hour); late != 0 {
		t.Errorf("one that does not run is late by %s", late)
	}
}

func TestLiveConfiguration(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	flags := func() net.Flags {
		lo, err := net.InterfaceByName("lo")
		if err != nil {
			t.Fatal(err)
		}
		return lo.Flags
	}
	before := flags()
	lock, err := openConfiguration()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.close()
	if err := lock.set(); err != nil {
		t.Error(err)
	}
	if after := flags(); after != before {
		t.Errorf("lo was %s and is %s", before, after)
	}
}

func TestCanaryWatchesEveryProcessor(t *testing.T) {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	sets := processors()
	if len(sets) != min(all.Count(), canaryThreads) {
		t.Errorf("%d threads for %d processors", len(sets), all.Count())
	}
	watched := 0
	for _, set := range sets {
		watched += set.Count()
	}
	if watched != all.Count() {
		t.Errorf("%d processors watched of %d", watched, all.Count())
	}
}
