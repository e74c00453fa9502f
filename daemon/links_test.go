package daemon

import (
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
)

// What was set on an interface that has another name now is taken off there,
// after priority 0.
func TestRenamedInterfaceIsLeft(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		pass(5 * time.Second)
		w.take("")
		renamed := n1.links["eth0"]
		renamed.Name = "away"
		n1.events <- netif.LinkChanged{Link: renamed}
		synctest.Wait()
		want(t, "renaming", w.take("n1"), []string{
			"5.000 n1 advertise 7 priority 0",
			"5.000 n1 remove 10.0.0.100/32 on 2",
			"5.000 n1 log state changed instance=VI from=Active to=Initialize reason=interface eth0 removed",
			"5.000 n1 close eth0 2",
		})
	})
}

// The kernel may list an address first that was added later.
func TestPrimaryAddressStays(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		pass(5 * time.Second)
		w.take("")
		n1.mutex.Lock()
		earlier := netif.Address{Index: 2, Prefix: netip.MustParsePrefix("10.0.0.11/24")}
		n1.present = append([]netif.Address{earlier}, n1.present...)
		tables := n1.tables()
		n1.mutex.Unlock()
		n1.events <- tables
		synctest.Wait()
		want(t, "changes", w.take("n1"), []string{"5.000 n1 rejoin on eth0"})
	})
}

func TestLostPrimaryAddressIsLeftWithPriority0(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		pass(5 * time.Second)
		w.take("")
		n1.events <- netif.AddressRemoved{Address: netif.Address{Index: 2, Prefix: netip.MustParsePrefix("10.0.0.1/24")}}
		synctest.Wait()
		want(t, "removal", w.take("n1"), []string{
			"5.000 n1 advertise 7 priority 0",
			"5.000 n1 remove 10.0.0.100/32 on 2",
			"5.000 n1 log state changed instance=VI from=Active to=Initialize reason=no primary address on interface eth0",
			"5.000 n1 close eth0 2",
		})
	})
}

func TestOtherHardwareAddressIsAnnounced(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		pass(5 * time.Second)
		w.take("")
		link := n1.links["eth0"]
		link.Hardware = net.HardwareAddr{2, 0, 0, 0, 9, 9}
		n1.events <- netif.LinkChanged{Link: link}
		n1.events <- netif.LinkChanged{Link: link}
		synctest.Wait()
		want(t, "change", w.take("n1"), []string{
			"5.000 n1 close eth0 2",
			"5.000 n1 listen eth0 2 from 10.0.0.1",
			"5.000 n1 set 10.0.0.100/32 on 2",
			"5.000 n1 announce 10.0.0.100 x5 on eth0",
		})
	})
}

// withVMAC gives the instance a virtual router MAC address.
func withVMAC(c *config.Config) { c.Instances[0].VMAC = &config.VMAC{} }

// The macvlan is made again when it was removed alone. News of how it was while
// it was being made count for nothing, but later ones do.
func TestVirtualRouterMACIsMadeAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150, withVMAC))
		made := netif.Link{Index: 102, Name: "vrrp.7", ARP: true, Hardware: netif.VirtualMAC(7, false)}
		up := made
		up.Running = true
		n1.events <- netif.LinkChanged{Link: made}
		n1.events <- netif.LinkChanged{Link: up}
		pass(5 * time.Second)
		if got := w.take("to=Initialize"); len(got) > 0 {
			t.Errorf("old news: %v", got)
		}
		n1.events <- netif.LinkRemoved{Link: up}
		synctest.Wait()
		want(t, "making", w.take("make"), []string{"5.000 n1 make vrrp.7 with 00:00:5e:00:01:07"})
		n1.events <- netif.LinkChanged{Link: made}
		n1.events <- netif.LinkChanged{Link: up}
		n1.events <- netif.LinkChanged{Link: made}
		synctest.Wait()
		want(t, "late news", w.take("to=Initialize"), []string{
			"5.000 n1 log state changed instance=VI from=Backup to=Initialize reason=interface vrrp.7 down",
		})
	})
}

// makingNetwork notes how long the worker has pledged to take when an interface
// is made.
type makingNetwork struct {
	network
	pledge  *pledge
	pledged []time.Duration
}

