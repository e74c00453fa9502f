package topology_test

import (
	"net/netip"
	"strings"
	"testing"

	"takeover/topology"
)

// whole is a Spec without fault, for a test to spoil.
func whole() topology.Spec {
	return topology.Spec{
		Name: "t",
		Segments: []topology.Segment{
			{Name: "lan", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, Uplinks: []string{"core"}},
			{Name: "core"},
		},
		Hosts: []topology.Host{
			host("node1", "eth0", "lan", "10.0.0.101/24"),
			{
				Name: "node2", Links: []topology.Link{{
					Interface: "eth0", Segment: "lan", Addresses: []netip.Prefix{
						netip.MustParsePrefix("10.0.0.102/24"), netip.MustParsePrefix("fd00::2/64"), netip.MustParsePrefix("fe80::2/64"),
					},
				}},
				Routes: []topology.Route{
					{To: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("10.0.0.1")},
					{To: netip.MustParsePrefix("192.168.0.0/16"), Interface: "eth0"},
				},
				Sysctls:    []topology.Sysctl{{Name: "net.ipv4.ip_forward", Value: "1"}, {Name: "net/ipv4/conf/eth0.5/arp_ignore", Value: "1"}},
				Masquerade: []string{"eth0"},
				Files:      []topology.File{{Path: "/etc/motd", Text: "hello"}},
				Processes: []topology.Process{
					{Kind: topology.ProcessNginx, Name: "nginx"},
					{Kind: topology.ProcessSubject, Name: "subject", Config: "x"},
					{Kind: topology.ProcessCommand, Name: "sleep", Command: []string{"sleep", "1"}, Environment: []string{"A=b"}},
				},
			},
		},
	}
}

func TestEveryFaultOfASpecHasItsPlace(t *testing.T) {
	if err := whole().Validate(); err != nil {
		t.Fatal(err)
	}
	at := func(s *topology.Spec) *topology.Host { return &s.Hosts[1] }
	for want, spoil := range map[string]func(*topology.Spec){
		"segments.lan.mtu: an MTU is from 68 to 65535 bytes, not 67": func(s *topology.Spec) { s.Segments[0].MTU = 67 },
		"segments.lan.prefix[0]: 10.0.0.1/24 is an address in 10.0.0.0/24": func(s *topology.Spec) {
			s.Segments[0].Prefixes[0] = netip.MustParsePrefix("10.0.0.1/24")
		},
		`segments.lan.uplink[0]: no segment "x"`: func(s *topology.Spec) { s.Segments[0].Uplinks[0] = "x" },
		`segments.core.uplink[0]: segments "core" and "lan" are bridged already: a cycle of bridges`: func(s *topology.Spec) {
			s.Segments[1].Uplinks = []string{"lan"}
		},
		`segments.core.uplink[0]: segments "core" and "core" are bridged already`: func(s *topology.Spec) {
			s.Segments[1].Uplinks = []string{"core"}
		},
		"hosts.node2.links.eth0.addresses[0]: 10.1.0.102/24 is not in 10.0.0.0/24, which segment lan has": func(s *topology.Spec) {
			at(s).Links[0].Addresses[0], at(s).Routes = netip.MustParsePrefix("10.1.0.102/24"), nil
		},
		"addresses[0]: 10.0.0.0/24 is the network's own address": func(s *topology.Spec) {
			at(s).Links[0].Addresses[0] = netip.MustParsePrefix("10.0.0.0/24")
		},
		"addresses[0]: 10.0.0.255/24 is the network's broadcast address": func(s *topology.Spec) {
			at(s).Links[0].Addresses[0] = netip.MustParsePrefix("10.0.0.255/24")
		},
		"addresses[1]: ff02::12/64 is no address of an interface": func(s *topology.Spec) {
			at(s).Links[0].Addresses[1] = netip.MustParsePrefix("ff02::12/64")
		},
		"hosts.node2.routes[0]: next hop 10.9.0.1 is on no link of node2": func(s *topology.Spec) {
			at(s).Routes[0].Via = netip.MustParseAddr("10.9.0.1")
		},
		"routes[0]: fd00::1 is not of the family of 0.0.0.0/0": func(s *topology.Spec) {
			at(s).Routes[0].Via = netip.MustParseAddr("fd00::1")
		},
		"routes[0]: a route needs via or interface": func(s *topology.Spec) { at(s).Routes[0].Via = netip.Addr{} },
		"routes[1]: 192.168.0.1/16 is an address in 192.168.0.0/16": func(s *topology.Spec) {
			at(s).Routes[1].To = netip.MustParsePrefix("192.168.0.1/16")
		},
		`routes[1]: no interface "eth9"`:                       func(s *topology.Spec) { at(s).Routes[1].Interface = "eth9" },
		`hosts.node2.masquerade: no interface "eth9"`:          func(s *topology.Spec) { at(s).Masquerade[0] = "eth9" },
		`sysctl "kernel.panic": a host has its own net.* only`: func(s *topology.Spec) { at(s).Sysctls[0].Name = "kernel.panic" },
		`sysctl "net/../kernel/panic"`:                         func(s *topology.Spec) { at(s).Sysctls[0].Name = "net/../kernel/panic" },
		`sysctl net.ipv4.ip_forward: "" is no value`:           func(s *topology.Spec) { at(s).Sysctls[0].Value = "" },
		`file "etc/motd": a path is absolute`:                  func(s *topology.Spec) { at(s).Files[0].Path = "etc/motd" },
		`file "/etc/../motd": a path is absolute`:              func(s *topology.Spec) { at(s).Files[0].Path = "/etc/../motd" },
		"a process of kind command needs a command":            func(s *topology.Spec) { at(s).Processes[2].Command = nil },
		"a process of kind nginx takes no command":             func(s *topology.Spec) { at(s).Processes[0].Command = []string{"x"} },
		"a process of kind subject needs a config":             func(s *topology.Spec) { at(s).Processes[1].Config = "" },
		`unknown kind of process "apache"`:                     func(s *topology.Spec) { at(s).Processes[0].Kind = "apache" },
		`process "nginx" is there twice`:                       func(s *topology.Spec) { at(s).Processes[2].Name = "nginx" },
		`environment: "A" is not NAME=VALUE`:                   func(s *topology.Spec) { at(s).Processes[2].Environment[0] = "A" },
		`process "Web 1": a name has`:                          func(s *topology.Spec) { at(s).Processes[0].Name = "Web 1" },
		"hosts.node2.processes: a host runs one VRRP daemon, not 2": func(s *topology.Spec) {
			at(s).Processes[0] = topology.Process{Kind: topology.ProcessVIPD, Name: "vipd", Config: "x"}
		},
	} {
		spec := whole()
		spoil(&spec)
		problems := spec.Problems()
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("%v, want %q", problems, want)
		}
	}
}
