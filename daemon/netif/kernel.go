package netif

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Kernel changes and reads the interfaces of the network namespace in which it
// was opened. Its methods may be called from several goroutines.
type Kernel struct {
	handle *netlink.Handle // for interfaces that are made
	change *changer
	dumper *dumper
}

// Open opens the sockets that Kernel's methods use. Changing anything needs
// CAP_NET_ADMIN in the user namespace that owns the network namespace.
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
	dumper, err := newDumper()
	if err != nil {
		handle.Close()
		change.close()
		return nil, err
	}
	return &Kernel{handle: handle, change: change, dumper: dumper}, nil
}

// Close closes the sockets.
func (k *Kernel) Close() {
	k.handle.Close()
	k.change.close()
	k.dumper.close()
}

// Set puts the addresses on their interfaces, in their order. It is no error
// that one is there already. When Set returns, the kernel answers for them. The
// list of errors is nil when there is none; otherwise each stands where its
// address does.
func (k *Kernel) Set(batch ...Address) []error {
	return k.do("set", toSet, batch, unix.EEXIST)
}

// Remove takes the addresses off. It is no error that one, or its interface,
// is not there. Errors are as Set's.
func (k *Kernel) Remove(batch ...Address) []error {
	return k.do("remove", toRemove, batch, unix.EADDRNOTAVAIL, unix.ENODEV)
}

// do makes one change to all of a batch, but for errors that are none.
func (k *Kernel) do(verb string, what change, batch []Address, harmless ...unix.Errno) []error {
	errs := k.change.all(what, batch)
	failed := false
	for i, err := range errs {
		if err == nil {
			continue
		}
		if errno, is := errors.AsType[unix.Errno](err); is && slices.Contains(harmless, errno) {
			errs[i] = nil
			continue
		}
		errs[i] = fmt.Errorf("%s %s on interface %d: %w", verb, batch[i].Prefix, batch[i].Index, err)
		failed = true
	}
	if !failed {
		return nil
	}
	return errs
}
