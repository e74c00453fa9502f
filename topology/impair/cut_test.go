package impair_test

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"takeover/topology"
	"takeover/topology/impair"
	"takeover/topology/lab"
	"takeover/topology/sandbox"
)

// sample is a frame that is sent to see whether it passes.
type sample struct {
	name  string
	frame []byte
}

var (
	all4  = net.HardwareAddr{1, 0, 0x5e, 0, 0, 18}
	all6  = net.HardwareAddr{0x33, 0x33, 0, 0, 0, 1}
	every = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	vip4  = netip.MustParseAddr("10.0.0.200")
	vip6  = netip.MustParseAddr("fd00::200")
)

// samples are one of each kind, to everybody.
func samples(from net.HardwareAddr) []sample {
	own4, own6 := net.IP{10, 0, 0, 101}, net.ParseIP("fd00::101")
	var all []sample
	add := func(name string, to net.HardwareAddr, kind layers.EthernetType, rest ...gopacket.SerializableLayer) {
		buffer := gopacket.NewSerializeBuffer()
		stack := append([]gopacket.SerializableLayer{&layers.Ethernet{SrcMAC: from, DstMAC: to, EthernetType: kind}}, rest...)
		options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
		if err := gopacket.SerializeLayers(buffer, options, stack...); err != nil {
			panic(err)
		}
		all = append(all, sample{name, slices.Clone(buffer.Bytes())})
	}
	ip4 := func(name string, to net.HardwareAddr, protocol layers.IPProtocol, size int, rest ...gopacket.SerializableLayer) {
		header := &layers.IPv4{Version: 4, TTL: 255, Protocol: protocol, SrcIP: own4, DstIP: net.IP{224, 0, 0, 18}}
		for _, layer := range rest {
			switch layer := layer.(type) {
			case *layers.UDP:
				_ = layer.SetNetworkLayerForChecksum(header)
			case *layers.TCP:
				_ = layer.SetNetworkLayerForChecksum(header)
			}
		}
		add(name, to, layers.EthernetTypeIPv4, append(append([]gopacket.SerializableLayer{header}, rest...), gopacket.Payload(make([]byte, size)))...)
	}
	icmp6 := func(name string, kind uint8, target netip.Addr) {
		header := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6, SrcIP: own6, DstIP: net.ParseIP("ff02::1")}
		message := &layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(kind, 0)}
		_ = message.SetNetworkLayerForChecksum(header)
		value := target.As16()
		add(name, all6, layers.EthernetTypeIPv6, header, message, gopacket.Payload(append(make([]byte, 4), value[:]...)))
	}
	arp := func(name string, target netip.Addr) {
		add(name, every, layers.EthernetTypeARP, &layers.ARP{
			AddrType: layers.LinkTypeEthernet, Protocol: layers.EthernetTypeIPv4, HwAddressSize: 6, ProtAddressSize: 4,
			Operation: layers.ARPRequest, SourceHwAddress: from, SourceProtAddress: vip4.AsSlice(),
			DstHwAddress: make([]byte, 6), DstProtAddress: target.AsSlice(),
		})
	}
	udp := func(port layers.UDPPort) *layers.UDP { return &layers.UDP{SrcPort: 5000, DstPort: port} }
	ip4("vrrp", all4, layers.IPProtocolVRRP, 40)
	add("vrrp6", all6, layers.EthernetTypeIPv6,
		&layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolVRRP, SrcIP: own6, DstIP: net.ParseIP("ff02::12")},
		gopacket.Payload(make([]byte, 24)))
	arp("arp", netip.MustParseAddr("10.0.0.10"))
	arp("garp", vip4)
	icmp6("na", 136, vip6)
	icmp6("other-na", 136, netip.MustParseAddr("fd00::101"))
	icmp6("ns", 135, vip6)
	icmp6("ping6", 128, vip6)
	ip4("ping", every, layers.IPProtocolICMPv4, 40, &layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(8, 0)})
	ip4("bfd", every, layers.IPProtocolUDP, 24, udp(3784))
	ip4("dns", every, layers.IPProtocolUDP, 24, udp(53))
	ip4("sync", every, layers.IPProtocolUDP, 24, udp(8848))
	ip4("http", every, layers.IPProtocolTCP, 40, &layers.TCP{SrcPort: 5000, DstPort: 80, SYN: true})
	ip4("https", every, layers.IPProtocolTCP, 40, &layers.TCP{SrcPort: 443, DstPort: 5000, SYN: true})
	ip4("big", every, layers.IPProtocolUDP, 1400, udp(9))
	return all
}

