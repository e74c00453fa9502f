package daemon

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
	"takeover/daemon/track"
	"takeover/daemon/transport"
)

const vip = "10.0.0.100/32"

// inWorld runs f in virtual time.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.stopAll()
		f(t, w)
	})
}

// pass lets virtual time pass, and everything due in it happen.
func pass(d time.Duration) {
	time.Sleep(d) // virtual
	synctest.Wait()
}

func want(t *testing.T, what string, got, wanted []string) {
	t.Helper()
	if !slices.Equal(got, wanted) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(wanted, "\n"))
	}
}

func TestElectionTakesActiveDownInterval(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1, configured(150))
		w.add(2, configured(100))
		w.add(3, configured(50))
		pass(10 * time.Second)
		if got := w.owners(); got != "n1" {
			t.Errorf("owners %q, want n1", got)
		}
		want(t, "transitions", w.take("state changed"), []string{
			"0.000 n1 log state changed instance=VI from=Initialize to=Backup reason=startup",
			"0.000 n2 log state changed instance=VI from=Initialize to=Backup reason=startup",
			"0.000 n3 log state changed instance=VI from=Initialize to=Backup reason=startup",
			"3.414 n1 log state changed instance=VI from=Backup to=Active reason=Active_Down_Timer expired",
		})
	})
}

func TestTakeoverAdvertisesThenSetsThenAnnounces(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.add(1, configured(150))
		pass(3 * time.Second)
		w.take("")
		pass(time.Second)
		want(t, "takeover", w.take("n1"), []string{
			"3.414 n1 advertise 7 priority 150",
			"3.414 n1 set 10.0.0.100/32 on 2",
			"3.414 n1 announce 10.0.0.100 x5 on eth0",
			"3.414 n1 log state changed instance=VI from=Backup to=Active reason=Active_Down_Timer expired",
		})
	})
}

func TestOrderlyEndHandsOverAfterSkew(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		n2 := w.add(2, configured(100))
		pass(5 * time.Second)
		w.take("")
		n1.stop()
		n1.cancel = nil
		pass(time.Second)
		if !n2.has(vip) || n1.has(vip) {
			t.Errorf("owners %q, want n2", w.owners())
		}
		want(t, "handover", w.take(""), []string{
			"5.000 n1 advertise 7 priority 0",
			"5.000 n1 remove 10.0.0.100/32 on 2",
			"5.000 n1 log state changed instance=VI from=Active to=Initialize reason=stopping",
			"5.000 n1 close eth0 2",
			"5.609 n2 advertise 7 priority 100",
			"5.609 n2 set 10.0.0.100/32 on 2",
			"5.609 n2 announce 10.0.0.100 x5 on eth0",
			"5.609 n2 log state changed instance=VI from=Backup to=Active reason=Skew_Time passed after priority 0",
		})
	})
}

func TestOrderlyEndSendsEveryPriorityZeroFirst(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150, func(c *config.Config) {
			second := c.Instances[0]
			second.Name, second.VRID = "VJ", 8
			second.VirtualAddresses = []config.VirtualAddress{{Prefix: netip.MustParsePrefix("10.0.0.101/32")}}
			c.Instances = append(c.Instances, second)
		}))
		pass(5 * time.Second)
		w.take("")
		n1.stop()
		n1.cancel = nil
		var order []string
		for _, line := range w.take("n1") {
			if fields := strings.Fields(line); fields[2] == "advertise" || fields[2] == "remove" {
				order = append(order, strings.Join(fields[2:4], " "))
			}
		}
		want(t, "order", order, []string{
			"advertise 7", "advertise 8", "remove 10.0.0.100/32", "remove 10.0.0.101/32",
		})
	})
}

