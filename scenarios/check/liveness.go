package check

import (
	"fmt"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// checkLiveness wants the VIP to answer at the end of the fault and at the end
// of the trial, and the right node to have it again within the bound.
func checkLiveness(e *evidence) []history.Finding {
	var findings []history.Finding
	for _, stage := range e.stages()[1:] {
		for _, stream := range []string{history.StreamICMP, history.StreamHTTP} {
			findings = append(findings, e.checkAnswers(stage, stream)...)
		}
	}
	return append(findings, checkReversion(e)...)
}

// checkAnswers wants an answered probe among the last of a stage.
func (e *evidence) checkAnswers(stage stage, stream string) []history.Finding {
	window := stage.window
	window.From = max(window.From, window.To-AnswerWindow)
	var lost []int
	for _, p := range e.probes[stream] {
		if !window.Contains(p.At) {
			continue
		}
		if !p.Body.Lost() {
			return nil
		}
		lost = append(lost, p.ID)
	}
	if len(lost) == 0 {
		return nil // nobody asked: that is for completeness
	}
	return []history.Finding{fail(liveness, []int{lost[0], lost[len(lost)-1]},
		"%s: the last %d probes of stream %s to %s were lost", stage.name, len(lost), stream, e.course.VIP())}
}

// rightOwner is who must own the VIP in the end: the preferred node, or, when
// that does not preempt, whoever owned it when the healing began.
func (e *evidence) rightOwner() string {
	preferred := e.cluster.Preferred()
	if !preferred.Preempt && e.reversion.Old != "" {
		return e.reversion.Old
	}
	return preferred.Name
}

// reversionBound is how long after the healing the right node may take: its
// check script's successes, its Active_Down_Interval, and a margin.
func (e *evidence) reversionBound() time.Duration {
	right := e.cluster.Node(e.rightOwner())
	bound := e.cluster.ActiveDownInterval(right.Priority, e.cluster.AdvertInterval) + ReversionMargin
	if check := e.cluster.Check; check != nil {
		bound += check.Interval*time.Duration(check.Rise) + check.Timeout
	}
	return bound
}

// checkReversion wants the right node to be the only one with the VIP, from
// some moment within the bound until the end.
func checkReversion(e *evidence) []history.Finding {
	if len(e.holdings) == 0 {
		return nil
	}
	right, healed := e.rightOwner(), e.course.Heal.At
	last := e.holdings[len(e.holdings)-1]
	if len(last.Hosts) != 1 || last.Hosts[0] != right {
		return []history.Finding{fail(liveness, proof(last.Event),
			"at the end %s %s, not %s", holds(last.Hosts), e.course.VIP(), right)}
	}
	took, bound := last.From-healed, e.reversionBound()
	busy := e.busiest(e.course.Healed())
	switch {
	case took <= bound:
		return nil
	case busy.Body.Delay() > ReversionMargin/2:
		f := fail(liveness, []int{last.Event, busy.ID},
			"%s had %s %s after the healing; the bound is %s, but the machine stood still for %s",
			right, e.course.VIP(), short(took), short(bound), short(busy.Body.Delay()))
		f.Verdict = history.Inconclusive
		return []history.Finding{f}
	}
	f := fail(liveness, proof(last.Event),
		"%s had %s only %s after the healing; the bound is %s", right, e.course.VIP(), short(took), short(bound))
	if n := len(e.holdings); n > 1 && len(e.holdings[n-2].Hosts) > 1 { // it was not alone
		f = e.blame(overlap{Window: e.holdings[n-2].Window, hosts: e.holdings[n-2].Hosts}, f)
	}
	return []history.Finding{f}
}

func holds(hosts []string) string {
	switch len(hosts) {
	case 0:
		return "nobody has"
	case 1:
		return hosts[0] + " has"
	default:
		return fmt.Sprintf("%s have", strings.Join(hosts, " and "))
	}
}

// proof is the event's ID, if it is one.
func proof(id int) []int {
	if id == 0 {
		return nil
	}
	return []int{id}
}
