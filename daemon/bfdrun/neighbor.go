package bfdrun

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/bfd"
	"takeover/daemon/transport"
)

// Neighbor is a configured session.
type Neighbor struct {
	Name string // not empty, and different from others
	// Local is the source address; the zero value lets the kernel choose.
	Local netip.Addr
	// Remote is the neighbor's address. The zone of a link-local one stands
	// for Interface.
	Remote netip.Addr
	// Interface is the only one that packets leave and come in by; empty for
	// any. It need not be there when Run starts.
	Interface string
	Multihop  bool // RFC 5883
	// TTL is the TTL or hop limit sent, and expected; 0 stands for 255. A
	// packet received must have at least TTL - MaxHops: with one hop and the
	// default, only a sender on the link can give it that (RFC 5881 §5).
	TTL, MaxHops uint8

	// See bfd.Parameters.
	DesiredMinTx, RequiredMinRx time.Duration
	IdleTx                      time.Duration
	Multiplier                  uint8
	Passive                     bool
}

// neighbor is a session and what it needs.
type neighbor struct {
	name string
	as   Neighbor // as configured

	discriminator uint32

	path    transport.BFDPath
	leastIn uint8 // the least TTL received
	session *bfd.Session
	sender  *transport.BFDSender // nil while it cannot be opened
	retry   time.Time            // when it may be opened again
	failing bool                 // the last packet was not sent

	deadline time.Time // as the queue has it; zero without one
	place    int       // in the queue
}

// newNeighbor builds the session, not started yet.
func newNeighbor(c Neighbor, discriminator uint32) (*neighbor, error) {
	if c.Name == "" {
		return nil, errors.New("BFD neighbor without a name")
	}
	n := &neighbor{name: c.Name, as: c, discriminator: discriminator, path: transport.BFDPath{
		Local:     c.Local.Unmap().WithZone(""),
		Remote:    c.Remote.Unmap().WithZone(""),
		Interface: c.Interface,
		Multihop:  c.Multihop,
		TTL:       c.TTL,
	}}
	if n.path.Interface == "" {
		n.path.Interface = c.Remote.Zone()
	}
	if n.path.TTL == 0 {
		n.path.TTL = transport.BFDTTL
	}
	n.leastIn = n.path.TTL - min(n.path.TTL, c.MaxHops)
	if err := n.check(); err != nil {
		return nil, fmt.Errorf("BFD neighbor %s: %w", c.Name, err)
	}
	var err error
	n.session, err = bfd.New(bfd.Parameters{
		Discriminator: discriminator,
		DesiredMinTx:  c.DesiredMinTx,
		RequiredMinRx: c.RequiredMinRx,
		IdleTx:        c.IdleTx,
		Multiplier:    c.Multiplier,
		Passive:       c.Passive,
		Seed:          rand.Uint64(),
	})
	if err != nil {
		return nil, fmt.Errorf("BFD neighbor %s: %w", c.Name, err)
	}
	return n, nil
}

// check says what is wrong with the path.
func (n *neighbor) check() error {
	p := &n.path
	switch {
	case !p.Remote.IsValid() || p.Remote.IsUnspecified() || p.Remote.IsMulticast():
		return fmt.Errorf("%s is no unicast address", p.Remote)
	case p.Local.IsValid() && p.Local.Is4() != p.Remote.Is4():
		return fmt.Errorf("source %s and neighbor %s are of different families", p.Local, p.Remote)
	case p.Remote.Is6() && p.Remote.IsLinkLocalUnicast() && p.Interface == "":
		return fmt.Errorf("link-local address %s without an interface", p.Remote)
	}
	return nil
}

// clashes reports whether a first packet could be for either.
func (n *neighbor) clashes(other *neighbor) bool {
	same := func(a, b netip.Addr) bool { return a == b || !a.IsValid() || !b.IsValid() }
	return n.path.Multihop == other.path.Multihop && n.path.Remote == other.path.Remote &&
		same(n.path.Local, other.path.Local) &&
		(n.path.Interface == other.path.Interface || n.path.Interface == "" || other.path.Interface == "")
}

// newNeighbors builds the sessions, by their discriminators. Those of former
// that are configured in the same way are among them.
func newNeighbors(configured []Neighbor, former []*neighbor) ([]*neighbor, map[uint32]*neighbor, error) {
	byDiscriminator := make(map[uint32]*neighbor, len(configured))
	for _, n := range former {
		byDiscriminator[n.discriminator] = n
	}
	neighbors := make([]*neighbor, 0, len(configured))
	for _, c := range configured {
		n := likeOf(c, former)
		if n == nil {
			discriminator := rand.Uint32()
			for discriminator == 0 || byDiscriminator[discriminator] != nil {
				discriminator = rand.Uint32()
			}
			var err error
			if n, err = newNeighbor(c, discriminator); err != nil {
				return nil, nil, err
			}
			byDiscriminator[discriminator] = n
		}
		for _, other := range neighbors {
			if n.name == other.name {
				return nil, nil, fmt.Errorf("BFD neighbor %s is there twice", n.name)
			}
			if n.clashes(other) {
				return nil, nil, fmt.Errorf("BFD neighbors %s and %s are both at %s", other.name, n.name, n.path.Remote)
			}
		}
		neighbors = append(neighbors, n)
	}
	for discriminator, n := range byDiscriminator {
		if !slices.Contains(neighbors, n) {
			delete(byDiscriminator, discriminator)
		}
	}
	return neighbors, byDiscriminator, nil
}

// likeOf is the session that is configured in the same way, but for the
// intervals, which may change; nil when none is.
func likeOf(c Neighbor, among []*neighbor) *neighbor {
	n := slices.IndexFunc(among, func(n *neighbor) bool {
		as := n.as
		as.DesiredMinTx, as.RequiredMinRx = c.DesiredMinTx, c.RequiredMinRx
		return as == c
	})
	if n < 0 {
		return nil
	}
	return among[n]
}
