package transport

import (
	"fmt"
	"net/netip"
	"slices"
)

// Peer is another virtual router that is spoken to in unicast.
type Peer struct {
	Address netip.Addr
	// MinTTL and MaxTTL bound the TTL (or hop limit) of what it sends; a
	// MaxTTL of 0 stands for 255. By default every TTL is good, as with
	// keepalived: a peer may be behind routers. MinTTL 255 asks for the same
	// link.
	MinTTL, MaxTTL uint8
}

// Peers are the other virtual routers of a unicast one.
type Peers []Peer

// Check says, as a *PeerError, what is wrong with a datagram that was sent by
// source and arrived with that TTL.
func (p Peers) Check(source netip.Addr, ttl uint8) error {
	i := slices.IndexFunc(p, func(peer Peer) bool { return peer.Address.WithZone("") == source })
	if i < 0 {
		return &PeerError{Source: source, Detail: fmt.Sprintf("%s is not a peer", source)}
	}
	least, most := p[i].MinTTL, p[i].MaxTTL
	if most == 0 {
		most = TTL
	}
	if ttl < least || ttl > most {
		return &PeerError{Source: source, IsPeer: true, Detail: fmt.Sprintf("TTL %d is not %d to %d", ttl, least, most)}
	}
	return nil
}

// check says what is wrong with the list itself, for sockets of the family of
// source. Nobody to send to is an error, and no reason to use multicast.
func (p Peers) check(source netip.Addr) error {
	if len(p) == 0 {
		return fmt.Errorf("unicast from %s: the list of peers is empty", source)
	}
	for i, peer := range p {
		switch {
		case !isUnicast(peer.Address) || peer.Address.Is4() != source.Is4():
			return fmt.Errorf("unicast from %s: peer %s is not a unicast address of its family", source, peer.Address)
		case peer.MaxTTL != 0 && peer.MaxTTL < peer.MinTTL:
			return fmt.Errorf("unicast from %s: peer %s has TTL %d to %d", source, peer.Address, peer.MinTTL, peer.MaxTTL)
		case slices.ContainsFunc(p[:i], func(other Peer) bool { return other.Address == peer.Address }):
			return fmt.Errorf("unicast from %s: peer %s is there twice", source, peer.Address)
		}
	}
	return nil
}

// isUnicast reports whether one host can have the address, plain IPv4 or IPv6.
func isUnicast(address netip.Addr) bool {
	return address.IsValid() && !address.Is4In6() && !address.IsUnspecified() && !address.IsMulticast() &&
		address != netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// PeerError says why a datagram is not believed to come from a peer.
type PeerError struct {
	Source netip.Addr
	IsPeer bool // the source is right, and the TTL wrong
	Detail string
}

func (e *PeerError) Error() string { return "not from a peer: " + e.Detail }
