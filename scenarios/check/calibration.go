package check

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"takeover/scenarios/history"
)

const (
	// CalibrationMax is how far from the truth a measurement may be, at the
	// 99th percentile, beyond its own resolution.
	CalibrationMax = 300 * time.Microsecond
	// calibrationQuiet is the canary's delay above which a sample says nothing of
	// the instrument: it was the machine that was late.
	calibrationQuiet = CalibrationMax
	// calibrationLeast is how many samples mean something.
	calibrationLeast = 20
)

// Calibration is how far the measurements of a trial with a puppet are from
// what the puppet did.
type Calibration struct {
	Verdict  history.Verdict `json:"verdict"`
	Reason   string          `json:"reason"`
	Cycles   int             `json:"cycles"`
	Measures []Measure       `json:"measures"`
}

// Measure is how far one measurement was from the truth, in all cycles.
type Measure struct {
	Name string `json:"name"`
	// Resolution is the period of the probe that it is made with, which is
	// granted on top; 0: none.
	Resolution time.Duration `json:"resolution_ns"`
	Samples    int           `json:"samples"`
	Missing    int           `json:"missing"`  // nothing was measured
	LeftOut    int           `json:"left_out"` // the machine stood still meanwhile
	// Of the distances, without their signs.
	Median time.Duration `json:"median_ns"`
	P99    time.Duration `json:"p99_ns"`
	Max    time.Duration `json:"max_ns"`

	distances []time.Duration
}

// ErrNoTruth means that a history has no puppet's deeds.
var ErrNoTruth = errors.New("the history tells of no puppet")

// Calibrate compares what the report reads from a history with what the puppet
// did. Events may be in any order.
func Calibrate(events []history.Event) (Calibration, error) {
	events = history.Sorted(events)
	course, err := history.ReadCourse(events)
	if err != nil {
		return Calibration{}, err
	}
	c := &calibrator{
		events: events, course: course,
		addresses: history.Select[history.Address](events), canaries: history.Select[history.Canary](events),
		probes: history.Select[history.Probe](events), owners: history.Select[history.Owners](events),
	}
	cycles := readCycles(events)
	if len(cycles) == 0 {
		return Calibration{}, ErrNoTruth
	}
	result := Calibration{Cycles: len(cycles)}
	for _, cycle := range cycles {
		c.compare(cycle)
	}
	for _, m := range c.measures {
		m.summarize()
		result.Measures = append(result.Measures, *m)
	}
	result.judge()
	return result, nil
}

// judge gives the verdict.
func (c *Calibration) judge() {
	c.Verdict, c.Reason = history.Pass, fmt.Sprintf("every measure is within %s of the truth, in 99 of 100 cycles", CalibrationMax)
	for _, m := range c.Measures {
		var verdict history.Verdict
		var reason string
		switch {
		case m.Missing > 0:
			verdict, reason = history.Fail, fmt.Sprintf("nothing was measured in %d of %d cycles", m.Missing, m.Missing+m.Samples)
		case m.Samples < min(calibrationLeast, c.Cycles):
			verdict, reason = history.Inconclusive, fmt.Sprintf("the machine stood still for more than %s in %d of %d cycles", calibrationQuiet, m.LeftOut, c.Cycles)
		case m.P99 > CalibrationMax:
			verdict, reason = history.Fail, fmt.Sprintf("%s from the truth in 1 of 100 cycles; at most %s is right", m.P99, CalibrationMax)
		default:
			continue
		}
		if combined := history.Combine([]history.Verdict{c.Verdict, verdict}); combined != c.Verdict {
			c.Verdict, c.Reason = combined, m.Name+": "+reason
		}
	}
}

// puppetCycle is what the puppets did in one cycle. All deeds are there.
type puppetCycle struct {
	deeds map[history.Deed]history.Seen[history.Truth]
}

