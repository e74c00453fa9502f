package live

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"

	"takeover/topology/lab"
)

const (
	// usableBound is how long the kernel may take to make IPv6 addresses usable.
	// It needs the lock of the network configuration for that, which others hold
	// for seconds where many namespaces end.
	usableBound = 30 * time.Second
	usableAgain = 5 * time.Millisecond
)

// awaitAddresses waits until the IPv6 addresses of all hosts, the link-local
// ones too, may be sent from. Without duplicate address detection they are
// tentative until a worker of the kernel comes by (net/ipv6/addrconf.c).
func (w *World) awaitAddresses() error {
	if !w.plan.Cluster.VIPs[0].Addr().Is6() {
		return nil
	}
	for end := time.Now().Add(usableBound); ; time.Sleep(usableAgain) {
		var waiting []string
		for _, host := range w.lab.Spec.Hosts {
			usable, err := hasUsable(w.lab.Host(host.Name))
			if err != nil {
				return fmt.Errorf("read the addresses of %s: %w", host.Name, err)
			}
			if !usable {
				waiting = append(waiting, host.Name)
			}
		}
		if len(waiting) == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the IPv6 addresses of %s are not usable after %s", strings.Join(waiting, ", "), usableBound)
		}
	}
}

// hasUsable reports whether a host has all its IPv6 addresses and none is
// tentative.
func hasUsable(host *lab.Host) (usable bool, err error) {
	var table []byte
	err = host.Network.Do(func(ns.NetNS) (err error) {
		table, err = os.ReadFile("/proc/thread-self/net/if_inet6")
		return err
	})
	for _, link := range host.Links {
		wanted := []netip.Addr{link.LinkLocal()}
		for _, prefix := range link.Addresses {
			if prefix.Addr().Is6() {
				wanted = append(wanted, prefix.Addr())
			}
		}
		for _, address := range wanted {
			if !isUsable(string(table), address, link.Interface) {
				return false, err
			}
		}
	}
	return true, err
}

// isUsable looks an address up in the table of /proc/net/if_inet6: the address,
// the interface's index, the prefix length, the scope, the flags (IFA_F_* of
// linux/if_addr.h), all in hexadecimal, and the interface.
func isUsable(table string, address netip.Addr, device string) bool {
	bytes := address.As16()
	for line := range strings.Lines(table) {
		var index, bits, scope, flags uint32
		var hex, name string
		n, _ := fmt.Sscanf(line, "%s %x %x %x %x %s", &hex, &index, &bits, &scope, &flags, &name)
		if n == 6 && name == device && hex == fmt.Sprintf("%x", bytes[:]) {
			return flags&tentative == 0
		}
	}
	return false
}

const tentative = 0x40 // IFA_F_TENTATIVE
