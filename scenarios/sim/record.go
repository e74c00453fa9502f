package sim

import (
	"fmt"
	"net/netip"

	"takeover/daemon/vrrp"
	"takeover/scenarios/check/conduct"
	"takeover/scenarios/history"
)

// recorder writes what happens as a history. A nil one writes nothing.
type recorder struct {
	log     *history.Log
	cluster *Cluster
	// world, if there is one, tells of the faults itself, and has the port of
	// each host captured: there an advertisement shows that nobody reads.
	world *World
}

func (r *recorder) append(n *node, body history.Body) {
	r.log.Append(r.cluster.now, r.cluster.options.name(n.index), body)
}

func (r *recorder) advert(n *node, from, priority int, direction history.Direction) {
	if r.world != nil && direction == history.FromHost {
		r.world.client.adverts[from] = r.cluster.now
	}
	o := r.cluster.options
	r.append(n, history.Advert{
		Direction: direction, Version: int(o.Version), VRID: vrid, Priority: priority, Interval: o.Interval,
		Source: o.address(from), Destination: o.groupAddress(), VIPs: []netip.Addr{o.virtualAddress(n.segment)},
	})
}

// arrives tells of an advertisement at the port of its reader.
func (r *recorder) arrives(n *node, p *packet) {
	if r != nil && r.world != nil {
		r.advert(n, int(p.from), int(p.priority), history.ToHost)
	}
}

// reads tells of an advertisement that its reader takes in.
func (r *recorder) reads(n *node, p *packet) {
	if r != nil && r.world == nil {
		r.advert(n, int(p.from), int(p.priority), history.ToHost)
	}
}

func (r *recorder) change(n *node, a vrrp.StateChanged) {
	r.append(n, history.Transition{Instance: instance, From: a.From.String(), To: a.To.String(), Reason: a.Reason})
}

// The names of a node's things in a history.
const (
	instance = "VI_1"
	device   = "eth0"
)

func (r *recorder) address(n *node) {
	vip := r.cluster.options.virtualAddress(n.segment)
	r.append(n, history.Address{Interface: device, Prefix: netip.PrefixFrom(vip, vip.BitLen()), Present: n.holds})
}

func (r *recorder) announce(n *node) {
	o := r.cluster.options
	vip, mac := o.virtualAddress(n.segment), o.history().Nodes[n.index].MAC
	if o.IPv6 {
		r.append(n, history.NA{Direction: history.FromHost, Target: vip, TargetMAC: mac, Override: true})
	} else {
		r.append(n, history.ARP{
			Direction: history.FromHost, Operation: "request", SenderIP: vip, SenderMAC: mac,
			TargetIP: vip, TargetMAC: "00:00:00:00:00:00", Gratuitous: true,
		})
	}
	if r.world != nil {
		r.world.client.hear(n.index, mac)
	}
}

// process tells of a process that starts or ends.
func (r *recorder) process(n *node, starts bool) {
	switch {
	case r == nil:
	case starts:
		r.append(n, history.ProcessStart{Name: subject, PID: n.index + 1})
	default:
		r.append(n, history.ProcessExit{Name: subject, PID: n.index + 1})
	}
}

// suffers tells of a fault of a node when it takes effect and when it ends.
func (r *recorder) suffers(n *node, kind Kind, begins bool) {
	if r == nil || r.world != nil {
		return
	}
	if begins {
		r.append(n, history.FaultStart{Fault: string(kind), Undo: "ends by itself"})
	} else {
		r.append(n, history.FaultEnd{Fault: string(kind)})
	}
}

// prioritize tells of a node's priority when it changes.
func (r *recorder) prioritize(n *node) {
	switch {
	case r == nil || r.world != nil:
	case n.priority == n.parameters.Priority:
		r.append(n, history.FaultEnd{Fault: conduct.FaultPriority})
	default:
		r.append(n, history.FaultStart{Fault: fmt.Sprint(conduct.FaultPriority, " ", n.priority), Undo: "ends by itself"})
	}
}

// lose tells of a node that is told that another one is gone.
func (r *recorder) lose(n *node, from int) {
	if r != nil && r.world == nil {
		r.append(n, history.FaultStart{Fault: conduct.FaultLose + " " + r.cluster.options.name(from), Undo: "nothing is left to undo"})
	}
}

// links tells of a fault of links.
func (r *recorder) links(f *Fault, begins bool) {
	switch {
	case r == nil || r.world != nil || !f.Kind.ofLinks():
	case begins:
		r.log.Append(r.cluster.now, "", history.FaultStart{Fault: f.String(), Undo: "ends by itself"})
	default:
		r.log.Append(r.cluster.now, "", history.FaultEnd{Fault: f.String()})
	}
}
