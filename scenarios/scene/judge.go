package scene

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"takeover/scenarios/check"
	"takeover/scenarios/history"
)

// The names of the judges in findings.
const (
	checkFailover  = "failover"
	checkDual      = "dual"
	checkNone      = "none"
	checkLost      = "lost"
	checkActive    = "active"
	checkFlaps     = "flaps"
	checkReversion = "reversion"
	checkLiveness  = "liveness"
	checkOwnership = "ownership"

	checkAnnouncement = "announcement"
	checkInterval     = "interval"
	checkNear         = "near"
	checkFlapping     = "flapping"
	checkStale        = "stale"
	checkReset        = "reset"
	checkLeaks        = "leaks"
	checkExits        = "exits"
	checkExplained    = "explained"
)

// Judge compares a history with what the scene expects, and asks of every
// history that at the end one node has the address, the address answers, and
// the answer is that node's; that whoever takes the address announces it, and
// not before it has it; and that who advertises does so every
// Advertisement_Interval. version is that of the subject, for what is known of
// it: such a finding is among the skipped, and so is one that was known and did
// not come. Where the machine stood still for longer than what is missing, the
// finding is inconclusive.
func Judge(s Scene, version string, events []history.Event) history.Judgement {
	j, err := newJudge(s, history.Sorted(events))
	if err != nil {
		return history.Judgement{Verdict: history.Inconclusive, Findings: []history.Finding{
			{Check: "completeness", Verdict: history.Inconclusive, Text: err.Error(), Events: []int{}},
		}}
	}
	for _, judge := range []func(){
		j.failover, j.dual, j.none, j.lost, j.active, j.flaps, j.reversion, j.liveness, j.announcement, j.interval,
		j.near, j.flapping, j.stale, j.reset, j.leaks, j.unexplained,
	} {
		judge()
	}
	return j.judgement(version)
}

type judge struct {
	Scene
	events   []history.Event // in the order of time
	course   history.Course
	window   history.Window // from the first fault to the end
	healed   time.Duration  // the last undoing
	first    history.Seen[history.FaultStart]
	holdings []history.Holding
	probes   []history.Seen[history.Probe]
	canaries []history.Seen[history.Canary]
	observed *history.Observed
	tables   int // entries of neighbour tables for the address
	findings []history.Finding
	skipped  []history.Skip
}

func newJudge(s Scene, events []history.Event) (*judge, error) {
	course, err := history.ReadCourse(events)
	if err != nil {
		return nil, err
	}
	starts, ends := history.Select[history.FaultStart](events), history.Select[history.FaultEnd](events)
	_, done := course.Phases[history.PhaseDone]
	if !done || len(starts) == 0 {
		return nil, errors.New("the trial was not carried out to its end")
	}
	j := &judge{
		Scene: s, events: events, course: course, first: starts[0], window: history.Window{From: starts[0].At, To: course.End}, healed: starts[0].At,
		holdings: history.Holdings(events, course.VIP(), course.End),
		probes:   history.Select[history.Probe](events), canaries: history.Select[history.Canary](events),
		observed: check.Observe(events, course),
	}
	for _, n := range history.Select[history.Neighbour](events) {
		if n.Body.IP == course.VIP() {
			j.tables++
		}
	}
	for _, end := range ends {
		j.healed = max(j.healed, end.At)
	}
	return j, nil
}

// fail adds a finding; beyond is how much too long something was, 0 for what no
// delay of the machine excuses.
func (j *judge) fail(name string, beyond time.Duration, events []int, format string, args ...any) {
	j.failIn(j.window, name, beyond, events, format, args...)
}

