package sim

import (
	"net/netip"

	"takeover/daemon/vrrp"
	"takeover/scenarios/check/conduct"
)

// enforce makes everything as the faults in force have it.
func (c *Cluster) enforce() {
	for i := range c.links {
		c.enforceLink(i)
	}
	for i := range c.nodes {
		n := &c.nodes[i]
		if rate := c.rate(n.host); rate != n.clock.rate {
			n.clock.set(c.now, rate)
			c.judge.Clocked(c.now, i, rate)
			n.arm(c.options.Lease)
		}
		c.enforceProcess(n)
	}
}

func (c *Cluster) enforceLink(i int) {
	l, from, to := &c.links[i], i/len(c.nodes), i%len(c.nodes)
	a, b := &c.nodes[from], &c.nodes[to]
	l.network, l.cut = c.options.Network, a.segment != b.segment
	for _, f := range c.active {
		switch {
		case !f.on(a.segment):
		case f.Kind.ofLinks() && f.hits(a.host, b.host):
			f.apply(l)
		case f.Kind == Unplug && (f.Router == a.host || f.Router == b.host):
			l.cut = true
		}
	}
	c.tellSound(i)
}

func (c *Cluster) tellSound(i int) {
	from, to := i/len(c.nodes), i%len(c.nodes)
	if from != to {
		c.judge.Linked(c.now, from, to, c.links[i].sound(&c.options.Network))
	}
}

// rate is how fast the host's clock goes: of several faults the last decides.
func (c *Cluster) rate(host int) conduct.Rate {
	rate := conduct.TrueRate
	for _, f := range c.active {
		if f.Kind == Clock && f.Router == host {
			rate = f.Rate
		}
	}
	return rate
}

// suffers says whether a fault of that kind is in force on the node.
func (c *Cluster) suffers(n *node, kind Kind) bool {
	for _, f := range c.active {
		if f.Kind == kind && f.Router == n.host && f.on(n.segment) {
			return true
		}
	}
	return false
}

// enforceProcess ends, starts, pauses and resumes a process as it must be. A
// paused one that is to end in order goes on first, as with SIGTERM; one that
// stands still does not learn of its link.
func (c *Cluster) enforceProcess(n *node) {
	crashed, stopped := c.suffers(n, Crash), c.suffers(n, Stop)
	paused := c.suffers(n, Pause)
	n.plugged = !c.suffers(n, Unplug)
	switch {
	case n.alive && crashed:
		c.crash(n)
	case n.alive && stopped:
		if n.paused {
			c.resume(n)
		}
		c.stop(n)
	case !n.alive && !crashed && !stopped:
		if err := c.start(n); err != nil {
			panic(err) // NewCluster started one with the same parameters
		}
	}
	if n.alive && n.paused && !paused {
		c.resume(n)
	}
	if n.runs() {
		c.prioritize(n)
	}
	if n.runs() && n.enabled != n.plugged {
		c.enable(n)
	}
	if n.runs() && paused {
		c.recorder.suffers(n, Pause, true)
		c.judge.Paused(n.moment(c.now), n.index)
		n.paused = true
		n.arm(c.options.Lease)
	}
}

// start runs a new process: it removes what was left behind, and its router
// waits for its Startup. A guardian that has not acted yet does so before.
func (c *Cluster) start(n *node) error {
	if n.farewell != never {
		n.farewell = c.now
		c.due(n)
	}
	m := n.moment(c.now)
	c.hold(n, m, false)
	if err := c.boot(n); err != nil {
		return err
	}
	n.alive, n.paused, n.enabled, n.state = true, false, false, vrrp.Initialize
	c.judge.Started(m, n.index)
	c.setPriority(n, n.parameters.Priority)
	c.recorder.process(n, true)
	n.arm(c.options.Lease)
	return nil
}

// boot makes the machine of a process that starts. The one on the first segment
// makes the group of its host.
func (c *Cluster) boot(n *node) error {
	if c.options.Segments < 2 {
		var err error
		n.machine, err = c.build(n.parameters)
		return err
	}
	if n.segment > 0 {
		return nil
	}
	var members []*vrrp.VirtualRouter
	for segment := range c.options.Segments {
		member := c.onHost(n, segment)
		machine, err := c.build(member.parameters)
		if err != nil {
			return err
		}
		router, real := machine.(*vrrp.VirtualRouter)
		if !real { // a test's; it can be in no group
			if router, err = vrrp.New(member.parameters); err != nil {
				return err
			}
		}
		member.machine = router
		members = append(members, router)
	}
	group, err := c.grouped(members)
	for segment := range c.options.Segments {
		c.onHost(n, segment).group = group
	}
	return err
}