func (n *makingNetwork) ensureVMAC(v netif.VMAC) (netif.Link, error) {
	n.pledged = append(n.pledged, n.pledge.given()-n.pledge.now())
	return n.network.ensureVMAC(v)
}

// The kernel may take long to make an interface.
func TestMakingAnInterfaceIsPledged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150, withVMAC))
		making := &makingNetwork{network: n1, pledge: newPledge(new(atomic.Int64))}
		n1.loop.pledge, n1.loop.network = making.pledge, making
		if err := n1.start(); err != nil {
			t.Fatal(err)
		}
		pass(5 * time.Second)
		n1.events <- netif.LinkRemoved{Link: netif.Link{Index: 102, Name: "vrrp.7"}}
		synctest.Wait()
		if len(making.pledged) != 2 || making.pledged[1] != toleranceMax {
			t.Errorf("pledged %s, want %s the second time", making.pledged, toleranceMax)
		}
	})
}

// The worker may have died with its interface, which comes back later.
func TestRestartedWorkerAwaitsItsInterface(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150))
		n1.loop.isRestart = true
		eth0 := n1.links["eth0"]
		delete(n1.links, "eth0")
		primary := n1.present[0]
		n1.present = nil
		if err := n1.start(); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		n1.events <- netif.LinkChanged{Link: eth0}
		n1.events <- netif.AddressSet{Address: primary}
		pass(4 * time.Second)
		want(t, "changes", w.take("log"), []string{
			"0.000 n1 log instance is held in Initialize instance=VI reason=interface eth0 removed",
			"1.000 n1 log state changed instance=VI from=Initialize to=Backup reason=startup",
			"4.414 n1 log state changed instance=VI from=Backup to=Active reason=Active_Down_Timer expired",
		})
	})
}

// A macvlan that is there at the start may be a predecessor's, and wrong.
func TestVirtualRouterMACOfAPredecessorIsLookedThrough(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150, withVMAC))
		n1.links["vrrp.7"] = netif.Link{Index: 102, Name: "vrrp.7", Running: true, ARP: true}
		n1.present = append(n1.present, netif.Address{Index: 102, Prefix: netip.MustParsePrefix(vip)})
		if err := n1.start(); err != nil {
			t.Fatal(err)
		}
		n1.mutex.Lock()
		lines := slices.Clone(n1.lines)
		n1.mutex.Unlock()
		if len(lines) == 0 || lines[0] != "   0.000 n1 make vrrp.7 with 00:00:5e:00:01:07" {
			t.Errorf("first of all: %q", lines)
		}
		if n1.has(vip) {
			t.Error("its address is left")
		}
	})
}

func TestFlappingAddressIsLoggedOnceAMinute(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		pass(5 * time.Second)
		w.take("")
		for range 100 {
			n1.events <- netif.AddressRemoved{Address: netif.Address{Index: 2, Prefix: netip.MustParsePrefix(vip)}}
		}
		pass(61 * time.Second)
		n1.events <- netif.AddressRemoved{Address: netif.Address{Index: 2, Prefix: netip.MustParsePrefix(vip)}}
		synctest.Wait()
		const text = "n1 log virtual address was removed by another's hand instance=VI address=10.0.0.100/32 interface=eth0 times="
		want(t, "log", w.take("another's hand"), []string{"5.000 " + text + "1", "66.000 " + text + "100"})
	})
}

// Only what was there before any vipd is an owner's own.
func TestOwnersAddressThatAPredecessorSetIsRemoved(t *testing.T) {
	for _, ours := range []bool{false, true} {
		inWorld(t, func(t *testing.T, w *world) {
			n1 := w.prepare(1, configured(255))
			n1.present = append(n1.present, netif.Address{Index: 2, Prefix: netip.MustParsePrefix(vip), Ours: ours})
			if err := n1.start(); err != nil {
				t.Fatal(err)
			}
			n1.stop()
			n1.cancel = nil
			if n1.has(vip) == ours {
				t.Errorf("a predecessor's: %t, left: %t", ours, n1.has(vip))
			}
		})
	}
}