// failIn is fail of what only a standstill in w excuses.
func (j *judge) failIn(w history.Window, name string, beyond time.Duration, events []int, format string, args ...any) {
	f := history.Finding{Check: name, Verdict: history.Fail, Text: fmt.Sprintf(format, args...), Events: append([]int{}, events...)}
	if still := j.standstill(w, beyond); beyond > 0 && still >= beyond {
		f.Verdict = history.Inconclusive
		f.Text += fmt.Sprintf("; the machine stood still for %s", round(still))
	} else if late := j.late(); (name == checkFailover || name == checkNone) && late > 0 && beyond > 0 && beyond <= j.course.Trial.Cluster.AdvertInterval {
		f.Verdict = history.Inconclusive
		f.Text += fmt.Sprintf("; the fault came %s after its place in the interval, for the machine stood still", round(late))
	}
	j.findings = append(j.findings, f)
}

// late is by how much the first fault missed its place in the Active's interval
// because the machine stood still: one that comes after the next advertisement
// leaves the Backups' timers an interval more. 0: it did not miss it.
func (j *judge) late() time.Duration {
	interval := j.course.Trial.Cluster.AdvertInterval
	if len(j.Schedule) == 0 || j.Schedule[0].Phase == nil {
		return 0
	}
	late := j.first.Body.Phase - time.Duration(float64(*j.Schedule[0].Phase)*float64(interval)) + interval
	before := history.Window{From: j.first.At - interval, To: j.first.At + interval}
	if late > interval/2 || late <= 0 || j.standstill(before, late) < late {
		return 0
	}
	return late
}

// standstill is for how long the machine stood still in w, in all, by the delays
// that matter beside a time: beyond half of it, and of what a bound may be off.
func (j *judge) standstill(w history.Window, beside time.Duration) time.Duration {
	var inside []history.Seen[history.Canary]
	for _, c := range j.canaries {
		if w.Contains(c.At) {
			inside = append(inside, c)
		}
	}
	return history.Standstill(inside, min(beside, check.ResidualMax)/2)
}

func (j *judge) judgement(version string) history.Judgement {
	made := history.Judgement{Verdict: history.Pass, Findings: []history.Finding{}, Observed: j.observed, Skipped: j.skipped}
	verdicts := []history.Verdict{history.Pass}
	subject := j.course.Trial.Subject
	for _, f := range j.findings {
		if i := slices.IndexFunc(j.Known, func(k Known) bool { return k.covers(subject, version) && k.Expectation == f.Check }); i >= 0 {
			made.Skipped = append(made.Skipped, history.Skip{Check: f.Check, Reason: "known: " + f.Text + " (" + j.Known[i].Reason + ")"})
			continue
		}
		made.Findings = append(made.Findings, f)
		verdicts = append(verdicts, f.Verdict)
	}
	for _, k := range j.Known {
		failed := slices.ContainsFunc(j.findings, func(f history.Finding) bool { return f.Check == k.Expectation })
		if k.covers(subject, version) && !failed {
			made.Skipped = append(made.Skipped, history.Skip{Check: k.Expectation, Reason: "holds, though it is known to fail: " + k.Reason})
		}
	}
	made.Verdict = history.Combine(verdicts)
	return made
}

func (k Known) covers(subject, version string) bool {
	return k.Subject == subject && strings.HasPrefix(version, k.Version)
}

// inWindow are the holdings in the judged time, cut to it.
func (j *judge) inWindow() []history.Holding {
	var all []history.Holding
	for _, h := range j.holdings {
		if w := h.Overlap(j.window); w.Length() > 0 {
			h.Window = w
			all = append(all, h)
		}
	}
	return all
}

