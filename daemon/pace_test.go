package daemon

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"takeover/daemon/config"
)

// paced has three addresses announced twice, 100 ms apart.
func paced(c *config.Config) {
	c.Global.GARPInterval = 100 * time.Millisecond
	i := &c.Instances[0]
	i.GARPRepeat, i.GARPDelay = 2, 0
	i.VirtualAddresses = nil
	for n := range 3 {
		address := netip.AddrFrom4([4]byte{10, 0, 0, byte(100 + n)})
		i.VirtualAddresses = append(i.VirtualAddresses, config.VirtualAddress{Prefix: netip.PrefixFrom(address, 32)})
	}
}

func TestAnnouncementsOfAnInterfaceAreKeptApart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1, configured(150, paced))
		pass(3500 * time.Millisecond)
		want(t, "addresses wait for nothing", w.take(" set "), []string{
			"3.414 n1 set 10.0.0.100/32 on 2",
			"3.414 n1 set 10.0.0.101/32 on 2",
			"3.414 n1 set 10.0.0.102/32 on 2",
		})
	})
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1, configured(150, paced))
		pass(10 * time.Second)
		want(t, "announcements", w.take("announce"), []string{
			"3.414 n1 announce 10.0.0.100 x1 on eth0",
			"3.514 n1 announce 10.0.0.101 x1 on eth0",
			"3.614 n1 announce 10.0.0.102 x1 on eth0",
			"3.714 n1 announce 10.0.0.100 x1 on eth0",
			"3.814 n1 announce 10.0.0.101 x1 on eth0",
			"3.914 n1 announce 10.0.0.102 x1 on eth0",
		})
	})
}

// The interval is one of the interface: instances share it. Another interface
// has its own.
func TestInstancesShareTheirInterfacesPace(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1, configured(150, paced, twoInstances, func(c *config.Config) {
			c.Instances[1].TrackInterfaces = nil
			c.Instances[0].VirtualAddresses = c.Instances[0].VirtualAddresses[:1]
			c.Instances[0].ExcludedAddresses = []config.VirtualAddress{
				{Prefix: netip.MustParsePrefix("10.2.0.100/32"), Device: "eth1"},
			}
		}))
		pass(4 * time.Second)
		want(t, "announcements", w.take("announce"), []string{
			"3.414 n1 announce 10.0.0.100 x1 on eth0",
			"3.414 n1 announce 10.2.0.100 x1 on eth1",
			"3.514 n1 announce 10.1.0.100 x1 on eth0",
			"3.514 n1 announce 10.2.0.100 x1 on eth1",
			"3.614 n1 announce 10.0.0.100 x1 on eth0",
			"3.714 n1 announce 10.1.0.100 x1 on eth0",
		})
	})
}

// The interface of a virtual router MAC is on the same link as the one below.
func TestVirtualRouterMACSharesThePaceBelow(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1, configured(150, paced, twoInstances, func(c *config.Config) {
			c.Instances[1].TrackInterfaces = nil
			c.Instances[1].VMAC = new(config.VMAC)
			for n := range c.Instances {
				c.Instances[n].VirtualAddresses = c.Instances[n].VirtualAddresses[:1]
				c.Instances[n].GARPRepeat = 1
			}
		}))
		pass(4 * time.Second)
		want(t, "announcements", w.take("announce"), []string{
			"3.414 n1 announce 10.0.0.100 x1 on eth0",
			"3.514 n1 announce 10.1.0.100 x1 on vrrp.8",
		})
	})
}

// Who is not Active any more has nothing to announce.
func TestWaitingAnnouncementsEndWithTheActive(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150, paced, func(c *config.Config) { c.Instances[0].SkipCheckAddresses = true }))
		pass(3550 * time.Millisecond)
		w.take("")
		n1.deliver(nil, advert(t, 200))
		pass(3 * time.Second)
		want(t, "announcements", w.take("announce"), nil)
	})
}

// What is added faster than it can be announced does not pile up.
func TestWaitingAnnouncementsDoNotPileUp(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150, paced, func(c *config.Config) {
			c.Global.GARPInterval = time.Minute
			c.Instances[0].GARPRefresh, c.Instances[0].GARPRefreshRepeat = time.Second, 1
		}))
		pass(time.Hour)
		n1.stop()
		n1.cancel = nil
		if got := len(w.take("announce")); got < 59 || got > 61 {
			t.Errorf("%d announcements in an hour, want one a minute", got)
		}
		if got := len(n1.loop.attachments["eth0"].garp.waiting); got != 0 {
			t.Errorf("%d wait after the end", got)
		}
	})
}

// Neighbor Advertisements have an interval of their own.
func TestFamiliesHaveTheirOwnPace(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1, configured(150, paced, func(c *config.Config) {
			c.Global.GNAInterval = 50 * time.Millisecond
			c.Instances[0].VirtualAddresses = c.Instances[0].VirtualAddresses[:1]
			c.Instances[0].ExcludedAddresses = []config.VirtualAddress{{Prefix: netip.MustParsePrefix("2001:db8::1/128")}}
		}))
		pass(4 * time.Second)
		want(t, "announcements", w.take("announce"), []string{
			"3.414 n1 announce 10.0.0.100 x1 on eth0",
			"3.414 n1 announce 2001:db8::1 x1 on eth0",
			"3.464 n1 announce 2001:db8::1 x1 on eth0",
			"3.514 n1 announce 10.0.0.100 x1 on eth0",
		})
	})
}

// A Backup's timer is not delayed by announcements that wait, nor they by it.
func TestPaceAndTimersDoNotDelayEachOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1, configured(150, paced, twoInstances, func(c *config.Config) {
			c.Instances[1].TrackInterfaces = nil
			c.Instances[1].Priority = 140 // Skew_Time: 39 ms more
		}))
		pass(3500 * time.Millisecond)
		synctest.Wait()
		want(t, "takeovers", w.take("state changed")[2:], []string{
			"3.414 n1 log state changed instance=VI from=Backup to=Active reason=Active_Down_Timer expired",
			"3.453 n1 log state changed instance=VJ from=Backup to=Active reason=Active_Down_Timer expired",
		})
	})
}
