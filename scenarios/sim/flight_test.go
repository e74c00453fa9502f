package sim

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/scenarios/check/conduct"
)

func TestFlightGivesTheNextArrival(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f flight
		var model []packet
		for number := range rapid.IntRange(0, 200).Draw(t, "steps") {
			if len(model) == 0 || rapid.Bool().Draw(t, "push") {
				p := packet{at: time.Duration(rapid.IntRange(0, 9).Draw(t, "at")), number: uint64(number)}
				f.push(p)
				model = append(model, p)
				continue
			}
			next := 0
			for i := range model {
				if model[i].before(&model[next]) {
					next = i
				}
			}
			if got := f.pop(); got != model[next] {
				t.Fatalf("got %v, want %v", got, model[next])
			}
			model = slices.Delete(model, next, next+1)
		}
	})
}

// TestClockShowsWhatItWasAskedFor wants when and show to belong together, over
// any number of changes of the rate.
func TestClockShowsWhatItWasAskedFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := clock{rate: conduct.TrueRate}
		var now, shown time.Duration
		for range rapid.IntRange(1, 10).Draw(t, "changes") {
			local := shown + time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "wait"))
			now = c.when(local)
			if shown = c.show(now); shown < local || shown > local+grain {
				t.Fatalf("asked for %d at rate %d it shows %d", local, c.rate, shown)
			}
			c.set(now, conduct.Rate(rapid.Int64Range(int64(slowest), int64(fastest)).Draw(t, "rate")))
			if c.show(now) != shown {
				t.Fatalf("a change of the rate moved the clock from %d to %d", shown, c.show(now))
			}
		}
	})
}

func TestStreamsOfOneSeedDiffer(t *testing.T) {
	seen := map[uint64]bool{}
	for seed := range uint64(100) {
		for number := range 100 {
			s := newStream(seed, number-50)
			if first := s.next(); seen[first] {
				t.Fatalf("seed %d, stream %d begins as another one", seed, number-50)
			} else {
				seen[first] = true
			}
		}
	}
}

func TestImpairmentsAreWhatTheySay(t *testing.T) {
	const count = 100_000
	l := link{network: Network{Delay: time.Millisecond, Jitter: time.Millisecond, Loss: 0.25, Duplicate: 0.5}}
	for purpose := range purposes {
		l.streams[purpose] = newStream(1, purpose)
	}
	lost, doubled := 0, 0
	shortest, longest := time.Hour, time.Duration(0)
	for range count {
		lost += btoi(l.loses())
		doubled += btoi(l.doubles())
		took := l.takes()
		shortest, longest = min(shortest, took), max(longest, took)
	}
	near := func(name string, got int, want float64) {
		if share := float64(got) / count; share < want-0.01 || share > want+0.01 {
			t.Errorf("%s: a share of %v, want %v", name, share, want)
		}
	}
	near("lost", lost, 0.25)
	near("doubled", doubled, 0.5)
	if shortest < time.Millisecond || longest > 2*time.Millisecond || longest-shortest < 900*time.Microsecond {
		t.Errorf("under way from %s to %s", shortest, longest)
	}
	// A burst of loss lasts 1/end on average, and comes so that begin/(begin+end) is lost.
	l.network = Network{BurstBegin: 0.01, BurstEnd: 0.04}
	lost = 0
	bursts, bad := 0, false
	for range count {
		now := l.loses()
		lost += btoi(now)
		bursts += btoi(now && !bad)
		bad = now
	}
	if share := float64(lost) / count; share < 0.15 || share > 0.25 {
		t.Errorf("bursts lose %v, want 0.2", share)
	}
	if length := float64(lost) / float64(bursts); length < 20 || length > 30 {
		t.Errorf("a burst has %v, want 25", length)
	}
}
