package netif

import (
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
)

// hushed are the settings of an interface that carries macvlans (Linux,
// Documentation/networking/ip-sysctl.rst). It answers ARP for its own addresses
// only, and what it asks for, it asks for with its own: who has a /32 on a
// macvlan sends by the interface below, and would otherwise tell the other side
// that the address is at that one's MAC address.
var hushed = [...]struct{ key, value string }{{"arp_ignore", "1"}, {"arp_announce", "2"}}

// aliasBefore begins the alias of a macvlan; what the settings of the interface
// below were before follows, in the order of hushed.
const aliasBefore = "vipd: arp_ignore, arp_announce below were "

// before is what the alias of a macvlan says that the settings were.
func before(macvlan netlink.Link) (values []string, known bool) {
	text, is := strings.CutPrefix(macvlan.Attrs().Alias, aliasBefore)
	values = strings.Fields(text)
	return values, is && len(values) == len(hushed)
}

// hushParent keeps the interface below from answering ARP for what is on the
// macvlan. What was before is written down first: whoever is killed here can be
// tidied up after.
func (k *Kernel) hushParent(macvlan netlink.Link) error {
	parent, siblings, err := k.family(macvlan)
	if err != nil {
		return err
	}
	var original []string
	for _, s := range hushed {
		value, err := readSysctl("ipv4", parent, s.key)
		if err != nil {
			return err
		}
		original = append(original, value)
	}
	for _, m := range append(siblings, macvlan) {
		if values, known := before(m); known {
			original = values
		}
	}
	if _, known := before(macvlan); !known {
		if err := k.handle.LinkSetAlias(macvlan, aliasBefore+strings.Join(original, " ")); err != nil {
			return err
		}
	}
	for _, s := range hushed {
		if value, err := readSysctl("ipv4", parent, s.key); err == nil && value >= s.value {
			continue // hushed already, or more than that
		}
		if err := writeSysctl("ipv4", parent, s.key, s.value); err != nil {
			return err
		}
	}
	return nil
}

// unhushParent restores what was before hushParent, when no other macvlan
// needs it, and where it is still as hushParent left it.
func (k *Kernel) unhushParent(macvlan netlink.Link) error {
	original, known := before(macvlan)
	if !known {
		return nil
	}
	parent, siblings, err := k.family(macvlan)
	if err != nil {
		return err
	}
	for _, m := range siblings {
		if _, needs := before(m); needs {
			return nil
		}
	}
	for i, s := range hushed {
		if value, err := readSysctl("ipv4", parent, s.key); err != nil || value != s.value {
			continue
		}
		if err := writeSysctl("ipv4", parent, s.key, original[i]); err != nil {
			return err
		}
	}
	return nil
}

// family is the name of the interface below, and the other macvlans on it.
func (k *Kernel) family(macvlan netlink.Link) (parent string, siblings []netlink.Link, err error) {
	all, err := k.detailedLinks()
	if err != nil {
		return "", nil, err
	}
	for _, l := range all {
		_, isMacvlan := l.(*netlink.Macvlan)
		switch {
		case l.Attrs().Index == macvlan.Attrs().ParentIndex:
			parent = l.Attrs().Name
		case isMacvlan && l.Attrs().ParentIndex == macvlan.Attrs().ParentIndex && l.Attrs().Index != macvlan.Attrs().Index:
			siblings = append(siblings, l)
		}
	}
	return parent, siblings, nil
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
	if now, err := readSysctl(family, name, key); err == nil && now == value || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.WriteFile(sysctlPath(family, name, key), []byte(value), 0o644)
}
