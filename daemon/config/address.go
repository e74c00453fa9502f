package config

import (
	"net/netip"
	"slices"
	"strings"
)

// Scope is where an address is valid, with rtnetlink's numbers
// (enum rt_scope_t in linux/rtnetlink.h).
type Scope uint8

// The scopes that the `scope` option of virtual_ipaddress knows.
const (
	ScopeGlobal  Scope = 0
	ScopeSite    Scope = 200
	ScopeLink    Scope = 253
	ScopeHost    Scope = 254
	ScopeNowhere Scope = 255
)

// maxVirtualAddresses is what the Count IP Addrs field of an advertisement
// can say (RFC 3768 section 5.3.5).
const maxVirtualAddresses = 255

func addVirtualAddresses(c *converter, to *Instance, s *Statement) {
	entries := statements(s.Block.Nodes)
	if len(entries) == 0 {
		c.fail(s.Position, "virtual_ipaddress is empty")
	}
	for _, entry := range entries {
		if len(to.VirtualAddresses) == maxVirtualAddresses {
			c.fail(entry.Position, "more than %d virtual addresses in one vrrp_instance", maxVirtualAddresses)
			return
		}
		if address, ok := virtualAddress(c, entry); ok {
			to.VirtualAddresses = append(to.VirtualAddresses, address)
		}
	}
}

// virtualAddress reads ADDR[/LEN] [brd X] [dev IF] [scope S] [label L].
func virtualAddress(c *converter, s *Statement) (VirtualAddress, bool) {
	if s.Block != nil {
		c.fail(s.Position, "unexpected block after %q", s.Raw)
		return VirtualAddress{}, false
	}
	if feature := languageFeature(s.Words[0]); feature != "" {
		c.fail(s.Position, "%s (%q) is known to keepalived, not supported here yet", feature, s.Words[0])
		return VirtualAddress{}, false
	}
	prefix, ok := addressPrefix(c, s, s.Words[0])
	if !ok {
		return VirtualAddress{}, false
	}
	address := VirtualAddress{Prefix: prefix, Position: s.Position}
	words := s.Arguments()
	for len(words) > 0 {
		used := addressOption(c, s, &address, words)
		if used == 0 {
			return VirtualAddress{}, false
		}
		words = words[used:]
	}
	return address, true
}

// addressPrefix reads an IPv4 address with an optional prefix length.
func addressPrefix(c *converter, s *Statement, word string) (netip.Prefix, bool) {
	text := word
	if !strings.Contains(text, "/") {
		text += "/32"
	}
	prefix, err := netip.ParsePrefix(text)
	if strings.Contains(word, ":") {
		c.fail(s.Position, "virtual address %s: IPv6 is not supported yet", word)
		return netip.Prefix{}, false
	}
	if err != nil {
		c.failWithHint(s.Position, "the form is: A.B.C.D[/LENGTH]", "virtual address %q is not an address", word)
		return netip.Prefix{}, false
	}
	ip := prefix.Addr()
	if prefix.Bits() == 0 || ip.IsUnspecified() || ip.IsMulticast() || ip.IsLoopback() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		c.fail(s.Position, "virtual address %s cannot be the address of a host", word)
		return netip.Prefix{}, false
	}
	return prefix, true
}

// addressOption reads one option of a virtual address from the start of words
// and says how many words it took; 0 after it reported a fault.
func addressOption(c *converter, s *Statement, to *VirtualAddress, words []string) int {
	option := words[0]
	understood := []string{"brd", "broadcast", "dev", "scope", "label"}
	later := []string{
		"peer", "home", "-nodad", "mngtmpaddr", "noprefixroute", "autojoin", "no_track",
		"preferred_lft", "use_vmac", "track_group",
	}
	switch {
	case slices.Contains(understood, option):
	case slices.Contains(later, option):
		c.fail(s.Position, "%q after a virtual address is known to keepalived, not supported here yet", option)
		return 0
	default:
		c.failWithHint(s.Position, didYouMean(option, understood), "unknown option %q after a virtual address", option)
		return 0
	}
	if len(words) < 2 {
		c.fail(s.Position, "%s lacks its value", option)
		return 0
	}
	var ok bool
	value := words[1]
	switch option {
	case "dev":
		to.Device = value
		ok = c.interfaceName(s, "dev", value)
	case "label":
		to.Label = value
		if ok = len(value) <= maxInterfaceName; !ok {
			c.fail(s.Position, "label %q is longer than %d bytes", value, maxInterfaceName)
		}
	case "scope":
		to.Scope, ok = scope(c, s, value)
	default:
		to.Broadcast, ok = broadcast(c, s, to.Prefix, value)
	}
	if !ok {
		return 0
	}
	return 2
}

func scope(c *converter, s *Statement, word string) (Scope, bool) {
	switch word {
	case "global":
		return ScopeGlobal, true
	case "site":
		return ScopeSite, true
	case "link":
		return ScopeLink, true
	case "host":
		return ScopeHost, true
	case "nowhere":
		return ScopeNowhere, true
	}
	c.failWithHint(s.Position, "it may be global, site, link, host or nowhere", "unknown scope %q", word)
	return 0, false
}

// broadcast reads an address, or + for the prefix with all host bits set, or
// - for none of them set (ip-address(8)).
func broadcast(c *converter, s *Statement, prefix netip.Prefix, word string) (netip.Addr, bool) {
	switch word {
	case "-":
		return prefix.Masked().Addr(), true
	case "+":
		bytes := prefix.Addr().As4()
		for bit := prefix.Bits(); bit < 32; bit++ {
			bytes[bit/8] |= 0x80 >> (bit % 8)
		}
		return netip.AddrFrom4(bytes), true
	}
	address, err := netip.ParseAddr(word)
	if err != nil || !address.Is4() {
		c.fail(s.Position, "brd %q is not an IPv4 address", word)
		return netip.Addr{}, false
	}
	return address, true
}
