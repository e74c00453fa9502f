package sim

import (
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"takeover/daemon/vrrp"
	"takeover/scenarios/check/conduct"
	"takeover/scenarios/history"
)

// Finding is a broken rule; see package conduct.
type Finding = conduct.Finding

// grain is what a clock's rate rounds: a clock of twice the rate shows every
// other nanosecond only.
const grain = 3 * time.Nanosecond

// Cluster is a schedule that runs. It is not safe for concurrent use.
type Cluster struct {
	schedule *Schedule
	options  *Options
	build    builder
	grouped  groupBuilder
	// farewell is what a guardian does; a test may have it lie.
	farewell func(*Cluster, *node)
	recorder *recorder // nil: nobody wants a history
	judge    *conduct.Judge

	interrupted atomic.Bool

	now        time.Duration
	nodes      []node
	links      []link // from*len(nodes) + to
	flight     flight
	number     uint64
	boundaries []boundary // those to come
	active     []*Fault   // in force
	owners     [mostSegments]owners
	statistics Statistics
}

// NewCluster returns the cluster of a schedule, with every router started. It
// writes a history to log, if that is not nil.
func NewCluster(s *Schedule, log *history.Log) (*Cluster, error) {
	return newCluster(s, log, realMachine)
}

func newCluster(s *Schedule, log *history.Log, build builder) (*Cluster, error) {
	c, err := prepare(s, build)
	if err != nil {
		return nil, err
	}
	if log != nil {
		c.recorder = &recorder{log: log, cluster: c}
	}
	return c, c.begin()
}

// prepare returns a cluster that has not begun.
func prepare(s *Schedule, build builder) (*Cluster, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	o := &s.Options
	c := &Cluster{schedule: s, options: o, build: build, grouped: realGroup, farewell: (*Cluster).guard, boundaries: s.boundaries()}
	c.judge = conduct.NewJudge(o.history(), o.limits())
	count := o.nodes()
	c.nodes, c.links = make([]node, count), make([]link, count*count)
	for i := range c.links {
		c.links[i].network, c.links[i].cut = o.Network, o.segmentOf(i/count) != o.segmentOf(i%count)
		for purpose := range purposes {
			c.links[i].streams[purpose] = newStream(s.Seed, i*purposes+purpose)
		}
	}
	for i := range c.nodes {
		c.nodes[i] = node{
			index: i, host: o.hostOf(i), segment: o.segmentOf(i),
			parameters: o.parameters(i), plugged: true, priority: o.Routers[o.hostOf(i)].Priority,
			clock: clock{rate: conduct.TrueRate}, farewell: never, wake: never,
		}
	}
	return c, nil
}

// begin starts every router.
func (c *Cluster) begin() error {
	for i := range c.links {
		c.tellSound(i)
	}
	for i := range c.nodes {
		n := &c.nodes[i]
		if err := c.start(n); err != nil {
			return err
		}
		n.enabled = true
		c.step(n, vrrp.Startup{})
	}
	return nil
}

// history is the cluster as a history describes it.
func (o *Options) history() history.Cluster {
	h := history.Cluster{Version: int(o.Version), VRID: vrid, AdvertInterval: o.Interval, DownTimerAdverts: o.DownTimerAdverts}
	for segment := range max(1, o.Segments) {
		h.VIPs = append(h.VIPs, o.virtualAddress(segment))
	}
	for i := range o.nodes() {
		r := o.Routers[o.hostOf(i)]
		node := history.Node{
			Name: o.name(i), Address: o.address(i), MAC: fmt.Sprintf("02:00:00:00:00:%02x", i+1),
			Priority: int(r.Priority), Preempt: !r.NoPreempt, Subject: subject,
		}
		if o.IPv6 {
			node.LinkLocal = node.Address
		}
		if o.Segments > 1 {
			node.Segment, node.Group = o.segmentOf(i)+1, routerName(o.hostOf(i))
		}
		h.Nodes = append(h.Nodes, node)
	}
	return h
}

// subject is what runs in every node.
const subject = "vipd"

