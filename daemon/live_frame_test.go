package daemon

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

const ethernetBytes = 14

// parseFrame reads an advertisement or an announcement of either family.
// Anything else is not relevant.
func parseFrame(b []byte) (f frame, relevant bool) {
	if len(b) < ethernetBytes {
		return frame{}, false
	}
	body := b[ethernetBytes:]
	switch binary.BigEndian.Uint16(b[12:]) {
	case unix.ETH_P_IP:
		f, relevant = parseIPv4(body)
	case unix.ETH_P_IPV6:
		f, relevant = parseIPv6(body)
	case unix.ETH_P_ARP:
		f, relevant = parseARP(body)
	}
	from := net.HardwareAddr(bytes.Clone(b[6:12]))
	if f.address.IsValid() && !bytes.Equal(f.hardware, from) {
		return frame{}, false
	}
	f.hardware = from
	return f, relevant
}

func parseIPv4(b []byte) (frame, bool) {
	const header = 20
	if len(b) < header+8 || b[9] != transport.Protocol && b[9] != transport.ProtocolAH {
		return frame{}, false
	}
	payload := b[header:min(int(binary.BigEndian.Uint16(b[2:])), len(b))]
	if b[9] == transport.ProtocolAH {
		payload = payload[min(headerBytesAH, len(payload)):]
	}
	return parseAdvertisement(payload, netip.AddrFrom4([4]byte(b[12:])), netip.AddrFrom4([4]byte(b[16:])))
}

func parseAdvertisement(payload []byte, source, destination netip.Addr) (frame, bool) {
	a, err := vrrp.Decode(payload, source, destination)
	return frame{advertisement: true, vrid: a.VRID, priority: a.Priority, source: source}, err == nil
}

// parseIPv6 reads an advertisement, or a Neighbor Advertisement to all nodes
// (RFC 4861 §4.4) with the option that says the hardware address.
func parseIPv6(b []byte) (frame, bool) {
	const header, target, option = 40, 40 + 8, 40 + 24
	if len(b) < header {
		return frame{}, false
	}
	destination := netip.AddrFrom16([16]byte(b[24:]))
	switch {
	case b[6] == transport.Protocol:
		payload := b[header:min(header+int(binary.BigEndian.Uint16(b[4:])), len(b))]
		return parseAdvertisement(payload, netip.AddrFrom16([16]byte(b[8:])), destination)
	case b[6] == unix.IPPROTO_ICMPV6 && len(b) >= option+8 && b[header] == 136 && b[option] == 2 && destination.IsMulticast():
		return frame{address: netip.AddrFrom16([16]byte(b[target:])), hardware: b[option+2 : option+8]}, true
	}
	return frame{}, false
}

// parseARP reads a gratuitous ARP (RFC 5227 §3).
func parseARP(b []byte) (frame, bool) {
	if len(b) < 28 || !bytes.Equal(b[14:18], b[24:28]) {
		return frame{}, false
	}
	return frame{address: netip.AddrFrom4([4]byte(b[14:])), hardware: b[8:14]}, true
}