const markerType = 0x88b5 // IEEE 802, for local experiments

// cutsInSandbox prints for each cut what no longer comes where.
func cutsInSandbox(args []string) error {
	if _, _, err := sandbox.Enter(args); err != nil {
		return err
	}
	spec := topology.Spec{Name: "three", Segments: []topology.Segment{{Name: "lan"}}}
	names := []string{"node1", "node2", "node3"}
	for i, name := range names {
		spec.Hosts = append(spec.Hosts, topology.Host{Name: name, Links: []topology.Link{{
			Interface: "eth0", Segment: "lan", Addresses: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.0.0.10%d/24", i+1))},
		}}})
	}
	l, err := lab.Up(spec)
	if err != nil {
		return err
	}
	fds := map[string]int{}
	for _, name := range names {
		if fds[name], err = packetSocket(l.Host(name).Network); err != nil {
			return err
		}
		defer unix.Close(fds[name])
	}
	ports := map[string]string{"": ""}
	for _, name := range names {
		ports[name] = l.Host(name).Links[0].Port
	}
	before, err := ruleset(l)
	if err != nil {
		return err
	}
	for _, test := range cuts {
		var cut []impair.Way
		for _, way := range test.ways {
			cut = append(cut, impair.Way{From: ports[way.From], To: ports[way.To]})
		}
		c, err := impair.Prepare(l.Switch(), "7", test.match, cut)
		if err != nil {
			return fmt.Errorf("%s: %w", test.name, err)
		}
		idle, err := lost(l, fds, 1)
		if err != nil || idle != "" {
			return fmt.Errorf("%s: prepared, it drops %s: %w", test.name, idle, err)
		}
		if err := c.Begin(); err != nil {
			return fmt.Errorf("%s: %w", test.name, err)
		}
		missing, err := lost(l, fds, max(test.times, 1))
		if err != nil {
			return err
		}
		fmt.Printf("%s:%s\n", test.name, missing)
		if err := c.Remove(); err != nil {
			return err
		}
		if after, err := ruleset(l); err != nil || after != before {
			return fmt.Errorf("%s: left the ruleset\n%sinstead of\n%s%w", test.name, after, before, err)
		}
	}
	return l.Down()
}

func ruleset(l *lab.Lab) (text string, err error) {
	err = l.Switch().Do(func(ns.NetNS) error {
		out, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
		text = string(out)
		return err
	})
	return text, err
}

// packetSocket takes every frame of eth0.
func packetSocket(network ns.NetNS) (fd int, err error) {
	err = network.Do(func(ns.NetNS) error {
		device, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: device.Index})
	})
	return fd, err
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

// lost sends every sample from node1 so many times, and says which did not come
// to node2 and node3 as often.
func lost(l *lab.Lab, fds map[string]int, times int) (string, error) {
	mac := l.Host("node1").Links[0].MAC
	all := samples(mac)
	marker := append(append(append([]byte{}, every...), mac...), markerType>>8, markerType&0xff, byte(time.Now().UnixNano()), byte(time.Now().UnixNano()>>8))
	for range times {
		for _, s := range all {
			if _, err := unix.Write(fds["node1"], s.frame); err != nil {
				return "", fmt.Errorf("send %s: %w", s.name, err)
			}
		}
	}
	var parts strings.Builder
	for _, name := range []string{"node2", "node3"} {
		// A frame of its own past the cut: from the other of the two.
		other := map[string]string{"node2": "node3", "node3": "node2"}[name]
		end := slices.Clone(marker)
		copy(end[6:], l.Host(other).Links[0].MAC)
		if _, err := unix.Write(fds[other], end); err != nil {
			return "", err
		}
		came, err := receivedUntil(fds[name], end)
		if err != nil {
			return "", fmt.Errorf("%s: %w", name, err)
		}
		var missing []string
		for _, s := range all {
			n := 0
			for _, frame := range came {
				if bytes.HasPrefix(frame, s.frame) {
					n++
				}
			}
			if n != times {
				missing = append(missing, strings.TrimSuffix(fmt.Sprintf("%s-%d", s.name, times-n), fmt.Sprintf("-%d", times)))
			}
		}
		if len(missing) > 0 {
			fmt.Fprintf(&parts, " %s %s;", name, strings.Join(missing, " "))
		}
	}
	return parts.String(), nil
}

