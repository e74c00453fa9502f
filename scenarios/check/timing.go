package check

import (
	"slices"
	"time"

	"takeover/scenarios/history"
)

// checkTiming wants the takeover to be explained: by the last advertisement
// that the new Active heard, to ResidualMax, and by the fault itself, to
// AnswerMargin beyond its upper bound. Earlier than the fault's lower bound is
// no fault of its own: a guardian may say goodbye for a dead Active, and the
// residual judges that. On a busy machine the findings become one, that is
// inconclusive; so does it when there is none, unless all that was waited for is
// the kernel's lock of the network configuration, which delays no observer.
func checkTiming(e *evidence) []history.Finding {
	var findings []history.Finding
	if e.failover.Happened() {
		findings = slices.Concat(checkResidual(e), checkBounds(e))
	} else {
		findings = checkSilence(e)
	}
	measure := history.Canary.Delay
	if len(findings) == 0 {
		measure = func(c history.Canary) time.Duration { return c.DelayMax }
	}
	busy := e.worst(measure, e.timed()...)
	delay := measure(busy.Body)
	if delay <= canaryLimit {
		return findings
	}
	f := fail(Timing, []int{busy.ID}, "the machine stood still for %s, so a bound of %s means nothing",
		short(delay), short(ResidualMax))
	f.Verdict = history.Inconclusive
	for _, finding := range findings {
		f.Text += "; " + finding.Text
		f.Events = append(f.Events, finding.Events...)
	}
	return []history.Finding{f}
}

// decisive is how far around a moment a delay of the machine would falsify
// the times.
const decisive = 200 * time.Millisecond

// timed is where a delay of the machine would falsify the times: around the
// fault, around the last advertisement, and from the timer's end to the first
// answer and the announcement. Between them the timers run by themselves, and a machine that stands
// still takes nothing from them.
func (e *evidence) timed() []history.Window {
	h, fault := e.failover, e.course.Fault.At
	expected, explained := h.Expected()
	answered, ok := h.AnsweredAt(history.StreamICMP)
	if !explained || !ok {
		w := e.course.Faulted()
		if ok {
			w.To = answered
		}
		return []history.Window{w}
	}
	around := func(from, to time.Duration) history.Window {
		return history.Window{From: from - decisive, To: to + decisive}
	}
	until := answered
	if h.Announcement != nil {
		until = max(until, h.Announcement.At)
	}
	return []history.Window{
		around(fault, fault), around(h.LastAdvert.At, h.LastAdvert.At), around(min(expected, answered), until),
	}
}

func checkResidual(e *evidence) []history.Finding {
	h := e.failover
	expected, ok := h.Expected()
	if !ok {
		return []history.Finding{fail(Timing, nil,
			"%s took over, but no advertisement from %s that it had heard explains when", h.New, h.Old)}
	}
	if h.FirstAdvert == nil {
		return nil // for completeness
	}
	residual := h.FirstAdvert.At - expected
	if residual.Abs() <= ResidualMax {
		return nil
	}
	how := "late"
	if residual < 0 {
		how = "early"
	}
	return []history.Finding{fail(Timing, []int{h.LastAdvert.ID, h.FirstAdvert.ID},
		"%s took over %s %s: it was due %s after the last advertisement it heard (priority %d)",
		h.New, short(residual.Abs()), how, short(h.Timer), h.LastAdvert.Body.Priority)}
}

// checkBounds wants the first answer within the fault's own bound. Where the
// old Active goes on as if nothing were, both announce the VIP and the client
// goes to and fro: there the new Active's announcement counts, for the answer
// is a matter of luck.
func checkBounds(e *evidence) []history.Finding {
	bounds, ok := history.FaultBounds(e.course, e.failover.New)
	answered, found := e.failover.AnsweredAt(history.StreamICMP)
	if !ok || !found {
		return nil // unanswered is for liveness
	}
	what, event := "answer", e.failover.Answers[history.StreamICMP].ID
	if a := e.failover.Announcement; a != nil && e.contested() {
		what, event, answered = "announcement", a.ID, a.At
	}
	fault := e.course.Fault
	took, limit := answered-fault.At, bounds.To+fault.Body.Took+AnswerMargin
	if took <= limit {
		return nil
	}
	return []history.Finding{fail(Timing, []int{fault.ID, event},
		"the first %s came %s after the fault; its bound is %s and %s margin",
		what, short(took), short(bounds.To), short(AnswerMargin))}
}

// contested says whether the old Active still advertised under the fault when
// the new one had taken over.
func (e *evidence) contested() bool {
	h := e.failover
	return h.FirstAdvert != nil && slices.ContainsFunc(e.adverts, func(a history.Seen[history.Advert]) bool {
		return a.Host == h.Old && a.Body.Direction == history.FromHost && a.Body.Priority > 0 &&
			a.At > h.FirstAdvert.At-e.cluster.AdvertInterval && h.Window.Contains(a.At)
	})
}

// checkSilence wants somebody to have taken over when a Backup's timer ran out
// under the fault: that nobody did is right only while nobody was due. The
// best Backup is the one whose timer ends first.
func checkSilence(e *evidence) []history.Finding {
	faulted, old := e.course.Faulted(), e.cluster.Node(e.failover.Old)
	backup, ok := e.bestBackup(old.Name)
	if !ok {
		return nil
	}
	var last *history.Seen[history.Advert]
	var silence time.Duration
	overdue := func(until time.Duration) bool {
		if last == nil {
			return false
		}
		silence = until - last.At
		return silence > e.cluster.Timer(last.Body, backup.Priority)+ResidualMax
	}
	for _, a := range e.adverts {
		if a.Host != backup.Name || a.Body.Direction != history.ToHost || a.Body.VRID != e.cluster.VRID ||
			!old.Sent(a.Body) || a.At >= faulted.To || !backup.Quiets(a.Body, backup.Priority) {
			continue
		}
		if a.At > faulted.From && overdue(a.At) {
			break
		}
		last = &a
	}
	if !overdue(faulted.To) {
		return nil
	}
	return []history.Finding{fail(Timing, []int{last.ID},
		"nobody took over, though %s heard nothing from %s for %s after an advertisement of priority %d",
		backup.Name, old.Name, short(silence), last.Body.Priority)}
}

func (e *evidence) bestBackup(active string) (history.Node, bool) {
	rest := e.cluster
	rest.Nodes = slices.DeleteFunc(slices.Clone(rest.Nodes), func(n history.Node) bool { return n.Name == active })
	return rest.Preferred(), len(rest.Nodes) > 0
}
