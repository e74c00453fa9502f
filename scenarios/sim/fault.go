package sim

import (
	"errors"
	"fmt"
	"time"

	"takeover/scenarios/check/conduct"
)

// Kind is what a fault does.
type Kind string

// The kinds of faults. A fault of a router is on Fault.Router, a fault of
// links on those from a router of From to one of To.
const (
	Crash     Kind = "crash"     // the process ends without a word, and starts again when the fault ends
	Stop      Kind = "stop"      // the process ends in order, and starts again
	Pause     Kind = "pause"     // the process stands still (SIGSTOP), and goes on
	Clock     Kind = "clock"     // the clock goes Rate as fast
	Cut       Kind = "cut"       // nothing arrives
	Loss      Kind = "loss"      // Share is lost
	Burst     Kind = "burst"     // Share begins a burst of loss, EndShare ends it
	Delay     Kind = "delay"     // Delay and up to Jitter more
	Duplicate Kind = "duplicate" // Share arrives twice
	Reorder   Kind = "reorder"   // Share arrives Delay later
	Unplug    Kind = "unplug"    // the router's link loses its carrier, and the daemon knows
	Priority  Kind = "priority"  // a tracker gives the router that Priority
	Lose      Kind = "lose"      // at its beginning To are told that From are gone, rightly or not (BFD)
)

// kinds is every kind, in the order in which they are drawn and documented.
var kinds = [...]Kind{Crash, Stop, Pause, Clock, Cut, Loss, Burst, Delay, Duplicate, Reorder, Unplug, Priority, Lose}

// ofLinks says that a kind concerns links, not a router.
func (k Kind) ofLinks() bool {
	switch k {
	case Cut, Loss, Burst, Delay, Duplicate, Reorder, Lose:
		return true
	case Crash, Stop, Pause, Clock, Unplug, Priority:
		return false
	}
	return false
}

// Set is a set of routers by their index.
type Set uint64

// Has says whether the router is in the set.
func (s Set) Has(router int) bool { return s>>router&1 == 1 }

// SetOf are those routers.
func SetOf(routers ...int) Set {
	var s Set
	for _, router := range routers {
		s |= 1 << router
	}
	return s
}

// everybody is the set of that many routers.
func everybody(routers int) Set { return Set(1)<<routers - 1 }

// Fault is one disturbance, from At for For. What a kind does not name in its
// comment is zero.
type Fault struct {
	Kind   Kind
	At     time.Duration
	For    time.Duration
	Router int
	// From and To are the directed links of a fault of links.
	From, To Set
	// Segment is the one, from 1, that a fault of links and an Unplug are on; 0:
	// all of them.
	Segment int
	// Both has it work in the other direction as well.
	Both            bool
	Rate            conduct.Rate // of a clock, 0.25 to 2
	Share, EndShare float64      // from 0 to 1
	Delay, Jitter   time.Duration
	Priority        uint8 // 1 to 254
}

// Until is when the fault ends.
func (f *Fault) Until() time.Duration { return f.At + f.For }

// hits says whether the fault is on the link.
func (f *Fault) hits(from, to int) bool {
	return f.From.Has(from) && f.To.Has(to) || f.Both && f.From.Has(to) && f.To.Has(from)
}

// on says whether the fault is on the segment, counted from 0.
func (f *Fault) on(segment int) bool { return f.Segment == 0 || f.Segment == segment+1 }

// travel is how much longer it can make an advertisement's way.
func (f *Fault) travel() time.Duration {
	switch f.Kind {
	case Delay:
		return f.Delay + f.Jitter
	case Reorder:
		return f.Delay
	case Crash, Stop, Pause, Clock, Cut, Loss, Burst, Duplicate, Unplug, Priority, Lose:
	}
	return 0
}

// The slowest and the fastest clock.
const (
	slowest = conduct.TrueRate / 4
	fastest = conduct.TrueRate * 2
)

// longestRun bounds when a fault may end: times of the run and of a clock at
// twice its rate fit.
const longestRun = 100 * 365 * 24 * time.Hour

// check says what is wrong with a fault of a cluster.
func (f *Fault) check(o *Options) error {
	routers := len(o.Routers)
	all := everybody(routers)
	switch {
	case f.At < 0 || f.For <= 0 || f.At > longestRun || f.For > longestRun:
		return fmt.Errorf("%s at %s for %s is not within the run", f.Kind, f.At, f.For)
	case f.Segment < 0 || f.Segment > max(1, o.Segments) || f.Segment > 0 && !f.Kind.ofLinks() && f.Kind != Unplug:
		return fmt.Errorf("%s: it is not on segment %d", f.Kind, f.Segment)
	case f.Kind.ofLinks() && (f.From&^all != 0 || f.To&^all != 0 || f.From == 0 || f.To == 0):
		return fmt.Errorf("%s: it is on routers that are not there", f.Kind)
	case !f.Kind.ofLinks() && (f.Router < 0 || f.Router >= routers):
		return fmt.Errorf("%s: %s is not there", f.Kind, routerName(f.Router))
	}
	switch f.Kind {
	case Clock:
		if f.Rate < slowest || f.Rate > fastest {
			return fmt.Errorf("clock: a rate of %s is not 0.25 to 2", formatRate(f.Rate))
		}
	case Priority:
		if f.Priority == 0 || f.Priority == priorityOwner {
			return fmt.Errorf("priority %d is not 1 to 254", f.Priority)
		}
	case Loss, Burst, Duplicate, Reorder, Delay:
		n := Network{Loss: f.Share, BurstBegin: f.Share, BurstEnd: f.EndShare, Delay: f.Delay, Jitter: f.Jitter}
		if f.Kind != Burst {
			n.BurstBegin = 0
		}
		if err := n.check(); err != nil {
			return fmt.Errorf("%s: %w", f.Kind, err)
		}
	case Crash, Stop, Pause, Cut, Unplug, Lose:
	default:
		return errors.New("no such fault: " + string(f.Kind))
	}
	return nil
}

// apply adds what the fault does to a link.
func (f *Fault) apply(l *link) {
	n := &l.network
	switch f.Kind {
	case Cut:
		l.cut = true
	case Loss:
		n.Loss = 1 - (1-n.Loss)*(1-f.Share)
	case Burst:
		n.BurstBegin, n.BurstEnd = max(n.BurstBegin, f.Share), f.EndShare
	case Delay:
		n.Delay += f.Delay
		n.Jitter += f.Jitter
	case Duplicate:
		n.Duplicate = max(n.Duplicate, f.Share)
	case Reorder:
		n.Reorder = max(n.Reorder, f.Share)
		n.ReorderDelay = max(n.ReorderDelay, f.Delay)
	case Crash, Stop, Pause, Clock, Unplug, Priority, Lose:
	}
}
