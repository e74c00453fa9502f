package netif

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	vrid = 51
	// router is the interface of the virtual router, vip4 and vip6 what is on it.
	router = "vrrp.51"
	vip4   = "10.0.0.100"
	vip6   = "fd01::100"
)

func routerOn(h *host, is6 bool) VMAC {
	return VMAC{Name: router, Hardware: VirtualMAC(vrid, is6), Parent: h.link("eth0").Index}
}

func TestVirtualMAC(t *testing.T) {
	for is6, want := range map[bool]string{false: "00:00:5e:00:01:33", true: "00:00:5e:00:02:33"} {
		if got := VirtualMAC(vrid, is6).String(); got != want {
			t.Errorf("is6=%t: %s, want %s", is6, got, want)
		}
	}
}

// The client keeps its neighbour entry when the address moves: the MAC address
// moves with it.
func TestLiveVMACFailover(t *testing.T) {
	tests := []struct {
		is6     bool
		address netip.Addr
	}{
		{false, netip.MustParseAddr(vip4)},
		{true, netip.MustParseAddr(vip6)},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("is6=%t", test.is6), func(t *testing.T) {
			s := newSegment(t, 3)
			client, hardware := s.hosts[2], VirtualMAC(vrid, test.is6)
			var on [2]Address
			for i, node := range s.hosts[:2] {
				made := node.ensure(routerOn(node, test.is6))
				if !made.Running || made.Hardware.String() != hardware.String() {
					t.Fatalf("made %+v", made)
				}
				on[i] = Address{Index: made.Index, Prefix: netip.PrefixFrom(test.address, test.address.BitLen())}
			}
			neighbour := func() string {
				return client.run("ip neigh show %s | grep -o 'lladdr [^ ]*'", test.address)
			}
			want := "lladdr " + hardware.String() + "\n"

			s.hosts[0].set(on[0])
			if !client.reaches(test.address) {
				t.Fatal("the first node does not answer")
			}
			if got := neighbour(); got != want {
				t.Errorf("neighbour %q, want %q", got, want)
			}
			if got := s.portOf(hardware); got != "p1" {
				t.Errorf("the bridge has %s on %s", hardware, got)
			}

			s.hosts[0].remove(on[0])
			s.hosts[1].set(on[1])
			// As an Active does, it goes on: the last one's reports (MLD) may
			// still be under way, and point the bridge at it once more.
			announcer := s.hosts[1].arp(router)
			for end := time.Now().Add(bound); ; {
				announcer.announce(hardware, netip.MustParseAddr(vip4))
				if client.reachesWithin(silence, test.address) && s.portOf(hardware) == "p2" {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the second node does not answer; the bridge has %s on %s", hardware, s.portOf(hardware))
				}
			}
			if got := neighbour(); got != want {
				t.Errorf("neighbour %q, want %q", got, want)
			}
		})
	}
}

// Each interface answers for its own addresses, with its own MAC address.
func TestLiveVMACAnswersARPOnce(t *testing.T) {
	s := newSegment(t, 2)
	node, client := s.hosts[0], s.hosts[1]
	v := routerOn(node, false)
	made := node.ensure(v)
	node.set(Address{Index: made.Index, Prefix: netip.MustParsePrefix(vip4 + "/24")})
	heard := client.arp("eth0")
	for address, want := range map[string]string{
		vip4:       v.Hardware.String(),
		"10.0.0.1": node.link("eth0").Hardware.String(),
	} {
		client.run("ip neigh flush dev eth0")
		asked := netip.MustParseAddr(address)
		if !client.reaches(asked) {
			t.Fatalf("%s does not answer", asked)
		}
		if got := heard.answers(asked); !slices.Equal(got, []string{want}) {
			t.Errorf("answers for %s from %v, want %s", address, got, want)
		}
		if got := client.run("ip neigh show %s", address); !strings.Contains(got, want) {
			t.Errorf("neighbour %s, want %s", got, want)
		}
	}
}

// Who still has the address while the new Active announces it does not answer:
// switches would take the answer for the MAC address's move back.
func TestLiveVMACDoesNotAnswerTheOther(t *testing.T) {
	s := newSegment(t, 2)
	node, other := s.hosts[0], s.hosts[1]
	v := routerOn(node, false)
	made := node.ensure(v)
	node.set(Address{Index: made.Index, Prefix: netip.MustParsePrefix(vip4 + "/32")})
	heard := other.arp("eth0")
	own := netip.MustParseAddr("10.0.0.1")
	for end := time.Now().Add(bound); ; { // a bridge may lose what is sent while its ports come up
		heard.announce(v.Hardware, netip.MustParseAddr(vip4))
		if other.reachesWithin(silence, own) {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the node does not answer")
		}
	}
	// What is sent now is answered first, if at all.
	heard.announce(v.Hardware, netip.MustParseAddr(vip4))
	other.run("ip neigh flush dev eth0")
	if !other.reaches(own) {
		t.Fatal("the node does not answer")
	}
	if got := s.portOf(v.Hardware); got != "p2" {
		t.Errorf("the bridge has %s on %s, want p2", v.Hardware, got)
	}
}

// A router hears the other, which has the same MAC address, on the macvlan,
// although that has no address.
func TestLiveVMACHearsTheOther(t *testing.T) {
	s := newSegment(t, 2)
	for _, node := range s.hosts {
		node.ensure(routerOn(node, false))
	}
	group := netip.MustParseAddr("224.0.0.18")
	there := s.hosts[1].vrrp(router)
	there.join(group, router)
	below := s.hosts[1].vrrp("eth0")
	below.join(group, "eth0")
	source := netip.MustParseAddr("10.0.0.1")
	s.hosts[0].vrrp(router).isHeard(there, group, source)
	s.hosts[0].vrrp("eth0").isHeard(below, group, source)
}

