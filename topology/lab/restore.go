package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Open opens rtnetlink in the host. Close the handle.
func (h *Host) Open() (*netlink.Handle, error) {
	handle, err := netlink.NewHandleAt(netns.NsHandle(h.Network.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("host %s: open rtnetlink: %w", h.Spec.Name, err)
	}
	return handle, nil
}

// Restore gives the host what its Spec says of its network and it lacks: links
// that are up, addresses, routes, sysctls. It takes nothing away.
func (h *Host) Restore() error {
	handle, err := h.Open()
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := h.setUpLinks(handle, true); err != nil {
		return err
	}
	return h.setSysctls()
}

// Reset leaves the host's network as after its start: what its processes made is
// taken away, and what they took away is restored.
func (h *Host) Reset() error {
	handle, err := h.Open()
	if err != nil {
		return err
	}
	defer handle.Close()
	devices, err := Devices(handle)
	if err != nil {
		return fmt.Errorf("host %s: read its interfaces: %w", h.Spec.Name, err)
	}
	for _, device := range devices {
		name := device.Attrs().Name
		of := slices.IndexFunc(h.Links, func(l Link) bool { return l.Interface == name })
		switch {
		case name == "lo":
			err = keepOnly(handle, device, h.Spec.Loopback)
		case of >= 0:
			err = keepOnly(handle, device, h.Links[of].Addresses)
		default:
			err = handle.LinkDel(device)
		}
		if err != nil && !errors.Is(err, unix.ENODEV) { // it went with another one
			return fmt.Errorf("reset link %s/%s: %w", h.Spec.Name, name, err)
		}
	}
	return h.Restore()
}

// keepOnly removes all other addresses, but those that the kernel gives.
func keepOnly(handle *netlink.Handle, device netlink.Link, addresses []netip.Prefix) error {
	all, err := Addresses(handle, device)
	if err != nil {
		return err
	}
	for _, address := range all {
		ip, _ := netip.AddrFromSlice(address.IP)
		ip = ip.Unmap()
		ones, _ := address.Mask.Size()
		if ip.IsLoopback() || ip.IsLinkLocalUnicast() || slices.Contains(addresses, netip.PrefixFrom(ip, ones)) {
			continue
		}
		if err := handle.AddrDel(device, &address); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fmt.Errorf("remove %s: %w", address.IPNet, err)
		}
	}
	return nil
}
