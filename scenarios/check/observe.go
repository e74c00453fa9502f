package check

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// Observe is what there is to notice of a trial beside what judges it. The events
// must be in the order of time.
func Observe(events []history.Event, course history.Course) *history.Observed {
	return newEvidence(events, course).observe()
}

func (e *evidence) observe() *history.Observed {
	return &history.Observed{
		Near:        history.NearFailovers(e.events, e.course, e.holdings),
		Flapping:    e.flapping(),
		Stale:       e.stale(),
		Shares:      e.shares(),
		Connections: e.connections(),
		Growth:      e.growth(),
	}
}

// change is a node's taking of the address.
type change struct {
	at    time.Duration
	event int
	owner string
	since time.Duration // when the one before gave it up; at: it had not
}

// changes are those in the window, in the order of time.
func (e *evidence) changes(w history.Window) []change {
	var all []change
	var before history.Holding
	for _, h := range e.holdings {
		since := h.From
		if len(before.Hosts) == 0 {
			since = before.From
		}
		for _, host := range h.Hosts {
			if !slices.Contains(before.Hosts, host) && w.Contains(h.From) {
				all = append(all, change{h.From, h.Event, host, since})
			}
		}
		before = h
	}
	return all
}

// disturbed is from the first fault to the end.
func (e *evidence) disturbed() history.Window {
	if e.course.Fault == nil {
		return history.Window{}
	}
	return history.Window{From: e.course.Fault.At, To: e.course.End}
}

// flapping counts the owner's changes, and those that no fault explains. The
// beginning of a fault explains one change, and its end another, for as long as
// the timers and the check script may take until then; one that strikes again
// and again explains all while it is in force, and so long after it.
func (e *evidence) flapping() history.Flapping {
	w := e.disturbed()
	f := history.Flapping{Events: []int{}, Window: w.Length()}
	causes := e.causes()
	for _, c := range e.changes(w) {
		f.Changes++
		untimed := len(e.cluster.Node(c.owner).Options) > 0 // its timers are not known
		i := slices.IndexFunc(causes, func(cause cause) bool {
			return cause.left > 0 && (cause.Contains(c.at) || untimed && cause.From <= c.at)
		})
		if i < 0 {
			f.Unexplained++
			f.Events = append(f.Events, c.event)
			continue
		}
		causes[i].left--
	}
	return f
}

// cause is what explains so many changes in a time.
type cause struct {
	history.Window
	left int
}

// always is more changes than there are.
const always = 1 << 30

// repeated are the parameters by which a fault strikes again and again.
var repeated = []string{"probability=", "every=", "burst_enter=", "period="}

func (e *evidence) causes() []cause {
	bound := e.cluster.LongestDownInterval() + e.cluster.LongestCheck() + ReversionMargin
	var all []cause
	ends := history.Select[history.FaultEnd](e.events)
	armed := map[int]string{}
	for _, a := range history.Select[history.FaultArmed](e.events) {
		armed[a.Body.ID] = a.Body.Fault
	}
	for _, start := range history.Select[history.FaultStart](e.events) {
		c := cause{history.Window{From: start.At, To: start.At + bound}, 1}
		again := func(parameter string) bool { return strings.Contains(armed[start.Body.ID], parameter) }
		if start.Body.Fault == "link-flaps" || slices.ContainsFunc(repeated, again) {
			c.left, c.To = always, e.course.End
			if i := slices.IndexFunc(ends, func(end history.Seen[history.FaultEnd]) bool {
				return end.At >= start.At && end.Body.ID == start.Body.ID && end.Host == start.Host
			}); i >= 0 {
				c.To = ends[i].At + bound
			}
		}
		all = append(all, c)
	}
	for _, end := range ends {
		from := end.At - end.Body.Took
		all = append(all, cause{history.Window{From: from, To: end.At + bound}, 1})
	}
	slices.SortStableFunc(all, func(a, b cause) int { return cmp.Compare(a.To, b.To) })
	return all
}

// shares count who answered what from the moment when all was settled.
func (e *evidence) shares() []history.Share {
	w := history.Window{From: e.course.Phases[history.PhaseSettled].At, To: e.course.End}
	var all []history.Share
	for stream, probes := range e.probes {
		answered, total := map[string]int{}, 0
		for _, p := range probes {
			if !p.Body.Lost() && p.Body.By != "" && w.Contains(p.At) {
				answered[p.Body.By]++
				total++
			}
		}
		for host, n := range answered {
			all = append(all, history.Share{Stream: stream, Host: host, Answered: n, Fraction: float64(n) / float64(total)})
		}
	}
	slices.SortFunc(all, func(a, b history.Share) int {
		return cmp.Or(strings.Compare(a.Stream, b.Stream), cmp.Compare(b.Answered, a.Answered), strings.Compare(a.Host, b.Host))
	})
	return all
}
