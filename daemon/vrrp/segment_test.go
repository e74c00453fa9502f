package vrrp_test

import (
	"fmt"
	"net/netip"
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
	contract   contract
	running    bool     // has a process
	paused     bool     // the process does not run, its socket still receives
	queue      []packet // received while paused
}

type packet struct {
	from    *node
	payload []byte
}

// beginning is when a segment's virtual time starts.
func beginning() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func newSegment(onActions func(*node, []vrrp.Action)) *segment {
	return &segment{now: beginning(), cuts: map[[2]*node]bool{}, onActions: onActions}
}

// start runs a new process with its router on n.
func (s *segment) start(n *node) error {
	router, err := vrrp.New(n.parameters)
	if err != nil {
		return err
	}
	n.contract = contract{router: router}
	n.running, n.paused, n.queue = true, false, nil
	return s.step(n, vrrp.Startup{})
}

// crash ends the process on n without a word.
func (s *segment) crash(n *node) { n.running = false }

// resume lets n go on: first with what it received meanwhile.
func (s *segment) resume(n *node) error {
	n.paused = false
	queue := n.queue
	n.queue = nil
	for _, p := range queue {
		if err := s.receive(n, p); err != nil {
			return err
		}
		if err := s.deliver(); err != nil {
			return err
		}
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
			if other == p.from || !other.running || s.cuts[[2]*node{p.from, other}] {
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
	a, err := vrrp.Decode(p.payload, p.from.parameters.PrimaryAddress, netip.Addr{})
	if err != nil {
		return err
	}
	return s.perform(n, vrrp.Received{Source: p.from.parameters.PrimaryAddress, Advertisement: a})
}

func (s *segment) perform(n *node, event vrrp.Event) error {
	actions, err := n.contract.step(s.now, event)
	if err != nil {
		return fmt.Errorf("%s after %T: %w", n.name, event, err)
	}
	if len(actions) > 0 {
		s.onActions(n, actions)
	}
	for _, action := range actions {
		if send, ok := action.(vrrp.SendAdvertisement); ok {
			payload, err := vrrp.Encode(send.Advertisement, n.parameters.PrimaryAddress, netip.Addr{})
			if err != nil {
				return err
			}
			s.travel = append(s.travel, packet{from: n, payload: payload})
		}
	}
	return nil
}
