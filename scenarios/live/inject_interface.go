package live

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"takeover/scenarios/fault"
	"takeover/topology/lab"
)

// prepareInterface makes the faults of interfaces.
func (s *Stand) prepareInterface(f fault.Fault, host string) (injection, error) {
	built := s.lab.Host(host)
	if f.Kind == fault.NetlinkOverrun {
		return prepareOverrun(f, built), nil
	}
	link, err := linkOf(built, f.Interface)
	if err != nil {
		return injection{}, err
	}
	switch f.Kind { //nolint:exhaustive // of the other families
	case fault.InterfaceRemoved:
		return prepareRemoval(f, built, link)
	case fault.InterfaceRenamed:
		return injection{
			func() error { return rename(built, link.Interface, renamed(link.Interface)) },
			func() error {
				return errors.Join(rename(built, renamed(link.Interface), link.Interface), built.Restore())
			},
		}, nil
	case fault.InterfacePromiscuous:
		return injection{
			func() error { return changeLink(built, link.Interface, (*netlink.Handle).SetPromiscOn) },
			func() error { return changeLink(built, link.Interface, (*netlink.Handle).SetPromiscOff) },
		}, nil
	default:
		return injection{}, ErrNotBuilt
	}
}

// renamed is what an interface is called meanwhile.
func renamed(name string) string {
	const longest = unix.IFNAMSIZ - 1
	return "was-" + name[:min(len(name), longest-len("was-"))]
}

// rename changes an interface's name. A kernel that does not while it is up
// (before Linux 6.2) sets it down for that. One that is not there, or has the
// name, is left.
func rename(host *lab.Host, from, to string) error {
	err := changeLink(host, from, func(handle *netlink.Handle, device netlink.Link) error {
		err := handle.LinkSetName(device, to)
		if !errors.Is(err, unix.EBUSY) {
			return err
		}
		return errors.Join(handle.LinkSetDown(device), handle.LinkSetName(device, to), handle.LinkSetUp(device))
	})
	if missing := (netlink.LinkNotFoundError{}); errors.As(err, &missing) {
		return nil
	}
	return err
}

// prepareRemoval moves the interface to where nobody is, which its host can't
// tell from its removal, and back. The port keeps its captures so.
func prepareRemoval(f fault.Fault, host *lab.Host, link lab.Link) (injection, error) {
	nowhere, err := newNowhere()
	if err != nil {
		return injection{}, err
	}
	var waiting *going
	back := func() error { return bringBack(nowhere, host, link) }
	return injection{
		func() error {
			err := changeLink(host, link.Interface, func(handle *netlink.Handle, device netlink.Link) error {
				return handle.LinkSetNsFd(device, int(nowhere))
			})
			if err == nil {
				waiting = later(time.Duration(f.After), back)
			}
			return err
		},
		func() error {
			defer nowhere.Close()
			return errors.Join(waiting.end(), back())
		},
	}, nil
}

// newNowhere is a network namespace without anything.
func newNowhere() (nowhere netns.NsHandle, err error) {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread is of no more use
		var err error
		nowhere, err = netns.New()
		result <- err
	}()
	if err := <-result; err != nil {
		return 0, fmt.Errorf("make a network namespace: %w", err)
	}
	return nowhere, nil
}

// bringBack gives a removed interface back to its host, if it is not there.
func bringBack(nowhere netns.NsHandle, host *lab.Host, link lab.Link) error {
	handle, err := netlink.NewHandleAt(nowhere, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer handle.Close()
	device, err := handle.LinkByName(link.Interface)
	if missing := (netlink.LinkNotFoundError{}); errors.As(err, &missing) {
		return host.Restore()
	}
	if err != nil {
		return err
	}
	if err := handle.LinkSetNsFd(device, int(host.Network.Fd())); err != nil {
		return fmt.Errorf("bring %s back: %w", link.Interface, err)
	}
	return host.Restore()
}

// prepareOverrun changes so many addresses of lo at once that who is told of
// each has no room for it.
func prepareOverrun(f fault.Fault, host *lab.Host) injection {
	address := func(n int) *netlink.Addr {
		ip := net.IPv4(127, byte(1+n>>16), byte(n>>8), byte(n))
		return &netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: net.CIDRMask(32, 32)}, Scope: unix.RT_SCOPE_HOST}
	}
	all := func(change func(*netlink.Handle, netlink.Link, *netlink.Addr) error, ignored unix.Errno) error {
		return changeLink(host, "lo", func(handle *netlink.Handle, device netlink.Link) error {
			for n := range f.Count {
				if err := change(handle, device, address(n)); err != nil && !errors.Is(err, ignored) {
					return err
				}
			}
			return nil
		})
	}
	return injection{
		func() error { return all((*netlink.Handle).AddrAdd, unix.EEXIST) },
		func() error { return all((*netlink.Handle).AddrDel, unix.EADDRNOTAVAIL) },
	}
}
