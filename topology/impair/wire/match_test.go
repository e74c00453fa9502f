package wire_test

import (
	"net"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"takeover/topology/impair/wire"
)

var (
	macA = net.HardwareAddr{2, 0, 0, 0, 0, 1}
	macB = net.HardwareAddr{2, 0, 0, 0, 0, 2}
	ip4A = net.IP{10, 0, 0, 101}
	ip4B = net.IP{10, 0, 0, 102}
	ip6A = net.ParseIP("fd00::101")
	ip6B = net.ParseIP("fd00::102")
)

// serialize makes a frame from A to B, with tags.
func serialize(t testing.TB, kind layers.EthernetType, tags int, stack ...gopacket.SerializableLayer) []byte {
	t.Helper()
	ethernet := &layers.Ethernet{SrcMAC: macA, DstMAC: macB, EthernetType: kind}
	all := []gopacket.SerializableLayer{ethernet}
	for n := range tags {
		all = append(all, &layers.Dot1Q{VLANIdentifier: uint16(10 + n), Type: kind})
		ethernet.EthernetType = layers.EthernetTypeDot1Q
		if n > 0 {
			all[n].(*layers.Dot1Q).Type = layers.EthernetTypeDot1Q
		}
	}
	buffer := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buffer, options, append(all, stack...)...); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}

// overIP puts layers over IP.
func overIP(six bool, protocol layers.IPProtocol, rest ...gopacket.SerializableLayer) (layers.EthernetType, []gopacket.SerializableLayer) {
	var network gopacket.SerializableLayer
	var header gopacket.NetworkLayer
	kind := layers.EthernetTypeIPv4
	if six {
		ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: protocol, SrcIP: ip6A, DstIP: ip6B}
		network, header, kind = ip, ip, layers.EthernetTypeIPv6
	} else {
		ip := &layers.IPv4{Version: 4, TTL: 255, Protocol: protocol, SrcIP: ip4A, DstIP: ip4B}
		network, header = ip, ip
	}
	for _, layer := range rest {
		if summed, ok := layer.(interface {
			SetNetworkLayerForChecksum(gopacket.NetworkLayer) error
		}); ok {
			_ = summed.SetNetworkLayerForChecksum(header)
		}
	}
	return kind, append([]gopacket.SerializableLayer{network}, rest...)
}

func arp(sender, target net.IP) *layers.ARP {
	return &layers.ARP{
		AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
		Operation: layers.ARPRequest, SourceHwAddress: macA, SourceProtAddress: sender, DstHwAddress: make([]byte, 6), DstProtAddress: target,
	}
}

// advertisement is a Neighbor Advertisement's rest: flags and target.
func advertisement(flags byte) gopacket.Payload {
	return append(gopacket.Payload{flags, 0, 0, 0}, ip6A...)
}

