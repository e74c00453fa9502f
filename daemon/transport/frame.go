package transport

import (
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	hardwareAddressBytes = 6
	ethernetBytes        = 14
	// arpFrameBytes is an Ethernet header and an ARP packet (RFC 826).
	arpFrameBytes = ethernetBytes + 28

	ipv6HeaderBytes = 40
	// advertisementBytes is a Neighbor Advertisement with one option
	// (RFC 4861 §4.4, §4.6.1).
	advertisementBytes = 24 + 8
	// advertisementFrameBytes has the Ethernet and IPv6 headers too.
	advertisementFrameBytes = ethernetBytes + ipv6HeaderBytes + advertisementBytes
)

// The EtherTypes of announcements.
const (
	ethertypeIPv4 = 0x0800
	ethertypeARP  = 0x0806
	ethertypeIPv6 = 0x86dd
)

// frame is an Ethernet frame that is ready to send.
type frame struct {
	bytes  []byte
	vector unix.Iovec
}

func newFrame(b []byte) *frame {
	f := &frame{bytes: b}
	f.vector.Base = &b[0]
	f.vector.SetLen(len(b))
	return f
}

// ethernet starts a frame.
func ethernet(length int, destination, source net.HardwareAddr, ethertype uint16) []byte {
	b := make([]byte, 0, length)
	b = append(b, destination...)
	b = append(b, source...)
	return binary.BigEndian.AppendUint16(b, ethertype)
}

// gratuitousARP is an ARP request for the sender's own address, to everyone
// (RFC 5227 §3). The target hardware address, which has no meaning in a
// request, is all ones as in keepalived's announcements.
func gratuitousARP(hardware net.HardwareAddr, address netip.Addr) []byte {
	const (
		hardwareEthernet = 1
		request          = 1
	)
	everyone := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	ip := address.As4()
	b := ethernet(arpFrameBytes, everyone, hardware, ethertypeARP)
	b = binary.BigEndian.AppendUint16(b, hardwareEthernet)
	b = binary.BigEndian.AppendUint16(b, ethertypeIPv4)
	b = append(b, hardwareAddressBytes, byte(len(ip)))
	b = binary.BigEndian.AppendUint16(b, request)
	b = append(b, hardware...)
	b = append(b, ip[:]...)
	b = append(b, everyone...)
	return append(b, ip[:]...)
}

// unsolicitedAdvertisement is a Neighbor Advertisement from the address
// itself to all nodes of the link, with the flag that has them overwrite what
// they know (RFC 4861 §7.2.6, RFC 9568 §6.4.2). The receiver believes it only
// with hop limit 255 (§7.1.2).
//
// RFC 9568 §6.4.2 also wants the address's solicited-node group joined: the
// kernel does that when the address is set on the interface.
func unsolicitedAdvertisement(hardware net.HardwareAddr, address netip.Addr, router bool) []byte {
	const (
		neighborAdvertisement = 136
		flagRouter            = 0x80
		flagOverride          = 0x20
		targetLinkLayer       = 2
	)
	allNodes := net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1} // RFC 2464 §7
	source := address.As16()
	destination := [16]byte{0: 0xff, 1: 0x02, 15: 0x01}

	b := ethernet(advertisementFrameBytes, allNodes, hardware, ethertypeIPv6)
	b = append(b, 6<<4, 0, 0, 0)
	b = binary.BigEndian.AppendUint16(b, advertisementBytes)
	b = append(b, unix.IPPROTO_ICMPV6, TTL)
	b = append(b, source[:]...)
	b = append(b, destination[:]...)

	flags := byte(flagOverride)
	if router {
		flags |= flagRouter
	}
	b = append(b, neighborAdvertisement, 0, 0, 0, flags, 0, 0, 0)
	b = append(b, source[:]...)
	b = append(b, targetLinkLayer, 1)
	b = append(b, hardware...)
	message := b[ethernetBytes+ipv6HeaderBytes:]
	binary.BigEndian.PutUint16(message[2:], checksumICMPv6(source, destination, message))
	return b
}

// checksumICMPv6 is the checksum of a message of even length with a zero in
// its place (RFC 4443 §2.3, RFC 8200 §8.1).
func checksumICMPv6(source, destination [16]byte, message []byte) uint16 {
	sum := uint32(len(message)) + unix.IPPROTO_ICMPV6
	for _, b := range [][]byte{source[:], destination[:], message} {
		for ; len(b) >= 2; b = b[2:] {
			sum += uint32(binary.BigEndian.Uint16(b))
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
