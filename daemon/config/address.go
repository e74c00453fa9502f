package config

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// maxVirtualAddresses is what the Count IP Addrs field of an advertisement
// can say (RFC 3768 section 5.3.5).
const maxVirtualAddresses = 255

func addVirtualAddresses(c *converter, to *instanceDraft, s *Statement) {
	entries := c.lines(s.Block)
	if len(entries) == 0 {
		c.fail(s.Position, "virtual_ipaddress is empty")
	}
	for _, entry := range entries {
		if len(to.VirtualAddresses) == maxVirtualAddresses {
			c.failWithHint(entry.Position, "put the rest into virtual_ipaddress_excluded", "more than %d virtual addresses in one vrrp_instance", maxVirtualAddresses)
			return
		}
		if address, ok := virtualAddress(c, entry); ok {
			ip := address.Prefix.Addr()
			if c.family(to, entry, ip.Is6(), "virtual address "+ip.String()) {
				to.VirtualAddresses = append(to.VirtualAddresses, address)
			}
		}
	}
}

// addExcludedAddresses takes addresses of either family.
func addExcludedAddresses(c *converter, to *instanceDraft, s *Statement) {
	for _, entry := range c.lines(s.Block) {
		if address, ok := virtualAddress(c, entry); ok {
			to.ExcludedAddresses = append(to.ExcludedAddresses, address)
		}
	}
}

// finishAddresses gives the addresses their device, and warns of what IPv6 may
// not like.
func (c *converter) finishAddresses(draft *instanceDraft) {
	for _, list := range [][]VirtualAddress{draft.VirtualAddresses, draft.ExcludedAddresses} {
		for i := range list {
			if list[i].Device == "" {
				list[i].Device = draft.Interface
			}
		}
	}
	if !draft.IPv6 || len(draft.VirtualAddresses) == 0 {
		return
	}
	if n := len(draft.VirtualAddresses); n > maxUnfragmented6 {
		c.warnWithHint(draft.VirtualAddresses[maxUnfragmented6].Position, "put the rest into virtual_ipaddress_excluded",
			"an advertisement of %d IPv6 addresses does not fit 1500 bytes", n)
	}
	first := draft.VirtualAddresses[0]
	switch {
	case draft.isUnicast() || first.Prefix.Addr().IsLinkLocalUnicast():
	case draft.Strict:
		c.fail(first.Position, "the first virtual address %s is not link-local, which strict_mode demands", first.Prefix.Addr())
	default:
		c.note(first.Position, "", "the first virtual address %s is not link-local, as RFC 9568 section 5.2.9 has it", first.Prefix.Addr())
	}
}

// maxUnfragmented6 is how many IPv6 addresses fit an Ethernet frame's 1500
// bytes, beside the headers of IPv6 and VRRP.
const maxUnfragmented6 = (1500 - 40 - 8) / 16

// virtualAddress reads ADDR[/LEN] and its options.
func virtualAddress(c *converter, s *Statement) (VirtualAddress, bool) {
	if s.Block != nil {
		c.fail(s.Position, "unexpected block after %q", s.Raw)
		return VirtualAddress{}, false
	}
	prefix, ok := addressPrefix(c, s, s.Words[0])
	if !ok {
		return VirtualAddress{}, false
	}
	address := VirtualAddress{Prefix: prefix, Position: s.Position}
	if prefix.Addr().Is6() {
		address.Flags = FlagNoDAD
		if prefix.IsSingleIP() {
			address.PreferredLifetime = new(time.Duration)
		}
	}
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

// addressPrefix reads an address with an optional prefix length.
func addressPrefix(c *converter, s *Statement, word string) (netip.Prefix, bool) {
	text := word
	switch {
	case strings.Contains(word, "/"):
	case strings.Contains(word, ":"):
		text += "/128"
	default:
		text += "/32"
	}
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		c.failWithHint(s.Position, "the form is: ADDRESS[/LENGTH]", "virtual address %q is not an address", word)
		return netip.Prefix{}, false
	}
	if prefix.Bits() == 0 || !isHost(prefix.Addr()) {
		c.fail(s.Position, "virtual address %s cannot be the address of a host", word)
		return netip.Prefix{}, false
	}
	return prefix, true
}

// addressFlags are the options that only set a flag, or with - take it away.
var addressFlags = map[string]AddressFlags{
	"home": FlagHome, "-nodad": FlagNoDAD, "mngtmpaddr": FlagManageTemporary,
	"noprefixroute": FlagNoPrefixRoute, "autojoin": FlagAutoJoin,
}

// addressOption reads one option of a virtual address from the start of words
// and says how many words it took; 0 after it reported a fault.
func addressOption(c *converter, s *Statement, to *VirtualAddress, words []string) int {
	option := words[0]
	valued := []string{"brd", "broadcast", "dev", "scope", "label", "preferred_lft"}
	later := []string{"peer", "use_vmac", "track_group"}
	switch {
	case option == "no_track":
		to.NoTrack = true
		return 1
	case option == "-nodad":
		to.Flags &^= FlagNoDAD
		return 1
	case addressFlags[option] != 0:
		to.Flags |= addressFlags[option]
		return 1
	case slices.Contains(later, option):
		c.fail(s.Position, "%q after a virtual address is not implemented", option)
		return 0
	case !slices.Contains(valued, option):
		known := slices.Concat(valued, slices.Sorted(maps.Keys(addressFlags)), []string{"no_track"})
		c.failWithHint(s.Position, didYouMean(option, known), "unknown option %q after a virtual address", option)
		return 0
	case len(words) < 2:
		c.fail(s.Position, "%s lacks its value", option)
		return 0
	}
	if to.Prefix.Addr().Is6() && option != "dev" && option != "preferred_lft" {
		c.fail(s.Position, "%s is for IPv4 only", option)
		return 0
	}
	if !addressValue(c, s, to, option, words[1]) {
		return 0
	}
	return 2
}

// addressValue reads the value of an option.
func addressValue(c *converter, s *Statement, to *VirtualAddress, option, value string) (ok bool) {
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
	case "preferred_lft":
		to.PreferredLifetime, ok = preferredLifetime(c, s, value)
	default:
		to.Broadcast, ok = broadcast(c, s, to.Prefix, value)
	}
	return ok
}

// preferredLifetime reads whole seconds, or "forever".
func preferredLifetime(c *converter, s *Statement, word string) (*time.Duration, bool) {
	if word == "forever" {
		return nil, true
	}
	value, ok := c.integer(s, "preferred_lft", word, 0, math.MaxUint32)
	lifetime := time.Duration(value) * time.Second
	return &lifetime, ok
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
	const longest = 30 // longer ones have no address left for it
	if (word == "+" || word == "-") && prefix.Bits() > longest {
		c.fail(s.Position, "brd %s: the prefix length %d leaves no broadcast address", word, prefix.Bits())
		return netip.Addr{}, false
	}
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
