package live

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"takeover/scenarios/fault"
	"takeover/topology"
	"takeover/topology/impair"
	"takeover/topology/impair/wire"
	"takeover/topology/lab"
)

// prepareLink makes the faults of links and traffic.
func (s *Stand) prepareLink(f fault.Fault, host string) (injection, error) {
	if len(s.lab.Host(host).Links) == 0 {
		return injection{}, errors.New("it has no link")
	}
	port := s.lab.Host(host).Links[0].Port
	switch f.Kind { //nolint:exhaustive // the rest is not built yet
	case fault.AdvertsDropped:
		return injection{
			func() error { return s.dropVRRP(port, true) },
			func() error { return s.dropVRRP(port, false) },
		}, nil
	case fault.LinkLoss:
		return injection{
			func() error { return s.lab.SetPort(port, false) },
			func() error { return s.lab.SetPort(port, true) },
		}, nil
	case fault.LinkDown:
		return s.prepareLinkDown(f, host)
	case fault.LinkFlaps:
		return s.prepareFlaps(f, port), nil
	case fault.OneWayLoss:
		return s.prepareDrops(f, host)
	case fault.TrafficDropped:
		return s.prepareTraffic(f, host)
	case fault.MTUHole:
		return s.cut(impair.Match{Longer: f.Size}, s.ways(host, "both", ""))
	case fault.MulticastSnooped:
		return s.cut(impair.Match{Multicast: true}, s.ways(host, "to", ""))
	case fault.Partition:
		return s.preparePartition(f, host)
	case fault.MACMoved, fault.MACForgotten:
		return s.prepareMAC(f, host)
	case fault.TrafficDelayed, fault.TrafficReordered, fault.TrafficDuplicated, fault.TrafficCorrupted,
		fault.TrafficShaped, fault.TrafficReplayed:
		return s.prepareTraffic(f, host)
	default:
		return injection{}, ErrNotBuilt
	}
}

// dropVRRP is of a port, with a wire or without.
func (s *Stand) dropVRRP(port string, drop bool) error {
	return errors.Join(s.drops.DropVRRP(port, drop), s.drops.DropVRRP(wire.Device(port), drop))
}

// cut drops frames on some ways.
func (s *Stand) cut(match impair.Match, ways []impair.Way) (injection, error) {
	if len(ways) == 0 {
		return injection{}, errors.New("with these hosts nobody would be parted from anybody")
	}
	c, err := impair.Prepare(s.lab.Switch(), fmt.Sprint(s.lastForce+1), match, ways)
	if err != nil {
		return injection{}, err
	}
	return injection{c.Begin, c.Remove}, nil
}

// ways are those from, to, or from and to a host; with a peer only between both.
// They are also those of the wires that its ports may get.
func (s *Stand) ways(host, direction, peer string) []impair.Way {
	far := []string{""}
	if peer != "" {
		far = withWires(s.portNames(peer))
	}
	var ways []impair.Way
	for _, own := range withWires(s.portNames(host)) {
		for _, other := range far {
			if direction != "to" {
				ways = append(ways, impair.Way{From: own, To: other})
			}
			if direction != "from" {
				ways = append(ways, impair.Way{From: other, To: own})
			}
		}
	}
	return ways
}

// withWires are the ports and what takes their places at the bridge.
func withWires(ports []string) []string {
	all := slices.Clone(ports)
	for _, port := range ports {
		all = append(all, wire.Device(port))
	}
	return all
}

func (s *Stand) portNames(host string) []string {
	var names []string
	for _, link := range s.lab.Host(host).Links {
		names = append(names, link.Port)
	}
	return names
}

// prepareTraffic makes a fault of some of a host's frames.
func (s *Stand) prepareTraffic(f fault.Fault, host string) (injection, error) {
	switch {
	case f.Peer != "" && s.lab.Host(f.Peer) == nil:
		return injection{}, fmt.Errorf("there is no peer %s", f.Peer)
	case f.Peer == host:
		return injection{}, errors.New("it is its own peer")
	case f.Kind == fault.TrafficDropped && f.First == 0 && f.BurstEnter == 0:
		return s.prepareDrops(f, host)
	}
	return s.prepareWire(f, host)
}

