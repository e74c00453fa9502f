package live

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"takeover/scenarios/fault"
	"takeover/topology/lab"
)

// prepareAddress makes the faults of addresses.
func (s *Stand) prepareAddress(f fault.Fault, host string) (injection, error) {
	switch f.Kind { //nolint:exhaustive // of the other families
	case fault.VIPDeleted:
		return s.prepareVIPDeleted(f, host)
	case fault.VIPAdded:
		return s.prepareVIPAdded(f, host)
	case fault.NeighbourPoisoned:
		return s.preparePoison(f, host)
	case fault.AddressDuplicated:
		return s.prepareDuplicate(f, host)
	case fault.AdvertForged:
		return s.prepareForgery(f, host)
	case fault.RivalStarted:
		return s.prepareRival(f, host)
	default:
		return injection{}, ErrNotBuilt
	}
}

// holding is an address that an interface of a host has.
func (s *Stand) holding(host string, vip netip.Addr) (held *netlink.Addr, device netlink.Link, err error) {
	handle, err := s.lab.Host(host).Open()
	if err != nil {
		return nil, nil, err
	}
	defer handle.Close()
	all, err := lab.Addresses(handle, nil)
	if err != nil {
		return nil, nil, err
	}
	i := slices.IndexFunc(all, func(a netlink.Addr) bool { return a.IP.Equal(net.IP(vip.AsSlice())) })
	if i < 0 {
		return nil, nil, nil
	}
	device, err = handle.LinkByIndex(all[i].LinkIndex)
	return &all[i], device, err
}

func (s *Stand) prepareVIPDeleted(f fault.Fault, host string) (injection, error) {
	vip, err := s.addressOf(f)
	if err != nil {
		return injection{}, err
	}
	held, device, err := s.holding(host, vip.Addr())
	switch {
	case err != nil:
		return injection{}, err
	case held == nil:
		return injection{}, fmt.Errorf("it does not have %s", vip.Addr())
	}
	return injection{func() error {
		return changeLink(s.lab.Host(host), device.Attrs().Name, func(handle *netlink.Handle, device netlink.Link) error {
			return handle.AddrDel(device, &netlink.Addr{IPNet: held.IPNet})
		})
	}, nothing}, nil
}

// prepareVIPAdded gives a host the address that another one is to have. A host
// that has become its owner meanwhile keeps it.
func (s *Stand) prepareVIPAdded(f fault.Fault, host string) (injection, error) {
	vip, err := s.addressOf(f)
	if err != nil {
		return injection{}, err
	}
	link, err := linkOf(s.lab.Host(host), s.deviceOf(host))
	if err != nil {
		return injection{}, err
	}
	if held, _, err := s.holding(host, vip.Addr()); err != nil || held != nil {
		return injection{}, errors.Join(fmt.Errorf("it has %s already", vip.Addr()), err)
	}
	bits := vip.Addr().BitLen()
	address := &netlink.Addr{IPNet: &net.IPNet{IP: vip.Addr().AsSlice(), Mask: net.CIDRMask(bits, bits)}}
	change := func(how func(*netlink.Handle, netlink.Link, *netlink.Addr) error) error {
		return changeLink(s.lab.Host(host), link.Interface, func(handle *netlink.Handle, device netlink.Link) error {
			return how(handle, device, address)
		})
	}
	return injection{
		func() error { return change((*netlink.Handle).AddrAdd) },
		func() error {
			if s.isActive(host) {
				return nil
			}
			if err := change((*netlink.Handle).AddrDel); !errors.Is(err, unix.EADDRNOTAVAIL) {
				return err
			}
			return nil // somebody else removed it
		},
	}, nil
}

// deviceOf is the interface of the host's virtual router; empty: it has none.
func (s *Stand) deviceOf(host string) string {
	_, seat := seatOn(s.clusters, host)
	return seat.Interface
}

// isActive says that the host's daemon says that it is.
func (s *Stand) isActive(host string) bool {
	_, seat := seatOn(s.clusters, host)
	return seat.Name != "" && s.picture.state(host, seat.Instance) == "Active"
}

// poisonMAC is nobody's: locally administered.
var poisonMAC = net.HardwareAddr{0x02, 0xde, 0xad, 0, 0, 1}