// limits are what the options promise to the judge.
func (o *Options) limits() conduct.Limits {
	l := conduct.Limits{
		Travel: o.Network.Travel(), Grain: grain, Guardian: -1, Lease: o.Lease, Loss: conduct.Loss(o.PeerLoss),
	}
	if o.Guardian {
		l.Guardian = o.Farewell
	}
	return l
}

// Finish runs the schedule to its end, or until a rule is broken. Where the
// network itself loses advertisements, or delays them too much, nothing ever
// settles, and only the rules that hold without that are judged.
func (c *Cluster) Finish() Result {
	settled, settles := c.schedule.settled(c.judge)
	c.Advance(settled)
	if settles && c.judge.Finding() == nil && !c.interrupted.Load() {
		c.judge.Settled(c.now)
	}
	c.Advance(c.now + c.schedule.Calm)
	c.end()
	return Result{c.judge.Finding(), c.statistics}
}

// end has the judge look at what is left to be done.
func (c *Cluster) end() {
	if c.judge.Finding() != nil {
		return
	}
	local := make([]time.Duration, len(c.nodes))
	for i := range c.nodes {
		local[i] = c.nodes[i].clock.show(c.now)
	}
	c.judge.End(c.now, local)
}

// Advance lets the time pass until then, and everything in it happen. It
// returns early when a rule is broken. At one moment faults come first, then
// what arrives, then timers.
func (c *Cluster) Advance(until time.Duration) {
	for c.judge.Finding() == nil && !c.interrupted.Load() {
		at, due := never, -1
		if len(c.flight) > 0 {
			at = c.flight[0].at
		}
		for i := range c.nodes {
			if wake := c.nodes[i].wake; wake < at {
				at, due = wake, i
			}
		}
		if len(c.boundaries) > 0 && c.boundaries[0].at <= min(at, until) {
			c.advanceTo(c.boundaries[0].at)
			c.turn()
			continue
		}
		if at > until {
			c.advanceTo(until)
			return
		}
		c.advanceTo(at)
		if due < 0 {
			c.arrive(c.flight.pop())
		} else {
			c.due(&c.nodes[due])
		}
	}
}

func (c *Cluster) advanceTo(at time.Duration) {
	c.now = max(c.now, at)
	c.statistics.Virtual = c.now
}

// Interrupt has Advance and Finish return soon. It may be called from another
// goroutine.
func (c *Cluster) Interrupt() { c.interrupted.Store(true) }

// Now is the time of the run.
func (c *Cluster) Now() time.Duration { return c.now }

// Finding is the broken rule that ended the run, or nil.
func (c *Cluster) Finding() *Finding { return c.judge.Finding() }

// due does what is due in a node by itself.
func (c *Cluster) due(n *node) {
	switch {
	case n.runs():
		c.step(n, vrrp.TimerExpired{})
	case n.farewell <= c.now:
		c.farewell(c, n)
		n.farewell, n.orphaned = never, false
		n.arm(c.options.Lease)
	default:
		c.hold(n, n.moment(c.now), false) // the lease ends
		n.lost = n.alive
		n.arm(c.options.Lease)
	}
}

// arrive hands an advertisement to its reader.
func (c *Cluster) arrive(p packet) {
	n := &c.nodes[p.to]
	c.recorder.arrives(n, &p)
	switch {
	case !n.alive:
		c.statistics.Lost++
	case !n.paused:
		c.read(n, p)
	case len(n.queue) < c.options.Queue:
		n.queue = append(n.queue, p)
	default:
		c.statistics.Lost++
	}
}

func (c *Cluster) read(n *node, p packet) {
	c.statistics.Delivered++
	s := c.nodes[p.from].spoken(p.priority)
	event := s.event
	if s.bytes != nil {
		event = c.decoded(s.bytes, int(p.from))
	}
	c.recorder.reads(n, &p)
	c.judge.Read(n.moment(c.now), n.index, int(p.from), int(p.priority))
	c.step(n, event)
}

