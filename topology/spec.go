package topology

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
)

// Spec is a whole topology.
type Spec struct {
	Name     string
	Segments []Segment
	Hosts    []Host
}

// Segment is one broadcast domain: a bridge in the switch's namespace.
type Segment struct {
	Name string
}

// Host is a machine: namespaces of its own, joined to segments by links.
type Host struct {
	Name  string
	Role  Role
	Links []Link
}

// Role says what a host is for.
type Role string

// The roles.
const (
	RoleClient   Role = "client"
	RoleNode     Role = "node"
	RoleObserver Role = "observer" // belongs to the harness: no address, asks from outside
)

// Link joins a host to a segment: a veth pair whose far end, the port, is
// enslaved to the segment's bridge.
type Link struct {
	Interface string // the name inside the host, at most 15 bytes
	Segment   string
	Addresses []netip.Prefix
}

var (
	hostName      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	interfaceName = regexp.MustCompile(`^[^\s/:]{1,15}$`)
)

// SwitchName is the namespace that holds the bridges; no host may have it.
const SwitchName = "switch"

// Validate returns every fault of the Spec, joined.
func (s Spec) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	segments := map[string]bool{}
	for _, segment := range s.Segments {
		if !interfaceName.MatchString(segment.Name) {
			fail("segment %q: a name has 1 to 15 characters without blanks, slashes and colons", segment.Name)
		}
		if segments[segment.Name] {
			fail("segment %q: defined twice", segment.Name)
		}
		segments[segment.Name] = true
	}
	if len(s.Hosts) == 0 {
		fail("topology %q has no hosts", s.Name)
	}
	hosts := map[string]bool{}
	owners := map[netip.Addr]string{}
	for _, host := range s.Hosts {
		switch {
		case !hostName.MatchString(host.Name):
			fail("host %q: a name has 1 to 32 lower-case letters, digits and hyphens and starts with a letter", host.Name)
		case host.Name == SwitchName:
			fail("host %q: the name belongs to the switch", host.Name)
		case hosts[host.Name]:
			fail("host %q: defined twice", host.Name)
		}
		hosts[host.Name] = true
		errs = append(errs, host.validateLinks(segments, owners)...)
	}
	return errors.Join(errs...)
}

func (h Host) validateLinks(segments map[string]bool, owners map[netip.Addr]string) []error {
	var errs []error
	interfaces := map[string]bool{"lo": true}
	for _, link := range h.Links {
		at := h.Name + "/" + link.Interface
		switch {
		case !interfaceName.MatchString(link.Interface):
			errs = append(errs, fmt.Errorf("link %s: not an interface name", at))
		case interfaces[link.Interface]:
			errs = append(errs, fmt.Errorf("link %s: the interface exists already", at))
		}
		interfaces[link.Interface] = true
		if !segments[link.Segment] {
			errs = append(errs, fmt.Errorf("link %s: no segment %q", at, link.Segment))
		}
		for _, prefix := range link.Addresses {
			if !prefix.IsValid() {
				errs = append(errs, fmt.Errorf("link %s: an address is not valid", at))
				continue
			}
			if other, taken := owners[prefix.Addr()]; taken {
				errs = append(errs, fmt.Errorf("link %s: address %s belongs to %s", at, prefix.Addr(), other))
			}
			owners[prefix.Addr()] = at
		}
	}
	return errs
}
