//go:build linux

package probe

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"takeover/scenarios/history"
)

const (
	protocolVRRP   = 112
	vrrpHeader     = 8
	vrrpAuthLength = 8 // RFC 3768, section 5.3.10: the field is there even when unused
	ipv4Header     = 20
	ipv6Header     = 40
)

// decodeAdvert reads a VRRP advertisement from an IP packet (RFC 3768, section
// 5, and RFC 9568, section 5). Of a malformed one it returns what can be read
// and says what is wrong in Problem; it is false only for what is not IP with
// protocol 112 at all. The TTL, or hop limit, must be 255 in multicast only:
// unicast peers are no part of the RFCs and may be routers away, and keepalived
// sends to them with a hop limit of 64 in IPv6.
func decodeAdvert(packet []byte) (history.Advert, bool) {
	d := advertDecoder{advert: history.Advert{VIPs: []netip.Addr{}}}
	switch {
	case len(packet) >= ipv4Header && packet[0]>>4 == 4 && packet[9] == protocolVRRP:
		d.ipv4(packet)
	case len(packet) >= ipv6Header && packet[0]>>4 == 6 && packet[6] == protocolVRRP:
		d.ipv6(packet)
	default:
		return history.Advert{}, false
	}
	d.advert.Problem = strings.Join(d.problems, "; ")
	return d.advert, true
}

// advertDecoder collects what an advertisement says and what is wrong with it.
type advertDecoder struct {
	advert   history.Advert
	problems []string
}

func (d *advertDecoder) problem(format string, args ...any) {
	d.problems = append(d.problems, fmt.Sprintf(format, args...))
}

func (d *advertDecoder) ipv4(packet []byte) {
	d.advert.Source = netip.AddrFrom4([4]byte(packet[12:16]))
	d.advert.Destination = netip.AddrFrom4([4]byte(packet[16:20]))
	headerLength := int(packet[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(packet[2:]))
	switch {
	case headerLength < ipv4Header || headerLength > len(packet):
		d.problem("IPv4 header of %d bytes", headerLength)
		return
	case total < headerLength || total > len(packet):
		d.problem("IPv4 total length %d of %d bytes", total, len(packet))
		total = len(packet)
	}
	if ttl := packet[8]; ttl != 255 && d.advert.Destination.IsMulticast() {
		d.problem("TTL %d", ttl)
	}
	if checksum(packet[:headerLength]) != 0 {
		d.problem("IPv4 header checksum")
	}
	if binary.BigEndian.Uint16(packet[6:])&0x3fff != 0 {
		d.problem("fragment")
	}
	d.vrrp(packet[headerLength:total])
}

func (d *advertDecoder) ipv6(packet []byte) {
	d.advert.Source = netip.AddrFrom16([16]byte(packet[8:24]))
	d.advert.Destination = netip.AddrFrom16([16]byte(packet[24:40]))
	total := ipv6Header + int(binary.BigEndian.Uint16(packet[4:]))
	if total > len(packet) {
		d.problem("IPv6 payload length %d of %d bytes", total-ipv6Header, len(packet)-ipv6Header)
		total = len(packet)
	}
	if limit := packet[7]; limit != 255 && d.advert.Destination.IsMulticast() {
		d.problem("hop limit %d", limit)
	}
	d.vrrp(packet[ipv6Header:total])
	if d.advert.Version == 2 {
		d.problem("version 2 over IPv6")
	}
}

// vrrp reads the VRRP message. Source and Destination are known by then, for
// the pseudo-header, and say how long its addresses are.
func (d *advertDecoder) vrrp(data []byte) {
	if len(data) < vrrpHeader {
		d.problem("%d bytes of VRRP", len(data))
		return
	}
	advert := &d.advert
	advert.Version = int(data[0] >> 4)
	advert.VRID = int(data[1])
	advert.Priority = int(data[2])
	if kind := data[0] & 0x0f; kind != 1 {
		d.problem("type %d", kind)
	}
	length := advert.Source.BitLen() / 8
	count := int(data[3])
	expected := vrrpHeader + length*count
	sum := checksum(data)
	switch advert.Version {
	case 2:
		advert.Interval = time.Duration(data[5]) * time.Second
		expected += vrrpAuthLength
	case 3:
		advert.Interval = time.Duration(binary.BigEndian.Uint16(data[4:])&0x0fff) * 10 * time.Millisecond
		sum = checksum(pseudoHeader(advert.Source, advert.Destination, protocolVRRP, len(data)), data)
	default:
		d.problem("version %d", advert.Version)
	}
	if sum != 0 {
		d.problem("VRRP checksum")
	}
	if len(data) != expected {
		d.problem("%d bytes of VRRP, not %d for %d addresses", len(data), expected, count)
	}
	for rest := data[vrrpHeader:]; len(rest) >= length && len(advert.VIPs) < count; rest = rest[length:] {
		vip, _ := netip.AddrFromSlice(rest[:length])
		advert.VIPs = append(advert.VIPs, vip)
	}
}

// pseudoHeader is what a checksum covers besides the message: RFC 9568,
// section 5.2.8, for IPv4, and RFC 8200, section 8.1, for IPv6.
func pseudoHeader(source, destination netip.Addr, protocol byte, length int) []byte {
	header := append(source.AsSlice(), destination.AsSlice()...)
	if source.Is4() {
		return append(header, 0, protocol, byte(length>>8), byte(length))
	}
	header = binary.BigEndian.AppendUint32(header, uint32(length))
	return append(header, 0, 0, 0, protocol)
}

// checksum is that of RFC 1071 over the parts, all but the last of even
// length; 0 when the checksum that they contain is right.
func checksum(parts ...[]byte) uint16 {
	var sum uint32
	for _, data := range parts {
		for ; len(data) >= 2; data = data[2:] {
			sum += uint32(data[0])<<8 | uint32(data[1])
		}
		if len(data) == 1 {
			sum += uint32(data[0]) << 8
		}
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
