package report

import (
	"slices"
	"time"

	"takeover/scenarios/history"
)

// ownership sums up who owned the VIP from the fault to the end.
func ownership(events []history.Event, c history.Course, holdings []history.Holding, probes []history.Seen[history.Probe]) *Ownership {
	w := history.Window{From: c.Fault.At, To: c.End}
	o := &Ownership{Held: held(holdings, w), Seen: seen(events, c, w)}
	for _, holding := range holdings {
		if holding.Event > 0 && w.Contains(holding.From) {
			before := history.HoldersAt(holdings, holding.From-1)
			o.Transitions += differences(before, holding.Hosts)
		}
	}
	for _, p := range probes {
		if !p.Body.Lost() || !w.Contains(p.At) {
			continue
		}
		switch p.Body.Stream {
		case history.StreamHTTP:
			o.RequestsLost++
		case history.StreamICMP:
			o.ProbesLost++
		}
	}
	o.NearFailovers = nearFailovers(events, c, holdings)
	if c.Trial.Expect.TwoOwners {
		o.Declared = c.Trial.Expect.TwoOwnersReason
	}
	return o
}

// differences counts the hosts that are in one list only.
func differences(a, b []string) int {
	count := 0
	for _, host := range a {
		if !slices.Contains(b, host) {
			count++
		}
	}
	for _, host := range b {
		if !slices.Contains(a, host) {
			count++
		}
	}
	return count
}

func held(holdings []history.Holding, w history.Window) Held {
	var h Held
	var overlap time.Duration // that goes on, whoever the two are
	for _, holding := range holdings {
		length := holding.Overlap(w).Length()
		if len(holding.Hosts) < 2 {
			overlap = 0
		}
		switch {
		case len(holding.Hosts) == 0:
			h.NoOwner += length
		case len(holding.Hosts) > 1:
			h.TwoOwners += length
			overlap += length
			h.TwoOwnersAtOnce = max(h.TwoOwnersAtOnce, overlap)
		}
	}
	return h
}

func seen(events []history.Event, c history.Course, w history.Window) Seen {
	s := Seen{Period: c.Trial.ProbePeriods[history.StreamOwners]}
	vip := c.VIP().String()
	var overlap time.Duration
	for _, o := range history.Select[history.Owners](events) {
		if o.Body.VIP != vip || !w.Contains(o.At) {
			continue
		}
		if len(o.Body.Answers) < 2 {
			overlap = 0
		}
		switch {
		case len(o.Body.Answers) == 0:
			s.NoOwner += s.Period
		case len(o.Body.Answers) > 1:
			s.TwoOwners += s.Period
			overlap += s.Period
			s.TwoOwnersAtOnce = max(s.TwoOwnersAtOnce, overlap)
		}
	}
	return s
}

// nearFailovers finds the silences at Backups, from the moment the cluster was
// settled, that were longer than two intervals and ended without an election:
// nobody gained the VIP meanwhile.
func nearFailovers(events []history.Event, c history.Course, holdings []history.Holding) []NearFailover {
	near := []NearFailover{}
	w := history.Window{From: c.Settled().From, To: c.End}
	last := map[string]history.Seen[history.Advert]{}
	for _, a := range history.Select[history.Advert](events) {
		if a.Body.Direction != history.ToHost || a.Body.VRID != c.Trial.Cluster.VRID || !w.Contains(a.At) {
			continue
		}
		before, known := last[a.Host]
		last[a.Host] = a
		gap := a.At - before.At
		if known && gap > 2*c.Trial.Cluster.AdvertInterval &&
			!elected(holdings, history.Window{From: before.At, To: a.At + settleTime}, a.Host) {
			near = append(near, NearFailover{Host: a.Host, From: before.ID, To: a.ID, Gap: gap})
		}
	}
	return near
}

// settleTime is how much later than its first advertisement a new Active may
// be seen with the VIP.
const settleTime = 50 * time.Millisecond

// elected says whether somebody gained the VIP in the window, or whether the
// host was no Backup at all but had it.
func elected(holdings []history.Holding, w history.Window, host string) bool {
	for _, holding := range holdings {
		if holding.Overlap(w).Length() == 0 {
			continue
		}
		if slices.Contains(holding.Hosts, host) {
			return true
		}
		before := history.HoldersAt(holdings, holding.From-1)
		if w.Contains(holding.From) && slices.ContainsFunc(holding.Hosts, func(h string) bool { return !slices.Contains(before, h) }) {
			return true
		}
	}
	return false
}
