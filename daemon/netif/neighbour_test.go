package netif

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseNeighbour(t *testing.T) {
	needsLittleEndian(t)
	for _, test := range []struct {
		name, body string
		want       neighbour
		ok         bool
		err        error
	}{
		{
			"IPv4 that is asked for", "02 00 0000 07000000 0100 00 01 0800 0100 0a000009",
			neighbour{7, netip.MustParseAddr("10.0.0.9"), unix.NUD_INCOMPLETE},
			true, nil,
		},
		{
			"IPv6 that is known", "0a 00 0000 02000000 0200 80 01 1400 0100 fd000000000000000000000000000009 0a00 0200 020000000001 0000",
			neighbour{2, netip.MustParseAddr("fd00::9"), unix.NUD_REACHABLE},
			true, nil,
		},
		{"a bridge's", "07 00 0000 07000000 0100 00 01", neighbour{}, false, nil},
		{"no address", "02 00 0000 07000000 0100 00 01", neighbour{}, false, errMalformed},
		{"an attribute that is cut off", "02 00 0000 07000000 0100 00 01 0800 0100 0a", neighbour{}, false, errMalformed},
		{"cut off", "02 00 0000 07000000 0100 00", neighbour{}, false, errMalformed},
	} {
		got, ok, err := parseNeighbour(unhex(t, test.body))
		if got != test.want || ok != test.ok || !errors.Is(err, test.err) {
			t.Errorf("%s: %v, %t, %v", test.name, got, ok, err)
		}
	}
}

// TestLiveAskAnew: whom somebody sent to while the link was down is asked for
// at once when it is back. What is known stays.
func TestLiveAskAnew(t *testing.T) {
	s := newSegment(t, 2)
	h, index := s.hosts[0], s.hosts[0].link("eth0").Index
	peers := []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("fd01::2")}
	states := func() string {
		return h.run("ip neigh show dev eth0 | grep -v fe80 | awk '{ print $1, $NF }'")
	}
	h.run("ip neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev eth0 nud permanent")
	await := func(what string, done func() bool) {
		for end := time.Now().Add(bound); !done(); {
			if time.Now().After(end) {
				t.Fatalf("%s: never; neighbours:\n%s", what, states())
			}
		}
	}
	s.bridge.run("ip link set p1 down")
	await("both are asked for", func() bool { // the kernel forgets its neighbours soon after
		for _, peer := range peers {
			if h.reachesWithin(10*time.Millisecond, peer) {
				t.Fatalf("%s is reached without a link", peer)
			}
		}
		return strings.Count(states(), "INCOMPLETE") == len(peers)
	})
	s.bridge.run("ip link set p1 up")
	await("the link is back", func() bool { return h.link("eth0").Running })
	if err := h.k.AskAnew(index, append(peers, netip.MustParseAddr("10.0.0.77"))); err != nil {
		t.Fatal(err)
	}
	if left := states(); strings.Contains(left, "INCOMPLETE") || !strings.Contains(left, "10.0.0.77 PERMANENT") {
		t.Errorf("left:\n%s", left)
	}
	for _, peer := range peers {
		if !h.reaches(peer) {
			t.Errorf("%s is not reached", peer)
		}
	}
}