func TestLinkDownIsAFaultAndUpPreempts(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		w.add(2, configured(100))
		pass(5500 * time.Millisecond) // advertisements at 3.414 + n
		w.take("")
		n1.setRunning("eth0", false)
		pass(4 * time.Second)
		if got := w.owners(); got != "n2" {
			t.Fatalf("owners with n1's link down: %q, want n2", got)
		}
		want(t, "transitions down", w.take("state changed"), []string{
			"5.500 n1 log state changed instance=VI from=Active to=Initialize reason=interface eth0 down",
			"9.023 n2 log state changed instance=VI from=Backup to=Active reason=Active_Down_Timer expired",
		})
		n1.setRunning("eth0", true)
		pass(4 * time.Second)
		want(t, "transitions up", w.take("state changed"), []string{
			"9.500 n1 log state changed instance=VI from=Initialize to=Backup reason=startup",
			"12.914 n1 log state changed instance=VI from=Backup to=Active reason=Active_Down_Timer expired",
			"12.914 n2 log state changed instance=VI from=Active to=Backup reason=priority 150 from 10.0.0.1",
		})
	})
}

// The switch may be another one than before.
func TestGroupsAreJoinedAgainWhenTheLinkIsBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		pass(time.Second)
		n1.setRunning("eth0", false)
		pass(time.Second)
		n1.setRunning("eth0", true)
		n1.setRunning("eth0", true)
		pass(time.Second)
		want(t, "joins", w.take("rejoin"), []string{"2.000 n1 rejoin on eth0"})
	})
}

// What was sent to them while the link was down keeps none of them waiting.
func TestPeersAreAskedForAnewWhenTheLinkIsBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150, func(c *config.Config) {
			i := &c.Instances[0]
			i.Source = netip.MustParseAddr("10.0.0.1")
			for _, peer := range []string{"10.0.0.2", "10.0.0.3"} {
				i.UnicastPeers = append(i.UnicastPeers, config.UnicastPeer{Address: netip.MustParseAddr(peer)})
			}
		}))
		pass(time.Second)
		n1.setRunning("eth0", false)
		pass(time.Second)
		n1.setRunning("eth0", true)
		pass(time.Second)
		want(t, "questions", w.take(" ask "), []string{"2.000 n1 ask on eth0 for [10.0.0.2 10.0.0.3]"})
	})
}

// A process that was stopped finds the expired timer and the packets that
// waited. The packets say that there is an Active.
func TestPendingPacketsAreHeardBeforeTheTimer(t *testing.T) {
	for _, pause := range []time.Duration{1, headStart, 10 * time.Second} {
		t.Run(pause.String(), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				w.add(1, configured(150))
				n2 := w.add(2, configured(100))
				pass(5 * time.Second)
				w.take("")
				n2.setPaused(pause)
				pass(60 * time.Second)
				want(t, "transitions", w.take("state changed"), nil)
			})
		})
	}
}

// An interface was replaced while events were lost.
func TestReplacedInterfaceIsOpenedAnew(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		pass(5 * time.Second)
		w.take("")
		n1.mutex.Lock()
		link := n1.links["eth0"]
		link.Index = 9
		n1.links["eth0"] = link
		n1.present = []netif.Address{{Index: 9, Prefix: netip.MustParsePrefix("10.0.0.1/24")}}
		tables := n1.tables()
		n1.mutex.Unlock()
		n1.events <- tables
		synctest.Wait()
		want(t, "replacement", w.take("n1")[:5], []string{
			"5.000 n1 remove 10.0.0.100/32 on 2",
			"5.000 n1 close eth0 2",
			"5.000 n1 listen eth0 9 from 10.0.0.1",
			"5.000 n1 log virtual address was removed by another's hand instance=VI address=10.0.0.100/32 interface=eth0 times=1",
			"5.000 n1 set 10.0.0.100/32 on 9",
		})
		n1.mutex.Lock()
		defer n1.mutex.Unlock()
		if i := n1.told.instances[0]; i.Farewells[0].Index != 9 || i.Addresses[0].Index != 9 || !i.Active {
			t.Errorf("the guardian knows %+v", i)
		}
	})
}

func TestVanishedInterfaceComesBackAsAnother(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		pass(5 * time.Second)
		w.take("")
		old := n1.links["eth0"]
		n1.events <- netif.LinkRemoved{Link: old}
		synctest.Wait()
		want(t, "removal", w.take("state changed"), []string{
			"5.000 n1 log state changed instance=VI from=Active to=Initialize reason=interface eth0 removed",
		})
		n1.mutex.Lock()
		back := old
		back.Index = 9
		n1.links["eth0"] = back
		n1.present = nil
		n1.mutex.Unlock()
		n1.events <- netif.LinkChanged{Link: back}
		n1.events <- netif.AddressSet{Address: netif.Address{Index: 9, Prefix: netip.MustParsePrefix("10.0.0.1/24")}}
		pass(4 * time.Second)
		want(t, "return", w.take("on 9"), []string{"8.414 n1 set 10.0.0.100/32 on 9"})
	})
}

