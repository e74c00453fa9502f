//go:build linux

package probe

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

// Neighbor Discovery: RFC 4861, sections 4.3, 4.4 and 4.6.1.
const (
	icmp6NeighborSolicitation  = 135
	icmp6NeighborAdvertisement = 136

	ndLength       = 24 // up to the options
	ndSolicited    = 0x40
	ndOverride     = 0x20
	ndSourceMAC    = 1 // option types
	ndTargetMAC    = 2
	ndOptionLength = 8 // with an Ethernet address
)

// neighborAdvertisement is one as it was read.
type neighborAdvertisement struct {
	history.NA
	solicited   bool
	destination netip.Addr
}

// decodeNA reads a Neighbor Advertisement from an IPv6 packet. It is false for
// anything else and for what is too short; what is wrong otherwise stands in
// Problem.
func decodeNA(packet []byte) (neighborAdvertisement, bool) {
	if len(packet) < ipv6Header+ndLength || packet[0]>>4 != 6 ||
		packet[6] != unix.IPPROTO_ICMPV6 || packet[ipv6Header] != icmp6NeighborAdvertisement {
		return neighborAdvertisement{}, false
	}
	source := netip.AddrFrom16([16]byte(packet[8:24]))
	message := packet[ipv6Header:min(len(packet), ipv6Header+int(binary.BigEndian.Uint16(packet[4:])))]
	if len(message) < ndLength {
		return neighborAdvertisement{}, false
	}
	na := neighborAdvertisement{
		NA: history.NA{
			Target:   netip.AddrFrom16([16]byte(message[8:24])),
			Override: message[4]&ndOverride != 0,
		},
		solicited:   message[4]&ndSolicited != 0,
		destination: netip.AddrFrom16([16]byte(packet[24:40])),
	}
	switch {
	case packet[7] != 255:
		na.Problem = "hop limit"
	case checksum(pseudoHeader(source, na.destination, unix.IPPROTO_ICMPV6, len(message)), message) != 0:
		na.Problem = "checksum"
	}
	for options := message[ndLength:]; len(options) >= ndOptionLength; {
		length := int(options[1]) * 8
		if length == 0 || length > len(options) {
			na.Problem = "options"
			break
		}
		if options[0] == ndTargetMAC && length == ndOptionLength {
			na.TargetMAC = net.HardwareAddr(options[2:8]).String()
		}
		options = options[length:]
	}
	return na, true
}

// solicitation is an Ethernet frame with a multicast Neighbor Solicitation for
// target. It comes from the link-local address made of the sender's MAC, and
// names it: to one from the unspecified address the owner would answer all
// nodes, who would take that for an announcement.
func solicitation(sender [6]byte, target netip.Addr) []byte {
	source, group := linkLocal(sender), solicitedNode(target)
	message := make([]byte, ndLength-16, ndLength+ndOptionLength)
	message[0] = icmp6NeighborSolicitation
	message = append(message, target.AsSlice()...)
	message = append(message, ndSourceMAC, 1)
	message = append(message, sender[:]...)
	sum := checksum(pseudoHeader(source, group, unix.IPPROTO_ICMPV6, len(message)), message)
	binary.BigEndian.PutUint16(message[2:], sum)

	to := group.As16()
	frame := append([]byte{0x33, 0x33}, to[12:]...) // RFC 2464, section 7
	frame = append(frame, sender[:]...)
	frame = binary.BigEndian.AppendUint16(frame, unix.ETH_P_IPV6)
	frame = append(frame, 6<<4, 0, 0, 0, 0, byte(len(message)), unix.IPPROTO_ICMPV6, 255)
	frame = append(frame, source.AsSlice()...)
	frame = append(frame, to[:]...)
	return append(frame, message...)
}

// linkLocal is the link-local address made of a MAC address: RFC 4291,
// appendix A.
func linkLocal(mac [6]byte) netip.Addr {
	return netip.AddrFrom16([16]byte{
		0xfe, 0x80, 8: mac[0] ^ 2, mac[1], mac[2], 0xff, 0xfe, mac[3], mac[4], mac[5],
	})
}

// solicitedNode is the group that an address belongs to: RFC 4291, section
// 2.7.1.
func solicitedNode(a netip.Addr) netip.Addr {
	bytes := a.As16()
	return netip.AddrFrom16([16]byte{0xff, 0x02, 11: 1, 0xff, bytes[13], bytes[14], bytes[15]})
}