func (j *judge) failover() {
	e := j.Expect.Failover
	if e == nil {
		return
	}
	before := history.HoldersAt(j.holdings, j.window.From-1)
	for _, h := range j.inWindow() {
		i := slices.IndexFunc(h.Hosts, func(host string) bool { return !slices.Contains(before, host) })
		if i < 0 {
			continue
		}
		took, who := h.From-j.window.From, h.Hosts[i]
		until := j.around(history.Window{From: j.window.From, To: h.From})
		switch {
		case e.By == Nobody:
			j.failIn(until, checkFailover, j.course.Trial.Cluster.AdvertInterval, []int{j.first.ID, h.Event}, "%s took over %s after the fault, expected is nobody", who, round(took))
		case e.By != "" && e.By != who:
			j.failIn(until, checkFailover, j.apart(who, e.By), []int{j.first.ID, h.Event}, "%s took over, expected is %s", who, e.By)
		case e.Within > 0 && took > time.Duration(e.Within):
			j.failIn(until, checkFailover, took-time.Duration(e.Within), []int{j.first.ID, h.Event}, "%s took over after %s, expected is within %s", who, round(took), e.Within)
		}
		return
	}
	if e.By == Nobody {
		return
	}
	// Where nobody preempts, who was slow at the start may not be Active.
	if best := j.course.Trial.Cluster.Preferred().Name; len(before) == 1 && before[0] != best {
		start := history.Window{To: j.window.From}
		j.failIn(start, checkFailover, j.apart(before[0], best), []int{j.first.ID}, "nobody took over from %s, which had the address before the fault, and not %s", before[0], best)
		return
	}
	j.fail(checkFailover, 0, []int{j.first.ID}, "nobody took over")
}

// around is when a standstill matters for what was in w: from the start of the
// timers that led to it until all observers have told of it.
func (j *judge) around(w history.Window) history.Window {
	const told = 500 * time.Millisecond
	return history.Window{From: w.From - j.course.Trial.Cluster.AdvertInterval, To: w.To + told}
}

// apart is how far apart the timers of two nodes are: a machine that stands still
// for longer lets the wrong one win. 0: one of them is no node.
func (j *judge) apart(one, other string) time.Duration {
	c := j.course.Trial.Cluster
	a, b := c.Node(one), c.Node(other)
	if a.Name == "" || b.Name == "" {
		return 0
	}
	return (c.SkewTime(a.Priority, c.AdvertInterval) - c.SkewTime(b.Priority, c.AdvertInterval)).Abs()
}

// longest is the longest stretch for which the number of owners fits.
func (j *judge) longest(fits func(owners int) bool) (longest history.Window, event int) {
	var stretch history.Window
	for _, h := range j.inWindow() {
		if !fits(len(h.Hosts)) {
			stretch = history.Window{}
			continue
		}
		if stretch.Length() == 0 {
			stretch.From = h.From
		}
		if stretch.To = h.To; stretch.Length() > longest.Length() {
			longest, event = stretch, h.Event
		}
	}
	return longest, event
}

func (j *judge) dual() {
	if j.Expect.Explained != nil {
		return // unexplained asks more exactly
	}
	most := check.HandoverOverlapMax
	span := j.Expect.Dual
	if span != nil {
		if span.AtMost == nil {
			most = j.window.Length()
		} else {
			most = max(most, time.Duration(*span.AtMost))
		}
	}
	stretch, event := j.longest(func(n int) bool { return n > 1 })
	longest := stretch.Length()
	if longest > most {
		j.fail(checkDual, longest-most, []int{event}, "two nodes had %s for %s, expected is at most %s", j.course.VIP(), round(longest), most)
	}
	if span != nil && longest < time.Duration(span.AtLeast) {
		j.fail(checkDual, time.Duration(span.AtLeast)-longest, nil, "two nodes had %s for %s only, expected is at least %s", j.course.VIP(), round(longest), span.AtLeast)
	}
}

func (j *judge) none() {
	stretch, event := j.longest(func(n int) bool { return n == 0 })
	excused := j.window
	if stretch.Length() > 0 {
		excused = j.around(stretch)
	}
	j.spanIn(excused, checkNone, j.Expect.None, stretch.Length(), []int{event}, "nobody had "+j.course.VIP().String()+" for")
}

// span holds a duration against its bounds.
func (j *judge) span(name string, s *Span, took time.Duration, events []int, words string) {
	j.spanIn(j.window, name, s, took, events, words)
}

