package suite

import (
	"fmt"
	"strings"
	"time"

	"github.com/onsi/gomega/types"

	"takeover/scenarios/check"
	"takeover/scenarios/history"
)

// matcher is a statement about a Result.
type matcher struct {
	says string // completes "expected the trial to ..."
	// holds says whether it is so, and what was seen.
	holds func(*Result) (ok bool, seen string)
	seen  string
	where string
}

// Match implements gomega's matcher.
func (m *matcher) Match(actual any) (bool, error) {
	result, ok := actual.(*Result)
	if !ok || result == nil {
		return false, fmt.Errorf("a matcher of package suite wants a *suite.Result, not %T", actual)
	}
	ok, m.seen = m.holds(result)
	m.where = result.Directory
	return ok, nil
}

// FailureMessage implements gomega's matcher.
func (m *matcher) FailureMessage(any) string { return m.message("to") }

// NegatedFailureMessage implements gomega's matcher.
func (m *matcher) NegatedFailureMessage(any) string { return m.message("not to") }

func (m *matcher) message(to string) string {
	return fmt.Sprintf("Expected the trial in %s %s %s;\nit has: %s", m.where, to, m.says, m.seen)
}

// HaveFailedOverWithin holds when another node answered the client's echo
// requests at most d after the fault.
func HaveFailedOverWithin(d time.Duration) types.GomegaMatcher {
	return &matcher{says: fmt.Sprintf("have failed over within %s", d), holds: func(r *Result) (bool, string) {
		took, ok := r.FailoverTime()
		if !ok {
			return false, "no failover"
		}
		return took <= d, fmt.Sprintf("a failover after %s", took)
	}}
}

// HaveFailedOverTo holds when the named node took over.
func HaveFailedOverTo(node string) types.GomegaMatcher {
	return &matcher{says: "have failed over to " + node, holds: func(r *Result) (bool, string) {
		if r.Measures.Failover == nil || r.Measures.Failover.New == "" {
			return false, "no failover"
		}
		return r.Measures.Failover.New == node, "a failover to " + r.Measures.Failover.New
	}}
}

// HaveRevertedWithin holds when the right node alone had the VIP again, and
// answered, at most d after the healing.
func HaveRevertedWithin(d time.Duration) types.GomegaMatcher {
	return &matcher{says: fmt.Sprintf("have reverted within %s", d), holds: func(r *Result) (bool, string) {
		if r.Measures.Reversion == nil || r.Measures.Reversion.Complete == nil {
			return false, "no reversion"
		}
		took := *r.Measures.Reversion.Complete
		return took <= d, fmt.Sprintf("a reversion after %s", took)
	}}
}

// HaveNoDualActive holds when no two nodes had the VIP at the same time from
// the fault to the end, neither by their addresses nor as seen on the segment
// from outside. Two owners for no longer at once than an orderly handover may
// take, check.HandoverOverlapMax, are none.
func HaveNoDualActive() types.GomegaMatcher {
	return &matcher{says: "have no two owners", holds: func(r *Result) (bool, string) {
		o := r.Measures.Ownership
		if o == nil {
			return false, "no measure of the owners"
		}
		const most = check.HandoverOverlapMax
		return o.Held.TwoOwnersAtOnce <= most && o.Seen.TwoOwnersAtOnce <= most+o.Seen.Period,
			twoOwners(o.Held.TwoOwnersAtOnce, o.Seen.TwoOwnersAtOnce)
	}}
}

// HaveDualActiveWithin holds when two nodes had the VIP for no longer than d in
// all.
func HaveDualActiveWithin(d time.Duration) types.GomegaMatcher {
	return &matcher{says: fmt.Sprintf("have two owners for at most %s", d), holds: func(r *Result) (bool, string) {
		o := r.Measures.Ownership
		if o == nil {
			return false, "no measure of the owners"
		}
		return o.Held.TwoOwners <= d && o.Seen.TwoOwners <= d+o.Seen.Period, twoOwners(o.Held.TwoOwners, o.Seen.TwoOwners)
	}}
}

func twoOwners(held, seen time.Duration) string {
	return fmt.Sprintf("two owners for %s by the hosts' addresses, %s on the segment", held, seen)
}

// HaveLostAtMost holds when no more than n HTTP requests were lost from the
// fault to the end.
func HaveLostAtMost(n int) types.GomegaMatcher {
	return &matcher{says: fmt.Sprintf("have lost at most %d requests", n), holds: func(r *Result) (bool, string) {
		if r.Measures.Ownership == nil {
			return false, "no count of the requests"
		}
		lost := r.Measures.Ownership.RequestsLost
		return lost <= n, fmt.Sprintf("%d requests lost", lost)
	}}
}

// BeJudged holds when the verdict is v.
func BeJudged(v history.Verdict) types.GomegaMatcher {
	return &matcher{says: "be judged " + string(v), holds: func(r *Result) (bool, string) {
		seen := []string{"the verdict " + string(r.Judgement.Verdict)}
		for _, f := range r.Judgement.Findings {
			seen = append(seen, fmt.Sprintf("  %s: %s (events %v)", f.Check, f.Text, f.Events))
		}
		return r.Judgement.Verdict == v, strings.Join(seen, "\n")
	}}
}

// FailoverTime is the time from the fault to the new owner's first answer to
// an echo request; false when there was none.
func (r *Result) FailoverTime() (time.Duration, bool) {
	if r.Measures.Failover == nil {
		return 0, false
	}
	took := r.Measures.Failover.Streams[history.StreamICMP].TBM
	if took == nil || r.Measures.Failover.New == "" {
		return 0, false
	}
	return *took, true
}

// Busy says that the machine was too busy for bounds of time to mean anything.
func (r *Result) Busy() bool { return r.Judgement.Verdict == history.Inconclusive }
