package live

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"takeover/daemon/config"
	"takeover/topology"
)

// ReadTopology reads the virtual routers of a topology from the
// keepalived.conf of its hosts: one Cluster for each VRID and family on a
// segment, in the order in which the hosts name them. Segments that are bridged
// count as one. There may be none. It is an error, with file and line, when a
// configuration is faulty, names an interface that the host lacks, sends from
// an address that is not the host's, or has a virtual address that is in no
// prefix of its interface's segment. All errors are returned, joined.
func ReadTopology(spec topology.Spec) ([]Cluster, error) {
	r := topologyReader{spec: spec, domains: domainsOf(spec)}
	for _, host := range spec.Hosts {
		for _, process := range host.Processes {
			switch process.Kind {
			case topology.ProcessSubject, topology.ProcessVIPD, topology.ProcessKeepalived:
				r.process(host, process)
			case topology.ProcessFRR, topology.ProcessNginx, topology.ProcessCommand:
			}
		}
	}
	for i := range r.clusters {
		r.clusters[i].Client = r.client(r.clusters[i])
	}
	return r.clusters, errors.Join(r.errs...)
}

type topologyReader struct {
	spec     topology.Spec
	domains  map[string]string
	clusters []Cluster
	errs     []error
}

// domainsOf gives segments that are bridged with each other one name: that of
// one of them.
func domainsOf(spec topology.Spec) map[string]string {
	domains := map[string]string{}
	for _, segment := range spec.Segments {
		domains[segment.Name] = segment.Name
	}
	for _, segment := range spec.Segments {
		for _, uplink := range segment.Uplinks {
			from, to := domains[segment.Name], domains[uplink]
			for name, domain := range domains {
				if domain == to {
					domains[name] = from
				}
			}
		}
	}
	return domains
}

func (r *topologyReader) process(host topology.Host, process topology.Process) {
	name := process.ConfigName
	if name == "" {
		name = fmt.Sprintf("%s's keepalived.conf", host.Name)
	}
	source := Source{Name: name, Text: []byte(process.Config)}
	parsed, err := config.Parse(source.Name, source.Text)
	if err != nil {
		r.errs = append(r.errs, err)
		return
	}
	for _, instance := range parsed.Instances {
		link, err := r.check(host, instance)
		if err != nil {
			r.errs = append(r.errs, err)
			continue
		}
		seat, common := seatOf(host.Name, source, parsed, instance)
		seat.Address = addressOf(link, instance)
		common.Segment = r.domains[link.Segment]
		r.add(seat, common)
	}
}

// add gives a node its seat in the cluster that it belongs to.
func (r *topologyReader) add(seat Seat, common Cluster) {
	same := func(c Cluster) bool {
		return c.Segment == common.Segment && c.VRID == common.VRID && c.is6() == common.is6()
	}
	if i := slices.IndexFunc(r.clusters, same); i >= 0 {
		r.clusters[i].Seats = append(r.clusters[i].Seats, seat)
		return
	}
	common.Seats = []Seat{seat}
	r.clusters = append(r.clusters, common)
}

// is6 is the cluster's family.
func (c Cluster) is6() bool { return len(c.VIPs) > 0 && c.VIPs[0].Addr().Is6() }

// check returns the link that an instance runs on, or says what keeps it from
// running.
func (r *topologyReader) check(host topology.Host, instance config.Instance) (topology.Link, error) {
	fail := func(at config.Position, format string, args ...any) (topology.Link, error) {
		return topology.Link{}, fmt.Errorf("%s:%d: %s", at.File, at.Line, fmt.Sprintf(format, args...))
	}
	link, ok := linkNamed(host, instance.Interface)
	if !ok {
		return fail(instance.Position, "host %s has no interface %s", host.Name, instance.Interface)
	}
	source := instance.Source
	if source.IsValid() && !source.IsLinkLocalUnicast() && !hasAddress(host, source) {
		return fail(instance.Position, "host %s has no address %s to send from", host.Name, source)
	}
	for _, vip := range instance.VirtualAddresses {
		device, ok := linkNamed(host, vip.Device)
		if !ok {
			if vip.Device == "lo" {
				continue
			}
			return fail(vip.Position, "host %s has no interface %s", host.Name, vip.Device)
		}
		prefixes := r.prefixes(device)
		inside := func(p netip.Prefix) bool { return p.Contains(vip.Prefix.Addr()) }
		if len(prefixes) > 0 && !vip.Prefix.Addr().IsLinkLocalUnicast() && !slices.ContainsFunc(prefixes, inside) {
			return fail(vip.Position, "virtual address %s is outside of segment %s of %s/%s, which has %v",
				vip.Prefix.Addr(), device.Segment, host.Name, device.Interface, prefixes)
		}
	}
	return link, nil
}

// prefixes are those of a link's segment, of the segments that it is bridged
// with, and of the link's own addresses.
func (r *topologyReader) prefixes(link topology.Link) []netip.Prefix {
	var all []netip.Prefix
	for _, segment := range r.spec.Segments {
		if r.domains[segment.Name] == r.domains[link.Segment] {
			all = append(all, segment.Prefixes...)
		}
	}
	for _, address := range link.Addresses {
		if !slices.Contains(all, address.Masked()) {
			all = append(all, address.Masked())
		}
	}
	return all
}

func linkNamed(host topology.Host, name string) (topology.Link, bool) {
	i := slices.IndexFunc(host.Links, func(l topology.Link) bool { return l.Interface == name })
	if i < 0 {
		return topology.Link{}, false
	}
	return host.Links[i], true
}

func hasAddress(host topology.Host, address netip.Addr) bool {
	is := func(p netip.Prefix) bool { return p.Addr() == address }
	return slices.ContainsFunc(host.Loopback, is) ||
		slices.ContainsFunc(host.Links, func(l topology.Link) bool { return slices.ContainsFunc(l.Addresses, is) })
}

// addressOf is the address that a node sends from: the one that its
// configuration names, or the interface's first of the family.
func addressOf(link topology.Link, instance config.Instance) netip.Prefix {
	var first netip.Prefix
	for _, address := range link.Addresses {
		switch {
		case address.Addr() == instance.Source:
			return address
		case address.Addr().Is6() == instance.IPv6 && !first.IsValid():
			first = address
		}
	}
	return first
}

// client is the address of the first client beside the cluster; invalid when
// there is none.
func (r *topologyReader) client(c Cluster) netip.Prefix {
	for _, host := range r.spec.Hosts {
		if host.Role != topology.RoleClient {
			continue
		}
		for _, link := range host.Links {
			for _, address := range link.Addresses {
				if r.domains[link.Segment] == c.Segment && address.Addr().Is6() == c.is6() {
					return address
				}
			}
		}
	}
	return netip.Prefix{}
}