func receivedUntil(fd int, end []byte) (frames [][]byte, err error) {
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
		return nil, err
	}
	buffer := make([]byte, 1<<16)
	for {
		n, from, err := unix.Recvfrom(fd, buffer, 0)
		if err != nil {
			return nil, err
		}
		if link, ok := from.(*unix.SockaddrLinklayer); ok && link.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		if bytes.HasPrefix(buffer[:n], end) {
			return frames, nil
		}
		frames = append(frames, slices.Clone(buffer[:n]))
	}
}

// from1 is everything that node1 sends.
var from1 = []impair.Way{{From: "node1"}}

var cuts = []struct {
	name  string
	match impair.Match
	ways  []impair.Way // of hosts
	times int
	want  string
}{
	{
		"all",
		impair.Match{},
		[]impair.Way{{From: "node1", To: "node2"}},
		0,
		" node2 vrrp vrrp6 arp garp na other-na ns ping6 ping bfd dns sync http https big;",
	},
	{"to", impair.Match{Protocol: "vrrp"}, []impair.Way{{To: "node3"}}, 0, " node3 vrrp vrrp6;"},
	{"vrrp", impair.Match{Protocol: "vrrp"}, from1, 0, " node2 vrrp vrrp6; node3 vrrp vrrp6;"},
	{"arp", impair.Match{Protocol: "arp"}, from1, 0, " node2 arp garp; node3 arp garp;"},
	{"garp", impair.Match{Protocol: "garp", Addresses: []netip.Addr{vip4, vip6}}, from1, 0, " node2 garp na; node3 garp na;"},
	{"nd", impair.Match{Protocol: "nd"}, from1, 0, " node2 na other-na ns; node3 na other-na ns;"},
	{"bfd", impair.Match{Protocol: "bfd"}, from1, 0, " node2 bfd; node3 bfd;"},
	{"icmp", impair.Match{Protocol: "icmp"}, from1, 0, " node2 ping6 ping; node3 ping6 ping;"},
	{"tcp:80", impair.Match{Protocol: "tcp:80"}, from1, 0, " node2 http; node3 http;"},
	{"tcp:443", impair.Match{Protocol: "tcp:443"}, from1, 0, " node2 https; node3 https;"},
	{"udp:53", impair.Match{Protocol: "udp:53"}, from1, 0, " node2 dns; node3 dns;"},
	{"ipvs-sync", impair.Match{Protocol: "ipvs-sync"}, from1, 0, " node2 sync; node3 sync;"},
	{"longer", impair.Match{Longer: 1000}, from1, 0, " node2 big; node3 big;"},
	{"multicast", impair.Match{Multicast: true}, []impair.Way{{To: "node2"}}, 0, " node2 vrrp vrrp6 na other-na ns ping6;"},
	{"every third", impair.Match{Protocol: "vrrp", Every: 3}, []impair.Way{{To: "node2"}}, 9, " node2 vrrp-3 vrrp6-3;"},
	{"certain", impair.Match{Protocol: "arp", Probability: 1}, []impair.Way{{To: "node2"}}, 2, " node2 arp garp;"},
	{
		"several ways",
		impair.Match{Protocol: "bfd"},
		[]impair.Way{{From: "node1", To: "node2"}, {From: "node1", To: "node3"}, {From: "node3"}},
		0, " node2 bfd; node3 bfd;",
	},
}

func TestCutsDropWhatTheySay(t *testing.T) {
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip(err)
	}
	var out bytes.Buffer
	box, err := sandbox.Start(sandbox.Options{Role: "impair-cuts", Dir: t.TempDir(), Output: &out, Errors: &out})
	if errors.Is(err, sandbox.ErrNoPermission) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Wait(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	var want strings.Builder
	for _, test := range cuts {
		fmt.Fprintf(&want, "%s:%s\n", test.name, test.want)
	}
	if out.String() != want.String() {
		t.Errorf("got\n%swant\n%s", out.String(), want.String())
	}
}

func TestUnknownProtocols(t *testing.T) {
	for _, protocol := range []string{"sctp:80", "tcp:", "tcp:70000", "x"} {
		if _, err := impair.Prepare(nil, "1", impair.Match{Protocol: protocol}, nil); err == nil {
			t.Errorf("%s is taken", protocol)
		}
	}
}
