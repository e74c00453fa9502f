package daemon

import (
	"slices"
	"strings"
	"time"
)

// throttleInterval is how often one reason is logged.
const throttleInterval = time.Minute

// throttle counts what happens for a reason, and says when to log it: at once,
// and then once a minute while it goes on. The zero value is ready.
type throttle struct {
	reasons map[string]*occurrences
}

type occurrences struct {
	total  uint64 // since the start
	logged uint64 // total when last logged
	at     time.Time
}

// count counts one occurrence. When it is time to log, it returns how often
// the reason occurred since it was last logged, and in total.
func (t *throttle) count(now time.Time, reason string) (since, total uint64, log bool) {
	if t.reasons == nil {
		t.reasons = make(map[string]*occurrences)
	}
	o := t.reasons[reason]
	if o == nil {
		o = new(occurrences)
		t.reasons[reason] = o
	}
	o.total++
	if o.logged > 0 && now.Sub(o.at) < throttleInterval {
		return 0, o.total, false
	}
	since = o.total - o.logged
	o.logged, o.at = o.total, now
	return since, o.total, true
}

// totals are the reasons counted so far, in the alphabet's order.
func (t *throttle) totals() []total {
	all := make([]total, 0, len(t.reasons))
	for reason, o := range t.reasons {
		all = append(all, total{reason: reason, count: o.total})
	}
	slices.SortFunc(all, func(a, b total) int { return strings.Compare(a.reason, b.reason) })
	return all
}

// total is how often a reason occurred.
type total struct {
	reason string
	count  uint64
}
