//go:build linux

package probe

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// configuration is the way to the kernel's one lock of the network
// configuration of all namespaces (rtnl). Who sets or removes an address waits
// for it, and an IPv6 address is of use only after a worker of the kernel has
// had it too (addrconf_dad_work of net/ipv6/addrconf.c). Whoever removes
// interfaces, here or in any other namespace, holds it for long.
type configuration struct {
	fd   int
	loop *unix.Ifreq
}

// openConfiguration fails where the lock may not be taken, which needs
// CAP_NET_ADMIN.
func openConfiguration() (*configuration, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket for the flags of lo: %w", err)
	}
	c := &configuration{fd: fd}
	if c.loop, err = unix.NewIfreq("lo"); err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, c.loop)
	}
	if err == nil {
		err = c.set()
	}
	if err != nil {
		c.close()
		return nil, fmt.Errorf("set the flags of lo: %w", err)
	}
	return c, nil
}

// set gives lo the flags that it has, which changes nothing, but not without
// the lock: dev_ioctl of net/core/dev_ioctl.c.
func (c *configuration) set() error { return unix.IoctlIfreq(c.fd, unix.SIOCSIFFLAGS, c.loop) }

// take waits for the lock and gives it back at once. Where it was allowed
// before, nothing keeps it from that.
func (c *configuration) take() { _ = c.set() }

func (c *configuration) close() { unix.Close(c.fd) }
