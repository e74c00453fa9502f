package historytest

import (
	"net/netip"
	"time"

	"takeover/scenarios/history"
)

func (p *player) add(at time.Duration, host string, body history.Body) {
	p.events = append(p.events, history.Event{At: at, Host: host, Body: body})
}

// frame adds the trial, its phases and its fault.
func (p *player) frame() {
	o := p.options
	p.add(0, "", history.Trial{
		Format: history.Format, Scenario: "failover", Fault: o.Fault, Subject: o.Subject,
		Run: o.Run, Seed: 42, Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Cluster: p.cluster,
		ProbePeriods: map[string]time.Duration{
			history.StreamICMP: time.Millisecond, history.StreamHTTP: 10 * time.Millisecond,
			history.StreamOwners: 5 * time.Millisecond,
		},
		Expect: Expect(o.Fault),
	})
	p.add(0, "", history.Phase{Name: history.PhaseSettling})
	p.add(settled, "", history.Phase{Name: history.PhaseSettled})
	p.add(p.fault, "node1", history.FaultStart{
		Fault: o.Fault, Undo: "undo it", Phase: p.fault - lastBeat, Took: 50 * time.Microsecond,
	})
	p.add(p.fault+60*time.Microsecond, "", history.Phase{Name: history.PhaseFaulted})
	p.add(p.heal+time.Millisecond, "node1", history.FaultEnd{Fault: o.Fault, Took: time.Millisecond})
	p.add(p.heal+1100*time.Microsecond, "", history.Phase{Name: history.PhaseHealed})
	p.add(p.end, "", history.Phase{Name: history.PhaseDone})
}

// advert adds an advertisement at every port that sees it.
func (p *player) advert(at time.Duration, sender string, priority int) {
	node := p.cluster.Node(sender)
	body := history.Advert{
		Direction: history.FromHost, Version: 2, VRID: p.cluster.VRID, Priority: priority,
		Interval: interval, Source: node.Address, VIPs: p.cluster.VIPs,
	}
	if sender == "node1" && p.cut(at) {
		return
	}
	p.add(at, sender, body)
	if sender == "node1" && p.muted(at) {
		return
	}
	body.Direction = history.ToHost
	for _, other := range p.cluster.Nodes {
		if other.Name == sender || other.Name == "node1" && p.cut(at) {
			continue
		}
		p.add(at+hop, other.Name, body)
	}
}

func (p *player) adverts() {
	silent := p.fault
	switch {
	case p.zero > 0:
		silent = p.zero
		p.advert(p.zero, "node1", 0)
	case p.options.Fault == "adverts-dropped" || p.takeover == 0:
		silent = p.end
	}
	for at := interval; at < silent; at += interval {
		p.advert(at, "node1", 100)
	}
	if p.takeover == 0 {
		return
	}
	for at := p.takeover; at < p.reclaim; at += interval {
		p.advert(at, "node2", 99)
	}
	if p.options.Fault != "adverts-dropped" {
		for at := p.reclaim; at < p.end; at += interval {
			p.advert(at, "node1", 100)
		}
	}
}

// addresses adds what the watches in the hosts see, and the announcements.
func (p *player) addresses() {
	vip := p.cluster.VIPs[0]
	for _, node := range p.cluster.Nodes {
		for _, w := range p.holds[node.Name] {
			body := history.Address{Interface: "eth0", Prefix: netip.PrefixFrom(vip, 32), Present: true}
			p.add(w.From, node.Name, body)
			p.announce(w.From+50*time.Microsecond, node)
			if w.To <= p.end {
				body.Present = false
				p.add(w.To, node.Name, body)
			}
		}
	}
	if p.options.Fault == "adverts-dropped" {
		p.announce(p.reclaim+100*time.Microsecond, p.cluster.Node("node1"))
	}
	if p.options.Fault == "link-loss" {
		p.add(p.fault+40*time.Microsecond, "node1", history.Link{Interface: "eth0", Up: true})
		p.add(p.heal+40*time.Microsecond, "node1", history.Link{Interface: "eth0", Up: true, Carrier: true})
	}
	p.add(1400*time.Millisecond, "client", history.Neighbour{IP: vip, MAC: p.cluster.Node("node1").MAC, State: "reachable"})
	if p.takeover > 0 {
		p.add(p.takeover+300*time.Microsecond, "client", history.Neighbour{IP: vip, MAC: p.cluster.Node("node2").MAC, State: "stale"})
		p.add(p.reclaim+300*time.Microsecond, "client", history.Neighbour{IP: vip, MAC: p.cluster.Node("node1").MAC, State: "stale"})
	}
}

func (p *player) announce(at time.Duration, node history.Node) {
	vip := p.cluster.VIPs[0]
	p.add(at, node.Name, history.ARP{
		Direction: history.FromHost, Operation: "request", SenderIP: vip, SenderMAC: node.MAC,
		TargetIP: vip, TargetMAC: "00:00:00:00:00:00", Gratuitous: true,
	})
}

// traffic adds the client's probes and those for the owners.
func (p *player) traffic() {
	stream := func(name string, period, rtt time.Duration) {
		for seq := 0; observed+time.Duration(seq)*period < p.end; seq++ {
			at := observed + time.Duration(seq)*period
			body := history.Probe{Stream: name, Seq: seq, Error: "no answer within 1s"}
			if by := p.answers(name, at); by != "" {
				body = history.Probe{Stream: name, Seq: seq, RTT: rtt, By: by}
			}
			p.add(at, "client", body)
		}
	}
	stream(history.StreamICMP, time.Millisecond, 60*time.Microsecond)
	stream(history.StreamHTTP, 10*time.Millisecond, 400*time.Microsecond)
	const period = 5 * time.Millisecond
	for seq := 0; observed+time.Duration(seq)*period < p.end; seq++ {
		at := observed + time.Duration(seq)*period
		answers := []string{}
		for _, node := range p.cluster.Nodes {
			reachable := node.Name != "node1" || !p.cut(at)
			if p.has(node.Name, at) && reachable {
				answers = append(answers, node.Name)
			}
		}
		p.add(at, "", history.Owners{Seq: seq, VIP: p.cluster.VIPs[0].String(), Answers: answers})
	}
}

func (p *player) canary() {
	for at := 100 * time.Millisecond; at < p.end; at += 100 * time.Millisecond {
		p.add(at, "", history.Canary{DelayMax: 200 * time.Microsecond})
	}
}
