package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// checkSafety wants at most one owner of the VIP from the moment the cluster
// was settled: as the hosts themselves hold it, and as the segment sees it.
// Where two owners are declared they may be there from the fault until
// Active_Down_Interval after its healing.
func checkSafety(e *evidence) []history.Finding {
	return slices.Concat(checkHeld(e), checkSeen(e))
}

func (e *evidence) declared() history.Window {
	if !e.course.Trial.Expect.TwoOwners {
		return history.Window{}
	}
	return history.Window{
		From: e.course.Fault.At,
		To:   e.course.Heal.At + e.cluster.LongestDownInterval() + HandoverOverlapMax,
	}
}

// overlap is a stretch with more than one owner.
type overlap struct {
	history.Window
	hosts []string
	proof []int
}

// undeclared is how much of the window lies outside the declared one.
func (e *evidence) undeclared(w history.Window) time.Duration {
	return w.Length() - w.Overlap(e.declared()).Length()
}

func (e *evidence) judged() history.Window {
	return history.Window{From: e.course.Settled().From, To: e.course.End}
}

// checkHeld reads the addresses in the hosts.
func checkHeld(e *evidence) []history.Finding {
	var overlaps []overlap
	var open bool // the last overlap still lasts
	for i, holding := range e.holdings {
		w := holding.Overlap(e.judged())
		if len(holding.Hosts) < 2 || w.Length() == 0 {
			open = false
			continue
		}
		if !open {
			overlaps = append(overlaps, overlap{Window: w})
			open = true
		}
		last := &overlaps[len(overlaps)-1]
		last.To = w.To
		last.hosts = union(last.hosts, holding.Hosts)
		last.proof = append(last.proof, holding.Event)
		if i+1 < len(e.holdings) && len(e.holdings[i+1].Hosts) < 2 {
			last.proof = append(last.proof, e.holdings[i+1].Event)
		}
	}
	var findings []history.Finding
	for _, o := range overlaps {
		if e.undeclared(o.Window) > HandoverOverlapMax {
			findings = append(findings, e.excuse(o, e.blame(o, fail(safety, o.proof, "%s had %s at the same time for %s%s",
				strings.Join(o.hosts, " and "), e.course.VIP(), short(o.Length()), e.beyond(o.Window)))))
		}
	}
	return findings
}

// checkSeen reads the answers to the owner probe. Its period is its
// resolution: it is granted on top.
func checkSeen(e *evidence) []history.Finding {
	period := e.course.Trial.ProbePeriods[history.StreamOwners]
	var overlaps []overlap
	open := false
	for _, o := range e.owners {
		if len(o.Body.Answers) < 2 || !e.judged().Contains(o.At) {
			open = false
			continue
		}
		if !open {
			overlaps = append(overlaps, overlap{Window: history.Window{From: o.At}, proof: []int{o.ID, o.ID}})
			open = true
		}
		last := &overlaps[len(overlaps)-1]
		last.To = o.At + period
		last.hosts = union(last.hosts, o.Body.Answers)
		last.proof[1] = o.ID
	}
	var findings []history.Finding
	for _, o := range overlaps {
		if e.undeclared(o.Window) > HandoverOverlapMax+period {
			findings = append(findings, e.excuse(o, e.blame(o, fail(safety, slices.Compact(o.proof), "%s both answered for %s during %s%s",
				strings.Join(o.hosts, " and "), e.course.VIP(), short(o.Length()), e.beyond(o.Window)))))
		}
	}
	return findings
}

// excuse makes a finding inconclusive when the machine was too busy for
// HandoverOverlapMax to mean anything, and the overlap was one that the
// protocol ended by itself: two Active nodes that hear each other are one
// again with the next advertisement, within one interval and the time that the
// machine stood still. Beyond that nothing is excused. That an Active was
// silent, see blame, may come of delays that add up.
func (e *evidence) excuse(o overlap, f history.Finding) history.Finding {
	interval := e.cluster.AdvertInterval
	w := history.Window{From: o.From - interval, To: o.To}
	busy := e.busiest(w)
	delays := busy.Body.Delay()
	if last, ok := e.lastAdvert(f.Host, o.From); ok {
		delays = max(delays, e.delays(history.Window{From: last.At, To: o.To}))
	}
	if delays <= e.quiet(o) || e.undeclared(o.Window) > interval+busy.Body.Delay() {
		return f
	}
	f.Verdict = history.Inconclusive
	f.Text += "; the machine stood still for " + short(delays)
	f.Events = append(f.Events, busy.ID)
	return f
}

// quiet is the delay of the machine up to which an overlap can't be its doing.
// Two Backups that race for a lost Active are apart by the difference of their
// Skew_Times only: 3.9 ms in version 2 for priorities that differ by one. A
// delay of half of it lets both win.
func (e *evidence) quiet(o overlap) time.Duration {
	limit := canaryLimit
	if !e.course.Faulted().Contains(o.From) || slices.Contains(o.hosts, e.course.Fault.Host) {
		return limit
	}
	for i, a := range o.hosts {
		for _, b := range o.hosts[i+1:] {
			apart := e.timer(a) - e.timer(b)
			limit = min(limit, apart.Abs()/2)
		}
	}
	return limit
}

func (e *evidence) timer(host string) time.Duration {
	return e.cluster.ActiveDownInterval(e.cluster.Node(host).Priority, e.cluster.AdvertInterval)
}

// beyond says where an overlap stands in respect of what was declared.
func (e *evidence) beyond(w history.Window) string {
	if e.course.Trial.Expect.TwoOwners {
		return ", of which " + short(e.undeclared(w)) + " outside the declared time"
	}
	return "; two owners are not declared for this fault"
}

// blame names the Active that had been silent for as long as another of the
// owners had to wait for it, if one was: who took over from it did what it
// must, and both are Active until the silent one is heard again.
func (e *evidence) blame(o overlap, f history.Finding) history.Finding {
	for _, host := range history.HoldersAt(e.holdings, o.From-1) {
		last, ok := e.lastAdvert(host, o.From)
		if !ok || last.Body.Priority == 0 {
			continue
		}
		for _, other := range o.hosts {
			if silence := o.From - last.At; other != host && silence > e.timer(other)-ResidualMax {
				f.Host = host
				f.Text += fmt.Sprintf("; %s had not advertised for %s", host, short(silence))
				f.Events = append(f.Events, last.ID)
				return f
			}
		}
	}
	return f
}

// lastAdvert is what the host last sent before t.
func (e *evidence) lastAdvert(host string, t time.Duration) (history.Seen[history.Advert], bool) {
	node := e.cluster.Node(host)
	for _, a := range slices.Backward(e.adverts) {
		if a.Host == host && a.At < t && a.Body.Direction == history.FromHost && node.Sent(a.Body) {
			return a, true
		}
	}
	return history.Seen[history.Advert]{}, false
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
