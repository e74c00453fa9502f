package doctor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"takeover/topology/impair"
)

// attempt is one thing to try.
type attempt struct {
	name, purpose string
	required      bool
	remedy        string
	try           func() error
}

var attempts = []attempt{
	{"veth", "links", true, "modprobe veth", device(&netlink.Veth{LinkAttrs: named("veth"), PeerName: "tv-peer"})},
	{"bridge", "segments", true, "modprobe bridge", device(&netlink.Bridge{LinkAttrs: named("bridge")})},
	{"nftables", "drops and partitions (nftables for bridges)", true, "modprobe nft_meta_bridge", nftables},
	{"packet-socket", "captures, forged and relayed frames", true, "", packetSocket},
	{"ipv6", "IPv6", false, "boot without ipv6.disable=1", ipv6},
	{"igmp-snooping", "multicast snooped away", false, "a kernel with CONFIG_BRIDGE_IGMP_SNOOPING", snooping},
	{"netem", "delays in the kernel (else the userspace wire)", false, "modprobe sch_netem", netem},
	{"macvlan", "virtual router MACs", false, "modprobe macvlan", macvlan},
	{"dummy", "track_interface on devices without a link", false, "modprobe dummy", device(&netlink.Dummy{LinkAttrs: named("dummy")})},
	{"ipip", "LVS tunnels", false, "modprobe ipip", device(&netlink.Iptun{
		LinkAttrs: named("ipip"), Local: net.IPv4(127, 0, 0, 1), Remote: net.IPv4(127, 0, 0, 2),
	})},
	{"vxlan", "segments over routers", false, "modprobe vxlan", device(&netlink.Vxlan{LinkAttrs: named("vxlan"), VxlanId: 1, Port: 4789})},
	{"tun", "TAP relays", false, "modprobe tun", tun},
	{"ipvs", "LVS in the kernel (else eBPF)", false, "modprobe ip_vs", ipvs},
	{"cgroup", "frozen hosts and CPU quotas", false, "run as root with cgroup version 2 mounted", cgroup},
	{"time-namespace", "clock offsets", false, "Linux 5.6 with CONFIG_TIME_NS", timeNamespace},
	{"tmpfs", "full disks", false, "", tmpfs},
}

func named(name string) netlink.LinkAttrs {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = "t-" + name
	return attributes
}

// device tries to make a device.
func device(link netlink.Link) func() error {
	return func() error {
		if err := netlink.LinkAdd(link); err != nil {
			return err
		}
		return netlink.LinkDel(link)
	}
}

// onVeth tries something with a pair of veth.
func onVeth(try func(index int) error) error {
	veth := &netlink.Veth{LinkAttrs: named("on"), PeerName: "t-on-peer"}
	if err := netlink.LinkAdd(veth); err != nil {
		return err
	}
	return errors.Join(try(veth.Index), netlink.LinkDel(veth))
}

func macvlan() error {
	return onVeth(func(index int) error {
		attributes := named("macvlan")
		attributes.ParentIndex = index
		return device(&netlink.Macvlan{LinkAttrs: attributes, Mode: netlink.MACVLAN_MODE_BRIDGE})()
	})
}

func netem() error {
	return onVeth(func(index int) error {
		return netlink.QdiscAdd(netlink.NewNetem(
			netlink.QdiscAttrs{LinkIndex: index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT},
			netlink.NetemQdiscAttrs{Latency: 1000},
		))
	})
}

func snooping() error {
	on := true
	return device(&netlink.Bridge{LinkAttrs: named("snoop"), MulticastSnooping: &on})()
}

func nftables() error {
	network, err := ns.GetCurrentNS()
	if err != nil {
		return err
	}
	defer network.Close()
	_, err = impair.Install(network)
	return err
}

func packetSocket() error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

func ipv6() error {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err
}

func tun() error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open /dev/net/tun: %w", err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("t-tap")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	return unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
}

func ipvs() error {
	_, err := netlink.GenlFamilyGet("IPVS")
	return err
}

// cgroup makes a group of version 2 and removes it.
func cgroup() error {
	const root = "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
		return fmt.Errorf("cgroup version 2: %w", err)
	}
	group, err := os.MkdirTemp(root, "takeover-doctor-")
	if err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(group, "cgroup.freeze"))
	return errors.Join(err, os.Remove(group))
}

func timeNamespace() error {
	command := exec.Command("/proc/self/exe")
	command.Args = []string{"takeover:doctor-nothing"} // ends at once: there is no such role
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWTIME}
	err := command.Run()
	if exit, ended := errors.AsType[*exec.ExitError](err); ended && exit.Exited() {
		return nil
	}
	return err
}

func tmpfs() error {
	directory, err := os.MkdirTemp("/run", "doctor-")
	if err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", directory, "tmpfs", 0, "size=64k"); err != nil {
		return fmt.Errorf("mount a tmpfs of 64 KiB: %w", err)
	}
	return unix.Unmount(directory, 0)
}
