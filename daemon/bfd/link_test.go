package bfd_test

import (
	"errors"
	"fmt"
	"time"

	"takeover/daemon/bfd"
)

// link is a simulated link between two systems: virtual time, and packets that
// arrive in order after a delay, through the codec.
type link struct {
	now       time.Time
	delay     time.Duration
	nodes     [2]*node
	travel    []flight
	onActions func(*node, []bfd.Action)
}

// node is one end of a link.
type node struct {
	name       string
	parameters bfd.Parameters
	session    *bfd.Session
	running    bool // has a process
	paused     bool // the process does not run, its socket still receives
	cut        bool // what it sends does not arrive
	drop       int  // so many of its packets are lost
	queue      [][]byte
}

// flight is a packet on its way.
type flight struct {
	to      *node
	arrives time.Time
	payload []byte
}

// beginning is when a link's virtual time starts.
func beginning() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func newLink(onActions func(*node, []bfd.Action)) *link {
	return &link{now: beginning(), delay: time.Millisecond, onActions: onActions}
}

// start runs a new process with its session on n, of another discriminator
// than before.
func (l *link) start(n *node) error {
	n.parameters.Discriminator += 0x10
	session, err := bfd.New(n.parameters)
	if err != nil {
		return err
	}
	n.session, n.running, n.paused, n.queue = session, true, false, nil
	return l.step(n, bfd.Startup{})
}

// crash ends the process on n without a word.
func (l *link) crash(n *node) { n.running = false }

// resume lets n go on: first with what it received meanwhile.
func (l *link) resume(n *node) error {
	n.paused = false
	for _, payload := range n.queue {
		if err := l.receive(n, payload); err != nil {
			return err
		}
	}
	n.queue = nil
	return l.advance(0)
}

func (l *link) heal() {
	for _, n := range l.nodes {
		n.cut, n.drop = false, 0
	}
}

// peer is the other end.
func (l *link) peer(n *node) *node {
	if l.nodes[0] == n {
		return l.nodes[1]
	}
	return l.nodes[0]
}

// advance lets the time pass, and every arrival and deadline in it come in
// order; at the same time arrivals go first.
func (l *link) advance(d time.Duration) error {
	end := l.now.Add(d)
	for steps := 0; ; steps++ {
		if steps > 1_000_000 {
			return errors.New("time does not pass")
		}
		n, deadline := l.next()
		arrives := len(l.travel) > 0 && (n == nil || !deadline.Before(l.travel[0].arrives))
		if arrives {
			deadline = l.travel[0].arrives
		}
		if !arrives && n == nil || deadline.After(end) {
			l.now = end
			return nil
		}
		if deadline.After(l.now) {
			l.now = deadline
		}
		if err := l.happen(n, arrives); err != nil {
			return err
		}
	}
}

// happen is the next arrival, or n's deadline.
func (l *link) happen(n *node, arrives bool) error {
	if !arrives {
		return l.step(n, bfd.TimerExpired{})
	}
	f := l.travel[0]
	l.travel = l.travel[1:]
	switch {
	case !f.to.running:
		return nil
	case f.to.paused:
		f.to.queue = append(f.to.queue, f.payload)
		return nil
	}
	return l.receive(f.to, f.payload)
}

// next is the node with the earliest deadline, or nil.
func (l *link) next() (first *node, earliest time.Time) {
	for _, n := range l.nodes {
		if n == nil || !n.running || n.paused {
			continue
		}
		deadline, ok := n.session.Deadline()
		if ok && (first == nil || deadline.Before(earliest)) {
			first, earliest = n, deadline
		}
	}
	return first, earliest
}

func (l *link) receive(n *node, payload []byte) error {
	p, err := bfd.Decode(payload)
	if err != nil {
		return err
	}
	if err := l.step(n, bfd.Received{Packet: p}); err != nil {
		return err
	}
	if p.State == bfd.AdminDown && n.session.State() == bfd.Up {
		return fmt.Errorf("%s is Up although its neighbor is AdminDown", n.name)
	}
	return nil
}

// step tells n of the event, holds it to its contract, and sends what it
// sends.
func (l *link) step(n *node, event bfd.Event) error {
	before := n.session.State()
	actions := n.session.Step(l.now, event)
	if err := l.check(n, before, actions); err != nil {
		return fmt.Errorf("%s after %T: %w", n.name, event, err)
	}
	if len(actions) > 0 {
		l.onActions(n, actions)
	}
	for _, action := range actions {
		send, ok := action.(bfd.Send)
		if !ok || n.cut {
			continue
		}
		if n.drop > 0 {
			n.drop--
			continue
		}
		l.travel = append(l.travel, flight{
			to: l.peer(n), arrives: l.now.Add(l.delay), payload: bfd.Append(nil, *send.Packet),
		})
	}
	return nil
}

// check is what a session promises whatever happens.
func (l *link) check(n *node, before bfd.State, actions []bfd.Action) error {
	state := before
	for i, action := range actions {
		switch a := action.(type) {
		case bfd.Send:
			if err := checkSend(n, a.Packet); err != nil {
				return err
			}
			if i != 0 {
				return errors.New("a Send is not the first action")
			}
		case bfd.StateChanged:
			if a.From != state || a.To == state || a.Reason == "" {
				return fmt.Errorf("changed from %s to %s while %s, because %q", a.From, a.To, state, a.Reason)
			}
			state = a.To
		case bfd.Discard:
		}
	}
	if state != n.session.State() {
		return fmt.Errorf("state %s, told was %s", n.session.State(), state)
	}
	if deadline, ok := n.session.Deadline(); ok && deadline.After(l.now.Add(24*time.Hour)) {
		return fmt.Errorf("deadline %s", deadline)
	}
	return nil
}

func checkSend(n *node, p *bfd.Packet) error {
	switch {
	case p.Poll && p.Final:
		return errors.New("sends Poll and Final")
	case p.State != n.session.State():
		return fmt.Errorf("sends %s in %s", p.State, n.session.State())
	case p.State != bfd.Up && p.DesiredMinTx < time.Second:
		return fmt.Errorf("wants to send every %s in %s", p.DesiredMinTx, p.State)
	case p.MyDiscriminator != n.parameters.Discriminator:
		return fmt.Errorf("sends discriminator %#x", p.MyDiscriminator)
	case p.YourDiscriminator == 0 && p.State != bfd.Down && p.State != bfd.AdminDown:
		return fmt.Errorf("sends your discriminator 0 in %s", p.State)
	}
	return nil
}
