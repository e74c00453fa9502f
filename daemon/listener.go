package daemon

import (
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// way is how the advertisements of an instance travel on an interface. Those
// of the same way share a listener.
type way struct {
	is6     bool
	isAH    bool // in IP's Authentication Header
	unicast bool
	ttl     uint8      // of unicast
	source  netip.Addr // configured; zero: the interface's primary address
	group   netip.Addr // of multicast: configured; zero: VRRP's own
	// base is the interface whose primary address is the source, if it is
	// another: that of a virtual router MAC. through is the one that sends.
	base, through *attachment
}

// listener is one socket for advertisements on one interface.
type listener struct {
	way
	on     *attachment
	conn   conn       // nil until there is a primary address
	source netip.Addr // the primary address while conn is open
	opened path       // as conn was opened

	instances []*instance
	byVRID    [256]*instance
	// readable says that packets have arrived since they were last taken.
	readable atomic.Bool
}

func (s *listener) add(i *instance) {
	s.instances = append(s.instances, i)
	s.byVRID[i.config.VRID] = i
}

// primary is the address that advertisements are sent from, of those the
// interface has now.
func (s *listener) primary() (netip.Addr, bool) {
	if s.way.source.IsValid() {
		return s.way.source, true
	}
	return s.addressed().primary(s.is6, s.is6 && !s.unicast)
}

// addressed is the interface that has the source.
func (s *listener) addressed() *attachment {
	if s.base != nil {
		return s.base
	}
	return s.on
}

// hasSource reports whether the configured source is on its interface.
func (s *listener) hasSource() bool {
	return !s.way.source.IsValid() || s.addressed().hasAddress(s.way.source)
}

// listen opens the socket of an interface that is there, unless it is open, and
// follows its primary address.
func (l *loop) listen(now time.Time, s *listener) error {
	if s.through != nil && s.through.link.Index == 0 {
		s.close()
		return nil
	}
	primary, found := s.primary()
	switch {
	case !found:
		l.abandon(now, s, "no primary address on interface "+s.addressed().name)
		s.close()
		return nil
	case s.conn != nil && primary == s.source:
		return nil
	case s.conn != nil:
		return l.changeSource(now, s, primary)
	}
	p := s.path(primary)
	c, err := l.network.listen(p, func() { l.notify(s) })
	if err != nil {
		return err
	}
	s.conn, s.source, s.opened = c, primary, p
	return nil
}

// path is the way, as the network needs it.
func (s *listener) path(source netip.Addr) path {
	p := path{receive: s.on.link, send: s.on.link, way: s.way}
	p.source = source
	if s.through != nil {
		p.send = s.through.link
	}
	if s.base != nil && !s.unicast {
		p.report = s.base.link
	}
	for _, i := range s.instances {
		if !s.is6 && !s.unicast && !i.isOwner() {
			p.own = append(p.own, i.ownable()...)
		}
		for _, peer := range i.peers {
			known := func(other transport.Peer) bool { return other.Address == peer.Address }
			if !slices.ContainsFunc(p.peers, known) {
				p.peers = append(p.peers, transport.Peer{Address: peer.Address})
			}
		}
	}
	return p
}

// sendIndex is the interface that its packets leave by.
func (s *listener) sendIndex() int {
	if s.through != nil {
		return s.through.link.Index
	}
	return s.on.link.Index
}

func (s *listener) close() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

// changeSource moves all that advertise here to another primary address.
func (l *loop) changeSource(now time.Time, s *listener, primary netip.Addr) error {
	l.abandon(now, s, "primary address of "+s.addressed().name+" changed")
	if err := s.conn.SetSource(primary); err != nil {
		return err
	}
	s.source = primary
	return nil
}

// abandon takes all that advertise here to Initialize. An Active says priority
// 0 once more from the address that it has had.
func (l *loop) abandon(now time.Time, s *listener, reason string) {
	for _, i := range s.instances {
		if i.unit.started {
			l.shutdown(now, i, reason)
		}
	}
}

// destinations are whom the instance's advertisements go to: the group, or its
// peers.
func (i *instance) destinations() []netip.Addr {
	s := i.listener
	switch {
	case s.unicast:
		all := make([]netip.Addr, len(i.peers))
		for n, peer := range i.peers {
			all[n] = peer.Address
		}
		return all
	case s.group.IsValid():
		return []netip.Addr{s.group}
	case s.is6:
		return []netip.Addr{transport.GroupIPv6()}
	}
	return []netip.Addr{transport.Group()}
}

// ttl is what its packets leave with.
func (s *listener) ttl() uint8 {
	if s.unicast && s.way.ttl != 0 {
		return s.way.ttl
	}
	return transport.TTL
}

// send encodes, seals and sends an advertisement: to the group, or to each
// peer.
func (i *instance) send(now time.Time, a vrrp.Advertisement) error {
	s := i.listener
	if s.conn == nil {
		return fmt.Errorf("send on %s: not open", s.on.name)
	}
	var failed error
	for _, destination := range i.to {
		payload, err := vrrp.Append(i.buffer[:0], a, s.source, destination)
		if err == nil {
			i.buffer = payload
			payload, err = i.seal.close(now, s.source, destination, s.ttl(), payload)
		}
		if err == nil {
			err = s.conn.SendTo(destination, payload)
		}
		if err != nil && failed == nil {
			failed = err
		}
	}
	return failed
}
