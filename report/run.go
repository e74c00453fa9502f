package report

import (
	"cmp"
	"slices"
	"time"

	"takeover/report/stat"
	"takeover/scenarios/history"
)

// Trial is a trial's measures with the judgement on it.
type Trial struct {
	Measures  Measures          `json:"measures"`
	Judgement history.Judgement `json:"judgement"`
}

// Run is all trials of one invocation.
type Run struct {
	Format  int             `json:"format"`
	Verdict history.Verdict `json:"verdict"`
	Groups  []Group         `json:"groups"`
	// Comparisons has one entry for each fault and pair of subjects.
	Comparisons []Comparison `json:"comparisons"`
	Trials      []Trial      `json:"trials"`
}

// Group sums up the trials of one fault with one subject. A summary is absent
// where no trial has that measure. Censored trials count with the least that
// they can have been; their number stands beside.
type Group struct {
	Fault        string                       `json:"fault"`
	Subject      string                       `json:"subject"`
	Trials       int                          `json:"trials"`
	Passed       int                          `json:"passed"`
	Failed       int                          `json:"failed"`
	Inconclusive int                          `json:"inconclusive"`
	Censored     int                          `json:"censored"` // without an answer from a new owner in time
	TBM          *stat.Summary[time.Duration] `json:"tbm_ns,omitempty"`
	PLBM         *stat.Summary[time.Duration] `json:"plbm_ns,omitempty"`
	Residual     *stat.Summary[time.Duration] `json:"residual_ns,omitempty"`
	Overhead     *stat.Summary[time.Duration] `json:"overhead_ns,omitempty"`
	NoOwner      *stat.Summary[time.Duration] `json:"no_owner_ns,omitempty"`
	TwoOwners    *stat.Summary[time.Duration] `json:"two_owners_ns,omitempty"`
	// TwoOwnersUnderFault leaves out the handover back.
	TwoOwnersUnderFault *stat.Summary[time.Duration] `json:"two_owners_under_fault_ns,omitempty"`
	RequestsLost        *stat.Summary[int]           `json:"requests_lost,omitempty"`
	Reversion           *stat.Summary[time.Duration] `json:"reversion_ns,omitempty"`
	samples             samples
}

// Comparison sets the failover times of two subjects side by side.
type Comparison struct {
	Fault  string           `json:"fault"`
	First  string           `json:"first"` // subject
	Second string           `json:"second"`
	TBM    *stat.Comparison `json:"tbm,omitempty"`
}

// samples are the values that a Group sums up.
type samples struct {
	tbm, plbm, residual, overhead, none, two, under, reversion []time.Duration
	lost                                                       []int
}

// NewRun sums up trials. The groups stand in the order of their first trials,
// those of a fault together.
func NewRun(trials []Trial) Run {
	r := Run{Format: Format, Trials: trials, Groups: []Group{}, Comparisons: []Comparison{}}
	var verdicts []history.Verdict
	for _, t := range trials {
		verdicts = append(verdicts, t.Judgement.Verdict)
		g := r.group(t.Measures.Fault, t.Measures.Subject)
		g.count(t.Judgement.Verdict)
		g.collect(t.Measures)
	}
	r.Verdict = history.Combine(verdicts)
	order := map[string]int{}
	for i := range r.Groups {
		r.Groups[i].summarize()
		if _, ok := order[r.Groups[i].Fault]; !ok {
			order[r.Groups[i].Fault] = i
		}
	}
	slices.SortStableFunc(r.Groups, func(a, b Group) int { return cmp.Compare(order[a.Fault], order[b.Fault]) })
	for i, first := range r.Groups {
		for _, second := range r.Groups[i+1:] {
			if first.Fault == second.Fault {
				r.Comparisons = append(r.Comparisons, Comparison{
					Fault: first.Fault, First: first.Subject, Second: second.Subject,
					TBM: stat.Compare(first.samples.tbm, second.samples.tbm),
				})
			}
		}
	}
	return r
}

// group finds the group or adds it. The pointer is good until the next call.
func (r *Run) group(fault, subject string) *Group {
	i := slices.IndexFunc(r.Groups, func(g Group) bool { return g.Fault == fault && g.Subject == subject })
	if i < 0 {
		i = len(r.Groups)
		r.Groups = append(r.Groups, Group{Fault: fault, Subject: subject})
	}
	return &r.Groups[i]
}

func (g *Group) count(v history.Verdict) {
	g.Trials++
	switch v {
	case history.Pass:
		g.Passed++
	case history.Fail:
		g.Failed++
	case history.Inconclusive:
		g.Inconclusive++
	}
}

func (g *Group) collect(m Measures) {
	s := &g.samples
	add := func(to *[]time.Duration, d *time.Duration) {
		if d != nil {
			*to = append(*to, *d)
		}
	}
	if m.Failover != nil {
		icmp := m.Failover.Streams[history.StreamICMP]
		add(&s.tbm, icmp.TBM)
		add(&s.plbm, &icmp.PLBM)
		if icmp.TBMCensored {
			g.Censored++
		}
	}
	if m.Detection != nil {
		add(&s.residual, m.Detection.Residual)
		add(&s.overhead, m.Detection.Overhead)
	}
	if m.Reversion != nil {
		add(&s.reversion, m.Reversion.Complete)
	}
	if m.Ownership != nil {
		add(&s.none, &m.Ownership.Seen.NoOwner)
		add(&s.two, &m.Ownership.Seen.TwoOwners)
		add(&s.under, &m.Ownership.Seen.TwoOwnersUnderFault)
		s.lost = append(s.lost, m.Ownership.RequestsLost)
	}
}

func (g *Group) summarize() {
	s := g.samples
	g.TBM, g.PLBM = stat.Summarize(s.tbm), stat.Summarize(s.plbm)
	g.Residual, g.Overhead = stat.Summarize(s.residual), stat.Summarize(s.overhead)
	g.NoOwner, g.TwoOwners = stat.Summarize(s.none), stat.Summarize(s.two)
	g.TwoOwnersUnderFault = stat.Summarize(s.under)
	g.RequestsLost, g.Reversion = stat.Summarize(s.lost), stat.Summarize(s.reversion)
}