// readCycles are the complete cycles.
func readCycles(events []history.Event) []puppetCycle {
	byNumber := map[int]puppetCycle{}
	var order []int
	for _, truth := range history.Select[history.Truth](events) {
		number := truth.Body.Cycle
		if _, ok := byNumber[number]; !ok {
			byNumber[number] = puppetCycle{map[history.Deed]history.Seen[history.Truth]{}}
			order = append(order, number)
		}
		byNumber[number].deeds[truth.Body.Deed] = truth
	}
	var cycles []puppetCycle
	for _, number := range order {
		complete := func(d history.Deed) bool { _, ok := byNumber[number].deeds[d]; return !ok }
		if !slices.ContainsFunc(history.Deeds(), complete) {
			cycles = append(cycles, byNumber[number])
		}
	}
	return cycles
}

// when is a deed's moment, as far as it is known.
func (p puppetCycle) when(d history.Deed) history.Window {
	truth := p.deeds[d]
	return history.Window{From: truth.At - truth.Body.Took, To: truth.At}
}

// between is how long after one deed another was done, as far as it is known.
func (p puppetCycle) between(first, second history.Deed) history.Window {
	from, to := p.when(first), p.when(second)
	return history.Window{From: to.From - from.To, To: to.To - from.From}
}

// over is the time from the beginning of one deed to the end of another.
func (p puppetCycle) over(first, second history.Deed) history.Window {
	return history.Window{From: p.when(first).From, To: p.when(second).To}
}

// distance is how far t is from the window: 0 within it, negative before.
func distance(t time.Duration, w history.Window) time.Duration {
	return min(t-w.From, 0) + max(t-w.To, 0)
}

type calibrator struct {
	events    []history.Event
	course    history.Course
	addresses []history.Seen[history.Address]
	canaries  []history.Seen[history.Canary]
	probes    []history.Seen[history.Probe]
	owners    []history.Seen[history.Owners]
	measures  []*Measure
}

// aftermath is how long after the machine stood still everybody still waits for
// everybody.
const aftermath = 10 * time.Millisecond

// disturbed says that the machine stood still in the window, or just before.
func (c *calibrator) disturbed(w history.Window) bool {
	before := time.Duration(0)
	for _, canary := range c.canaries {
		if canary.At+aftermath >= w.From && before < w.To && canary.Body.DelayMax > calibrationQuiet {
			return true
		}
		before = canary.At
	}
	return false
}

// settling is what the observers may need to notice; it is far below the
// distance of a cycle's deeds.
const settling = 5 * time.Millisecond

// compare measures one cycle as the report does, and keeps the distances.
func (c *calibrator) compare(p puppetCycle) {
	taken := history.FindHandover(c.events, c.course, history.Window{
		From: p.when(history.DeedRemoved).From - settling, To: p.when(history.DeedAddedAgain).From,
	})
	gone := c.address(p.deeds[history.DeedRemoved], false)
	added, advert := readingOf(taken.AddressAdded), readingOf(taken.FirstAdvert)
	said := reading{}
	if taken.Announcement != nil {
		said = reading{taken.Announcement.At, true}
	}
	c.keepMoment("VIP removed, in the host", gone, p.when(history.DeedRemoved))
	c.keepMoment("VIP added, in the host", added, p.when(history.DeedAdded))
	c.keepMoment("first advertisement, on the wire", advert, p.when(history.DeedAdvertised))
	c.keepMoment("announcement, on the wire", said, p.when(history.DeedAnnounced))
	c.keepSpan("VIP added to announcement", added, said, p, history.DeedAdded, history.DeedAnnounced)
	c.keepSpan("time without an owner", gone, added, p, history.DeedRemoved, history.DeedAdded)
	c.compareTwo(p)
	c.compareProbes(p, taken)
}

// compareTwo measures the time with two owners, by the hosts' addresses and as
// answered on the segment.
func (c *calibrator) compareTwo(p puppetCycle) {
	from, to := c.address(p.deeds[history.DeedAddedAgain], true), c.address(p.deeds[history.DeedRemovedAgain], false)
	c.keepSpan("time with two owners, in the hosts", from, to, p, history.DeedAddedAgain, history.DeedRemovedAgain)
	period := c.course.Trial.ProbePeriods[history.StreamOwners]
	if period == 0 {
		return
	}
	both := 0
	w := widened(p.over(history.DeedAddedAgain, history.DeedRemovedAgain), period)
	for _, o := range c.owners {
		if w.Contains(o.At) && len(o.Body.Answers) > 1 {
			both++
		}
	}
	c.keepCount("time with two owners, answered", both, period, p, history.DeedAddedAgain, history.DeedRemovedAgain)
}

