package check

import (
	"fmt"
	"slices"
	"time"

	"takeover/scenarios/history"
)

// The margins that the judges allow.
const (
	// ResidualMax is how far the takeover may be from what the timers
	// explain, either way.
	ResidualMax = 50 * time.Millisecond
	// AnswerMargin is what the first answer may take beyond the fault's own
	// bound: ResidualMax for the takeover, the same again for the announcement
	// to reach the client and its next probe to be answered.
	AnswerMargin = 2 * ResidualMax
	// HandoverOverlapMax is how long two nodes may have the VIP while one
	// hands it to the other. VRRP's winner adds the address when it sends its
	// advertisement and the loser removes it when it hears that (RFC 3768
	// §6.4.3), so a moment with two is the protocol's own; it takes well below
	// 1 ms on an idle machine. The limit is as wide as ResidualMax, so that it
	// means something on every machine on which the timing does. Two owners
	// that do not hear each other stay so for seconds.
	HandoverOverlapMax = 50 * time.Millisecond
	// ReversionMargin is for a program to start and for all that is no timer.
	ReversionMargin = time.Second
	// AnswerWindow is how long before a phase's end the VIP must answer.
	AnswerWindow = 500 * time.Millisecond
	// canaryLimit is the canary's delay above which ResidualMax means nothing.
	canaryLimit = ResidualMax / 2
)

// The names of the judges in findings.
const (
	completeness = "completeness"
	safety       = "safety"
	liveness     = "liveness"
	ownership    = "ownership"
	Timing       = "timing"  // how long the takeover took
	Conduct      = "conduct" // what each daemon did, by what it was told
)

// Judge gives the verdict on a trial. Events may be in any order. An
// interrupted trial is inconclusive and is not judged further; without a
// complete frame (a trial, its phases, its fault) nothing else is judged
// either, and the trial fails.
func Judge(events []history.Event) history.Judgement {
	findings, skipped, observed := findAll(history.Sorted(events))
	verdicts := []history.Verdict{history.Pass}
	for _, finding := range findings {
		verdicts = append(verdicts, finding.Verdict)
	}
	return history.Judgement{Verdict: history.Combine(verdicts), Findings: findings, Skipped: skipped, Observed: observed}
}

func findAll(events []history.Event) ([]history.Finding, []history.Skip, *history.Observed) {
	course, err := history.ReadCourse(events)
	if err != nil {
		return []history.Finding{fail(completeness, nil, "%v", err)}, nil, nil
	}
	if interrupted, ok := course.Phases[history.PhaseInterrupted]; ok {
		f := fail(completeness, []int{interrupted.ID}, "the trial was interrupted")
		f.Verdict = history.Inconclusive
		return []history.Finding{f}, nil, nil
	}
	if findings := checkFrame(events, course); len(findings) > 0 {
		return findings, nil, nil
	}
	e := newEvidence(events, course)
	findings := []history.Finding{}
	for _, judge := range []func(*evidence) []history.Finding{
		checkCompleteness, checkSafety, checkLiveness, checkOwnership, checkTiming, checkConduct,
	} {
		findings = append(findings, judge(e)...)
	}
	return findings, e.skipped(), e.observe()
}

// evidence is a history with what several judges read from it.
type evidence struct {
	events    []history.Event
	course    history.Course
	cluster   history.Cluster
	holdings  []history.Holding
	adverts   []history.Seen[history.Advert]
	canaries  []history.Seen[history.Canary]
	probes    map[string][]history.Seen[history.Probe]
	owners    []history.Seen[history.Owners]
	failover  history.Handover
	reversion history.Handover
	unjudged  map[string]string // why the conduct of a host is not judged, "" for all
}

func newEvidence(events []history.Event, course history.Course) *evidence {
	e := &evidence{
		events: events, course: course, cluster: course.Trial.Cluster,
		holdings:  history.Holdings(events, course.VIP(), course.End),
		adverts:   history.Select[history.Advert](events),
		canaries:  history.Select[history.Canary](events),
		probes:    map[string][]history.Seen[history.Probe]{},
		failover:  history.FindHandover(events, course, course.Faulted()),
		reversion: history.FindHandover(events, course, course.Healed()),
	}
	for _, p := range history.Select[history.Probe](events) {
		e.probes[p.Body.Stream] = append(e.probes[p.Body.Stream], p)
	}
	vip := course.VIP().String()
	for _, o := range history.Select[history.Owners](events) {
		if o.Body.VIP == vip {
			e.owners = append(e.owners, o)
		}
	}
	e.unjudged = e.findUnjudged()
	return e
}

// busiest is the canary that saw the largest delay in the windows.
func (e *evidence) busiest(windows ...history.Window) history.Seen[history.Canary] {
	return e.worst(history.Canary.Delay, windows...)
}

// worst is the canary that saw the most of what is measured in the windows; one
// reports for the time since the one before.
func (e *evidence) worst(measure func(history.Canary) time.Duration, windows ...history.Window) history.Seen[history.Canary] {
	var worst history.Seen[history.Canary]
	before := time.Duration(0)
	for _, canary := range e.canaries {
		inside := func(w history.Window) bool { return canary.At >= w.From && before < w.To }
		if slices.ContainsFunc(windows, inside) && measure(canary.Body) > measure(worst.Body) {
			worst = canary
		}
		before = canary.At
	}
	return worst
}

// restless is the canary's delay that a machine at rest does not have.
const restless = 2 * time.Millisecond

// delays are those that the canary saw in the window, added up.
func (e *evidence) delays(w history.Window) time.Duration {
	var inside []history.Seen[history.Canary]
	before := time.Duration(0)
	for _, canary := range e.canaries {
		if canary.At >= w.From && before < w.To {
			inside = append(inside, canary)
		}
		before = canary.At
	}
	return min(history.Standstill(inside, restless), w.Length())
}

// standstill is for how long the machine stood still in the window, in all.
func (e *evidence) standstill(w history.Window) time.Duration {
	var inside []history.Seen[history.Canary]
	for _, canary := range e.canaries {
		if w.Contains(canary.At) {
			inside = append(inside, canary)
		}
	}
	return min(history.Standstill(inside, canaryLimit), w.Length())
}

func fail(check string, events []int, format string, args ...any) history.Finding {
	if events == nil {
		events = []int{}
	}
	return history.Finding{
		Check: check, Verdict: history.Fail, Text: fmt.Sprintf(format, args...), Events: events,
	}
}

// short prints milliseconds to a tenth, or seconds to a thousandth from 1 s on.
func short(d time.Duration) string {
	if d.Abs() >= time.Second {
		return fmt.Sprintf("%.3f s", d.Seconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}
