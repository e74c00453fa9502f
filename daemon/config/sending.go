package config

import (
	"math"
	"net/netip"
)

// setSource reads mcast_src_ip and unicast_src_ip, which are one.
func setSource(c *converter, to *instanceDraft, s *Statement) {
	address, ok := c.address(s, s.Keyword(), s.Arguments()[0])
	if ok && c.family(to, s, address.Is6(), s.Keyword()+" "+address.String()) {
		to.Source = address
	}
}

func setGroup(c *converter, to *instanceDraft, s *Statement) {
	var address netip.Addr
	c.group(s, isIPv6(s.Arguments()[0]), &address)
	if address.IsValid() && c.family(to, s, address.Is6(), "mcast_dst_ip "+address.String()) {
		to.Group = address
	}
}

func isIPv6(word string) bool {
	address, err := netip.ParseAddr(word)
	return err == nil && address.Is6()
}

// group reads the address of a multicast group; of IPv6, a link-local one.
func (c *converter) group(s *Statement, ipv6 bool, to *netip.Addr) {
	word := s.Arguments()[0]
	address, err := netip.ParseAddr(word)
	switch {
	case err != nil || address.Zone() != "" || address.Is6() != ipv6:
		c.fail(s.Position, "%s %q is not an %s address", s.Keyword(), word, familyName(ipv6))
	case !address.IsMulticast():
		c.fail(s.Position, "%s %s is not a multicast group", s.Keyword(), word)
	case ipv6 && !address.IsLinkLocalMulticast():
		c.fail(s.Position, "%s %s is not a link-local group", s.Keyword(), word)
	default:
		*to = address
	}
}

// addPeers reads lines of ADDRESS [min_ttl N] [max_ttl N].
func addPeers(c *converter, to *instanceDraft, s *Statement) {
	entries := c.lines(s.Block)
	if len(entries) == 0 {
		c.failWithHint(s.Position, "keepalived would use multicast", "unicast_peer is empty")
	}
	if len(to.UnicastPeers) > maxListed {
		c.fail(s.Position, "more than %d peers", maxListed)
		return
	}
	known := map[netip.Addr]Position{}
	for _, other := range to.UnicastPeers {
		known[other.Address] = other.Position
	}
	for _, entry := range entries {
		peer, ok := unicastPeer(c, entry)
		if !ok || !c.family(to, entry, peer.Address.Is6(), "unicast_peer "+peer.Address.String()) {
			continue
		}
		if earlier, twice := known[peer.Address]; twice {
			c.note(entry.Position, "", "unicast_peer %s is on %s already", peer.Address, entry.Position.lineOf(earlier))
			continue
		}
		known[peer.Address] = peer.Position
		to.UnicastPeers = append(to.UnicastPeers, peer)
		if len(entry.Words) > 1 {
			to.CheckUnicastSource = true
		}
	}
}

func unicastPeer(c *converter, s *Statement) (UnicastPeer, bool) {
	peer := UnicastPeer{MaxTTL: math.MaxUint8, Position: s.Position}
	if s.Block != nil {
		c.fail(s.Position, "unexpected block after %q", s.Raw)
		return peer, false
	}
	var ok bool
	if peer.Address, ok = c.address(s, "unicast_peer", s.Words[0]); !ok {
		return peer, false
	}
	for words := s.Arguments(); len(words) > 0; words = words[2:] {
		option := words[0]
		limits := map[string]*uint8{"min_ttl": &peer.MinTTL, "max_ttl": &peer.MaxTTL}
		limit := limits[option]
		switch {
		case limit == nil:
			c.failWithHint(s.Position, "the form is: ADDRESS [min_ttl N] [max_ttl N]", "unexpected %q after a peer", option)
			return peer, false
		case len(words) < 2:
			c.fail(s.Position, "%s lacks its value", option)
			return peer, false
		}
		value, ok := c.integer(s, option, words[1], 0, math.MaxUint8)
		if !ok {
			return peer, false
		}
		*limit = uint8(value)
	}
	if peer.MinTTL > peer.MaxTTL {
		c.fail(s.Position, "min_ttl %d is above max_ttl %d", peer.MinTTL, peer.MaxTTL)
	}
	return peer, true
}

// checkOldChecksum refuses the checksum of keepalived before 1.3.6.
func checkOldChecksum(c *converter, _ *instanceDraft, s *Statement) {
	if len(s.Arguments()) == 0 {
		c.fail(s.Position, "old_unicast_checksum is not implemented")
	} else if s.Arguments()[0] != "never" {
		c.fail(s.Position, "unexpected %q after old_unicast_checksum", s.Arguments()[0])
	}
}

// finishSending tells unicast from multicast. Where keepalived falls back from
// one to the other, this is a fault: two routers would be Active.
func (c *converter) finishSending(draft *instanceDraft) {
	if draft.isUnicast() {
		c.finishUnicast(draft)
	} else {
		c.finishMulticast(draft)
	}
	if draft.TrackSource && !draft.Source.IsValid() {
		draft.TrackSource = false
		c.note(draft.found["track_src_ip"], "", "track_src_ip has no effect without mcast_src_ip or unicast_src_ip")
	}
}

func (c *converter) finishUnicast(draft *instanceDraft) {
	at := draft.found["unicast_peer"]
	if draft.Group.IsValid() {
		draft.Group = netip.Addr{}
		c.warn(draft.found["mcast_dst_ip"], "mcast_dst_ip has no effect with unicast_peer")
	}
	if draft.Strict {
		c.fail(at, "unicast_peer is not allowed with strict_mode on %s", at.lineOf(draft.strictAt()))
	}
	for _, peer := range draft.UnicastPeers {
		if peer.Address == draft.Source {
			c.note(peer.Position, "", "unicast_peer %s is this router itself", peer.Address)
		}
	}
}

func (c *converter) finishMulticast(draft *instanceDraft) {
	for _, name := range []string{"unicast_src_ip", "unicast_ttl", "check_unicast_src", "old_unicast_checksum"} {
		if at, ok := draft.found[name]; ok {
			c.failWithHint(at, "keepalived would use multicast", "%s without unicast_peer", name)
		}
	}
	if at, ok := draft.found["unicast_fault_no_peer"]; ok {
		c.failWithHint(at, "the router could never start", "unicast_fault_no_peer without unicast_peer")
	}
	if !draft.Group.IsValid() {
		draft.Group = c.defaults.group4
		if draft.IPv6 {
			draft.Group = c.defaults.group6
		}
	}
	if at, ok := draft.found["mcast_src_ip"]; ok && draft.IPv6 && draft.Source.IsValid() && !draft.Source.IsLinkLocalUnicast() {
		c.note(at, "", "mcast_src_ip %s is not link-local, as RFC 9568 section 5.1.2.1 has it", draft.Source)
	}
}
