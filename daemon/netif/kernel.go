package netif

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Kernel changes and reads the interfaces of the network namespace in which it
// was opened. Its methods may be called from several goroutines.
type Kernel struct {
	handle *netlink.Handle // for reading
	change *changer
}

// Open opens the sockets that Kernel's methods use. Changing anything needs
// CAP_NET_ADMIN.
func Open() (*Kernel, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open an rtnetlink socket: %w", err)
	}
	change, err := newChanger()
	if err != nil {
		handle.Close()
		return nil, err
	}
	return &Kernel{handle: handle, change: change}, nil
}

// Close closes the sockets.
func (k *Kernel) Close() {
	k.handle.Close()
	k.change.close()
}

// Set puts prefix on the interface of that index, with an optional label. It
// is no error that the address is there already. When Set returns, the kernel
// answers for the address.
func (k *Kernel) Set(index int, prefix netip.Prefix, label string) error {
	if err := k.change.set(index, prefix, label); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("set %s on interface %d: %w", prefix, index, err)
	}
	return nil
}

// Remove takes prefix off the interface of that index. It is no error that
// the address, or the interface, is not there.
func (k *Kernel) Remove(index int, prefix netip.Prefix) error {
	err := k.change.remove(index, prefix)
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("remove %s from interface %d: %w", prefix, index, err)
	}
	return nil
}
