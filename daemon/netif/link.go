package netif

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
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

// Address is an IPv4 address on an interface.
type Address struct {
	Index  int // of the interface
	Prefix netip.Prefix
}

func linkFrom(l netlink.Link) Link {
	const running = unix.IFF_UP | unix.IFF_LOWER_UP | unix.IFF_RUNNING
	attributes := l.Attrs()
	return Link{
		Index:    attributes.Index,
		Name:     attributes.Name,
		Hardware: attributes.HardwareAddr,
		Running:  attributes.RawFlags&running == running,
		ARP:      attributes.RawFlags&(unix.IFF_NOARP|unix.IFF_LOOPBACK) == 0,
	}
}

// prefixFrom converts what netlink uses; false when it is not IPv4.
func prefixFrom(n net.IPNet) (netip.Prefix, bool) {
	v4 := n.IP.To4()
	if v4 == nil {
		return netip.Prefix{}, false
	}
	ones, bits := n.Mask.Size()
	if bits != 32 {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(netip.AddrFrom4([4]byte(v4)), ones), true
}