func (s *Stand) prepareDrops(f fault.Fault, host string) (injection, error) {
	direction := f.Direction
	if direction == "" { // of one-way-loss
		direction = "from"
	}
	return s.cut(s.match(f), s.ways(host, direction, f.Peer))
}

// match says which frames a fault means.
func (s *Stand) match(f fault.Fault) impair.Match {
	m := impair.Match{Protocol: f.Protocol, Every: f.Every, Probability: float64(f.Probability)}
	for _, cluster := range s.clusters {
		for _, vip := range cluster.VIPs {
			m.Addresses = append(m.Addresses, vip.Addr())
		}
	}
	return m
}

// parted are pairs of hosts of which the first is not heard by the second.
type parted [][2]string

// between parts all of a from all of b, both ways.
func between(a, b []string) parted {
	var all parted
	for _, one := range a {
		for _, other := range b {
			all = append(all, [2]string{one, other}, [2]string{other, one})
		}
	}
	return all
}

func (s *Stand) preparePartition(f fault.Fault, host string) (injection, error) {
	var hosts []string
	for _, h := range s.plan.Spec.Hosts {
		if h.Role != topology.RoleObserver && len(h.Links) > 0 {
			hosts = append(hosts, h.Name)
		}
	}
	groups, err := groupsOf(f, hosts)
	if err != nil {
		return injection{}, err
	}
	pairs, err := part(f.Mode, host, hosts, groups)
	if err != nil {
		return injection{}, err
	}
	var ways []impair.Way
	for _, pair := range pairs {
		ways = append(ways, s.ways(pair[0], "from", pair[1])...)
	}
	return s.cut(s.match(f), ways)
}

// groupsOf are the fault's, with all other hosts in the first; none are given:
// none.
func groupsOf(f fault.Fault, hosts []string) ([][]string, error) {
	if len(f.Groups) == 0 {
		return nil, nil
	}
	groups := [][]string{}
	named := map[string]bool{}
	for _, group := range f.Groups {
		for _, name := range group {
			switch {
			case !slices.Contains(hosts, name):
				return nil, fmt.Errorf("groups: there is no host %q", name)
			case named[name]:
				return nil, fmt.Errorf("groups: %s is named twice", name)
			}
			named[name] = true
		}
		groups = append(groups, slices.Clone(group))
	}
	for _, name := range hosts {
		if !named[name] {
			groups[0] = append(groups[0], name)
		}
	}
	return groups, nil
}

// part says who is parted from whom. Without groups the host is one, and all
// others are the other.
func part(mode, host string, hosts []string, groups [][]string) (parted, error) {
	others := slices.DeleteFunc(slices.Clone(hosts), func(name string) bool { return name == host })
	switch mode {
	case "isolate":
		return between([]string{host}, others), nil
	case "bridge": // both halves reach the host, and each other through nobody
		half := len(others) / 2
		return between(others[:half], others[half:]), nil
	case "ring":
		return ring(hosts), nil
	}
	if groups == nil {
		groups = [][]string{{host}, others}
	}
	if len(groups) < 2 {
		return nil, fmt.Errorf("partition %s: give two groups or more, as in groups=a,b|c", mode)
	}
	var pairs parted
	for i, group := range groups {
		for _, other := range groups[i+1:] {
			pairs = append(pairs, between(group, other)...)
		}
	}
	if mode == "one-way" { // the first half of each pair of ways
		var oneWay parted
		for i := 0; i < len(pairs); i += 2 {
			oneWay = append(oneWay, pairs[i])
		}
		return oneWay, nil
	}
	return pairs, nil
}

// ring parts every host from all but its neighbours in the list, which has no
// ends.
func ring(hosts []string) parted {
	var pairs parted
	for i, one := range hosts {
		for j, other := range hosts {
			distance := (j - i + len(hosts)) % len(hosts)
			if distance > 1 && distance < len(hosts)-1 {
				pairs = append(pairs, [2]string{one, other})
			}
		}
	}
	return pairs
}

// linkOf is the host's interface that a fault names, or its first.
func linkOf(host *lab.Host, name string) (lab.Link, error) {
	if len(host.Links) == 0 {
		return lab.Link{}, errors.New("it has no link")
	}
	if name == "" {
		return host.Links[0], nil
	}
	i := slices.IndexFunc(host.Links, func(l lab.Link) bool { return l.Interface == name })
	if i < 0 {
		return lab.Link{}, fmt.Errorf("it has no interface %s", name)
	}
	return host.Links[i], nil
}

