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
	under := c.Faulted()
	o.Held.TwoOwnersUnderFault = held(holdings, under).TwoOwners
	o.Seen.TwoOwnersUnderFault = seen(events, c, under).TwoOwners
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
	o.NearFailovers = history.NearFailovers(events, c, holdings)
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