// What is changed below is restored by the last macvlan, also after a
// predecessor was killed.
func TestLiveVMACRestoresSysctls(t *testing.T) {
	node := newSegment(t, 1).hosts[0]
	v, other := routerOn(node, false), routerOn(node, false)
	other.Name, other.Hardware = "vrrp.52", VirtualMAC(vrid+1, false)
	set := func(ignore, announce string) {
		node.run("cd /proc/sys/net/ipv4/conf/eth0 && echo %s > arp_ignore && echo %s > arp_announce", ignore, announce)
	}
	want := func(what, wanted string) {
		t.Helper()
		got := node.run("cd /proc/sys/net/ipv4/conf/eth0 && echo $(cat arp_ignore arp_announce)")
		if got = strings.TrimSpace(got); got != wanted {
			t.Errorf("%s: %s below, want %s", what, got, wanted)
		}
	}
	restart := func() { // what a process knows ends with it
		node.k.Close()
		if err := node.in(func() (err error) { node.k, err = Open(); return err }); err != nil {
			t.Fatal(err)
		}
	}
	for before, during := range map[string]string{"0 0": "1 2", "1 0": "1 2", "1 2": "1 2", "2 1": "2 2"} {
		set(before[:1], before[2:])
		node.ensure(v)
		want("made", during)
		restart()
		node.ensure(v)
		node.ensure(other)
		want("made anew", during)
		node.release(v)
		want("one is left", during)
		restart()
		node.release(other)
		want("released", before)
	}
	set("0", "0")
	node.ensure(v)
	set("8", "1")
	node.release(v)
	want("changed by an administrator", "8 1")
}

// Several macvlans of the same kind are not made twice, and what is another's
// is not touched.
func TestLiveVMACOfAPredecessor(t *testing.T) {
	node := newSegment(t, 1).hosts[0]
	v := routerOn(node, false)
	tests := []struct {
		name, prepare string
		reused, fails bool
	}{
		{"right", "ip link add link eth0 vrrp.51 address 00:00:5e:00:01:33 type macvlan mode private", true, false},
		{"of another mode", "ip link add link eth0 vrrp.51 address 00:00:5e:00:01:33 type macvlan mode bridge", false, false},
		{"of another virtual router", "ip link add link eth0 vrrp.51 address 00:00:5e:00:01:34 type macvlan mode private", false, false},
		{"an administrator's macvlan", "ip link add link eth0 vrrp.51 address 02:00:00:00:00:01 type macvlan mode private", false, true},
		{"another kind", "ip link add vrrp.51 address 00:00:5e:00:01:33 type bridge", false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			node.run("%s", test.prepare)
			before := node.link(router)
			var made Link
			err := node.in(func() (err error) { made, err = node.k.EnsureVMAC(v); return err })
			if errors.Is(err, ErrNotOurs) != test.fails || !test.fails && err != nil {
				t.Fatalf("error %v", err)
			}
			if after := node.link(router); (after.Index == before.Index) != (test.reused || test.fails) {
				t.Errorf("before %+v, after %+v", before, after)
			}
			if !test.fails && (made.Hardware.String() != v.Hardware.String() || !made.Running) {
				t.Errorf("made %+v", made)
			}
			node.release(v)
			if _, err := node.try("ip link show " + router); (err == nil) != test.fails {
				t.Errorf("after release: %v", err)
			}
			_, _ = node.try("ip link del " + router)
			node.release(v) // may repeat
		})
	}
}

// No address is made up: all routers would make the same one.
func TestLiveVMACHasNoAddressOfItsOwn(t *testing.T) {
	node := newSegment(t, 1).hosts[0]
	v := routerOn(node, true)
	v.LinkLocal = netip.MustParseAddr("fe80::1234")
	for range 2 {
		made := node.ensure(v)
		all, err := node.k.Addresses()
		if err != nil {
			t.Fatal(err)
		}
		all = slices.DeleteFunc(all, func(a Address) bool { return a.Index != made.Index })
		if len(all) != 1 || all[0].Prefix.String() != "fe80::1234/64" {
			t.Errorf("addresses %+v", all)
		}
	}
}

func TestLiveVMACRefusesAnOverridingFilter(t *testing.T) {
	node := newSegment(t, 1).hosts[0]
	for _, value := range []string{"1", "2"} {
		node.run("echo %s > /proc/sys/net/ipv4/conf/all/rp_filter", value)
		err := node.in(func() error { _, err := node.k.EnsureVMAC(routerOn(node, false)); return err })
		if err == nil || !strings.Contains(err.Error(), "net.ipv4.conf.all.rp_filter is "+value) {
			t.Errorf("error %v", err)
		}
	}
}

// When an address goes, the others of its network stay.
func TestLiveVMACKeepsSecondaryAddresses(t *testing.T) {
	node := newSegment(t, 1).hosts[0]
	made := node.ensure(routerOn(node, false))
	primary := Address{Index: made.Index, Prefix: netip.MustParsePrefix("10.0.0.100/24")}
	secondary := Address{Index: made.Index, Prefix: netip.MustParsePrefix("10.0.0.101/24")}
	node.set(primary)
	node.set(secondary)
	node.remove(primary)
	if !has(t, node.k, secondary) {
		t.Error("the second address went with the first")
	}
}
