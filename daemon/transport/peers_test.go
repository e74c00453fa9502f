package transport

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func address(text string) netip.Addr { return netip.MustParseAddr(text) }

func TestPeersCheck(t *testing.T) {
	peers := Peers{
		{Address: address("10.0.0.1")},
		{Address: address("10.0.0.2"), MinTTL: 255},
		{Address: address("10.0.0.3"), MinTTL: 10, MaxTTL: 20},
		{Address: address("fe80::4%eth0")},
	}
	tests := []struct {
		source string
		ttl    uint8
		detail string // empty: it is good
		isPeer bool
	}{
		{"10.0.0.1", 1, "", true},
		{"10.0.0.1", 255, "", true},
		{"10.0.0.2", 255, "", true},
		{"10.0.0.2", 254, "TTL 254 is not 255 to 255", true},
		{"10.0.0.3", 10, "", true},
		{"10.0.0.3", 20, "", true},
		{"10.0.0.3", 9, "TTL 9 is not 10 to 20", true},
		{"10.0.0.3", 21, "TTL 21 is not 10 to 20", true},
		{"fe80::4", 255, "", true},
		{"10.0.0.9", 255, "10.0.0.9 is not a peer", false},
	}
	for _, test := range tests {
		err := peers.Check(address(test.source), test.ttl)
		if test.detail == "" {
			if err != nil {
				t.Errorf("%s with TTL %d: %v", test.source, test.ttl, err)
			}
			continue
		}
		var refused *PeerError
		if !errors.As(err, &refused) {
			t.Errorf("%s with TTL %d: error %v, want a PeerError", test.source, test.ttl, err)
			continue
		}
		if refused.Detail != test.detail || refused.IsPeer != test.isPeer || refused.Source != address(test.source) {
			t.Errorf("%s with TTL %d: %+v", test.source, test.ttl, refused)
		}
	}
}

// None of these may become multicast, or a socket at all.
func TestOpenRefuses(t *testing.T) {
	four, six := address("10.0.0.1"), address("fe80::1")
	peer := func(text string) Peers { return Peers{{Address: address(text)}} }
	tests := []struct {
		name     string
		settings Settings
		detail   string
	}{
		{"no peers", Settings{Interface: "lo", Index: 1, Source: four, Peers: Peers{}}, "the list of peers is empty"},
		{"no source", Settings{Interface: "lo", Index: 1}, "not a unicast address"},
		{"multicast source", Settings{Interface: "lo", Index: 1, Source: Group()}, "not a unicast address"},
		{"mapped source", Settings{Interface: "lo", Index: 1, Source: address("::ffff:10.0.0.1")}, "not a unicast address"},
		{"no interface", Settings{Source: four}, "no interface"},
		{"group of the other family", Settings{Interface: "lo", Index: 1, Source: four, Group: GroupIPv6()}, "not a multicast group"},
		{"group that is none", Settings{Interface: "lo", Index: 1, Source: four, Group: four}, "not a multicast group"},
		{"AH over IPv6", Settings{Interface: "lo", Index: 1, Source: six, AH: true}, "only IPv4"},
		{"peer of the other family", Settings{Source: four, Peers: peer("fe80::2")}, "peer fe80::2 is not"},
		{"multicast peer", Settings{Source: four, Peers: peer("224.0.0.18")}, "peer 224.0.0.18 is not"},
		{"broadcast peer", Settings{Source: four, Peers: peer("255.255.255.255")}, "peer 255.255.255.255 is not"},
		{"peer without an address", Settings{Source: four, Peers: Peers{{}}}, "is not a unicast address"},
		{"peer twice", Settings{Source: four, Peers: append(peer("10.0.0.2"), peer("10.0.0.2")...)}, "there twice"},
		{"TTL range", Settings{Source: four, Peers: Peers{{Address: address("10.0.0.2"), MinTTL: 2, MaxTTL: 1}}}, "TTL 2 to 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Open(test.settings)
			if err == nil {
				c.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.detail) {
				t.Errorf("error %q, want %q", err, test.detail)
			}
		})
	}
}
