package netif

import (
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// Link is a network interface as the kernel described it last.
type Link struct {
	Index    int
	Name     string
	Hardware net.HardwareAddr // empty where the interface has none
	// Running says that the interface is up and has its carrier
	// (IFF_UP, IFF_LOWER_UP and IFF_RUNNING of netdevice(7)).
	Running bool
	// ARP says that neighbours are resolved on the interface, so that
	// announcing an address there means something.
	ARP bool
}

// Address is an IPv4 or IPv6 address on an interface.
type Address struct {
	Index  int // of the interface
	Prefix netip.Prefix
	// Ours says that Set made the address, in this process or in a predecessor;
	// an administrator's, or one that was there before Set, is not ours. The
	// kernel keeps it with the address (IFA_PROTO of linux/if_addr.h, since
	// Linux 5.18; before, no address is ours). Watch and Addresses tell it,
	// Set, Renew and Remove do not look at it.
	Ours bool
	// Watch and Addresses leave the rest empty.

	Label     string     // what IPv4 tools call it
	Broadcast netip.Addr // invalid: none
	Scope     uint8      // rt_scope_t of linux/rtnetlink.h; IPv6 has its own
	Flags     uint32     // IFA_F_* of linux/if_addr.h, besides IFA_F_NODAD
	// Lifetime is for how long it is set: whole seconds, from 1 s; 0 for good.
	// Then the kernel removes it, unless Renew comes first.
	Lifetime time.Duration
	// Preferred is for how long it may be chosen as a source, whole seconds;
	// 0: never, nil: as long as it is there. A single IPv6 address (/128)
	// has 0 where it is nil, as keepalived has it (RFC 6724 §5, rule 3).
	Preferred *time.Duration
}

// linkFrom makes a Link of what the kernel says; flags are IFF_* of
// netdevice(7).
func linkFrom(index int, name string, hardware net.HardwareAddr, flags uint32) Link {
	const running = unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_RUNNING
	return Link{
		Index:    index,
		Name:     name,
		Hardware: hardware,
		Running:  flags&running == running,
		ARP:      flags&(unix.IFF_NOARP|unix.IFF_LOOPBACK) == 0,
	}
}

// isUsable reports whether an address with these flags (IFA_F_* of
// linux/if_addr.h) can be sent from: an IPv6 address that is still tested for
// duplicates, or failed the test, cannot.
func isUsable(flags uint32) bool {
	return flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0 || flags&unix.IFA_F_OPTIMISTIC != 0
}
