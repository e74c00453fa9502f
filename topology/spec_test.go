package topology_test

import (
	"net/netip"
	"strings"
	"testing"

	"takeover/topology"
)

func host(name, device, segment, address string) topology.Host {
	return topology.Host{Name: name, Links: []topology.Link{{
		Interface: device, Segment: segment, Addresses: []netip.Prefix{netip.MustParsePrefix(address)},
	}}}
}

func TestValidateNamesEveryFault(t *testing.T) {
	good := host("node1", "eth0", "lan", "10.0.0.101/24")
	for _, c := range []struct {
		name  string
		hosts []topology.Host
		want  []string // nil: valid
	}{
		{"good", []topology.Host{good, host("node2", "eth0", "lan", "10.0.0.102/24")}, nil},
		{"no hosts", nil, []string{"no hosts"}},
		{"bad name", []topology.Host{host("Node_1", "eth0", "lan", "10.0.0.1/24")}, []string{`host "Node_1"`}},
		{"the switch's name", []topology.Host{host("switch", "eth0", "lan", "10.0.0.1/24")}, []string{"belongs to the switch"}},
		{"twice", []topology.Host{good, host("node1", "eth0", "lan", "10.0.0.102/24")}, []string{`host "node1": defined twice`}},
		{"no segment", []topology.Host{host("node1", "eth0", "wan", "10.0.0.1/24")}, []string{`no segment "wan"`}},
		{"long interface", []topology.Host{host("node1", "eth0123456789abcd", "lan", "10.0.0.1/24")}, []string{"not an interface name"}},
		{"loopback", []topology.Host{host("node1", "lo", "lan", "10.0.0.1/24")}, []string{"exists already"}},
		{
			"address twice and no segment",
			[]topology.Host{good, host("node2", "eth0", "lan", "10.0.0.101/24"), host("node3", "eth0", "x", "10.0.0.3/24")},
			[]string{"10.0.0.101 belongs to node1/eth0", `no segment "x"`},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := topology.Spec{Name: "t", Segments: []topology.Segment{{Name: "lan"}}, Hosts: c.hosts}.Validate()
			if (err == nil) != (c.want == nil) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
		})
	}
}
