package netif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// neighbour is an entry of the neighbour tables (ip-neighbour(8)).
type neighbour struct {
	index   int
	address netip.Addr
	state   uint16 // NUD_* of linux/neighbour.h
}

// AskAnew forgets those of the addresses whose hardware address on the
// interface the kernel is asking for. It asks once a second (RetransTimer, RFC
// 4861 §10, and of ARP as well) and then gives up: who sent to them while the
// link was down would wait for the rest of that second when it is back. Now
// the next packet asks at once, and those that waited are dropped.
func (k *Kernel) AskAnew(index int, addresses []netip.Addr) error {
	entries, err := k.neighbours()
	if err != nil {
		return fmt.Errorf("ask for the neighbours on interface %d anew: %w", index, err)
	}
	var errs []error
	for _, n := range entries {
		if n.index != index || n.state&unix.NUD_INCOMPLETE == 0 || !slices.Contains(addresses, n.address) {
			continue
		}
		err := k.handle.NeighDel(&netlink.Neigh{LinkIndex: index, IP: n.address.AsSlice()})
		if err != nil && !errors.Is(err, unix.ENOENT) { // answered, or given up, meanwhile
			errs = append(errs, fmt.Errorf("forget neighbour %s on interface %d: %w", n.address, index, err))
		}
	}
	return errors.Join(errs...)
}

// neighbours are those of all interfaces and both families.
func (k *Kernel) neighbours() ([]neighbour, error) {
	return dump(func() (entries []neighbour, err error) {
		err = k.dumper.table(unix.RTM_GETNEIGH, unix.SizeofNdMsg, func(body []byte) error {
			n, ok, err := parseNeighbour(body)
			if ok {
				entries = append(entries, n)
			}
			return err
		})
		return entries, err
	})
}

// parseNeighbour reads the body of RTM_NEWNEIGH. ok is false of other families
// than IPv4 and IPv6, such as a bridge's.
func parseNeighbour(body []byte) (n neighbour, ok bool, err error) {
	if len(body) < unix.SizeofNdMsg {
		return neighbour{}, false, errMalformed
	}
	if body[0] != unix.AF_INET && body[0] != unix.AF_INET6 {
		return neighbour{}, false, nil
	}
	var values [1][]byte
	if err := findAttributes(body[unix.SizeofNdMsg:], []uint16{unix.NDA_DST}, values[:]); err != nil {
		return neighbour{}, false, err
	}
	address, isAddress := netip.AddrFromSlice(values[0])
	if !isAddress {
		return neighbour{}, false, errMalformed
	}
	return neighbour{
		index:   int(int32(binary.NativeEndian.Uint32(body[4:]))),
		address: address,
		state:   binary.NativeEndian.Uint16(body[8:]),
	}, true, nil
}
