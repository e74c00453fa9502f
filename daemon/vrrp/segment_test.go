package vrrp_test

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/vrrp"
)

// segment is a simulated link: virtual time, and routers whose advertisements
// arrive at once and in order, through the codec.
type segment struct {
	now       time.Time
	nodes     []*node
	cuts      map[[2]*node]bool
	travel    []packet
	onActions func(*node, []vrrp.Action)
}

// node is one router's place on the segment.
type node struct {
	name       string
	parameters vrrp.Parameters
	group      *group // nil: alone
	contract   contract
	running    bool     // has a process
	paused     bool     // the process does not run, its socket still receives
	queue      []packet // received while paused
}

// group is a sync group of one process. Its members are on one segment here,
// with different VRIDs; cuts between the nodes stand for different segments.
type group struct {
	name    string
	members []*node
	machine *vrrp.Group
}

type packet struct {
	from    *node
	payload []byte
}

// beginning is when a segment's virtual time starts.
func beginning() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// multicast is where the advertisements of a source go.
func multicast(source netip.Addr) netip.Addr {
	if source.Is4() {
		return netip.AddrFrom4([4]byte{224, 0, 0, 18})
	}
	return netip.MustParseAddr("ff02::12")
}

func newSegment(onActions func(*node, []vrrp.Action)) *segment {
	return &segment{now: beginning(), cuts: map[[2]*node]bool{}, onActions: onActions}
}

// start runs a new process with its router on n, or those of n's group.
func (s *segment) start(n *node) error {
	nodes := []*node{n}
	if n.group != nil {
		nodes = n.group.members
	}
	var routers []*vrrp.VirtualRouter
	for _, n := range nodes {
		router, err := vrrp.New(n.parameters)
		if err != nil {
			return err
		}
		routers = append(routers, router)
		n.contract = contract{router: router, grouped: n.group != nil}
		n.running, n.paused, n.queue = true, false, nil
	}
	if n.group != nil {
		machine, err := vrrp.NewGroup(routers...)
		if err != nil {
			return err
		}
		n.group.machine = machine
	}
	for _, n := range nodes {
		if err := s.step(n, vrrp.Startup{}); err != nil {
			return err
		}
	}
	return nil
}

// crash ends the process on n without a word.
func (s *segment) crash(n *node) { s.ofProcess(n, func(n *node) { n.running = false }) }

// pause stops the process on n for a while.
func (s *segment) pause(n *node) { s.ofProcess(n, func(n *node) { n.paused = true }) }

// ofProcess does f for all routers of n's process.
func (s *segment) ofProcess(n *node, f func(*node)) {
	if n.group == nil {
		f(n)
		return
	}
	for _, member := range n.group.members {
		f(member)
	}
}

// resume lets n go on: first with what it received meanwhile.
func (s *segment) resume(n *node) error {
	var failed error
	s.ofProcess(n, func(n *node) { n.paused = false })
	s.ofProcess(n, func(n *node) {
		queue := n.queue
		n.queue = nil
		for _, p := range queue {
			if failed == nil {
				failed = s.receive(n, p)
			}
			if failed == nil {
				failed = s.deliver()
			}
		}
	})
	if failed != nil {
		return failed
	}
	return s.advance(0)
}

// cut keeps what from sends from to.
func (s *segment) cut(from, to *node) { s.cuts[[2]*node{from, to}] = true }

func (s *segment) heal() { clear(s.cuts) }

// advance lets the time pass, and every deadline in it come in order.
func (s *segment) advance(d time.Duration) error {
	end := s.now.Add(d)
	for {
		n, deadline := s.next()
		if n == nil || deadline.After(end) {
			s.now = end
			return nil
		}
		if deadline.After(s.now) {
			s.now = deadline
		}
		if err := s.step(n, vrrp.TimerExpired{}); err != nil {
			return err
		}
	}
}