// kinds are frames and the protocols that they are.
func kinds(t testing.TB, tags int) map[string][]byte {
	ip := func(six bool, protocol layers.IPProtocol, rest ...gopacket.SerializableLayer) []byte {
		kind, stack := overIP(six, protocol, rest...)
		return serialize(t, kind, tags, stack...)
	}
	icmp6 := func(kind uint8) *layers.ICMPv6 {
		return &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
	}
	udp := func(from, to layers.UDPPort) *layers.UDP { return &layers.UDP{SrcPort: from, DstPort: to} }
	text := gopacket.Payload("some text")
	hop := gopacket.Payload{byte(layers.IPProtocolUDP), 0, 0, 0, 0, 0, 0, 0}
	return map[string][]byte{
		"vrrp":           ip(false, layers.IPProtocolVRRP, text),
		"vrrp ":          ip(true, layers.IPProtocolVRRP, text),
		"arp":            serialize(t, layers.EthernetTypeARP, tags, arp(ip4A, ip4B)),
		"arp garp":       serialize(t, layers.EthernetTypeARP, tags, arp(ip4A, ip4A)),
		"nd":             ip(true, layers.IPProtocolICMPv6, icmp6(135), advertisement(0)),
		"nd ":            ip(true, layers.IPProtocolICMPv6, icmp6(136), advertisement(0x60)),
		"nd garp":        ip(true, layers.IPProtocolICMPv6, icmp6(136), advertisement(0x20)),
		"icmp":           ip(false, layers.IPProtocolICMPv4, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)}, text),
		"icmp ":          ip(true, layers.IPProtocolICMPv6, icmp6(128), text),
		"":               ip(true, layers.IPProtocolICMPv6, icmp6(143), text), // MLD report
		"bfd":            ip(false, layers.IPProtocolUDP, udp(50000, 3784), text),
		"bfd ":           ip(true, layers.IPProtocolUDP, udp(50000, 4784), text),
		"ipvs-sync":      ip(false, layers.IPProtocolUDP, udp(50000, 8848), text),
		"udp:53":         ip(false, layers.IPProtocolUDP, udp(53, 50000), text),
		"tcp:80":         ip(true, layers.IPProtocolTCP, &layers.TCP{SrcPort: 50000, DstPort: 80, SYN: true}),
		"tcp:443 tcp:80": ip(false, layers.IPProtocolTCP, &layers.TCP{SrcPort: 443, DstPort: 80, SYN: true}),
		"udp:53 ":        ip(true, layers.IPProtocolIPv6HopByHop, hop, gopacket.Payload{0xc3, 0x50, 0, 53, 0, 8, 0, 0}),
	}
}

func TestProtocols(t *testing.T) {
	for tags := range 3 {
		for is, frame := range kinds(t, tags) {
			for _, protocol := range []string{"vrrp", "arp", "garp", "nd", "icmp", "bfd", "ipvs-sync", "udp:53", "tcp:53", "tcp:80", "tcp:443", "udp:80", "all"} {
				m := machine(t, wire.Rule{Act: wire.Drop, Match: wire.Match{Protocol: protocol}})
				dropped := len(m.Take(0, wire.Frame{Data: frame})) == 0
				words := strings.Fields(is)
				want := protocol == "all"
				for _, word := range words {
					want = want || word == protocol
				}
				if dropped != want {
					t.Errorf("%q with %d tags matches %s: %t", is, tags, protocol, dropped)
				}
			}
		}
	}
}

func TestSources(t *testing.T) {
	m := machine(t, wire.Rule{Act: wire.Drop, Match: wire.Match{Sources: []string{macB.String(), "02-00-00-00-00-09"}}})
	fromA := serialize(t, layers.EthernetTypeARP, 0, arp(ip4A, ip4A))
	fromB := append(append(append([]byte{}, macA...), macB...), fromA[12:]...)
	if len(m.Take(0, wire.Frame{Data: fromA})) != 1 || len(m.Take(0, wire.Frame{Data: fromB})) != 0 {
		t.Error("not what that sender sent was dropped")
	}
}

// FuzzFrames: no frame, however broken, stops the machine or the finishing of
// offloads, and none becomes longer than it was but by its headers.
func FuzzFrames(f *testing.F) {
	for _, frame := range kinds(f, 1) {
		f.Add(frame, []byte{1, 1, 0, 0, 4, 0, 38, 0, 16, 0})
		f.Add(frame, []byte{1, 5, 0, 0, 4, 0, 38, 0, 6, 0})
	}
	f.Fuzz(func(t *testing.T, frame, offload []byte) {
		var rules []wire.Rule
		for _, protocol := range []string{"vrrp", "arp", "garp", "nd", "icmp", "bfd", "ipvs-sync", "udp:53", "tcp:80"} {
			rules = append(rules, wire.Rule{Name: protocol, Act: wire.Delay, Delay: ms, Match: wire.Match{Protocol: protocol}})
		}
		rules = append(rules, wire.Rule{Name: "bits", Act: wire.Corrupt, Count: 3})
		m := machine(t, rules...)
		given := wire.Frame{Data: frame}
		copy(given.Offload[:], offload)
		wire.Finish(given, func(done wire.Frame) {
			if len(done.Data) > len(frame) {
				t.Fatalf("%d bytes became %d", len(frame), len(done.Data))
			}
			m.Take(0, done)
		})
		m.Flush()
	})
}