func TestAddressRemovedByAnotherHandIsPutBack(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		pass(5 * time.Second)
		w.take("")
		address := netif.Address{Index: 2, Prefix: netip.MustParsePrefix(vip)}
		n1.events <- netif.AddressRemoved{Address: address}
		synctest.Wait()
		want(t, "restoring", w.take("10.0.0.100"), []string{
			"5.000 n1 log virtual address was removed by another's hand instance=VI address=10.0.0.100/32 interface=eth0 times=1",
			"5.000 n1 set 10.0.0.100/32 on 2",
			"5.000 n1 announce 10.0.0.100 x5 on eth0",
		})
	})
}

// A Backup has the address at no time, whoever set it and with whatever length.
func TestAddressSetByAnotherHandIsRemovedFromABackup(t *testing.T) {
	for _, prefix := range []string{vip, "10.0.0.100/24"} {
		inWorld(t, func(t *testing.T, w *world) {
			w.add(1, configured(150))
			n2 := w.add(2, configured(100))
			pass(5 * time.Second)
			w.take("")
			n2.set([]netif.Address{{Index: 2, Prefix: netip.MustParsePrefix(prefix)}})
			w.take("")
			n2.events <- netif.AddressSet{Address: netif.Address{Index: 2, Prefix: netip.MustParsePrefix(prefix)}}
			synctest.Wait()
			want(t, "removal", w.take("10.0.0.100"), []string{
				"5.000 n2 remove " + prefix + " on 2",
				"5.000 n2 log virtual address was set by another's hand, and is removed instance=VI address=" + prefix + " interface=eth0 times=1",
			})
		})
	}
}

// The Active and an address owner keep it.
func TestAddressSetByAnotherHandStaysWithItsOwner(t *testing.T) {
	for _, priority := range []uint8{150, 255} {
		inWorld(t, func(t *testing.T, w *world) {
			n1 := w.add(1, configured(priority))
			pass(5 * time.Second)
			w.take("")
			n1.events <- netif.AddressSet{Address: netif.Address{Index: 2, Prefix: netip.MustParsePrefix(vip)}}
			synctest.Wait()
			want(t, "nothing", w.take("10.0.0.100"), nil)
		})
	}
}

func TestPrimaryAddressChanges(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		pass(5 * time.Second)
		w.take("")
		n1.events <- netif.AddressSet{Address: netif.Address{Index: 2, Prefix: netip.MustParsePrefix("10.0.0.11/24")}}
		n1.events <- netif.AddressRemoved{Address: netif.Address{Index: 2, Prefix: netip.MustParsePrefix("10.0.0.1/24")}}
		pass(4 * time.Second)
		want(t, "change", w.take("n1")[:6], []string{
			"5.000 n1 advertise 7 priority 0",
			"5.000 n1 remove 10.0.0.100/32 on 2",
			"5.000 n1 log state changed instance=VI from=Active to=Initialize reason=primary address of eth0 changed",
			"5.000 n1 source 10.0.0.11",
			"5.000 n1 log state changed instance=VI from=Initialize to=Backup reason=startup",
			"8.414 n1 advertise 7 priority 150",
		})
	})
}

func TestLeftoverAddressIsRemovedAtStart(t *testing.T) {
	tests := []struct {
		name     string
		priority uint8
		kept     bool
	}{
		{"backup", 150, false},
		{"owner", 255, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				n1 := w.prepare(1, configured(test.priority))
				n1.present = append(n1.present, netif.Address{Index: 2, Prefix: netip.MustParsePrefix(vip)})
				if err := n1.start(); err != nil {
					t.Fatal(err)
				}
				if kept := len(w.take("remove 10.0.0.100/32")) == 0; kept != test.kept {
					t.Errorf("kept: %t, want %t", kept, test.kept)
				}
			})
		})
	}
}

