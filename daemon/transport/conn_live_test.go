package transport

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"takeover/daemon/vrrp"
)

func peersOf(addresses ...netip.Addr) Peers {
	peers := Peers{}
	for _, address := range addresses {
		peers = append(peers, Peer{Address: address})
	}
	return peers
}

func TestLiveConnOfEveryFamilyAndMode(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		tests := []struct {
			name        string
			from, to    Settings
			destination netip.Addr
			ttl         uint8
		}{
			{"IPv4 multicast", Settings{Source: a.ip4}, Settings{Source: b.ip4}, Group(), 255},
			{"IPv6 multicast", Settings{Source: a.linkLocal}, Settings{Source: b.linkLocal}, GroupIPv6(), 255},
			{
				"another group",
				Settings{Source: a.ip4, Group: address("224.0.0.99")},
				Settings{Source: b.ip4, Group: address("224.0.0.99")},
				address("224.0.0.99"), 255,
			},
			{
				"IPv4 unicast",
				Settings{Source: a.ip4, Peers: peersOf(b.ip4)},
				Settings{Source: b.ip4, Peers: peersOf(a.ip4), CheckSource: true},
				b.ip4, 255,
			},
			{
				"IPv6 unicast",
				Settings{Source: a.ip6, Peers: peersOf(b.ip6), UnicastTTL: 64},
				Settings{Source: b.ip6, Peers: peersOf(a.ip6), CheckSource: true},
				b.ip6, 64,
			},
			{
				"IPv6 link-local unicast",
				Settings{Source: a.linkLocal.WithZone("a"), Peers: peersOf(b.linkLocal)},
				Settings{Source: b.linkLocal, Peers: peersOf(a.linkLocal), CheckSource: true},
				b.linkLocal, 255,
			},
		}
		for _, test := range tests {
			from, to := a.open(test.from), b.open(test.to)
			from.send("hello")
			d := to.datagram()
			if string(d.Payload) != "hello" || d.TTL != test.ttl || d.Protocol != Protocol ||
				d.Destination != test.destination || d.Source != test.from.Source.WithZone("") {
				t.Errorf("%s: received %+v", test.name, d)
			}
			to.empty()
			from.empty()
			from.Close()
			to.Close()
		}
	})
}

func TestLiveConnRefusesOthersThanPeers(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		far := b.open(Settings{Peers: Peers{{Address: a.ip4, MinTTL: 255}}, CheckSource: true})
		stranger := address("10.1.0.77")
		a.do(func() { a.add(stranger, 24) })

		from := a.open(Settings{Peers: peersOf(b.ip4), UnicastTTL: 64})
		from.send("far")
		var refused *PeerError
		if d, err := far.take(); !errors.As(err, &refused) || !refused.IsPeer || string(d.Payload) != "far" {
			t.Errorf("TTL 64: %+v, %v", d, err)
		}
		if err := from.SetSource(stranger); err != nil {
			t.Fatal(err)
		}
		from.send("strange")
		if d, err := far.take(); !errors.As(err, &refused) || refused.IsPeer || d.Source != stranger {
			t.Errorf("from a stranger: %+v, %v", d, err)
		}
		if err := from.SetSource(a.linkLocal); err == nil {
			t.Error("no error for a source of the other family")
		}
	})
}

func TestLiveUnicastAndMulticastSideBySide(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		for _, family := range []struct{ from, to, group netip.Addr }{
			{a.ip4, b.ip4, Group()}, {a.linkLocal, b.linkLocal, GroupIPv6()},
		} {
			many, one := b.open(Settings{Source: family.to}), b.open(Settings{Source: family.to, Peers: peersOf(family.from)})
			a.open(Settings{Source: family.from, Group: otherGroup(family.group)}).send("to others")
			a.open(Settings{Source: family.from}).send("to all")
			if d := many.datagram(); d.Destination != family.group {
				t.Errorf("received %+v", d)
			}
			one.empty()
			a.open(Settings{Source: family.from, Peers: peersOf(family.to)}).send("to one")
			// Nothing is hidden from a group's virtual routers.
			for _, c := range []*testConn{one, many} {
				if d := c.datagram(); d.Destination != family.to {
					t.Errorf("received %+v", d)
				}
				c.empty()
			}
		}
	})
}

// otherGroup is another multicast group, of which b's kernel has a member.
func otherGroup(group netip.Addr) netip.Addr {
	if group.Is4() {
		return address("224.0.0.1")
	}
	return address("ff02::1")
}

