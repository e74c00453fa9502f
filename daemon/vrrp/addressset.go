package vrrp

import (
	"net/netip"
	"slices"
)

// addressSet compares lists of at most 255 different addresses whatever their
// order, without allocating.
type addressSet struct {
	given  []netip.Addr // in the order of the parameters
	sorted []netip.Addr
}

func newAddressSet(addresses []netip.Addr) addressSet {
	return addressSet{given: addresses, sorted: slices.SortedFunc(slices.Values(addresses), netip.Addr.Compare)}
}

// equals reports whether addresses are those of the set, each once.
func (s addressSet) equals(addresses []netip.Addr) bool {
	if slices.Equal(addresses, s.given) {
		return true
	}
	if len(addresses) != len(s.sorted) {
		return false
	}
	var seen [256]bool
	for _, address := range addresses {
		i, found := slices.BinarySearchFunc(s.sorted, address, netip.Addr.Compare)
		if !found || seen[i] {
			return false
		}
		seen[i] = true
	}
	return true
}
