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
	v := &validation{segments: map[string]bool{}, hosts: map[string]bool{}, owners: map[netip.Addr]string{}}
	for _, segment := range s.Segments {
		v.segment(segment)
	}
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
	segments map[string]bool
	hosts    map[string]bool
	owners   map[netip.Addr]string // who has an address
}

func (v *validation) fail(path []any, format string, args ...any) {
	v.problems = append(v.problems, Problem{Path: path, Text: fmt.Sprintf(format, args...)})
}

func (v *validation) segment(segment Segment) {
	path := []any{"segments", segment.Name}
	if !interfaceName.MatchString(segment.Name) {
		v.fail(path, "segment %q: a name has 1 to 15 characters without blanks, slashes and colons", segment.Name)
	}
	if v.segments[segment.Name] {
		v.fail(path, "segment %q: defined twice", segment.Name)
	}
	v.segments[segment.Name] = true
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
}

func (v *validation) link(host Host, link Link, interfaces map[string]bool) {
	path := []any{"hosts", host.Name, "links", link.Interface}
	at := host.Name + "/" + link.Interface
	switch {
	case !interfaceName.MatchString(link.Interface):
		v.fail(path, "not an interface name")
	case interfaces[link.Interface]:
		v.fail(path, "the interface exists already")
	}
	if !v.segments[link.Segment] {
		v.fail(append(path, "segment"), "no segment %q", link.Segment)
	}
	for i, prefix := range link.Addresses {
		where := []any{"hosts", host.Name, "links", link.Interface, "addresses", i}
		if !prefix.IsValid() {
			v.fail(where, "an address is not valid")
			continue
		}
		if other, taken := v.owners[prefix.Addr()]; taken {
			v.fail(where, "address %s belongs to %s", prefix.Addr(), other)
		}
		v.owners[prefix.Addr()] = at
	}
}
