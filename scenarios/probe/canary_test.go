//go:build linux

package probe

import (
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
