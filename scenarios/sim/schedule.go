package sim

import (
	"fmt"
	"slices"
	"time"

	"takeover/scenarios/check/conduct"
)

// Schedule is everything that a run depends on.
type Schedule struct {
	Seed    uint64
	Options Options
	Faults  []Fault
	// Calm is how long the run goes on after all must have settled.
	Calm time.Duration
}

// Check says what is wrong with the schedule.
func (s *Schedule) Check() error {
	if err := s.Options.Check(); err != nil {
		return err
	}
	if s.Calm < 0 || s.Calm > longestRun {
		return fmt.Errorf("calm %s is not within the run", s.Calm)
	}
	for i := range s.Faults {
		if err := s.Faults[i].check(&s.Options); err != nil {
			return fmt.Errorf("fault %d: %w", i+1, err)
		}
	}
	return nil
}

// healed is when the last fault has ended, and nothing is under way any more
// that faults delayed: what is sent under several of them suffers all.
func (s *Schedule) healed() time.Duration {
	var ended, travel time.Duration
	for i := range s.Faults {
		ended = max(ended, s.Faults[i].Until())
		travel += s.Faults[i].travel()
	}
	healed := ended
	for i := range s.Faults {
		if last := &s.Faults[i]; last.travel() > 0 && last.Until()+travel > healed {
			healed = max(healed, last.Until()+s.travelUnder(last))
		}
	}
	return healed
}

// settled is when all must have settled, and whether anything ever does.
func (s *Schedule) settled(j *conduct.Judge) (time.Duration, bool) {
	healed := s.healed()
	if !s.Options.Network.lossless() || !j.Settles() {
		return healed, false
	}
	return j.Healed(healed) + s.reprioritized(), true
}

// reprioritized is how much longer it takes to settle where priorities changed:
// a timer that was set at a lower priority is longer, and whoever took over by
// one that was set at a higher priority yields to the Active's next
// advertisement.
func (s *Schedule) reprioritized() time.Duration {
	cluster := s.Options.history()
	longest, changed := cluster.LongestDownInterval(), time.Duration(0)
	for i := range s.Faults {
		if f := &s.Faults[i]; f.Kind == Priority {
			down := cluster.ActiveDownInterval(int(f.Priority), s.Options.Interval)
			changed = max(changed, down-longest+s.Options.Interval, s.Options.Interval)
		}
	}
	return changed
}

// travelUnder is the most that the fault and those at the same time add to an
// advertisement's way.
func (s *Schedule) travelUnder(f *Fault) time.Duration {
	var travel time.Duration
	for i := range s.Faults {
		if other := &s.Faults[i]; other.At <= f.Until() && f.At <= other.Until() {
			travel += other.travel()
		}
	}
	return travel
}

// boundary is the beginning or the end of a fault.
type boundary struct {
	at    time.Duration
	fault int
	ends  bool
}

// boundaries are those of all faults in the order of time; at one moment ends
// come first.
func (s *Schedule) boundaries() []boundary {
	all := make([]boundary, 0, 2*len(s.Faults))
	for i := range s.Faults {
		f := &s.Faults[i]
		all = append(all, boundary{f.At, i, false}, boundary{f.Until(), i, true})
	}
	slices.SortStableFunc(all, func(a, b boundary) int {
		if a.at != b.at {
			return int(min(1, max(-1, a.at-b.at)))
		}
		return btoi(b.ends) - btoi(a.ends)
	})
	return all
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Result is how a run went.
type Result struct {
	Finding    *Finding
	Statistics Statistics
}

// Run runs the schedule to its end, or until it breaks a rule.
func (s *Schedule) Run() (Result, error) {
	c, err := NewCluster(s, nil)
	if err != nil {
		return Result{}, err
	}
	return c.Finish(), nil
}
