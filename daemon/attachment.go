package daemon

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"takeover/daemon/netif"
)

// attachment is what the loop knows and holds of one named interface. The
// interface may come and go under its name.
type attachment struct {
	name    string
	link    netif.Link     // Index 0: there is no such interface
	present []netip.Prefix // its addresses, in the kernel's order

	conn      conn // nil until there is a primary address
	source    netip.Addr
	announcer announcer

	// readable says that packets have arrived since they were last taken.
	readable atomic.Bool

	senders  []*instance // those that advertise here
	carried  []virtual   // the virtual addresses that are set here
	trackers []*instance // those whose state or priority depends on it
	refusals throttle    // of packets that belong to no instance here
}

// virtual is one virtual address and the interface that carries it.
type virtual struct {
	prefix netip.Prefix
	label  string
	on     *attachment
	owner  *instance
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

// primary is the source of advertisements: the first address that is not
// virtual. An address owner may have no other than the virtual ones.
func (a *attachment) primary() (netip.Addr, bool) {
	var owned netip.Addr
	for _, prefix := range a.present {
		address := prefix.Addr()
		i := slices.IndexFunc(a.carried, func(v virtual) bool { return v.prefix.Addr() == address })
		if i < 0 {
			return address, true
		}
		if !owned.IsValid() && a.carried[i].owner.isOwner() {
			owned = address
		}
	}
	return owned, owned.IsValid()
}

// virtualAddress finds the virtual address that is carried here.
func (a *attachment) virtualAddress(address netip.Addr) (virtual, bool) {
	i := slices.IndexFunc(a.carried, func(v virtual) bool { return v.prefix.Addr() == address })
	if i < 0 {
		return virtual{}, false
	}
	return a.carried[i], true
}

// addresses are the virtual addresses that are carried here.
func (a *attachment) addresses() []netip.Addr {
	addresses := make([]netip.Addr, len(a.carried))
	for i, v := range a.carried {
		addresses[i] = v.prefix.Addr()
	}
	return addresses
}

func (a *attachment) addressSet(prefix netip.Prefix) {
	if !slices.Contains(a.present, prefix) {
		a.present = append(a.present, prefix)
	}
}

func (a *attachment) addressRemoved(prefix netip.Prefix) {
	a.present = slices.DeleteFunc(a.present, func(p netip.Prefix) bool { return p == prefix })
}

// close gives up the sockets, which belong to an interface that is gone or
// became another.
func (a *attachment) close() {
	if a.conn != nil {
		a.conn.Close()
		a.conn = nil
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
