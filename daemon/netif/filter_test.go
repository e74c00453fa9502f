package netif

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// silence is how long nothing must answer.
const silence = 300 * time.Millisecond

// What is denied does not answer, its neighbours still find it, and what is
// forwarded passes.
func TestLiveDeny(t *testing.T) {
	s := newSegment(t, 3)
	node, client, behind := s.hosts[0], s.hosts[1], s.hosts[2]
	eth0 := node.link("eth0").Index
	denied := []netip.Addr{netip.MustParseAddr(vip4), netip.MustParseAddr(vip6)}
	own := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd01::1")}
	for _, address := range denied {
		node.set(Address{Index: eth0, Prefix: netip.PrefixFrom(address, address.BitLen())})
	}
	// The way to another host is over the node's virtual address.
	node.run("cd /proc/sys/net && echo 1 | tee ipv4/ip_forward ipv6/conf/all/forwarding")
	behind.run("ip addr add 10.9.0.1/32 dev lo && ip addr add fd09::1/128 dev lo nodad")
	node.run("ip route add 10.9.0.1 via 10.0.0.3 && ip route add fd09::1 via fd01::3")
	client.run("ip route add 10.9.0.1 via %s && ip route add fd09::1 via %s", vip4, vip6)
	forwarded := []netip.Addr{netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("fd09::1")}

	deny := func(addresses ...netip.Addr) {
		t.Helper()
		if err := node.in(func() error { return node.k.Deny(addresses) }); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, addresses []netip.Addr, wanted bool) {
		t.Helper()
		for _, address := range addresses {
			timeout := bound
			if !wanted {
				timeout = silence
			}
			if got := client.reachesWithin(timeout, address); got != wanted {
				t.Errorf("%s: %s answers: %t", when, address, got)
			}
		}
	}
	want("before", denied, true)
	client.run("ip neigh flush dev eth0")
	deny(denied...)
	deny(denied...) // replaces what a predecessor left
	want("denied", denied, false)
	want("denied", own, true)
	want("denied", forwarded, true)
	hardware := node.link("eth0").Hardware.String()
	for _, address := range denied {
		if got := client.run("ip neigh show %s", address); !strings.Contains(got, hardware) {
			t.Errorf("neighbour %q, want %s", got, hardware)
		}
	}
	// An entry that has grown old is verified with a Neighbor Solicitation to
	// the address itself.
	client.run("ip neigh replace %s lladdr %s dev eth0 nud probe", vip6, hardware)
	state := ""
	for end := time.Now().Add(bound); !strings.Contains(state, "REACHABLE"); {
		if time.Now().After(end) {
			t.Fatalf("neighbour not verified: %s", state)
		}
		state = client.run("ip neigh show %s nud all", vip6)
	}
	if rules := node.run("nft list ruleset"); strings.Count(rules, "table") != 1 {
		t.Errorf("rules:\n%s", rules)
	}
	deny(denied[0])
	want("only one", denied[1:], true)
	deny()
	want("none", denied, true)
	if rules := node.run("nft list ruleset"); rules != "" {
		t.Errorf("left behind:\n%s", rules)
	}
}

func TestLiveDenyWithoutPermission(t *testing.T) {
	node := newHost(t)
	err := node.in(func() error {
		var have unix.CapUserHeader
		have.Version = unix.LINUX_CAPABILITY_VERSION_3
		if err := unix.Capset(&have, &make([]unix.CapUserData, 2)[0]); err != nil {
			return nil
		}
		return node.k.Deny([]netip.Addr{netip.MustParseAddr(vip4)})
	})
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "CAP_NET_ADMIN") {
		t.Errorf("error %v", err)
	}
}
