package daemon

import (
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
	"takeover/daemon/vrrp"
)

// attachment is what the loop knows and holds of one named interface. The
// interface may come and go under its name.
type attachment struct {
	name    string
	link    netif.Link     // Index 0: there is no such interface
	present []netip.Prefix // its addresses, in the kernel's order

	announcer announcer    // nil when not open
	announced []netip.Addr // what it is prepared for
	listeners []*listener
	above     []*attachment // the virtual router MACs on it
	vmac      *vmac         // how the interface is made; nil: it is not vipd's

	carried   []*virtual              // the virtual addresses that are set here
	carriedBy map[netip.Addr]*virtual // the same
	trackers  []*instance             // those whose state or priority depends on it
	isStale   bool                    // its addresses were announced with a former hardware address
	garp, gna *pace                   // of its announcements; nil: they are not kept apart
	refusals  throttle                // of packets that belong to no instance here
	failures  throttle                // of making and opening
	sources   [3]netip.Addr           // the primary addresses in use; see primary
}

// virtual is one virtual address and the interface that carries it.
type virtual struct {
	prefix netip.Prefix
	config *config.VirtualAddress
	on     *attachment
	owner  *instance
	// native says that the address was there before vipd: an address owner's
	// own. It is never removed.
	native bool
}

// address is how it is set: for good, or for as long as a lease.
func (v *virtual) address(lease time.Duration) netif.Address {
	a := netif.Address{
		Index: v.on.link.Index, Prefix: v.prefix, Label: v.config.Label, Lifetime: lease,
		Broadcast: v.config.Broadcast, Scope: uint8(v.config.Scope), Flags: uint32(v.config.Flags),
	}
	if preferred := v.config.PreferredLifetime; preferred != nil {
		a.Preferred = preferred
	}
	return a
}

// isTakenOver reports whether another instance, which is Active, has the address
// on the same interface by now: a reload gave it to it.
func (v *virtual) isTakenOver() bool {
	other := v.on.virtualAddress(v.prefix.Addr())
	return other != nil && other != v && other.prefix == v.prefix && other.owner.state() == vrrp.Active
}

// fault is why no virtual router can run on the interface; empty when it can.
func (a *attachment) fault() string {
	switch {
	case a.link.Index == 0:
		return "interface " + a.name + " removed"
	case !a.link.Running:
		return "interface " + a.name + " down"
	}
	return ""
}

// base is the interface that a virtual router MAC is on; another is its own.
func (a *attachment) base() *attachment {
	if a.vmac != nil {
		return a.vmac.parent
	}
	return a
}

// primary is the source of advertisements of a family: the first address that
// is not virtual, over IPv6 link-local where asked (RFC 9568 §5.1.2.1), and for
// as long as it is there: the kernel may list one first that was added later.
// An address owner may have no other than the virtual ones.
func (a *attachment) primary(is6, linkLocal bool) (netip.Addr, bool) {
	inUse := &a.sources[0]
	switch {
	case linkLocal:
		inUse = &a.sources[1]
	case is6:
		inUse = &a.sources[2]
	}
	if a.virtualAddress(*inUse) != nil || !a.hasAddress(*inUse) {
		*inUse = a.choose(is6, linkLocal)
	}
	return *inUse, inUse.IsValid()
}

// choose is the primary address, when none is in use.
func (a *attachment) choose(is6, linkLocal bool) netip.Addr {
	var owned netip.Addr
	for _, prefix := range a.present {
		address := prefix.Addr()
		if address.Is6() != is6 || linkLocal && !address.IsLinkLocalUnicast() {
			continue
		}
		v := a.virtualAddress(address)
		if v == nil {
			return address
		}
		if !owned.IsValid() && v.owner.isOwner() {
			owned = address
		}
	}
	return owned
}

// virtualAddress finds the virtual address that is carried here.
func (a *attachment) virtualAddress(address netip.Addr) *virtual {
	return a.carriedBy[address]
}

// addresses are the virtual addresses that are carried here.
func (a *attachment) addresses() []netip.Addr {
	addresses := make([]netip.Addr, len(a.carried))
	for i, v := range a.carried {
		addresses[i] = v.prefix.Addr()
	}
	return addresses
}

func (a *attachment) has(prefix netip.Prefix) bool { return slices.Contains(a.present, prefix) }

func (a *attachment) hasAddress(address netip.Addr) bool {
	return slices.ContainsFunc(a.present, func(p netip.Prefix) bool { return p.Addr() == address })
}

// addressSet notes an address, and reports whether it is new.
func (a *attachment) addressSet(prefix netip.Prefix) bool {
	isNew := !slices.Contains(a.present, prefix)
	if isNew {
		a.present = append(a.present, prefix)
	}
	return isNew
}

func (a *attachment) addressRemoved(prefix netip.Prefix) {
	a.present = slices.DeleteFunc(a.present, func(p netip.Prefix) bool { return p == prefix })
}

// carry adds a virtual address that is set here.
func (a *attachment) carry(v *virtual) {
	a.carried = append(a.carried, v)
	if a.carriedBy == nil {
		a.carriedBy = make(map[netip.Addr]*virtual)
	}
	a.carriedBy[v.prefix.Addr()] = v
	a.addTracker(v.owner)
}

// uncarry forgets a virtual address that is not set here any more.
func (a *attachment) uncarry(v *virtual) {
	a.carried = slices.DeleteFunc(a.carried, func(other *virtual) bool { return other == v })
	if address := v.prefix.Addr(); a.carriedBy[address] == v {
		delete(a.carriedBy, address)
	}
}

// close gives up the sockets, which belong to an interface that is gone or
// became another.
func (a *attachment) close() {
	for _, s := range a.listeners {
		s.close()
	}
	if a.announcer != nil {
		a.announcer.Close()
		a.announcer = nil
	}
}

// addTracker adds i to those that are judged when the interface changes.
func (a *attachment) addTracker(i *instance) {
	if !slices.Contains(a.trackers, i) {
		a.trackers = append(a.trackers, i)
	}
}
