package lab

import (
	"errors"

	"github.com/vishvananda/netlink"
)

// dumpAttempts bounds how often a dump that was interrupted is asked for again.
const dumpAttempts = 20

// whole asks until a dump is (NLM_F_DUMP_INTR, netlink(7)).
func whole[T any](ask func() ([]T, error)) (all []T, err error) {
	for range dumpAttempts {
		if all, err = ask(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
	}
	return nil, err
}

// Devices are all interfaces of the handle's namespace.
func Devices(handle *netlink.Handle) ([]netlink.Link, error) { return whole(handle.LinkList) }

// Addresses are those of a device, or of all when it is nil.
func Addresses(handle *netlink.Handle, device netlink.Link) ([]netlink.Addr, error) {
	return whole(func() ([]netlink.Addr, error) { return handle.AddrList(device, netlink.FAMILY_ALL) })
}

// Neighbours are the neighbour entries of a device by its index.
func Neighbours(handle *netlink.Handle, index int) ([]netlink.Neigh, error) {
	return whole(func() ([]netlink.Neigh, error) { return handle.NeighList(index, netlink.FAMILY_ALL) })
}

// Routes are all of the main table.
func Routes(handle *netlink.Handle) ([]netlink.Route, error) {
	return whole(func() ([]netlink.Route, error) { return handle.RouteList(nil, netlink.FAMILY_ALL) })
}
