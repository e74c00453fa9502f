package history

import (
	"slices"
	"time"
)

// NearFailover is a silence at a Backup that came within one advertisement
// interval of the end of its timer, and in which nobody took over. Beyond that end
// the host was no Backup, or it is for others to judge.
type NearFailover struct {
	Host string        `json:"host"`
	From int           `json:"from"` // event: the advertisement before
	To   int           `json:"to"`   // event: the one after
	Gap  time.Duration `json:"gap_ns"`
	// Left is what was left of the timer; a little below 0 it was about to end.
	Left time.Duration `json:"left_ns"`
}

// NearFailovers finds them from the moment the cluster was settled, in the order
// of time. The events must be in that order too.
func NearFailovers(events []Event, c Course, holdings []Holding) []NearFailover {
	near := []NearFailover{}
	cluster := c.Trial.Cluster
	w := Window{From: c.Phases[PhaseSettled].At, To: c.End}
	last := map[string]Seen[Advert]{}
	for _, a := range Select[Advert](events) {
		node := cluster.Node(a.Host)
		if node.Priority == 0 || a.Body.Direction != ToHost || a.Body.VRID != cluster.VRID || !w.Contains(a.At) || !node.Quiets(a.Body, node.Priority) {
			continue
		}
		before, known := last[a.Host]
		last[a.Host] = a
		if !known {
			continue
		}
		interval := cluster.AdvertInterval
		if cluster.Version == 3 && before.Body.Interval > 0 {
			interval = before.Body.Interval
		}
		gap := a.At - before.At
		left := cluster.Timer(before.Body, node.Priority) - gap
		silence := Window{From: before.At, To: a.At + settleTime}
		if left < interval && left > -settleTime && !linkless(events, silence, a.Host) && !elected(holdings, silence, a.Host) {
			near = append(near, NearFailover{Host: a.Host, From: before.ID, To: a.ID, Gap: gap, Left: left})
		}
	}
	return near
}

// settleTime is how much later than its first advertisement a new Active may
// be seen with the VIP.
const settleTime = 50 * time.Millisecond

// linkless says whether one of the host's links was lost in the window: it was no
// Backup then.
func linkless(events []Event, w Window, host string) bool {
	return slices.ContainsFunc(events, func(e Event) bool {
		link, ok := e.Body.(Link)
		return ok && e.Host == host && w.Contains(e.At) && (!link.Up || !link.Carrier)
	})
}

// elected says whether somebody gained the VIP in the window, or whether the
// host was no Backup at all but had it.
func elected(holdings []Holding, w Window, host string) bool {
	for _, holding := range holdings {
		if holding.Overlap(w).Length() == 0 {
			continue
		}
		if slices.Contains(holding.Hosts, host) {
			return true
		}
		before := HoldersAt(holdings, holding.From-1)
		if w.Contains(holding.From) && slices.ContainsFunc(holding.Hosts, func(h string) bool { return !slices.Contains(before, h) }) {
			return true
		}
	}
	return false
}