// compareProbes measures what the client's echo requests say.
func (c *calibrator) compareProbes(p puppetCycle, taken history.Handover) {
	period := c.course.Trial.ProbePeriods[history.StreamICMP]
	if period == 0 {
		return
	}
	announced := p.when(history.DeedAnnounced)
	answer, answered := taken.Answers[history.StreamICMP]
	first := history.Window{From: announced.From, To: announced.To + period}
	c.keep(Measure{Name: "first answer", Resolution: period}, first, answered, distance(answer.At, first))
	lost := 0
	w := history.Window{From: p.when(history.DeedRemoved).From - period, To: p.when(history.DeedAddedAgain).From}
	for _, probe := range c.probes {
		if probe.Body.Stream == history.StreamICMP && probe.Body.Lost() && w.Contains(probe.At) {
			lost++
		}
	}
	c.keepCount("echo requests lost x period", lost, period, p, history.DeedRemoved, history.DeedAnnounced)
}

// widened is a window to which a resolution is granted.
func widened(w history.Window, resolution time.Duration) history.Window {
	return history.Window{From: w.From - resolution, To: w.To + resolution}
}

// reading is when something was seen, if it was.
type reading struct {
	at time.Duration
	ok bool
}

func readingOf[B history.Body](seen *history.Seen[B]) reading {
	if seen == nil {
		return reading{}
	}
	return reading{seen.At, true}
}

// address is when the puppet's host was seen to get or lose the VIP.
func (c *calibrator) address(truth history.Seen[history.Truth], present bool) reading {
	w := history.Window{From: truth.At - truth.Body.Took - settling, To: truth.At + settling}
	for _, a := range c.addresses {
		if a.Host == truth.Host && a.Body.Present == present && a.Body.Prefix.Addr() == c.course.VIP() && w.Contains(a.At) {
			return reading{a.At, true}
		}
	}
	return reading{}
}

// keepMoment compares when something was seen with when it was done.
func (c *calibrator) keepMoment(name string, seen reading, done history.Window) {
	c.keep(Measure{Name: name}, done, seen.ok, distance(seen.at, done))
}

// keepSpan compares the time between two readings with that between two deeds.
func (c *calibrator) keepSpan(name string, from, to reading, p puppetCycle, first, second history.Deed) {
	c.keep(Measure{Name: name}, p.over(first, second), from.ok && to.ok, distance(to.at-from.at, p.between(first, second)))
}

// keepCount compares so many periods with the time between two deeds.
func (c *calibrator) keepCount(name string, count int, period time.Duration, p puppetCycle, first, second history.Deed) {
	truth := widened(p.between(first, second), period)
	c.keep(Measure{Name: name, Resolution: period}, p.over(first, second), count > 0, distance(time.Duration(count)*period, truth))
}

// keep adds a sample, of the time over, to the measure of that name.
func (c *calibrator) keep(named Measure, over history.Window, measured bool, distance time.Duration) {
	i := slices.IndexFunc(c.measures, func(m *Measure) bool { return m.Name == named.Name })
	if i < 0 {
		i = len(c.measures)
		c.measures = append(c.measures, &named)
	}
	switch m := c.measures[i]; {
	case c.disturbed(history.Window{From: over.From, To: over.To + settling}):
		m.LeftOut++
	case !measured:
		m.Missing++
	default:
		m.distances = append(m.distances, distance.Abs())
	}
}

// summarize takes the nearest ranks.
func (m *Measure) summarize() {
	slices.Sort(m.distances)
	m.Samples = len(m.distances)
	if m.Samples == 0 {
		return
	}
	rank := func(percent int) time.Duration { return m.distances[(m.Samples*percent+99)/100-1] }
	m.Median, m.P99, m.Max = rank(50), rank(99), rank(100)
}
