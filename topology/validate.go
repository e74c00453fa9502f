package topology

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
)

// Problem is one thing that is wrong with a Spec.
type Problem struct {
	// Path says where, from the outside in: "hosts", a host's name, "links",
	// an interface's name, "addresses", an index...
	Path []any // string or int
	Text string
}

// Error implements error: the place in words, and the text.
func (p Problem) Error() string {
	var place strings.Builder
	for i, part := range p.Path {
		switch part := part.(type) {
		case int:
			fmt.Fprintf(&place, "[%d]", part)
		case string:
			if i > 0 {
				place.WriteByte('.')
			}
			place.WriteString(part)
		}
	}
	if place.Len() == 0 {
		return p.Text
	}
	return place.String() + ": " + p.Text
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
	for _, problem := range s.Problems() {
		errs = append(errs, problem)
	}
	return errors.Join(errs...)
}

// Problems are the faults of the Spec, in its order.
func (s Spec) Problems() []Problem {
	v := &validation{segments: map[string]Segment{}, hosts: map[string]bool{}, owners: map[netip.Addr]string{}}
	for _, segment := range s.Segments {
		v.segment(segment)
	}
	v.uplinks(s.Segments)
	if len(s.Hosts) == 0 {
		v.fail([]any{"hosts"}, "topology %q has no hosts", s.Name)
	}
	for _, host := range s.Hosts {
		v.host(host)
	}
	return v.problems
}

type validation struct {
	problems []Problem
	segments map[string]Segment
	hosts    map[string]bool
	owners   map[netip.Addr]string // who has an address
}

