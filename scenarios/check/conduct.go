package check

import (
	"fmt"
	"strings"
	"time"

	"takeover/scenarios/check/conduct"
	"takeover/scenarios/history"
)

// checkConduct wants every daemon to do what RFC 9568 §6.4 asks of it, by what
// it was told: the judge that follows the simulator reads the advertisements
// that were captured at the hosts' ports, from the first to the trial's end. A
// time may be off by ResidualMax and by the longest that the machine stood
// still since the timer in question can have begun. What is beyond that is
// inconclusive on a machine that was not quiet, for delays add up.
func checkConduct(e *evidence) []history.Finding {
	if e.unjudged[everyone] != "" {
		return nil
	}
	var judged []history.Event
	for _, event := range e.events {
		if event.At < e.course.End && e.unjudged[event.Host] == "" {
			judged = append(judged, event)
		}
	}
	still := func(w history.Window) time.Duration { return e.busiest(w).Body.Delay() }
	limits := conduct.Limits{Grain: ResidualMax, Guardian: -1}
	var findings []history.Finding
	for _, broken := range conduct.Wire(judged, e.cluster, limits, still) {
		f := fail(Conduct, nil, "%s (%s: rule %s)", broken.Text, e.cluster.Node(broken.Host).Subject, broken.Rule)
		f.Host, f.Rule = broken.Host, string(broken.Rule)
		if broken.Event > 0 {
			f.Events = append(f.Events, broken.Event)
		}
		if busy := e.busiest(conduct.Around(broken.At, e.cluster)); busy.Body.Delay() > quietMachine {
			f.Verdict = history.Inconclusive
			f.Text += "; the machine stood still for " + short(busy.Body.Delay())
			f.Events = append(f.Events, busy.ID)
		}
		findings = append(findings, f)
	}
	return findings
}

// quietMachine is the canary's delay up to which delays do not add up to
// ResidualMax.
const quietMachine = ResidualMax / 5

// everyone stands for all hosts, whose names are not empty.
const everyone = ""

// shortestDown is the shortest Active_Down_Interval with which ResidualMax
// tells one missed advertisement from three.
const shortestDown = 4 * ResidualMax

// findUnjudged says whose conduct is not judged, and why.
func (e *evidence) findUnjudged() map[string]string {
	unjudged := map[string]string{}
	if c := e.cluster; 3*c.AdvertInterval < shortestDown {
		unjudged[everyone] = fmt.Sprintf("an interval of %s is too short for times that are known to %s",
			short(c.AdvertInterval), short(ResidualMax))
	} else if c.Check != nil && c.Check.Weight != 0 {
		unjudged[everyone] = "the check script changes priorities"
	}
	told := map[string]bool{}
	for _, transition := range history.Select[history.Transition](e.events) {
		told[transition.Host] = true
	}
	for _, node := range e.cluster.Nodes {
		switch {
		case len(node.Options) > 0:
			unjudged[node.Name] = "its timers or its priority follow " + strings.Join(node.Options, " and ")
		case !told[node.Name]:
			unjudged[node.Name] = "its daemon's log tells of no transition"
		}
	}
	for _, a := range e.adverts {
		node := e.cluster.Node(a.Host)
		switch b := a.Body; {
		case b.VRID != e.cluster.VRID || b.Direction != history.FromHost || !node.Sent(b) || unjudged[a.Host] != "":
		case b.Problem != "":
			unjudged[a.Host] = "its advertisements are not understood: " + b.Problem
		case b.Priority != 0 && b.Priority != node.Priority:
			unjudged[a.Host] = fmt.Sprintf("it changes its priority, from %d to %d", node.Priority, b.Priority)
		}
	}
	return unjudged
}

// skipped are the hosts whose conduct is not judged.
func (e *evidence) skipped() []history.Skip {
	if why := e.unjudged[everyone]; why != "" {
		return []history.Skip{{Check: Conduct, Reason: why}}
	}
	var skipped []history.Skip
	for _, node := range e.cluster.Nodes {
		if why := e.unjudged[node.Name]; why != "" {
			skipped = append(skipped, history.Skip{Check: Conduct, Reason: node.Name + ": " + why})
		}
	}
	return skipped
}
