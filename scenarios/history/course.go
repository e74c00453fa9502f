package history

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Format is the version of the history that this package reads and writes.
const Format = 1

// ErrNoTrial means that a history does not say what was set up.
var ErrNoTrial = errors.New("the history has no trial event")

// Course is the frame of a trial: what was set up, and when it was disturbed
// and healed.
type Course struct {
	Trial  Trial
	Phases map[PhaseName]Seen[Phase] // the first of each name
	Fault  *Seen[FaultStart]         // nil before the fault
	Heal   *Seen[FaultEnd]           // nil before the healing
	// Ended is the last phase that was reached.
	Ended PhaseName
	// End is when the last phase of the trial was reached, or else the time of
	// the last event.
	End time.Duration
}

// ReadCourse finds the frame of the trial in events in the order of time. A
// trial that was cut short has a course too; without a trial event of a known
// format there is none.
func ReadCourse(events []Event) (Course, error) {
	trials := Select[Trial](events)
	if len(trials) == 0 {
		return Course{}, ErrNoTrial
	}
	c := Course{Trial: trials[0].Body, Phases: map[PhaseName]Seen[Phase]{}}
	if c.Trial.Format != Format {
		return Course{}, fmt.Errorf("read history: format %d is not %d", c.Trial.Format, Format)
	}
	if len(c.Trial.Cluster.VIPs) == 0 {
		return Course{}, errors.New("read history: the trial event names no VIP")
	}
	for _, phase := range Select[Phase](events) {
		if _, ok := c.Phases[phase.Body.Name]; !ok {
			c.Phases[phase.Body.Name] = phase
		}
		c.Ended = phase.Body.Name
	}
	if starts := Select[FaultStart](events); len(starts) > 0 {
		c.Fault = &starts[0]
	}
	if ends := Select[FaultEnd](events); len(ends) > 0 {
		c.Heal = &ends[0]
	}
	c.End = events[len(events)-1].At
	for _, name := range []PhaseName{PhaseDone, PhaseInterrupted, PhaseFailed} {
		if phase, ok := c.Phases[name]; ok {
			c.End = phase.At
		}
	}
	return c, nil
}

// VIP is the address that is probed.
func (c Course) VIP() netip.Addr { return c.Trial.Cluster.VIPs[0] }

// Settled is from when the cluster was found settled until the fault, or
// empty.
func (c Course) Settled() Window {
	settled, ok := c.Phases[PhaseSettled]
	if !ok || c.Fault == nil {
		return Window{}
	}
	return Window{settled.At, c.Fault.At}
}

// Faulted is from the fault until its healing began, or the trial's end.
func (c Course) Faulted() Window {
	if c.Fault == nil {
		return Window{}
	}
	if c.Heal == nil {
		return Window{c.Fault.At, c.End}
	}
	return Window{c.Fault.At, max(c.Fault.At, c.Heal.At-c.Heal.Body.Took)}
}

// Healed is from when the healing began, for it takes effect from then on,
// until the trial's end.
func (c Course) Healed() Window {
	if c.Fault == nil || c.Heal == nil {
		return Window{}
	}
	return Window{c.Faulted().To, c.End}
}

// FaultBounds is what can be said beforehand of the time from the fault to
// newOwner's takeover, by the way in which the fault is detected:
//
//   - silence: Active_Down_Interval after the Active's last advertisement
//   - priority 0: Skew_Time
//   - a check: the script fails for the Fall-th time at the earliest Fall-1
//     intervals after the fault and at the latest after Fall intervals and its
//     timeout. Then Skew_Time after the goodbye; or, where the script has a
//     weight, the rest of Active_Down_Interval since the last advertisement
//     with the full priority, which is up to one interval ago.
//
// It is false where the trial does not say enough.
func FaultBounds(c Course, newOwner string) (Window, bool) {
	cluster := c.Trial.Cluster
	priority := cluster.Node(newOwner).Priority
	if c.Fault == nil || priority == 0 {
		return Window{}, false
	}
	skew := cluster.SkewTime(priority, cluster.AdvertInterval)
	down := cluster.ActiveDownInterval(priority, cluster.AdvertInterval)
	switch c.Trial.Expect.Detection {
	case DetectSilence:
		return Window{down - c.Fault.Body.Phase, down - c.Fault.Body.Phase}, true
	case DetectPriorityZero:
		return Window{skew, skew}, true
	case DetectCheck:
		check := cluster.Check
		if check == nil {
			return Window{}, false
		}
		failed := Window{
			time.Duration(check.Fall-1) * check.Interval,
			time.Duration(check.Fall)*check.Interval + check.Timeout,
		}
		if check.Weight == 0 {
			return Window{failed.From + skew, failed.To + skew}, true
		}
		return Window{failed.From + down - cluster.AdvertInterval, failed.To + down}, true
	default:
		return Window{}, false
	}
}
