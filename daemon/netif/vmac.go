package netif

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"

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
// (arp_ignore on both, arp_announce on the macvlan); packets that another
// router sends from the same MAC address and from an address of the parent's
// network are accepted (rp_filter, accept_local); and it has no IPv6 address
// of its own making, because all routers would make the same one. All sysctls
// are those of the macvlan, but for arp_ignore of the parent, which ReleaseVMAC
// restores.
func (k *Kernel) EnsureVMAC(v VMAC) (Link, error) {
	fail := func(err error) (Link, error) {
		return Link{}, fmt.Errorf("make the virtual router's interface %s: %w", v.Name, err)
	}
	found, err := k.handle.LinkByName(v.Name)
	_, isMissing := errors.AsType[netlink.LinkNotFoundError](err)
	switch {
	case isMissing:
		err = k.addVMAC(v)
	case err != nil || v.isSame(found):
	case !v.isOurs(found):
		err = ErrNotOurs
	default:
		if err = k.handle.LinkDel(found); err == nil {
			err = k.addVMAC(v)
		}
	}
	if err != nil {
		return fail(err)
	}
	if err := k.prepareVMAC(v); err != nil {
		return fail(err)
	}
	made, err := k.handle.LinkByName(v.Name)
	if err != nil {
		return fail(err)
	}
	return linkFrom(made), nil
}

func (v VMAC) isSame(l netlink.Link) bool {
	_, is := l.(*netlink.Macvlan)
	return is && l.Attrs().ParentIndex == v.Parent && bytes.Equal(l.Attrs().HardwareAddr, v.Hardware)
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
func (k *Kernel) prepareVMAC(v VMAC) error {
	parent, err := k.handle.LinkByIndex(v.Parent)
	if err != nil {
		return err
	}
	if all, err := readSysctl("ipv4", "all", "rp_filter"); err == nil && all == "1" {
		return errors.New("net.ipv4.conf.all.rp_filter is 1, which overrules the interface's own: set it to 0 or 2")
	}
	settings := []struct{ family, name, key, value string }{
		{"ipv4", v.Name, "rp_filter", "0"},
		{"ipv4", v.Name, "accept_local", "1"},
		{"ipv4", v.Name, "arp_ignore", "1"},
		{"ipv4", v.Name, "arp_announce", "2"},
		{"ipv6", v.Name, "addr_gen_mode", "1"}, // IN6_ADDR_GEN_MODE_NONE
		{"ipv6", v.Name, "autoconf", "0"},
		{"ipv6", v.Name, "accept_ra", "0"},
	}
	for _, s := range settings {
		if err := writeSysctl(s.family, s.name, s.key, s.value); err != nil {
			return err
		}
	}
	if err := k.hushParent(parent.Attrs().Name); err != nil {
		return err
	}
	macvlan, err := k.handle.LinkByName(v.Name)
	if err != nil {
		return err
	}
	if err := k.handle.LinkSetUp(macvlan); err != nil {
		return err
	}
	if !v.LinkLocal.IsValid() {
		return nil
	}
	address := Address{Index: macvlan.Attrs().Index, Prefix: netip.PrefixFrom(v.LinkLocal, 64)}
	return errors.Join(k.Set(address)...)
}

// hushParent keeps the parent from answering ARP for what is on the macvlan.
func (k *Kernel) hushParent(name string) error {
	before, err := readSysctl("ipv4", name, "arp_ignore")
	if err != nil || before != "0" {
		return err
	}
	if k.hushed == nil {
		k.hushed = make(map[string]bool)
	}
	k.hushed[name] = true
	return writeSysctl("ipv4", name, "arp_ignore", "1")
}

// ReleaseVMAC removes the macvlan, and restores what was changed for it on the
// interface below. It is no error that it is gone.
func (k *Kernel) ReleaseVMAC(v VMAC) error {
	found, err := k.handle.LinkByName(v.Name)
	_, isMissing := errors.AsType[netlink.LinkNotFoundError](err)
	switch {
	case isMissing:
		err = nil
	case err == nil && v.isOurs(found):
		err = k.handle.LinkDel(found)
	}
	for name := range k.hushed {
		err = errors.Join(err, writeSysctl("ipv4", name, "arp_ignore", "0"))
	}
	k.hushed = nil
	if err != nil {
		return fmt.Errorf("remove the virtual router's interface %s: %w", v.Name, err)
	}
	return nil
}

func sysctlPath(family, name, key string) string {
	return "/proc/sys/net/" + family + "/conf/" + name + "/" + key
}

func readSysctl(family, name, key string) (string, error) {
	text, err := os.ReadFile(sysctlPath(family, name, key))
	return strings.TrimSpace(string(text)), err
}

// writeSysctl writes a value, unless it is there. A kernel without IPv6, or an
// interface that has gone, has no such file.
func writeSysctl(family, name, key, value string) error {
	if before, err := readSysctl(family, name, key); err == nil && before == value || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.WriteFile(sysctlPath(family, name, key), []byte(value), 0o644)
}
