package daemon

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
)

// leased makes every address a lease of 2 s.
func leased(n *node) {
	for _, i := range n.loop.instances {
		i.lease = 2 * time.Second
	}
}

func TestLeaseIsRenewedWithEachAdvertisement(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150))
		leased(n1)
		if err := n1.start(); err != nil {
			t.Fatal(err)
		}
		pass(6 * time.Second)
		want(t, "leases", w.take("10.0.0.100/32"), []string{
			"3.414 n1 set 10.0.0.100/32 on 2 for 2s",
			"4.414 n1 renew 10.0.0.100/32 on 2 for 2s",
			"5.414 n1 renew 10.0.0.100/32 on 2 for 2s",
		})
	})
}

// The loop was stopped for longer than the lease: the kernel has taken the
// address away, and says so.
func TestLeaseThatEndedIsTakenAnew(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150))
		leased(n1)
		if err := n1.start(); err != nil {
			t.Fatal(err)
		}
		pass(4 * time.Second)
		n1.mutex.Lock()
		n1.present = n1.present[:1]
		n1.mutex.Unlock()
		w.take("")
		n1.events <- netif.AddressRemoved{Address: netif.Address{Index: 2, Prefix: netip.MustParsePrefix(vip)}}
		synctest.Wait()
		want(t, "return", w.take("n1"), []string{
			"4.000 n1 log virtual address was removed by another's hand instance=VI address=10.0.0.100/32 interface=eth0 times=1",
			"4.000 n1 set 10.0.0.100/32 on 2 for 2s",
			"4.000 n1 announce 10.0.0.100 x5 on eth0",
		})
	})
}

// The same, when the renewal comes before the kernel's word of it.
func TestLeaseThatEndedIsNotRenewed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150))
		leased(n1)
		if err := n1.start(); err != nil {
			t.Fatal(err)
		}
		pass(4 * time.Second)
		n1.mutex.Lock()
		n1.present = n1.present[:1]
		n1.mutex.Unlock()
		w.take("")
		pass(time.Second)
		want(t, "return", w.take("n1"), []string{
			"4.414 n1 advertise 7 priority 150",
			"4.414 n1 renew 10.0.0.100/32 on 2 for 2s",
			"4.414 n1 log virtual address was removed by another's hand instance=VI address=10.0.0.100/32 interface=eth0 times=1",
			"4.414 n1 set 10.0.0.100/32 on 2 for 2s",
			"4.414 n1 announce 10.0.0.100 x5 on eth0",
		})
	})
}

// The longest lease that surely ends before Active_Down_Interval.
func TestAutomaticLease(t *testing.T) {
	tests := []struct {
		interval time.Duration
		adverts  int
		priority uint8
		chosen   time.Duration
		want     time.Duration
	}{
		{interval: time.Second, adverts: 3, want: 2 * time.Second},
		{interval: 2 * time.Second, adverts: 3, want: 5 * time.Second},
		{interval: 750 * time.Millisecond, adverts: 3, want: 0}, // it could end after 2 s, one renewal late
		{interval: 700 * time.Millisecond, adverts: 4, want: 0},
		{interval: 500 * time.Millisecond, adverts: 4, want: time.Second},
		{interval: 500 * time.Millisecond, adverts: 3, want: 0}, // it could end after 2 s
		{interval: 100 * time.Millisecond, adverts: 3, want: 0},
		{interval: 100 * time.Millisecond, adverts: 20, want: time.Second},
		{interval: time.Second, adverts: 2, want: 0}, // one late renewal would end it
		{interval: time.Second, adverts: 3, priority: 255, want: 0},
		{interval: time.Second, adverts: 3, chosen: config.LeaseOff, want: 0},
		{interval: time.Second, adverts: 3, chosen: 7 * time.Second, want: 7 * time.Second},
		{interval: time.Minute, adverts: 3, want: 164 * time.Second},
	}
	for _, test := range tests {
		got := leaseOf(config.Instance{
			AdvertInterval: test.interval, DownTimerAdverts: test.adverts,
			Priority: test.priority, VIPLease: test.chosen,
		})
		if got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

// What waited in the socket is heard before an address that vanished is put
// back: another may be the Active by now.
func TestVanishedAddressIsNotPutBackByAYieldingActive(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(100))
		pass(4 * time.Second)
		n1.setPaused(time.Hour)
		n1.deliver(nil, advert(t, 200))
		n1.mutex.Lock()
		n1.present = n1.present[:1]
		n1.mutex.Unlock()
		w.take("")
		n1.events <- netif.AddressRemoved{Address: netif.Address{Index: 2, Prefix: netip.MustParsePrefix(vip)}}
		synctest.Wait()
		for _, line := range w.take("10.0.0.100") {
			if strings.Contains(line, " set ") {
				t.Errorf("put back: %s", line)
			}
		}
	})
}

func TestFirstAnnouncementWaitsForOneAddressOnly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1, configured(150, func(c *config.Config) {
			addresses := &c.Instances[0].VirtualAddresses
			*addresses = nil
			for n := range 8 {
				a := netip.AddrFrom4([4]byte{10, 0, 1, byte(n)})
				*addresses = append(*addresses, config.VirtualAddress{Prefix: netip.PrefixFrom(a, 32)})
			}
		}))
		pass(4 * time.Second)
		var order strings.Builder
		for _, line := range w.take("10.0.1.") {
			switch strings.Fields(line)[2] {
			case "set":
				order.WriteByte('s')
			case "announce":
				order.WriteByte('a')
			}
		}
		again := strings.Repeat("a", 4*8)
		if got, wanted := order.String(), "sa"+"ssaa"+"ssssaaaa"+"sa"+again; got != wanted {
			t.Errorf("order %s, want %s", got, wanted)
		}
	})
}