// next is the node with the earliest deadline, or nil.
func (s *segment) next() (first *node, earliest time.Time) {
	for _, n := range s.nodes {
		if !n.running || n.paused {
			continue
		}
		deadline, ok := n.contract.router.Deadline()
		if ok && (first == nil || deadline.Before(earliest)) {
			first, earliest = n, deadline
		}
	}
	return first, earliest
}

// step tells n of the event, and the others of what n sends.
func (s *segment) step(n *node, event vrrp.Event) error {
	if err := s.perform(n, event); err != nil {
		return err
	}
	return s.deliver()
}

// deliver takes all packets to whoever hears them, answers included.
func (s *segment) deliver() error {
	for sent := 0; len(s.travel) > 0; sent++ {
		if sent > 1000 {
			return fmt.Errorf("an endless exchange at %s", s.now)
		}
		p := s.travel[0]
		s.travel = s.travel[1:]
		for _, other := range s.nodes {
			if other == p.from || !other.running || s.cuts[[2]*node{p.from, other}] ||
				other.parameters.VRID != p.from.parameters.VRID {
				continue
			}
			if other.paused {
				other.queue = append(other.queue, p)
				continue
			}
			if err := s.receive(other, p); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *segment) receive(n *node, p packet) error {
	source := p.from.parameters.PrimaryAddress
	a, err := vrrp.Decode(p.payload, source, multicast(source))
	if err != nil {
		return err
	}
	return s.perform(n, vrrp.Received{Source: source, Advertisement: a})
}

// perform steps n's machine, or its group's.
func (s *segment) perform(n *node, event vrrp.Event) error {
	if n.group != nil {
		return s.performGroup(n, event)
	}
	actions, err := n.contract.step(s.now, event)
	if err != nil {
		return fmt.Errorf("%s after %T: %w", n.name, event, err)
	}
	return s.done(n, actions)
}

func (s *segment) performGroup(n *node, event vrrp.Event) error {
	members := n.group.members
	for _, member := range members {
		member.contract.before()
	}
	steps := n.group.machine.Step(s.now, slices.Index(members, n), event)
	if err := checkGroup(n.group.machine, steps); err != nil {
		return fmt.Errorf("%s after %T of %s: %w", n.group.name, event, n.name, err)
	}
	for i, member := range members {
		var actions []vrrp.Action
		for _, step := range steps {
			if step.Member == i {
				actions = append(actions, step.Action)
			}
		}
		its := event
		if _, expired := event.(vrrp.TimerExpired); !expired && member != n {
			its = nil
		}
		if err := member.contract.after(s.now, its, actions); err != nil {
			return fmt.Errorf("%s after %T of %s: %w", member.name, event, n.name, err)
		}
	}
	for _, step := range steps {
		if err := s.done(members[step.Member], []vrrp.Action{step.Action}); err != nil {
			return err
		}
	}
	return nil
}

// checkGroup holds what a group promises of every step.
func checkGroup(g *vrrp.Group, steps []vrrp.MemberAction) error {
	actives := 0
	for _, r := range g.Members() {
		if r.State() == vrrp.Active {
			actives++
		}
	}
	if actives != 0 && actives != len(g.Members()) {
		return fmt.Errorf("%d of %d members are Active", actives, len(g.Members()))
	}
	others := false
	for _, step := range steps {
		_, sends := step.Action.(vrrp.SendAdvertisement)
		if sends && others {
			return fmt.Errorf("an advertisement is not first in %v", steps)
		}
		others = others || !sends
	}
	return nil
}

// done sees to what n does.
func (s *segment) done(n *node, actions []vrrp.Action) error {
	if len(actions) > 0 {
		s.onActions(n, actions)
	}
	for _, action := range actions {
		if send, ok := action.(vrrp.SendAdvertisement); ok {
			source := n.parameters.PrimaryAddress
			payload, err := vrrp.Encode(send.Advertisement, source, multicast(source))
			if err != nil {
				return err
			}
			s.travel = append(s.travel, packet{from: n, payload: payload})
		}
	}
	return nil
}
