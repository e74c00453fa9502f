package netif

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Kernel changes and reads the interfaces of the network namespace in which it
// was opened. Its methods may be called from several goroutines.
type Kernel struct {
	handle *netlink.Handle
}

// Open opens the socket that Kernel's methods use. Changing anything needs
// CAP_NET_ADMIN.
func Open() (*Kernel, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open an rtnetlink socket: %w", err)
	}
	return &Kernel{handle: handle}, nil
}

// Close closes the socket.
func (k *Kernel) Close() { k.handle.Close() }

// Set puts prefix on the interface of that index, with an optional label. It
// is no error that the address is there already. When Set returns, the kernel
// answers for the address.
func (k *Kernel) Set(index int, prefix netip.Prefix, label string) error {
	address := addressFor(index, prefix)
	address.Label = label
	// IPv4 knows no duplicate address detection; the flag says so for those
	// who read addresses and expect it.
	address.Flags = unix.IFA_F_NODAD
	if err := k.handle.AddrAdd(nil, address); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("set %s on interface %d: %w", prefix, index, err)
	}
	return nil
}

// Remove takes prefix off the interface of that index. It is no error that
// the address, or the interface, is not there.
func (k *Kernel) Remove(index int, prefix netip.Prefix) error {
	err := k.handle.AddrDel(nil, addressFor(index, prefix))
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove %s from interface %d: %w", prefix, index, err)
	}
	return nil
}

func addressFor(index int, prefix netip.Prefix) *netlink.Addr {
	bits := prefix.Addr().BitLen()
	return &netlink.Addr{
		LinkIndex: index,
		IPNet: &net.IPNet{
			IP:   prefix.Addr().AsSlice(),
			Mask: net.CIDRMask(prefix.Bits(), bits),
		},
		// No broadcast address: it would be guessed, and nothing needs it.
		Broadcast: net.IPv4zero,
	}
}
