package netif

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// VMAC is the interface of a virtual router MAC address (RFC 9568 §7.3): a
// macvlan over the interface that the virtual router is configured on.
type VMAC struct {
	Name     string // at most 15 bytes
	Hardware net.HardwareAddr
	Parent   int // the index of the interface below
	// LinkLocal is the IPv6 address that advertisements are sent from, which
	// the macvlan then has as well; invalid for IPv4.
	LinkLocal netip.Addr
}

// virtualMAC are the first bytes of every virtual router MAC address; the next
// one is 1 of IPv4 and 2 of IPv6, and the last is the VRID (RFC 9568 §7.3).
var virtualMAC = []byte{0x00, 0x00, 0x5e, 0x00}

// VirtualMAC is the address of the virtual router in its family.
func VirtualMAC(vrid uint8, is6 bool) net.HardwareAddr {
	family := byte(1)
	if is6 {
		family = 2
	}
	return append(bytes.Clone(virtualMAC), family, vrid)
}

// ErrNotOurs says that an interface of the name of a VMAC is something else.
var ErrNotOurs = errors.New("the interface is not a virtual router's")

// EnsureVMAC makes the macvlan, or takes over one that a predecessor left, and
// sets it up. An interface of that name that is no macvlan with a virtual
// router MAC address, or with the one that is asked for, is left alone:
// ErrNotOurs.
//
// The macvlan is private: what it sends, its own host does not see. Its host
// answers ARP for an address on that interface only which has the address
// (arp_ignore, arp_announce); packets that another
// router sends from the same MAC address and from an address of the parent's
// network are accepted (rp_filter, accept_local); and it has no IPv6 address
// of its own making, because all routers would make the same one. When an
// address is taken off, the others of its network stay (promote_secondaries).
//
// What it reports of its multicast groups (IGMP, MLD), when it is made and when an
// address is taken off, it reports at once, and not after up to a second, when bridges have learned that
// the MAC address is the new Active's.
//
// All sysctls are those of the macvlan, but for arp_ignore and arp_announce of
// the parent. What those were before is written down in the macvlan's alias, so
// that ReleaseVMAC restores them also when a predecessor changed them.
func (k *Kernel) EnsureVMAC(v VMAC) (Link, error) {
	fail := func(err error) (Link, error) {
		return Link{}, fmt.Errorf("make the virtual router's interface %s: %w", v.Name, err)
	}
	found, err := k.linkByName(v.Name)
	switch {
	case err != nil:
		return fail(err)
	case found == nil:
		err = k.addVMAC(v)
	case v.isSame(found):
	case !v.isOurs(found):
		err = ErrNotOurs
	default:
		err = errors.Join(k.removeVMAC(found), k.addVMAC(v))
	}
	if err != nil {
		return fail(err)
	}
	made, err := k.prepareVMAC(v)
	if err != nil {
		return fail(err)
	}
	return made, nil
}

// linkByName is nil when there is none.
func (k *Kernel) linkByName(name string) (netlink.Link, error) {
	found, err := k.handle.LinkByName(name)
	if _, isMissing := errors.AsType[netlink.LinkNotFoundError](err); isMissing {
		return nil, nil
	}
	return found, err
}

func (v VMAC) isSame(l netlink.Link) bool {
	m, is := l.(*netlink.Macvlan)
	return is && m.Mode == netlink.MACVLAN_MODE_PRIVATE && m.ParentIndex == v.Parent && bytes.Equal(m.HardwareAddr, v.Hardware)
}

// isOurs reports whether a predecessor may have made the interface.
func (v VMAC) isOurs(l netlink.Link) bool {
	_, is := l.(*netlink.Macvlan)
	hardware := l.Attrs().HardwareAddr
	return is && (bytes.HasPrefix(hardware, virtualMAC) || bytes.Equal(hardware, v.Hardware))
}

func (k *Kernel) addVMAC(v VMAC) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name, attributes.ParentIndex, attributes.HardwareAddr = v.Name, v.Parent, v.Hardware
	return k.handle.LinkAdd(&netlink.Macvlan{LinkAttrs: attributes, Mode: netlink.MACVLAN_MODE_PRIVATE})
}

// prepareVMAC sets the sysctls, brings the macvlan up, and gives it the
// parent's IPv6 address.
func (k *Kernel) prepareVMAC(v VMAC) (Link, error) {
	if all, err := readSysctl("ipv4", "all", "rp_filter"); err == nil && all != "0" {
		return Link{}, fmt.Errorf("net.ipv4.conf.all.rp_filter is %s, which overrules the interface's own 0: "+
			"set it for each interface, and to 0 for all", all)
	}
	settings := []struct{ family, key, value string }{
		{"ipv4", "rp_filter", "0"},
		{"ipv4", "accept_local", "1"},
		{"ipv4", "arp_ignore", "1"},
		{"ipv4", "arp_announce", "2"},
		{"ipv4", "drop_gratuitous_arp", "1"},
		{"ipv4", "promote_secondaries", "1"},
		{"ipv4", "igmpv2_unsolicited_report_interval", "1"}, // ms
		{"ipv4", "igmpv3_unsolicited_report_interval", "1"},
		{"ipv6", "addr_gen_mode", "1"}, // IN6_ADDR_GEN_MODE_NONE
		{"ipv6", "autoconf", "0"},
		{"ipv6", "accept_ra", "0"},
		{"ipv6", "mldv1_unsolicited_report_interval", "1"},
		{"ipv6", "mldv2_unsolicited_report_interval", "1"},
	}
	for _, s := range settings {
		if err := writeSysctl(s.family, v.Name, s.key, s.value); err != nil {
			return Link{}, err
		}
	}
	macvlan, err := k.handle.LinkByName(v.Name)
	if err != nil {
		return Link{}, err
	}
	if err := k.hushParent(macvlan); err != nil {
		return Link{}, err
	}
	if err := k.handle.LinkSetUp(macvlan); err != nil {
		return Link{}, err
	}
	if v.LinkLocal.IsValid() {
		address := Address{Index: macvlan.Attrs().Index, Prefix: netip.PrefixFrom(v.LinkLocal, linkLocalBits)}
		if err := errors.Join(k.Set(address)...); err != nil {
			return Link{}, err
		}
	}
	if macvlan, err = k.handle.LinkByName(v.Name); err != nil {
		return Link{}, err
	}
	a := macvlan.Attrs()
	return linkFrom(a.Index, a.Name, a.HardwareAddr, a.RawFlags), nil
}

// linkLocalBits is the length of the link-local prefix (RFC 4291 §2.5.6).
const linkLocalBits = 64

// ReleaseVMAC removes the macvlan. When it was the last of ours on the
// interface below, that one's sysctls are restored, unless somebody has changed
// them meanwhile. It is no error that the macvlan is gone.
func (k *Kernel) ReleaseVMAC(v VMAC) error {
	found, err := k.linkByName(v.Name)
	if err == nil && found != nil && v.isOurs(found) {
		err = k.removeVMAC(found)
	}
	if err != nil {
		return fmt.Errorf("remove the virtual router's interface %s: %w", v.Name, err)
	}
	return nil
}

func (k *Kernel) removeVMAC(macvlan netlink.Link) error {
	return errors.Join(k.unhushParent(macvlan), k.handle.LinkDel(macvlan))
}
