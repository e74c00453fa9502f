package scene

import (
	"net/netip"
	"slices"
	"time"

	"takeover/scenarios/history"
)

const (
	// intervalsLeast is from how many intervals something can be said.
	intervalsLeast = 4
	// intervalPart is what an interval may be off: a twentieth.
	intervalPart = 20
)

// interval wants whoever advertises to do so every Advertisement_Interval, as it
// says itself (RFC 9568 §6.4.3). A late timer makes one interval longer and
// the next shorter, so what counts is that three quarters are off the same way.
// Those below half an interval are left out, which are answers to a lower priority
// or made up for a pause, and so are those in which a fault strikes the host.
func (j *judge) interval() {
	type stream struct {
		host        string
		destination netip.Addr
		interval    time.Duration
	}
	last, apart := map[stream]history.Seen[history.Advert]{}, map[stream][]time.Duration{}
	forces := j.inForce()
	for _, a := range history.Select[history.Advert](j.events) {
		node := j.course.Trial.Cluster.Node(a.Host)
		if a.Body.Direction != history.FromHost || a.Body.VRID != j.course.Trial.Cluster.VRID ||
			a.Body.Priority == 0 || a.Body.Problem != "" || !node.Sent(a.Body) {
			continue
		}
		s := stream{a.Host, a.Body.Destination, a.Body.Interval}
		before, has := last[s]
		last[s] = a
		between := history.Window{From: before.At, To: a.At}
		isStruck := func(f force) bool { return f.host == a.Host && f.Overlap(between).Length() > 0 }
		if has && between.Length() > s.interval/2 && between.Length() < 2*s.interval && !slices.ContainsFunc(forces, isStruck) {
			apart[s] = append(apart[s], between.Length())
		}
	}
	for s, all := range apart {
		if len(all) < intervalsLeast {
			continue
		}
		slices.Sort(all)
		lower, upper := all[len(all)/4], all[len(all)-1-len(all)/4]
		if allowed := s.interval / intervalPart; lower > s.interval+allowed || upper < s.interval-allowed {
			j.fail(checkInterval, 0, []int{last[s].ID}, "%s advertised every %s, and says every %s", s.host, round(all[len(all)/2]), s.interval)
		}
	}
}
