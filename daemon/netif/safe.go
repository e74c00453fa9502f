package netif

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

// dumpAttempts bounds how often an interrupted dump is read again. One attempt
// takes well under a millisecond, so that only an interface table that never
// comes to rest exhausts them.
const dumpAttempts = 20

// dump reads a table of the kernel, and reads it again while the kernel says
// that the table changed meanwhile (NLM_F_DUMP_INTR).
func dump[T any](read func() ([]T, error)) ([]T, error) {
	for range dumpAttempts {
		table, err := read()
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			continue
		}
		return table, err
	}
	return nil, fmt.Errorf("%d times in a row: %w", dumpAttempts, netlink.ErrDumpInterrupted)
}

// Links are all interfaces of the network namespace.
func (k *Kernel) Links() ([]Link, error) {
	table, err := dump(k.handle.LinkList)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	links := make([]Link, len(table))
	for i, l := range table {
		links[i] = linkFrom(l)
	}
	return links, nil
}

// Addresses are the usable IPv4 and IPv6 addresses of all interfaces, in the
// kernel's order: of IPv4, an interface's primary ones before its secondary
// ones.
func (k *Kernel) Addresses() ([]Address, error) {
	table, err := dump(func() ([]netlink.Addr, error) {
		return k.handle.AddrList(nil, netlink.FAMILY_ALL)
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	addresses := make([]Address, 0, len(table))
	for _, a := range table {
		if prefix, ok := prefixFrom(*a.IPNet); ok && isUsable(a.Flags) {
			addresses = append(addresses, Address{Index: a.LinkIndex, Prefix: prefix})
		}
	}
	return addresses, nil
}