// An owner's address is its interface's own, whatever state the link is in.
func TestOwnersAddressIsNoLeftoverWhenTheLinkIsDown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(255))
		n1.present = append(n1.present, netif.Address{Index: 2, Prefix: netip.MustParsePrefix(vip)})
		link := n1.links["eth0"]
		link.Running = false
		n1.links["eth0"] = link
		if err := n1.start(); err != nil {
			t.Fatal(err)
		}
		want(t, "removals", w.take("remove"), nil)
	})
}

func TestScriptHoldsThenFaultsThenFrees(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150, func(c *config.Config) {
			c.Scripts = []config.Script{{Name: "chk"}}
			c.Instances[0].TrackScripts = []config.TrackScript{{Name: "chk"}}
		}))
		pass(5 * time.Second)
		want(t, "held", w.take("state changed"), nil)
		n1.results <- track.Result{Name: "chk", Up: true}
		pass(5 * time.Second)
		n1.results <- track.Result{Name: "chk", Up: false}
		pass(time.Second)
		want(t, "script", w.take("state changed"), []string{
			"5.000 n1 log state changed instance=VI from=Initialize to=Backup reason=startup",
			"8.414 n1 log state changed instance=VI from=Backup to=Active reason=Active_Down_Timer expired",
			"10.000 n1 log state changed instance=VI from=Active to=Initialize reason=script chk failed",
		})
		n1.results <- track.Result{Name: "chk", Up: true}
		pass(time.Second)
		want(t, "freed", w.take("state changed"), []string{
			"11.000 n1 log state changed instance=VI from=Initialize to=Backup reason=startup",
		})
	})
}

func TestWeightedScriptChangesPriority(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150, func(c *config.Config) {
			c.Scripts = []config.Script{{Name: "chk", Weight: -100}}
			c.Instances[0].TrackScripts = []config.TrackScript{{Name: "chk"}}
		}))
		w.add(2, configured(100))
		pass(5 * time.Second)
		w.take("")
		n1.results <- track.Result{Name: "chk", Up: false}
		pass(5 * time.Second)
		if got := w.owners(); got != "n2" {
			t.Errorf("owners %q, want n2", got)
		}
	})
}

func TestTrackedInterfaceIsAFault(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150, func(c *config.Config) {
			c.Instances[0].TrackInterfaces = []config.TrackInterface{{Name: "eth1"}}
		}))
		pass(5 * time.Second)
		w.take("")
		n1.setRunning("eth1", false)
		synctest.Wait()
		want(t, "fault", w.take("state changed"), []string{
			"5.000 n1 log state changed instance=VI from=Active to=Initialize reason=interface eth1 down",
		})
	})
}

func TestPrimaryInterfaceMayBeDown(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150, func(c *config.Config) { c.Instances[0].DontTrackPrimary = true }))
		pass(5 * time.Second)
		w.take("")
		n1.setRunning("eth0", false)
		pass(5 * time.Second)
		want(t, "transitions", w.take("state changed"), nil)
	})
}

func TestRefusalIsLoggedOnceAMinute(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.add(1, configured(150))
		foreign := transport.Datagram{
			Source: netip.MustParseAddr("10.0.0.9"), TTL: 254, Payload: []byte{0x21, 7, 100, 1, 0, 1, 0, 0},
		}
		for range 90 {
			n1.deliver(nil, foreign)
			pass(time.Second)
		}
		want(t, "refusals", w.take("refused"), []string{
			"0.000 n1 log advertisement refused instance=VI source=10.0.0.9 reason=wrong TTL detail=TTL 254 times=1 total=1",
			"60.000 n1 log advertisement refused instance=VI source=10.0.0.9 reason=wrong TTL detail=TTL 254 times=60 total=61",
		})
	})
}

func TestMissingInterfaceIsNamed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150, func(c *config.Config) { c.Instances[0].Interface = "eth9" }))
		err := n1.start()
		if _, ok := errors.AsType[*MissingInterfaceError](err); !ok {
			t.Fatalf("error %v, want a MissingInterfaceError", err)
		}
		if got, wanted := err.Error(), "test.conf:3: vrrp_instance VI: interface eth9 does not exist"; got != wanted {
			t.Errorf("error %q, want %q", got, wanted)
		}
	})
}
