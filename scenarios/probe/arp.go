//go:build linux

package probe

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

// Operations of RFC 826 and the length of a packet for Ethernet and IPv4.
const (
	arpRequest = 1
	arpReply   = 2
	arpLength  = 28
)

// arpHead is what every ARP packet for Ethernet and IPv4 begins with:
// hardware type 1, protocol 0x0800, address lengths 6 and 4.
var arpHead = [6]byte{0, 1, 8, 0, 6, 4}

// decodeARP reads an ARP packet (RFC 826) without its Ethernet header. It is
// false for other hardware or protocols, other operations, and what is too
// short.
func decodeARP(data []byte) (history.ARP, bool) {
	if len(data) < arpLength || !bytes.Equal(data[:6], arpHead[:]) {
		return history.ARP{}, false
	}
	arp := history.ARP{
		SenderMAC: net.HardwareAddr(data[8:14]).String(),
		SenderIP:  netip.AddrFrom4([4]byte(data[14:18])),
		TargetMAC: net.HardwareAddr(data[18:24]).String(),
		TargetIP:  netip.AddrFrom4([4]byte(data[24:28])),
	}
	switch binary.BigEndian.Uint16(data[6:]) {
	case arpRequest:
		arp.Operation = "request"
	case arpReply:
		arp.Operation = "reply"
	default:
		return history.ARP{}, false
	}
	arp.Gratuitous = arp.SenderIP == arp.TargetIP
	return arp, true
}

// arpProbe is an Ethernet frame with an ARP probe of RFC 5227, section 2.1.1:
// a broadcast request whose sender address is 0.0.0.0, so that nobody learns
// anything from it.
func arpProbe(sender [6]byte, target netip.Addr) []byte {
	frame := make([]byte, 0, ethernetHeader+arpLength)
	frame = append(frame, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	frame = append(frame, sender[:]...)
	frame = binary.BigEndian.AppendUint16(frame, unix.ETH_P_ARP)
	frame = append(frame, arpHead[:]...)
	frame = binary.BigEndian.AppendUint16(frame, arpRequest)
	frame = append(frame, sender[:]...)
	frame = append(frame, 0, 0, 0, 0)       // sender address
	frame = append(frame, 0, 0, 0, 0, 0, 0) // target MAC
	return append(frame, target.AsSlice()...)
}