// prioritize gives a router the priority that it must have: of several faults
// the last decides. An address owner keeps its own.
func (c *Cluster) prioritize(n *node) {
	priority := n.parameters.Priority
	for _, f := range c.active {
		if f.Kind == Priority && f.Router == n.host && priority != priorityOwner {
			priority = f.Priority
		}
	}
	if c.setPriority(n, priority) {
		c.step(n, vrrp.PriorityChanged{Priority: priority})
	}
}

// priorityOwner is the priority of the router that owns the addresses.
const priorityOwner = 255

// setPriority notes a router's priority, and says whether it is another one.
func (c *Cluster) setPriority(n *node, priority uint8) bool {
	if n.priority == priority {
		return false
	}
	n.priority = priority
	c.judge.Prioritized(n.moment(c.now), n.index, int(priority))
	c.recorder.prioritize(n)
	return true
}

// lose tells routers that others are gone.
func (c *Cluster) lose(f *Fault) {
	for to := range c.nodes {
		for from := range c.nodes {
			n, lost := &c.nodes[to], &c.nodes[from]
			if from == to || n.segment != lost.segment || !f.on(n.segment) || !f.hits(lost.host, n.host) || !n.runs() || !n.enabled {
				continue
			}
			c.judge.Lost(n.moment(c.now), to, from)
			c.recorder.lose(n, from)
			c.step(n, vrrp.PeerLost{Address: c.options.address(from)})
		}
	}
}

// crash ends the process without a word.
func (c *Cluster) crash(n *node) {
	c.judge.Crashed(n.moment(c.now), n.index)
	n.orphaned = n.state == vrrp.Active
	n.alive, n.paused, n.queue, n.lost = false, false, n.queue[:0], false
	n.state = vrrp.Initialize
	if c.options.Guardian {
		n.farewell = c.now + c.options.Farewell
	}
	c.recorder.process(n, false)
	n.arm(c.options.Lease)
}

// guard is what a guardian does for a crashed process.
func (c *Cluster) guard(n *node) {
	m := n.moment(c.now)
	if n.orphaned {
		a := vrrp.Advertisement{
			Version: n.parameters.Version, VRID: n.parameters.VRID,
			Interval: n.parameters.AdvertisementInterval, Addresses: n.parameters.VirtualAddresses,
		}
		c.send(n, m, &a)
	}
	c.hold(n, m, false)
}

// stop ends the process in order.
func (c *Cluster) stop(n *node) {
	m := n.moment(c.now)
	c.recorder.suffers(n, Stop, true)
	c.judge.Stopping(m, n.index)
	c.step(n, vrrp.Shutdown{})
	c.judge.Stopped(m, n.index)
	c.recorder.process(n, false)
	c.recorder.suffers(n, Stop, false)
	n.alive = false
	n.arm(c.options.Lease)
}

// enable starts the router when its link came, and ends it when it went.
func (c *Cluster) enable(n *node) {
	m := n.moment(c.now)
	n.enabled = n.plugged
	c.recorder.suffers(n, Unplug, !n.plugged)
	if n.plugged {
		c.judge.Started(m, n.index)
		c.step(n, vrrp.Startup{})
		return
	}
	c.judge.Stopping(m, n.index)
	c.step(n, vrrp.Shutdown{Reason: "link down"})
}

// resume lets a process go on: it reads what waits, then learns that its
// address ended, and then does what is due.
func (c *Cluster) resume(n *node) {
	for _, part := range c.parts(n) {
		part.paused = false
		c.recorder.suffers(part, Pause, false)
		c.judge.Resumed(part.moment(c.now), part.index)
		part.arm(c.options.Lease)
	}
	for _, part := range c.parts(n) {
		queue := part.queue
		part.queue = nil
		for _, p := range queue {
			c.read(part, p)
		}
		part.queue = queue[:0]
	}
	for _, part := range c.parts(n) {
		if part.lost {
			part.lost = false
			c.step(part, vrrp.AddressLost{Address: c.options.virtualAddress(part.segment)})
		}
	}
	for _, part := range c.parts(n) {
		if part.wake <= c.now {
			c.step(part, vrrp.TimerExpired{})
		}
	}
}

// parts are the nodes of a host.
func (c *Cluster) parts(n *node) []*node {
	var parts []*node
	for segment := range max(1, c.options.Segments) {
		parts = append(parts, c.onHost(n, segment))
	}
	return parts
}

// encoded is the advertisement as it is on the wire.
func (c *Cluster) encoded(a *vrrp.Advertisement, source netip.Addr) []byte {
	bytes, err := vrrp.Encode(*a, source, c.options.groupAddress())
	if err != nil {
		panic(err) // the machine made it
	}
	return bytes
}

// decoded is the advertisement as a router reads it.
func (c *Cluster) decoded(bytes []byte, from int) vrrp.Event {
	source := c.options.address(from)
	a, err := vrrp.Decode(bytes, source, c.options.groupAddress())
	if err != nil {
		panic(err) // nothing damages it on its way
	}
	return vrrp.Received{Source: source, Advertisement: a}
}
