package historytest

import (
	"slices"
	"time"

	"takeover/scenarios/history"
)

// player holds the plan of one trial and the events so far.
type player struct {
	options Options
	cluster history.Cluster
	events  []history.Event

	fault, heal, end time.Duration
	zero             time.Duration // node1 says goodbye; 0: it does not
	takeover         time.Duration // node2's first advertisement; 0: never
	reclaim          time.Duration // node1's first advertisement afterwards
	holds            map[string][]history.Window
}

// plan works out when what happens.
func (p *player) plan() {
	c := p.cluster
	skew := c.SkewTime(99, interval)
	silent := lastBeat + hop + c.ActiveDownInterval(99, interval)
	own := c.ActiveDownInterval(100, interval)
	var back time.Duration // from the healing until node1's timer starts
	switch p.options.Fault {
	case "nginx-killed":
		p.zero, back = p.fault+noticed, 600*time.Millisecond
	case "daemon-stopped", "worker-killed":
		p.zero, back = p.fault+200*time.Microsecond, startup
	case "daemon-killed":
		back = startup
	case "guardian-killed":
		p.heal = p.fault + unmoved
		p.end = p.heal + holdDone
		p.hold("node1", 1100*time.Millisecond, p.end+1)
		return
	}
	p.takeover = silent + overhead + p.options.Late
	if p.zero > 0 {
		p.takeover = p.zero + hop + skew + overhead + p.options.Late
	}
	p.heal = p.takeover + holdFault
	p.reclaim = p.heal + back + own + overhead
	if p.options.Fault == "adverts-dropped" {
		p.reclaim = p.heal - p.heal%interval + interval // the next that is heard
	}
	p.end = p.reclaim + holdDone
	p.hold("node1", 1100*time.Millisecond, p.removal())
	p.hold("node2", p.takeover+100*time.Microsecond, p.reclaim+800*time.Microsecond)
	if p.options.Fault != "adverts-dropped" {
		p.hold("node1", p.reclaim+100*time.Microsecond, p.end+1)
	}
}

// removal is when node1 gives the VIP up.
func (p *player) removal() time.Duration {
	switch p.options.Fault {
	case "adverts-dropped":
		return p.end + 1
	case "link-loss":
		return p.fault + 500*time.Microsecond
	case "daemon-killed":
		return p.heal + startup/2
	default:
		return p.zero + 200*time.Microsecond
	}
}

func (p *player) hold(host string, from, to time.Duration) {
	p.holds[host] = append(p.holds[host], history.Window{From: from, To: to})
}

// has says whether the host has the VIP at t.
func (p *player) has(host string, t time.Duration) bool {
	return slices.ContainsFunc(p.holds[host], func(w history.Window) bool { return w.Contains(t) })
}

// cut says whether node1's port is without carrier at t.
func (p *player) cut(t time.Duration) bool {
	return p.options.Fault == "link-loss" && t >= p.fault && t < p.heal
}

// muted says whether the switch drops node1's advertisements at t.
func (p *player) muted(t time.Duration) bool {
	return p.options.Fault == "adverts-dropped" && t >= p.fault && t < p.heal
}

// points is the node that the client's neighbour entry points at.
func (p *player) points(t time.Duration) string {
	if p.takeover > 0 && t >= p.takeover+300*time.Microsecond && t < p.reclaim+300*time.Microsecond {
		return "node2"
	}
	return "node1"
}

// answers is who answers the client's probe sent at t: nobody when empty.
func (p *player) answers(stream string, t time.Duration) string {
	host := p.points(t)
	if !p.has(host, t) || host == "node1" && p.cut(t) {
		return ""
	}
	if stream == history.StreamHTTP && host == "node1" && p.options.Fault == "nginx-killed" && t >= p.fault && t < p.heal {
		return ""
	}
	return host
}
