package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"takeover/topology"
	"takeover/topology/sandbox"
)

// configure gives a host, whose links are there, what its Spec says of its
// network: addresses, routes, sysctls and source NAT.
func (h *Host) configure() error {
	handle, err := h.Open()
	if err != nil {
		return err
	}
	defer handle.Close()
	if err := h.setUpLinks(handle, false); err != nil {
		return err
	}
	return h.configureKernel()
}

// setUpLinks gives links and lo their addresses, sets them up, and adds the
// routes. Again means that some of it may be there, and lo is to be up anyway.
func (h *Host) setUpLinks(handle *netlink.Handle, again bool) (err error) {
	devices := map[string]int{}
	for _, link := range h.Links {
		if devices[link.Interface], err = setUp(handle, link.Interface, link.Addresses, again); err != nil {
			return fmt.Errorf("link %s/%s: %w", h.Spec.Name, link.Interface, err)
		}
	}
	if again || len(h.Spec.Loopback) > 0 || len(h.Spec.Routes) > 0 {
		if devices["lo"], err = setUp(handle, "lo", h.Spec.Loopback, again); err != nil {
			return fmt.Errorf("link %s/lo: %w", h.Spec.Name, err)
		}
	}
	for _, route := range h.Spec.Routes {
		if err := addRoute(handle, route, devices); err != nil && (!again || !errors.Is(err, unix.EEXIST)) {
			return fmt.Errorf("host %s: route to %s: %w", h.Spec.Name, route.To, err)
		}
	}
	return nil
}

// setUp adds the addresses to an interface and sets it up.
func setUp(handle *netlink.Handle, name string, addresses []netip.Prefix, again bool) (index int, err error) {
	device, err := handle.LinkByName(name)
	if err != nil {
		return 0, fmt.Errorf("find it: %w", err)
	}
	for _, prefix := range addresses {
		if err := handle.AddrAdd(device, &netlink.Addr{IPNet: ipNet(prefix)}); err != nil && (!again || !errors.Is(err, unix.EEXIST)) {
			return 0, fmt.Errorf("add %s: %w", prefix, err)
		}
	}
	if err := handle.LinkSetUp(device); err != nil {
		return 0, fmt.Errorf("set it up: %w", err)
	}
	return device.Attrs().Index, nil
}

func ipNet(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
}

func addRoute(handle *netlink.Handle, route topology.Route, devices map[string]int) error {
	made := &netlink.Route{Dst: ipNet(route.To), Priority: route.Metric, LinkIndex: devices[route.Interface]}
	if route.Via.IsValid() {
		made.Gw = route.Via.AsSlice()
	} else {
		made.Scope = netlink.SCOPE_LINK
	}
	return handle.RouteAdd(made)
}

// setSysctls sets them, in their order.
func (h *Host) setSysctls() error {
	if len(h.Spec.Sysctls) == 0 {
		return nil
	}
	return h.Network.Do(func(ns.NetNS) error {
		for _, s := range h.Spec.Sysctls {
			if err := os.WriteFile(sysctlPath(s.Name), []byte(s.Value), 0); err != nil {
				return fmt.Errorf("host %s: sysctl %s=%s: %w", h.Spec.Name, s.Name, s.Value, err)
			}
		}
		return nil
	})
}

// configureKernel sets the sysctls and the source NAT.
func (h *Host) configureKernel() error {
	if err := h.setSysctls(); err != nil {
		return err
	}
	if len(h.Spec.Masquerade) == 0 {
		return nil
	}
	if err := masquerade(h.Network, h.Spec.Masquerade); err != nil {
		return fmt.Errorf("host %s: source NAT: %w", h.Spec.Name, lacking(err, "nft_masq"))
	}
	return nil
}

// sysctlPath is the parameter's file. A name with slashes may have dots within
// its parts (sysctl(8)).
func sysctlPath(name string) string {
	if !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, ".", "/")
	}
	return filepath.Join("/proc/sys", name)
}

// masquerade is, for each interface: oifname NAME masquerade.
func masquerade(network ns.NetNS, interfaces []string) error {
	conn, err := nftables.New(nftables.WithNetNSFd(int(network.Fd())))
	if err != nil {
		return err
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "takeover"})
	chain := conn.AddChain(&nftables.Chain{
		Name: "postrouting", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	for _, name := range interfaces {
		key := make([]byte, unix.IFNAMSIZ)
		copy(key, name)
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: key},
			&expr.Masq{},
		}})
	}
	return conn.Flush()
}

// addUplinks bridges the segments that belong together, by a veth pair for
// each uplink.
func (l *Lab) addUplinks(bridges map[string]int) error {
	number := 0
	for _, segment := range l.Spec.Segments {
		for _, up := range segment.Uplinks {
			number++
			attributes := netlink.NewLinkAttrs()
			attributes.Name, attributes.MasterIndex = fmt.Sprintf("uplink%d", number), bridges[segment.Name]
			attributes.MTU = max(segment.MTU, l.mtuOf(up))
			peer := attributes.Name + "up"
			pair := oneQueue(&netlink.Veth{LinkAttrs: attributes, PeerName: peer, PeerMTU: uint32(attributes.MTU)})
			if err := l.addUplink(pair, bridges[up]); err != nil {
				return fmt.Errorf("uplink of %s to %s: %w", segment.Name, up, err)
			}
		}
	}
	return nil
}

func (l *Lab) addUplink(pair *netlink.Veth, to int) error {
	if err := l.handle.LinkAdd(pair); err != nil {
		return fmt.Errorf("add the pair: %w", lacking(err, "veth"))
	}
	peer, err := l.handle.LinkByName(pair.PeerName)
	if err != nil {
		return err
	}
	return errors.Join(l.handle.LinkSetMasterByIndex(peer, to), l.handle.LinkSetUp(pair), l.handle.LinkSetUp(peer))
}

// mtuOf is a segment's; 0 is the kernel's.
func (l *Lab) mtuOf(name string) int {
	for _, segment := range l.Spec.Segments {
		if segment.Name == name {
			return segment.MTU
		}
	}
	return 0
}

// files writes the host's files to where its processes can reach them.
func (h *Host) files() ([]sandbox.File, error) {
	directory := filepath.Join(sandbox.Dir, "hosts", h.Spec.Name, "files")
	var all []sandbox.File
	for i, file := range h.Spec.Files {
		source := filepath.Join(directory, fmt.Sprintf("%d-%s", i, filepath.Base(file.Path)))
		if err := errors.Join(os.MkdirAll(directory, 0o755), os.WriteFile(source, []byte(file.Text), 0o644)); err != nil {
			return nil, fmt.Errorf("host %s: %w", h.Spec.Name, err)
		}
		all = append(all, sandbox.File{Path: file.Path, Source: source})
	}
	return all, nil
}
