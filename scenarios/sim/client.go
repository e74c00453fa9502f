package sim

import (
	"time"

	"takeover/scenarios/history"
)

const clientName = "client"

// client asks the virtual address, and knows where it goes.
type client struct {
	world   *World
	streams [4]probing
	// neighbour is who announced the address last; -1: nobody.
	neighbour int
	adverts   []time.Duration // when each node advertised last
}

// probing is a stream of probes.
type probing struct {
	name   string
	period time.Duration
	answer time.Duration // what an answer takes
	asked  int
}

// canary is the stream that says that the machine is never late.
const canary = "canary"

func newClient(w *World) client {
	return client{
		world: w, neighbour: -1, adverts: make([]time.Duration, mostRouters),
		streams: [...]probing{
			{name: history.StreamICMP, period: time.Millisecond, answer: 60 * time.Microsecond},
			{name: history.StreamHTTP, period: 10 * time.Millisecond, answer: 400 * time.Microsecond},
			{name: history.StreamOwners, period: 5 * time.Millisecond},
			{name: canary, period: 100 * time.Millisecond},
		},
	}
}

func (c *client) periods() map[string]time.Duration {
	periods := map[string]time.Duration{}
	for _, s := range c.streams {
		if s.name != canary {
			periods[s.name] = s.period
		}
	}
	return periods
}

// next is when something is asked next.
func (c *client) next() time.Duration {
	next := never
	for i := range c.streams {
		next = min(next, c.streams[i].due())
	}
	return next
}

func (s *probing) due() time.Duration { return time.Duration(s.asked+1) * s.period }

// ask sends what is due.
func (c *client) ask(now time.Duration) {
	for i := range c.streams {
		s := &c.streams[i]
		if now < s.due() {
			continue
		}
		s.asked++
		switch s.name {
		case history.StreamOwners:
			c.world.log.Append(now, "", history.Owners{
				Seq: s.asked - 1, VIP: c.world.cluster.options.virtualAddress(0).String(), Answers: c.owners(),
			})
		case canary:
			c.world.log.Append(now, "", history.Canary{})
		default:
			c.world.log.Append(now, clientName, c.probe(s))
		}
	}
}

func (c *client) probe(s *probing) history.Probe {
	p := history.Probe{Stream: s.name, Seq: s.asked - 1, Error: "no answer"}
	if c.neighbour >= 0 && c.world.cluster.nodes[c.neighbour].answers() {
		p.RTT, p.By, p.Error = s.answer, routerName(c.neighbour), ""
	}
	return p
}

// owners are the names of those that answer for the address.
func (c *client) owners() []string {
	names := []string{}
	for i := range c.world.cluster.nodes {
		if c.world.cluster.nodes[i].answers() {
			names = append(names, routerName(i))
		}
	}
	return names
}

// answers says that the node has the address and a link.
func (n *node) answers() bool { return n.holds && n.plugged }

// hear takes in an announcement.
func (c *client) hear(from int, mac string) {
	if c.neighbour == from {
		return
	}
	c.neighbour = from
	c.world.log.Append(c.world.cluster.now, clientName, history.Neighbour{
		IP: c.world.cluster.options.virtualAddress(0), MAC: mac, State: "stale",
	})
}
