package daemon

import (
	"net/netip"
	"testing"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// advertOf is an advertisement of VRID 7, with any settings, from source.
func advertOf(t *testing.T, source string, group netip.Addr, a vrrp.Advertisement) transport.Datagram {
	t.Helper()
	from := netip.MustParseAddr(source)
	a.VRID = 7
	payload, err := vrrp.Encode(a, from, group)
	if err != nil {
		t.Fatal(err)
	}
	return transport.Datagram{Source: from, Destination: group, TTL: transport.TTL, Payload: payload}
}

// RFC 9568 §7.1: an interval that is not the one configured should be logged.
func TestLearntIntervalIsLoggedOncePerChange(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(100, func(c *config.Config) { c.Instances[0].Version = 3 }))
		for _, interval := range []int{1000, 1000, 500, 500, 500, 700, 1000, 1000} {
			n1.deliver(nil, advertOf(t, "10.0.0.9", transport.Group(), vrrp.Advertisement{
				Version: vrrp.Version3, Priority: 200, Interval: time.Duration(interval) * time.Millisecond,
				Addresses: []netip.Addr{netip.MustParsePrefix(vip).Addr()},
			}))
			pass(500 * time.Millisecond)
		}
		want(t, "intervals", w.take("interval is"), []string{
			"1.000 n1 log the Active's interval is not the one configured instance=VI source=10.0.0.9 interval=500ms configured=1s",
			"2.500 n1 log the Active's interval is not the one configured instance=VI source=10.0.0.9 interval=700ms configured=1s",
			"3.000 n1 log the Active's interval is the one configured again instance=VI source=10.0.0.9",
		})
	})
}

// RFC 9568 §5.1.2.3: a packet that may have crossed a router is discarded.
func TestIPv6PacketOfAnotherHopLimitIsDiscarded(t *testing.T) {
	const address = "fe80::100"
	for _, hopLimit := range []uint8{0, 1, 254, 255} {
		inWorld(t, func(t *testing.T, w *world) {
			n1 := w.prepare(1, configured(100, func(c *config.Config) {
				i := &c.Instances[0]
				i.Version, i.IPv6 = 3, true
				i.VirtualAddresses = []config.VirtualAddress{{Prefix: netip.MustParsePrefix(address + "/64")}}
			}))
			n1.present = append(n1.present, netif.Address{Index: 2, Prefix: netip.MustParsePrefix("fe80::1/64")})
			if err := n1.start(); err != nil {
				t.Fatal(err)
			}
			d := advertOf(t, "fe80::9", transport.GroupIPv6(), vrrp.Advertisement{
				Version: vrrp.Version3, Priority: 200, Interval: time.Second,
				Addresses: []netip.Addr{netip.MustParseAddr(address)},
			})
			d.TTL = hopLimit
			for range 5 {
				n1.deliver(nil, d)
				pass(time.Second)
			}
			if heard := !n1.has(address + "/64"); heard != (hopLimit == 255) {
				t.Errorf("hop limit %d: heard %t", hopLimit, heard)
			}
			if refused := len(w.take("reason=wrong TTL")); refused != min(1, int(255-hopLimit)) {
				t.Errorf("hop limit %d: logged %d times", hopLimit, refused)
			}
		})
	}
}
