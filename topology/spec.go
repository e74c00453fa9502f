package topology

import "net/netip"

// Spec is a whole topology.
type Spec struct {
	Name     string
	Summary  string // one line for listings
	Segments []Segment
	Hosts    []Host
}

// Segment is one broadcast domain: a bridge in the switch's namespace.
type Segment struct {
	Name string
	// Prefixes are those that addresses on the segment are of; none: any.
	Prefixes []netip.Prefix
	// Uplinks are segments that it is bridged with, each named on one side
	// only: the broadcast domain is then that of both. There are no cycles.
	Uplinks []string
	// MTU is that of the bridge and of every link to it, 68 to 65,535 bytes;
	// 0: the kernel's 1,500.
	MTU int
}

// Host is a machine: namespaces of its own, joined to segments by links.
type Host struct {
	Name  string
	Role  Role
	Links []Link
	// Loopback are addresses of lo beside the kernel's own.
	Loopback []netip.Prefix
	Routes   []Route
	// Sysctls are set when the links stand, in this order; net.* only, for
	// nothing else belongs to a host.
	Sysctls []Sysctl
	// Masquerade are the interfaces on which what is forwarded leaves with the
	// host's own address (source NAT).
	Masquerade []string
	// Files are what its processes see in place of what the machine has there.
	Files []File
	// Processes are started in this order.
	Processes []Process
}

// Role says what a host is for.
type Role string

// The roles.
const (
	RoleClient     Role = "client"     // asks for the virtual addresses
	RoleNode       Role = "node"       // holds them, in turn
	RoleRouter     Role = "router"     // forwards between segments
	RoleDirector   Role = "director"   // a node that balances
	RoleRealServer Role = "realserver" // answers for a director
	RoleObserver   Role = "observer"   // belongs to the harness: no address, asks from outside
)

// Roles are those that a topology file may give.
func Roles() []Role {
	return []Role{RoleClient, RoleNode, RoleRouter, RoleDirector, RoleRealServer}
}

// Link joins a host to a segment: a veth pair whose far end, the port, is
// enslaved to the segment's bridge.
type Link struct {
	Interface string // the name inside the host, at most 15 bytes
	Segment   string
	Addresses []netip.Prefix
}

// Route is a route of a host.
type Route struct {
	To  netip.Prefix // 0.0.0.0/0 or ::/0 for the default
	Via netip.Addr   // invalid: on the link
	// Interface is needed where Via does not say it.
	Interface string
	Metric    int // 0: the kernel's
}

// Sysctl is a kernel parameter of a host's network namespace.
type Sysctl struct {
	Name  string // with dots or slashes, as sysctl(8) has it
	Value string
}

// File is a file of a host.
type File struct {
	Path string // absolute, as the host's processes see it
	Text string
}

// Process is a program that runs in a host.
type Process struct {
	Kind ProcessKind
	Name string // unique in the host; the kind, if the file gives none
	// Config is the text of its configuration file; empty: the kind's own.
	// ConfigName is what messages call it.
	Config, ConfigName string
	// Command is the program and its arguments, of ProcessCommand alone. The
	// program is looked up in PATH.
	Command []string
	// Environment are further variables, NAME=VALUE.
	Environment []string
}

// ProcessKind says which program a process is.
type ProcessKind string

// The kinds.
const (
	ProcessSubject    ProcessKind = "subject"    // the daemon under test: what --subject says, vipd if it says nothing
	ProcessVIPD       ProcessKind = "vipd"       // always vipd
	ProcessKeepalived ProcessKind = "keepalived" // always keepalived
	ProcessFRR        ProcessKind = "frr"        // always FRR's vrrpd, with a vtysh configuration
	ProcessNginx      ProcessKind = "nginx"      // answers with the host's address
	ProcessCommand    ProcessKind = "command"
)

// ProcessKinds are all kinds.
func ProcessKinds() []ProcessKind {
	return []ProcessKind{ProcessSubject, ProcessVIPD, ProcessKeepalived, ProcessFRR, ProcessNginx, ProcessCommand}
}

// Host returns the host of that name; false when there is none.
func (s Spec) Host(name string) (Host, bool) {
	for _, host := range s.Hosts {
		if host.Name == name {
			return host, true
		}
	}
	return Host{}, false
}