// Each of several virtual routers sends to its own peers.
func TestLiveSendTo(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		second := address("10.1.0.22")
		b.do(func() { b.add(second, 24) })
		from, to := a.open(Settings{Peers: peersOf(b.ip4, second)}), b.open(Settings{Peers: peersOf(a.ip4)})
		if err := from.SendTo(second, []byte("x")); err != nil {
			t.Fatal(err)
		}
		if d := to.datagram(); d.Destination != second {
			t.Errorf("received %+v", d)
		}
		to.empty()
		from.send("y")
		for _, want := range []netip.Addr{b.ip4, second} {
			if d := to.datagram(); d.Destination != want {
				t.Errorf("received %+v, want it for %s", d, want)
			}
		}
	})
}

// A Conn whose interface comes back under its index hears nothing until it
// joins again; one whose link was down hears at once.
func TestLiveMembership(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		to := map[netip.Addr]*testConn{
			a.ip4: a.open(Settings{Source: a.ip4}), a.linkLocal: a.open(Settings{Source: a.linkLocal}),
		}
		arrives := func(when string) {
			t.Helper()
			for source, c := range to {
				from := b.ip4
				if source.Is6() {
					from = b.linkLocal
				}
				b.open(Settings{Source: from}).send(when)
				if d := c.datagram(); string(d.Payload) != when {
					t.Errorf("received %+v", d)
				}
			}
		}
		arrives("first")
		a.do(func() {
			if err := netlink.LinkSetDown(a.link()); err != nil {
				t.Fatal(err)
			}
			a.configure()
			awaitRunning(t, a.name)
		})
		b.do(func() { awaitRunning(t, b.name) })
		arrives("after down and up")

		a.do(func() {
			if err := netlink.LinkDel(a.link()); err != nil {
				t.Fatal(err)
			}
		})
		a.connect()
		for _, c := range to {
			if err := c.Rejoin(); err != nil {
				t.Fatal(err)
			}
		}
		arrives("after removal and return")
		if err := to[a.ip4].Rejoin(); err != nil {
			t.Error(err)
		}
		arrives("after one more Rejoin")
	})
}

// The virtual router's hardware address is on a macvlan, which is sent
// through, while the interface below it receives.
func TestLiveConnSendsThroughAnother(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		hardware := net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x01, 51}
		index := a.macvlan("vrrp.51", hardware)
		seen := b.capture(unix.ETH_P_IP)
		from, to := a.open(Settings{SendIndex: index}), b.open(Settings{})
		from.send("virtual")
		if d := to.datagram(); d.Source != a.ip4 || d.TTL != TTL || d.Destination != Group() {
			t.Errorf("received %+v", d)
		}
		if frame := seen.next(); net.HardwareAddr(frame[6:12]).String() != hardware.String() {
			t.Errorf("sent by %s, want %s", net.HardwareAddr(frame[6:12]), hardware)
		}
		to.send("answer")
		if d := from.datagram(); string(d.Payload) != "answer" {
			t.Errorf("received %+v", d)
		}
	})
}

// A switch learns where a hardware address is from every frame: none comes from
// the virtual router's when the group is joined again, but from the one below.
func TestLiveRejoinReportsFromTheInterfaceBelow(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		hardware := net.HardwareAddr{0x00, 0x00, 0x5e, 0x00, 0x01, 51}
		// A macvlan's reports come once each, and at once.
		a.do(func() { write(t, "/proc/sys/net/ipv4/igmp_qrv", "1") })
		index, below := a.macvlan("vrrp.51", hardware), 0
		a.do(func() {
			below = a.link().Attrs().Index
			for _, name := range []string{a.name, "vrrp.51"} {
				write(t, "/proc/sys/net/ipv4/conf/"+name+"/igmpv3_unsolicited_report_interval", "1")
			}
		})
		seen := b.capture(unix.ETH_P_IP)
		const protocol = 14 + 9
		reporter := func() string {
			for {
				if frame := seen.next(); frame[protocol] == unix.IPPROTO_IGMP {
					return net.HardwareAddr(frame[6:12]).String()
				}
			}
		}
		from := a.open(Settings{Interface: "vrrp.51", Index: index, ReportIndex: below})
		for reporter() != hardware.String() { // the first one
		}
		for range 5 {
			if err := from.Rejoin(); err != nil {
				t.Fatal(err)
			}
			if got := reporter(); got == hardware.String() {
				t.Errorf("a report comes from %s", got)
			}
		}
		b.open(Settings{}).send("heard")
		if d := from.datagram(); string(d.Payload) != "heard" {
			t.Errorf("received %+v", d)
		}
	})
}