// changeLink opens a host's interface and changes it.
func changeLink(host *lab.Host, name string, change func(*netlink.Handle, netlink.Link) error) error {
	handle, err := host.Open()
	if err != nil {
		return err
	}
	defer handle.Close()
	device, err := handle.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	return change(handle, device)
}

func (s *Stand) prepareLinkDown(f fault.Fault, host string) (injection, error) {
	built := s.lab.Host(host)
	link, err := linkOf(built, f.Interface)
	if err != nil {
		return injection{}, err
	}
	down := func() error { return changeLink(built, link.Interface, (*netlink.Handle).LinkSetDown) }
	return injection{down, built.Restore}, nil
}

// prepareFlaps takes the carrier away and gives it back in turn.
func (s *Stand) prepareFlaps(f fault.Fault, port string) injection {
	var flapping *going
	apply := func() error {
		if err := s.lab.SetPort(port, false); err != nil {
			return err
		}
		flapping = goOn(func(ctx context.Context) error {
			for {
				for _, turn := range []struct {
					after time.Duration
					up    bool
				}{{time.Duration(f.Down), true}, {time.Duration(f.Period - f.Down), false}} {
					if !passes(ctx, turn.after) {
						return nil
					}
					if err := s.lab.SetPort(port, turn.up); err != nil {
						return err
					}
				}
			}
		})
		return nil
	}
	return injection{apply, func() error { return errors.Join(flapping.end(), s.lab.SetPort(port, true)) }}
}

// prepareMAC makes the switch believe a host's MAC address at another port, or
// forget it.
func (s *Stand) prepareMAC(f fault.Fault, host string) (injection, error) {
	handle, err := netlink.NewHandleAt(netns.NsHandle(s.lab.Switch().Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return injection{}, err
	}
	link := s.lab.Host(host).Links[0]
	change := func(change func(*netlink.Neigh) error, port string) error {
		device, err := handle.LinkByName(s.atBridge(port))
		if err != nil {
			return err
		}
		return change(&netlink.Neigh{
			LinkIndex: device.Attrs().Index, Family: unix.AF_BRIDGE, State: netlink.NUD_REACHABLE,
			Flags: netlink.NTF_MASTER, HardwareAddr: link.MAC,
		})
	}
	if f.Kind == fault.MACForgotten {
		return injection{func() error {
			err := change(handle.NeighDel, link.Port)
			if errors.Is(err, unix.ENOENT) {
				err = nil // it knew nothing of it
			}
			return err
		}, func() error { handle.Close(); return nil }}, nil
	}
	peer, err := s.peerOf(f.Peer, host, link.Segment)
	if err != nil {
		return injection{}, err
	}
	return injection{
		func() error { return change(handle.NeighSet, peer.Port) },
		func() error {
			defer handle.Close()
			err := change(handle.NeighSet, link.Port)
			if !errors.Is(err, unix.EPERM) {
				return err
			}
			// The host's port is down: nothing is to be known of it.
			if err := change(handle.NeighDel, peer.Port); !errors.Is(err, unix.ENOENT) {
				return err
			}
			return nil
		},
	}, nil
}

// peerOf is the link to a segment of the named host, or of the first other one.
func (s *Stand) peerOf(name, host, segment string) (lab.Link, error) {
	for _, h := range s.plan.Spec.Hosts {
		if h.Name == host || name != "" && h.Name != name {
			continue
		}
		for _, link := range s.lab.Host(h.Name).Links {
			if link.Segment == segment {
				return link, nil
			}
		}
	}
	if name != "" {
		return lab.Link{}, fmt.Errorf("no other host %s has a link to %s", name, segment)
	}
	return lab.Link{}, fmt.Errorf("no other host has a link to %s", segment)
}

// addressOf is the virtual address that a fault names, or the first.
func (s *Stand) addressOf(f fault.Fault) (netip.Prefix, error) {
	for _, cluster := range s.clusters {
		for _, vip := range cluster.VIPs {
			if !f.Address.IsValid() || vip.Addr() == f.Address {
				return vip, nil
			}
		}
	}
	if f.Address.IsValid() {
		return netip.Prefix{}, fmt.Errorf("%s is no virtual address here", f.Address)
	}
	return netip.Prefix{}, errors.New("there is no virtual address here")
}