// step tells a machine what happened and does what it says.
func (c *Cluster) step(n *node, event vrrp.Event) {
	m := n.moment(c.now)
	if n.group != nil {
		for _, action := range n.group.Step(origin.Add(m.Local), n.segment, event) {
			c.do(c.onHost(n, action.Member), m, action.Action)
		}
		for segment := range c.options.Segments {
			c.onHost(n, segment).arm(c.options.Lease)
		}
		return
	}
	for _, action := range n.machine.Step(origin.Add(m.Local), event) {
		c.do(n, m, action)
	}
	n.arm(c.options.Lease)
}

// onHost is the node of the same host on a segment.
func (c *Cluster) onHost(n *node, segment int) *node {
	return &c.nodes[segment*len(c.options.Routers)+n.host]
}

func (c *Cluster) do(n *node, m conduct.Moment, action vrrp.Action) {
	switch a := action.(type) {
	case vrrp.SendAdvertisement:
		c.send(n, m, &a.Advertisement)
	case vrrp.SetAddress:
		c.hold(n, m, true)
	case vrrp.RemoveAddress:
		c.hold(n, m, false)
	case vrrp.StateChanged:
		c.change(n, m, a)
	case vrrp.Announce:
		if c.recorder != nil {
			c.recorder.announce(n)
		}
	case vrrp.Discard:
	}
}

// send puts an advertisement on its way to all others.
func (c *Cluster) send(n *node, m conduct.Moment, a *vrrp.Advertisement) {
	if n.spoken(a.Priority) == nil {
		s := spoken{priority: a.Priority, event: vrrp.Received{Source: n.parameters.PrimaryAddress, Advertisement: *a}}
		if c.options.Codec {
			s.bytes = c.encoded(a, n.parameters.PrimaryAddress)
		}
		n.said = append(n.said, s)
	}
	c.judge.Sent(m, n.index, int(a.Priority))
	if a.Priority > 0 {
		n.renewed = m.Local
	}
	c.statistics.Adverts++
	if c.recorder != nil {
		c.recorder.advert(n, n.index, int(a.Priority), history.FromHost)
	}
	first := n.index - n.host // on this segment
	for to := first; to < first+len(c.options.Routers); to++ {
		if to == n.index {
			continue
		}
		l := &c.links[n.index*len(c.nodes)+to]
		if l.loses() {
			c.statistics.Lost++
			continue
		}
		c.travel(l, n.index, to, a.Priority)
		if l.doubles() {
			c.travel(l, n.index, to, a.Priority)
		}
	}
}

func (c *Cluster) travel(l *link, from, to int, priority uint8) {
	c.number++
	c.flight.push(packet{c.now + l.takes(), c.number, int32(from), int32(to), priority})
}

func (c *Cluster) change(n *node, m conduct.Moment, a vrrp.StateChanged) {
	n.state = a.To
	c.statistics.Transitions++
	if a.To == vrrp.Active {
		c.statistics.Takeovers++
	}
	if c.recorder != nil {
		c.recorder.change(n, a)
	}
	c.judge.Changed(m, n.index, conduct.State(a.To))
}

// hold puts the address on the host or takes it off.
func (c *Cluster) hold(n *node, m conduct.Moment, holds bool) {
	if n.holds == holds {
		return
	}
	n.holds, n.lost = holds, false
	n.renewed = m.Local
	c.owners[n.segment].change(c.now, holds, &c.statistics)
	if c.recorder != nil {
		c.recorder.address(n)
	}
	c.judge.Held(m, n.index, holds)
}

// turn begins or ends the next fault.
func (c *Cluster) turn() {
	b := c.boundaries[0]
	c.boundaries = c.boundaries[1:]
	f := &c.schedule.Faults[b.fault]
	if b.ends {
		c.lift(f)
	} else {
		c.impose(f)
	}
}

// impose begins a fault.
func (c *Cluster) impose(f *Fault) {
	c.active = append(c.active, f)
	c.recorder.links(f, true)
	c.enforce()
	if f.Kind == Lose {
		c.lose(f)
	}
}

// lift ends a fault.
func (c *Cluster) lift(f *Fault) {
	c.active = slices.DeleteFunc(c.active, func(other *Fault) bool { return other == f })
	c.enforce()
	c.recorder.links(f, false)
}