func TestLiveAH(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		h := vrrp.AH{Key: [8]byte{1, 2, 3}}
		for _, test := range []struct {
			name        string
			from, to    Settings
			destination netip.Addr
		}{
			{"multicast", Settings{AH: true}, Settings{AH: true}, Group()},
			{
				"unicast",
				Settings{AH: true, Peers: peersOf(b.ip4)},
				Settings{AH: true, Peers: peersOf(a.ip4), CheckSource: true},
				b.ip4,
			},
		} {
			from, to := a.open(test.from), b.open(test.to)
			for n := range uint32(2) { // odd and even
				packet, err := h.Seal(a.ip4, test.destination, TTL, n, []byte("secret"))
				if err != nil {
					t.Fatal(err)
				}
				if err := from.SendTo(test.destination, packet); err != nil {
					t.Fatal(err)
				}
				d := to.datagram()
				if d.Protocol != ProtocolAH || d.Destination != test.destination || d.TTL != TTL {
					t.Errorf("%s: received %+v", test.name, d)
				}
				got, sequence, err := h.Open(d.Packet)
				if err != nil || string(got) != "secret" || sequence != n {
					t.Errorf("%s: opened %q, number %d, %v", test.name, got, sequence, err)
				}
			}
			from.Close()
			to.Close()
		}
	})
}

func TestLiveSender(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		var s *Sender
		index := 0
		a.do(func() {
			var err error
			if s, err = NewSender(); err != nil {
				t.Fatal(err)
			}
			index = a.link().Attrs().Index
		})
		defer s.Close()
		for _, test := range []struct {
			source, destination netip.Addr
			ttl                 uint8
			to                  Settings
		}{
			{a.ip4, Group(), 255, Settings{Source: b.ip4}},
			{a.linkLocal, GroupIPv6(), 255, Settings{Source: b.linkLocal}},
			{a.ip4, b.ip4, 64, Settings{Source: b.ip4, Peers: peersOf(a.ip4)}},
			{a.ip6, b.ip6, 63, Settings{Source: b.ip6, Peers: peersOf(a.ip6)}},
			{a.linkLocal, b.linkLocal, 255, Settings{Source: b.linkLocal, Peers: peersOf(a.linkLocal)}},
		} {
			to := b.open(test.to)
			if err := s.SendTo(index, test.source, test.destination, test.ttl, []byte("farewell")); err != nil {
				t.Fatal(err)
			}
			if d := to.datagram(); d.Source != test.source || d.Destination != test.destination ||
				d.TTL != test.ttl || string(d.Payload) != "farewell" {
				t.Errorf("received %+v", d)
			}
			to.Close()
		}
		to := b.open(Settings{AH: true})
		h := vrrp.AH{Key: [8]byte{1}}
		packet, err := h.Seal(a.ip4, Group(), TTL, 7, []byte("farewell"))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.SendPacket(index, packet); err != nil {
			t.Fatal(err)
		}
		if got, _, err := h.Open(to.datagram().Packet); err != nil || string(got) != "farewell" {
			t.Errorf("opened %q, %v", got, err)
		}
		if err := s.SendTo(index, a.ip4, GroupIPv6(), 255, nil); err == nil {
			t.Error("no error for two families")
		}
		if err := s.SendPacket(index, nil); err == nil {
			t.Error("no error for no packet")
		}
	})
}

// A flood costs no memory, and what the kernel drops is counted.
func TestLiveFlood(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		for _, family := range []struct{ from, to netip.Addr }{{a.ip4, b.ip4}, {a.linkLocal, b.linkLocal}} {
			from, to := a.open(Settings{Source: family.from}), b.open(Settings{Source: family.to})
			const packets = 20_000
			taken := 0
			drain := func() {
				for {
					_, err := to.Receive()
					if errors.Is(err, ErrEmpty) {
						return
					}
					if err != nil {
						t.Fatal(err)
					}
					taken++
				}
			}
			for n := range packets {
				from.send("forged")
				if n < packets/2 && n%100 == 0 { // then too slow for the buffer
					drain()
				}
			}
			drain()
			from.send("last") // it tells how many were dropped
			to.datagram()
			if taken++; taken+int(to.Overflowed()) != packets+1 || to.Overflowed() == 0 {
				t.Errorf("%d taken and %d dropped of %d", taken, to.Overflowed(), packets+1)
			}

			const runs = 100
			for range runs + 1 {
				from.send("x")
			}
			allocations := testing.AllocsPerRun(runs, func() {
				if _, err := to.Receive(); err != nil {
					t.Error(err)
				}
			})
			if allocations != 0 {
				t.Errorf("%s: %v allocations for a packet", family.to, allocations)
			}
		}
	})
}