func (v *validation) fail(path []any, format string, args ...any) {
	v.problems = append(v.problems, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

// The bounds of an MTU: RFC 791 §3.2, and the kernel's for veth.
const (
	mtuMin = 68
	mtuMax = 65535
)

func (v *validation) segment(segment Segment) {
	path := []any{"segments", segment.Name}
	if !interfaceName.MatchString(segment.Name) {
		v.fail(path, "segment %q: a name has 1 to 15 characters without blanks, slashes and colons", segment.Name)
	}
	if _, twice := v.segments[segment.Name]; twice {
		v.fail(path, "segment %q: defined twice", segment.Name)
	}
	if segment.MTU != 0 && (segment.MTU < mtuMin || segment.MTU > mtuMax) {
		v.fail(below(path, "mtu"), "an MTU is from %d to %d bytes, not %d", mtuMin, mtuMax, segment.MTU)
	}
	for i, prefix := range segment.Prefixes {
		if prefix != prefix.Masked() {
			v.fail(below(path, "prefix", i), "%s is an address in %s: a segment has the prefix", prefix, prefix.Masked())
		}
	}
	v.segments[segment.Name] = segment
}

// uplinks wants each to lead to another segment, and no way to lead back: a
// frame would go round for ever.
func (v *validation) uplinks(all []Segment) {
	domain := map[string]string{} // of a segment: one segment that stands for all it is bridged with
	var root func(name string) string
	root = func(name string) string {
		if up, joined := domain[name]; joined {
			return root(up)
		}
		return name
	}
	for _, segment := range all {
		for i, up := range segment.Uplinks {
			path := []any{"segments", segment.Name, "uplink", i}
			if _, known := v.segments[up]; !known {
				v.fail(path, "no segment %q", up)
				continue
			}
			from, to := root(segment.Name), root(up)
			if from == to {
				v.fail(path, "segments %q and %q are bridged already: a cycle of bridges", segment.Name, up)
				continue
			}
			domain[from] = to
		}
	}
}

func (v *validation) host(host Host) {
	path := []any{"hosts", host.Name}
	switch {
	case !hostName.MatchString(host.Name):
		v.fail(path, "host %q: a name has 1 to 32 lower-case letters, digits and hyphens and starts with a letter", host.Name)
	case host.Name == SwitchName:
		v.fail(path, "host %q: the name belongs to the switch", host.Name)
	case v.hosts[host.Name]:
		v.fail(path, "host %q: defined twice", host.Name)
	}
	v.hosts[host.Name] = true
	interfaces := map[string]bool{"lo": true}
	for _, link := range host.Links {
		v.link(host, link, interfaces)
		interfaces[link.Interface] = true
	}
	for i, route := range host.Routes {
		v.route(host, route, interfaces, below(path, "routes", i))
	}
	for _, name := range host.Masquerade {
		if !interfaces[name] || name == "lo" {
			v.fail(below(path, "masquerade"), "no interface %q", name)
		}
	}
	for _, sysctl := range host.Sysctls {
		v.sysctl(sysctl, below(path, "sysctls", sysctl.Name))
	}
	v.programs(host, path)
}

func below(path []any, more ...any) []any {
	return append(append([]any(nil), path...), more...)
}

func (v *validation) link(host Host, link Link, interfaces map[string]bool) {
	path := []any{"hosts", host.Name, "links", link.Interface}
	at := host.Name + "/" + link.Interface
	switch {
	case !interfaceName.MatchString(link.Interface):
		v.fail(path, "not an interface name: it has 1 to 15 characters without blanks, slashes and colons")
	case interfaces[link.Interface]:
		v.fail(path, "the interface exists already")
	}
	segment, known := v.segments[link.Segment]
	if !known {
		v.fail(below(path, "segment"), "no segment %q", link.Segment)
	}
	for i, prefix := range link.Addresses {
		where := below(path, "addresses", i)
		if !prefix.IsValid() {
			v.fail(where, "an address is not valid")
			continue
		}
		if text := unfit(prefix); text != "" {
			v.fail(where, "%s is %s", prefix, text)
		}
		if !within(prefix, segment.Prefixes) {
			v.fail(where, "%s is not in %s, which segment %s has", prefix, prefixText(segment.Prefixes), segment.Name)
		}
		if other, taken := v.owners[prefix.Addr()]; taken {
			v.fail(where, "address %s belongs to %s", prefix.Addr(), other)
		}
		v.owners[prefix.Addr()] = at
	}
}

// unfit says why no host can have the address; "" when one can.
func unfit(prefix netip.Prefix) string {
	address := prefix.Addr()
	switch {
	case address.IsUnspecified() || address.IsMulticast() || address.IsLoopback():
		return "no address of an interface"
	case !address.Is4() || prefix.Bits() > 30:
		return "" // IPv6 has no broadcast; /31 is RFC 3021, /32 is alone
	case address == prefix.Masked().Addr():
		return "the network's own address"
	case broadcast(prefix) == address:
		return "the network's broadcast address"
	default:
		return ""
	}
}

func broadcast(prefix netip.Prefix) netip.Addr {
	bytes := prefix.Masked().Addr().As4()
	for bit := prefix.Bits(); bit < 32; bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	return netip.AddrFrom4(bytes)
}

// within reports whether the address is in one of the prefixes; those of the
// other family do not count, and none of its family allows all.
func within(prefix netip.Prefix, allowed []netip.Prefix) bool {
	all := true
	for _, p := range allowed {
		if p.Addr().Is4() != prefix.Addr().Is4() {
			continue
		}
		if p.Contains(prefix.Addr()) {
			return true
		}
		all = false
	}
	return all || prefix.Addr().IsLinkLocalUnicast()
}

func prefixText(prefixes []netip.Prefix) string {
	var all []string
	for _, p := range prefixes {
		all = append(all, p.String())
	}
	return strings.Join(all, ", ")
}

func (v *validation) route(host Host, route Route, interfaces map[string]bool, path []any) {
	switch {
	case !route.To.IsValid():
		v.fail(path, "a route needs a prefix to lead to")
	case route.To != route.To.Masked():
		v.fail(path, "%s is an address in %s: a route leads to the prefix", route.To, route.To.Masked())
	case route.Via.IsValid() && route.Via.Is4() != route.To.Addr().Is4():
		v.fail(path, "%s is not of the family of %s", route.Via, route.To)
	}
	if route.Interface != "" && !interfaces[route.Interface] {
		v.fail(path, "no interface %q", route.Interface)
	}
	if route.Interface != "" {
		return
	}
	if !route.Via.IsValid() {
		v.fail(path, "a route needs via or interface")
		return
	}
	for _, link := range host.Links {
		for _, prefix := range link.Addresses {
			if prefix.Masked().Contains(route.Via) {
				return
			}
		}
	}
	v.fail(path, "next hop %s is on no link of %s", route.Via, host.Name)
}

var sysctlName = regexp.MustCompile(`^net([./][A-Za-z0-9_-]+)+$`)

func (v *validation) sysctl(s Sysctl, path []any) {
	switch {
	case !sysctlName.MatchString(s.Name):
		v.fail(path, "sysctl %q: a host has its own net.* only, such as net.ipv4.ip_forward", s.Name)
	case s.Value == "" || strings.ContainsAny(s.Value, "\n\x00"):
		v.fail(path, "sysctl %s: %q is no value", s.Name, s.Value)
	}
}
