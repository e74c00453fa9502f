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
)

// decodeAdvert reads a VRRP advertisement from an IPv4 packet (RFC 3768,
// section 5, and RFC 9568, section 5). Of a malformed one it returns what can
// be read and says what is wrong in Problem; it is false only for what is not
// IPv4 with protocol 112 at all.
func decodeAdvert(packet []byte) (history.Advert, bool) {
	if len(packet) < ipv4Header || packet[0]>>4 != 4 || packet[9] != protocolVRRP {
		return history.Advert{}, false
	}
	var problems []string
	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	advert := history.Advert{
		Source: netip.AddrFrom4([4]byte(packet[12:16])),
		VIPs:   []netip.Addr{},
	}
	headerLength := int(packet[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(packet[2:]))
	switch {
	case headerLength < ipv4Header || headerLength > len(packet):
		advert.Problem = fmt.Sprintf("IPv4 header of %d bytes", headerLength)
		return advert, true
	case total < headerLength || total > len(packet):
		problem("IPv4 total length %d of %d bytes", total, len(packet))
		total = len(packet)
	}
	if ttl := packet[8]; ttl != 255 {
		problem("TTL %d", ttl)
	}
	if checksum(packet[:headerLength]) != 0 {
		problem("IPv4 header checksum")
	}
	if binary.BigEndian.Uint16(packet[6:])&0x3fff != 0 {
		problem("fragment")
	}
	decodeVRRP(&advert, packet[12:20], packet[headerLength:total], problem)
	advert.Problem = strings.Join(problems, "; ")
	return advert, true
}

// decodeVRRP reads the VRRP message; addresses are the IPv4 source and
// destination, for the pseudo-header.
func decodeVRRP(advert *history.Advert, addresses, data []byte, problem func(string, ...any)) {
	if len(data) < vrrpHeader {
		problem("%d bytes of VRRP", len(data))
		return
	}
	advert.Version = int(data[0] >> 4)
	advert.VRID = int(data[1])
	advert.Priority = int(data[2])
	if kind := data[0] & 0x0f; kind != 1 {
		problem("type %d", kind)
	}
	count := int(data[3])
	expected := vrrpHeader + 4*count
	sum := checksum(data)
	switch advert.Version {
	case 2:
		advert.Interval = time.Duration(data[5]) * time.Second
		expected += vrrpAuthLength
	case 3:
		advert.Interval = time.Duration(binary.BigEndian.Uint16(data[4:])&0x0fff) * 10 * time.Millisecond
		sum = checksum(pseudoHeader(addresses, len(data)), data)
	default:
		problem("version %d", advert.Version)
	}
	if sum != 0 {
		problem("VRRP checksum")
	}
	if len(data) != expected {
		problem("%d bytes of VRRP, not %d for %d addresses", len(data), expected, count)
	}
	for rest := data[vrrpHeader:]; len(rest) >= 4 && len(advert.VIPs) < count; rest = rest[4:] {
		advert.VIPs = append(advert.VIPs, netip.AddrFrom4([4]byte(rest[:4])))
	}
}

// pseudoHeader is what the checksum of RFC 9568, section 5.2.8, covers besides
// the message.
func pseudoHeader(addresses []byte, length int) []byte {
	header := append(make([]byte, 0, 12), addresses...)
	return append(header, 0, protocolVRRP, byte(length>>8), byte(length))
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