// preparePoison makes a host believe the virtual address at a peer, or at nobody.
func (s *Stand) preparePoison(f fault.Fault, host string) (injection, error) {
	vip, err := s.addressOf(f)
	if err != nil {
		return injection{}, err
	}
	built := s.lab.Host(host)
	if len(built.Links) == 0 {
		return injection{}, errors.New("it has no link")
	}
	link, mac := built.Links[0], poisonMAC
	if f.Peer != "" {
		peer, err := s.peerOf(f.Peer, host, link.Segment)
		if err != nil {
			return injection{}, err
		}
		mac = peer.MAC
	}
	set := func(mac net.HardwareAddr) error {
		return changeLink(built, link.Interface, func(handle *netlink.Handle, device netlink.Link) error {
			entry := &netlink.Neigh{
				LinkIndex: device.Attrs().Index, State: netlink.NUD_REACHABLE, IP: vip.Addr().AsSlice(), HardwareAddr: mac,
			}
			if mac != nil {
				return handle.NeighSet(entry)
			}
			if err := handle.NeighDel(entry); !errors.Is(err, unix.ENOENT) {
				return err
			}
			return nil
		})
	}
	return injection{func() error { return set(mac) }, func() error { return set(nil) }}, nil
}

// prepareDuplicate lets a stranger answer for an address.
func (s *Stand) prepareDuplicate(f fault.Fault, host string) (injection, error) {
	address := f.Address
	if !address.IsValid() {
		vip, err := s.addressOf(f)
		if err != nil {
			return injection{}, err
		}
		address = vip.Addr()
	}
	if !address.Is4() {
		return injection{}, fmt.Errorf("%w: only ARP is forged, and %s is IPv6", ErrNotBuilt, address)
	}
	stranger, err := s.newStranger(s.lab.Host(host).Links[0].Segment)
	if err != nil {
		return injection{}, err
	}
	return injection{
		func() error { return errors.Join(stranger.claim(address), stranger.announce(address)) },
		stranger.leave,
	}, nil
}

// virtualRouter is the first one that has a seat on the host, or the first.
func (s *Stand) virtualRouter(host string) (Cluster, error) {
	if cluster, seat := seatOn(s.clusters, host); seat.Name != "" {
		return cluster, nil
	}
	if len(s.clusters) == 0 {
		return Cluster{}, errors.New("there is no virtual router here")
	}
	return s.clusters[0], nil
}

func (s *Stand) prepareForgery(f fault.Fault, host string) (injection, error) {
	cluster, err := s.virtualRouter(host)
	if err != nil {
		return injection{}, err
	}
	packet, err := forge(f, cluster, s.lab.Host(host).Address())
	if err != nil {
		return injection{}, err
	}
	stranger, err := s.newStranger(s.lab.Host(host).Links[0].Segment)
	if err != nil {
		return injection{}, err
	}
	var forging *going
	send := func() error { return stranger.multicast(packet) }
	return injection{
		func() error {
			err := send()
			forging = times(f.Count, time.Duration(f.Period), send)
			return err
		},
		func() error { return errors.Join(forging.end(), stranger.leave()) },
	}, nil
}

// prepareRival lets a stranger be Active of the same virtual router.
func (s *Stand) prepareRival(f fault.Fault, host string) (injection, error) {
	cluster, err := s.virtualRouter(host)
	if err != nil {
		return injection{}, err
	}
	link := s.lab.Host(host).Links[0]
	source, err := s.freeAddress(link.Segment, link.Addresses)
	if err != nil {
		return injection{}, err
	}
	packet, err := forge(f, cluster, source)
	if err != nil {
		return injection{}, err
	}
	stranger, err := s.newStranger(link.Segment)
	if err != nil {
		return injection{}, err
	}
	vip := cluster.VIPs[0].Addr()
	if f.Address.IsValid() {
		vip = f.Address
	}
	var advertising *going
	send := func() error { return stranger.multicast(packet) }
	return injection{
		func() error {
			err := errors.Join(send(), stranger.claim(vip), stranger.announce(vip))
			advertising = times(0, cluster.Interval, send)
			return err
		},
		func() error { return errors.Join(advertising.end(), stranger.leave()) },
	}, nil
}

// freeAddress is one of the subnet that nobody in the topology has: the highest.
func (s *Stand) freeAddress(segment string, addresses []netip.Prefix) (netip.Addr, error) {
	i := slices.IndexFunc(addresses, func(p netip.Prefix) bool { return p.Addr().Is4() })
	if i < 0 {
		return netip.Addr{}, fmt.Errorf("%w: no IPv4 on %s", ErrNotBuilt, segment)
	}
	taken := map[netip.Addr]bool{}
	for _, host := range s.plan.Spec.Hosts {
		for _, link := range host.Links {
			for _, prefix := range link.Addresses {
				taken[prefix.Addr()] = true
			}
		}
	}
	for _, cluster := range s.clusters {
		for _, vip := range cluster.VIPs {
			taken[vip.Addr()] = true
		}
	}
	highest := lastOf(addresses[i])
	for a := highest.Prev(); addresses[i].Contains(a); a = a.Prev() { // the last is broadcast
		if !taken[a] {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address of %s is free", addresses[i].Masked())
}

// lastOf is a prefix's highest address.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().As4()
	for bit := p.Bits(); bit < 32; bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	return netip.AddrFrom4(bytes)
}
