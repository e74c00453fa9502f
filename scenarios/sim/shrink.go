package sim

import (
	"slices"
	"time"

	"takeover/daemon/vrrp"
)

// shrinkRuns bounds how often a schedule is run to make it smaller.
const shrinkRuns = 2000

// Shrink returns a smaller schedule that breaks the same rule: fewer faults,
// fewer routers, rounder and shorter times, a simpler environment.
func (v *Violation) Shrink() *Violation { return v.shrink((*Schedule).Run) }

func (v *Violation) shrink(run func(*Schedule) (Result, error)) *Violation {
	r := &shrinker{run: run, best: v, left: shrinkRuns}
	for smaller := true; smaller; {
		smaller = r.dropFaults()
		smaller = r.dropRouters() || smaller
		smaller = r.simplifyOptions() || smaller
		smaller = r.simplifyFaults() || smaller
	}
	return r.best
}

type shrinker struct {
	run  func(*Schedule) (Result, error)
	best *Violation
	left int
}

// try runs a candidate, and keeps it if it breaks the same rule.
func (r *shrinker) try(change func(*Schedule)) bool {
	if r.left == 0 {
		return false
	}
	s := *r.best.Schedule
	s.Faults = slices.Clone(s.Faults)
	s.Options.Routers = slices.Clone(s.Options.Routers)
	change(&s)
	if s.String() == r.best.Schedule.String() {
		return false
	}
	r.left--
	result, err := r.run(&s)
	if err != nil || result.Finding == nil || result.Finding.Rule != r.best.Finding.Rule {
		return false
	}
	r.best = &Violation{&s, *result.Finding}
	return true
}

// dropFaults leaves out half of the faults, a quarter, ... and each one.
func (r *shrinker) dropFaults() bool {
	smaller := false
	for size := max(1, len(r.best.Schedule.Faults)/2); ; size /= 2 {
		for at := 0; at < len(r.best.Schedule.Faults); {
			end := min(at+size, len(r.best.Schedule.Faults))
			if r.try(func(s *Schedule) { s.Faults = slices.Delete(s.Faults, at, end) }) {
				smaller = true
			} else {
				at += size
			}
		}
		if size <= 1 {
			return smaller
		}
	}
}

// dropRouters leaves out routers, from the last one on. Those behind it get
// its name.
func (r *shrinker) dropRouters() bool {
	smaller := false
	for i := len(r.best.Schedule.Options.Routers) - 1; i >= 0 && len(r.best.Schedule.Options.Routers) > 1; i-- {
		smaller = r.try(func(s *Schedule) { s.dropRouter(i) }) || smaller
	}
	return smaller
}

func (s *Schedule) dropRouter(i int) {
	s.Options.Routers = slices.Delete(s.Options.Routers, i, i+1)
	s.Faults = slices.DeleteFunc(s.Faults, func(f Fault) bool { return !f.Kind.ofLinks() && f.Router == i })
	for at := range s.Faults {
		f := &s.Faults[at]
		if f.Router > i {
			f.Router--
		}
		f.From, f.To = f.From.without(i), f.To.without(i)
	}
	s.Faults = slices.DeleteFunc(s.Faults, func(f Fault) bool { return f.Kind.ofLinks() && (f.From == 0 || f.To == 0) })
}

// without is the set when a router is no more.
func (s Set) without(router int) Set {
	below := Set(1)<<router - 1
	return s&below | s>>1&^below
}

func (r *shrinker) simplifyOptions() bool {
	smaller := false
	for _, change := range []func(*Options){
		func(o *Options) { o.Network.Jitter = 0 },
		func(o *Options) { o.Network = Network{Delay: o.Network.Delay, Jitter: o.Network.Jitter} },
		func(o *Options) { o.Network.Delay = min(o.Network.Delay, time.Millisecond) },
		func(o *Options) { o.Guardian, o.Farewell = false, 0 },
		func(o *Options) { o.Farewell = o.Farewell.Round(time.Millisecond) },
		func(o *Options) { o.Lease = 0 },
		func(o *Options) { o.Codec = false },
		func(o *Options) { o.DownTimerAdverts = 0 },
		func(o *Options) { o.PeerLoss = vrrp.PeerLossIgnored },
		func(o *Options) {
			for i := range o.Routers {
				o.Routers[i].NoPreempt = false
			}
		},
	} {
		smaller = r.try(func(s *Schedule) { change(&s.Options) }) || smaller
	}
	smaller = r.try((*Schedule).mergeSegments) || smaller
	return r.try(func(s *Schedule) { s.Calm = 0 }) || smaller
}

// mergeSegments leaves one segment.
func (s *Schedule) mergeSegments() {
	s.Options.Segments = 0
	for i := range s.Faults {
		s.Faults[i].Segment = 0
	}
}

// rounds are what times are rounded to, the roundest first.
var rounds = [...]time.Duration{time.Second, 100 * time.Millisecond, 10 * time.Millisecond, time.Millisecond}

// simplifyFaults makes each fault shorter and rounder, while that is possible.
func (r *shrinker) simplifyFaults() bool {
	smaller := false
	for i := range r.best.Schedule.Faults {
		change := func(f func(*Fault)) {
			smaller = r.try(func(s *Schedule) { f(&s.Faults[i]) }) || smaller
		}
		change(func(f *Fault) { f.Kind, f.Share, f.EndShare, f.Delay, f.Jitter = f.simpler() })
		change(func(f *Fault) { f.Segment = 0 })
		change(func(f *Fault) { f.Both = false })
		change(func(f *Fault) { f.For /= 2 })
		change(func(f *Fault) { f.Jitter = 0 })
		change(func(f *Fault) {
			if f.Kind == Loss || f.Kind == Duplicate || f.Kind == Reorder {
				f.Share = 1
			}
		})
		for _, round := range rounds {
			before := smaller
			change(func(f *Fault) { f.At = f.At.Round(round) })
			change(func(f *Fault) { f.For = max(f.For.Round(round), time.Millisecond) })
			change(func(f *Fault) { f.Delay = f.Delay.Round(round) })
			if smaller && !before {
				break
			}
		}
	}
	return smaller
}

// simpler is the fault as a cut, if it is one of the kinds that lose.
func (f *Fault) simpler() (Kind, float64, float64, time.Duration, time.Duration) {
	if f.Kind == Loss || f.Kind == Burst {
		return Cut, 0, 0, 0, 0
	}
	return f.Kind, f.Share, f.EndShare, f.Delay, f.Jitter
}