// spanIn is span of what only a standstill in w excuses.
func (j *judge) spanIn(w history.Window, name string, s *Span, took time.Duration, events []int, words string) {
	if s == nil {
		return
	}
	if s.AtMost != nil && took > time.Duration(*s.AtMost) {
		j.failIn(w, name, took-time.Duration(*s.AtMost), events, "%s %s, expected is at most %s", words, round(took), *s.AtMost)
	}
	if took < time.Duration(s.AtLeast) {
		j.failIn(w, name, time.Duration(s.AtLeast)-took, events, "%s %s, expected is at least %s", words, round(took), s.AtLeast)
	}
}

// end is the last holding.
func (j *judge) end() (history.Holding, bool) {
	if len(j.holdings) == 0 {
		return history.Holding{}, false
	}
	return j.holdings[len(j.holdings)-1], true
}

func (j *judge) active() {
	end, ok := j.end()
	switch {
	case !ok || len(end.Hosts) != 1:
		j.fail(checkActive, 0, nil, "in the end %d nodes have %s: %s", len(end.Hosts), j.course.VIP(), strings.Join(end.Hosts, ", "))
	case j.Expect.Active != "" && end.Hosts[0] != j.Expect.Active:
		j.fail(checkActive, 0, []int{end.Event}, "in the end %s has %s, expected is %s", end.Hosts[0], j.course.VIP(), j.Expect.Active)
	}
}

// flaps counts how often a node takes the address.
func (j *judge) flaps() {
	if j.Expect.Flaps == nil {
		return
	}
	taken, event, last := 0, 0, ""
	first := history.HoldersAt(j.holdings, j.window.From-1)
	before := first
	// A standstill as long as an interval may be a failover of its own, and one as
	// long as two Backups' timers are apart lets them take the address in turn.
	beyond := j.course.Trial.Cluster.AdvertInterval
	for _, h := range j.inWindow() {
		for _, host := range h.Hosts {
			if slices.Contains(before, host) {
				continue
			}
			if apart := j.apart(last, host); apart > 0 && !slices.Contains(first, host) && !slices.Contains(first, last) {
				beyond = min(beyond, apart)
			}
			taken, event, last = taken+1, h.Event, host
		}
		before = h.Hosts
	}
	if taken > j.Expect.Flaps.AtMost {
		j.fail(checkFlaps, beyond, []int{event}, "nodes took %s %d times, expected is at most %d", j.course.VIP(), taken, j.Expect.Flaps.AtMost)
	}
}

func (j *judge) reversion() {
	if end, ok := j.end(); ok {
		j.span(checkReversion, j.Expect.Reversion, max(0, end.From-j.healed), []int{end.Event}, "the last to have "+j.course.VIP().String()+" had it after")
	}
}

// liveness wants the address to be answered at the end, by who has it.
func (j *judge) liveness() {
	end, ok := j.end()
	if !ok || len(end.Hosts) != 1 {
		return // that is said
	}
	last := ""
	for _, p := range j.probes {
		if p.Body.Stream == history.StreamICMP && !p.Body.Lost() && p.At >= j.window.To-check.AnswerWindow {
			last = p.Body.By
		}
	}
	switch {
	case last != end.Hosts[0] && j.Expect.Explained != nil && j.untold(end):
		j.skipped = append(j.skipped, history.Skip{Check: checkOwnership, Reason: "the client's neighbour entry is a fault's doing: since then " + end.Hosts[0] + " had no reason to announce"})
	case last == "":
		j.fail(checkLiveness, 0, []int{end.Event}, "in the end %s does not answer", j.course.VIP())
	case last != end.Hosts[0]:
		j.fail(checkOwnership, 0, []int{end.Event}, "in the end %s has %s, but the client's neighbour entry leads to %s", end.Hosts[0], j.course.VIP(), last)
	}
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
