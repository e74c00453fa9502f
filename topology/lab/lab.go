package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"takeover/topology"
	"takeover/topology/sandbox"
)

// Lab is a topology that stands.
type Lab struct {
	Spec     topology.Spec
	switches ns.NetNS
	handle   *netlink.Handle // in the switch's namespace
	hosts    map[string]*Host
}

// Host is one host of the lab.
type Host struct {
	Spec    topology.Host
	Network ns.NetNS
	Links   []Link

	start   sync.Once
	machine *sandbox.Host
	err     error
}

// Link is a host's link as built.
type Link struct {
	topology.Link
	Port string // its far end, in the switch's namespace
	MAC  net.HardwareAddr
}

// LinkLocal is the IPv6 address that the kernel makes of the MAC (RFC 4291,
// appendix A).
func (l Link) LinkLocal() netip.Addr {
	m := l.MAC
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 8: m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]})
}

// Up builds the topology. When it fails, what was built is taken down.
func Up(spec topology.Spec) (*Lab, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	l := &Lab{Spec: spec, hosts: map[string]*Host{}}
	if err := l.build(); err != nil {
		return nil, errors.Join(err, l.Down())
	}
	return l, nil
}

func (l *Lab) build() error {
	if err := l.addNamespaces(); err != nil {
		return err
	}
	var err error
	if l.handle, err = netlink.NewHandleAt(netns.NsHandle(l.switches.Fd()), unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open rtnetlink in the switch: %w", err)
	}
	bridges := map[string]int{}
	for _, segment := range l.Spec.Segments {
		if bridges[segment.Name], err = l.addBridge(segment); err != nil {
			return err
		}
	}
	if err := l.addUplinks(bridges); err != nil {
		return err
	}
	for index, spec := range l.Spec.Hosts {
		host := l.hosts[spec.Name]
		for number, link := range spec.Links {
			built := Link{Link: link, Port: portName(spec.Name, number, index), MAC: macOf(index, number)}
			if err := l.addLink(host, built, bridges[link.Segment], l.mtuOf(link.Segment)); err != nil {
				return fmt.Errorf("link %s/%s: %w", spec.Name, link.Interface, err)
			}
			host.Links = append(host.Links, built)
		}
		if err := host.configure(); err != nil {
			return err
		}
	}
	return l.connect(bridges)
}

// addNamespaces makes the namespaces of the switch and of every host.
func (l *Lab) addNamespaces() error {
	names := []string{topology.SwitchName}
	for _, spec := range l.Spec.Hosts {
		names = append(names, spec.Name)
	}
	made, err := namespaces(names, func(name string) error {
		if name == topology.SwitchName {
			return setIPv6("disable_ipv6", "1") // its ports keep silent
		}
		return setIPv6("accept_dad", "0") // an address is of use at once: nobody here has it already
	})
	for i, space := range made {
		if names[i] == topology.SwitchName {
			l.switches = space
		} else {
			l.hosts[names[i]] = &Host{Spec: l.Spec.Hosts[i-1], Network: space}
		}
	}
	return err
}

// setIPv6 sets a sysctl for every interface of the caller's namespace, now and
// later. A kernel without IPv6 needs none.
func setIPv6(name, value string) error {
	for _, scope := range []string{"all", "default"} {
		path := filepath.Join("/proc/sys/net/ipv6/conf", scope, name)
		if err := os.WriteFile(path, []byte(value), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (l *Lab) addBridge(segment topology.Segment) (index int, err error) {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = segment.Name
	attributes.MTU = segment.MTU
	snooping := false
	bridge := &netlink.Bridge{LinkAttrs: attributes, MulticastSnooping: &snooping}
	if err := l.handle.LinkAdd(bridge); err != nil {
		return 0, fmt.Errorf("add bridge %s: %w", segment.Name, lacking(err, "bridge"))
	}
	return bridge.Index, nil
}

// connect sets the bridges up, when all else stands: what each host says to all
// others as its links come up would cost the square of their number.
func (l *Lab) connect(bridges map[string]int) error {
	for name, index := range bridges {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name, Index: index}}
		if err := l.handle.LinkSetUp(bridge); err != nil {
			return fmt.Errorf("set bridge %s up: %w", name, err)
		}
	}
	return nil
}

// lacking says what to do when the kernel does not know a kind of device: an
// ordinary user can't make it load the module.
func lacking(err error, module string) error {
	if errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("%w (this kernel has no %s; if it is a module, load it as root: modprobe %s)", err, module, module)
	}
	return err
}

// addLink makes the veth pair with one end in the switch, which it sets up, and
// the other in the host.
func (l *Lab) addLink(host *Host, link Link, bridge, mtu int) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = link.Port
	attributes.MasterIndex = bridge
	attributes.MTU = mtu
	attributes.Flags = net.FlagUp
	veth := oneQueue(&netlink.Veth{
		LinkAttrs: attributes, PeerName: link.Interface, PeerHardwareAddr: link.MAC, PeerMTU: uint32(mtu),
		PeerNamespace: netlink.NsFd(int(host.Network.Fd())),
	})
	if err := l.handle.LinkAdd(veth); err != nil {
		return fmt.Errorf("add the pair: %w", lacking(err, "veth"))
	}
	return nil
}

// oneQueue asks for one queue at each end, which is what comes of a pair that
// asks for none; but then the kernel makes one for each processor first, and
// waits for a grace period of RCU at each end, with the lock of the network
// configuration held, to be rid of them (drivers/net/veth.c, veth_init_queues).
func oneQueue(pair *netlink.Veth) *netlink.Veth {
	pair.NumTxQueues, pair.NumRxQueues = 1, 1
	pair.PeerNumTxQueues, pair.PeerNumRxQueues = 1, 1
	return pair
}

// portName names a port after its host, so that `ip link` in the switch's
// namespace reads well; long names give way to a number.
func portName(host string, number, index int) string {
	name := host
	if number > 0 {
		name = fmt.Sprintf("%s.%d", host, number)
	}
	if len(name) > 15 {
		name = fmt.Sprintf("port%d.%d", index, number)
	}
	return name
}

// macOf gives the number-th link of the index-th host its address, the same
// in every lab: locally administered, 02-00 first.
func macOf(index, number int) net.HardwareAddr {
	return net.HardwareAddr{0x02, 0x00, byte(number), byte(index >> 16), byte(index >> 8), byte(index + 1)}
}

// Host returns a host by its name, nil when there is none.
func (l *Lab) Host(name string) *Host { return l.hosts[name] }

// Switch is the namespace of the bridges and ports.
func (l *Lab) Switch() ns.NetNS { return l.switches }

// Ports maps every port to its host's name.
func (l *Lab) Ports() map[string]string {
	ports := map[string]string{}
	for name, host := range l.hosts {
		for _, link := range host.Links {
			ports[link.Port] = name
		}
	}
	return ports
}

// SetPort sets a port up or down on the switch's side; the host sees its
// carrier come and go.
func (l *Lab) SetPort(port string, up bool) error {
	link, err := l.handle.LinkByName(port)
	if err != nil {
		return fmt.Errorf("find port %s: %w", port, err)
	}
	set := l.handle.LinkSetDown
	if up {
		set = l.handle.LinkSetUp
	}
	if err := set(link); err != nil {
		return fmt.Errorf("set port %s: %w", port, err)
	}
	return nil
}

// Machine is the host as something that runs processes. It is started with
// the first call, since a host that runs nothing does not need it.
func (h *Host) Machine() (*sandbox.Host, error) {
	h.start.Do(func() {
		files, err := h.files()
		if err != nil {
			h.err = err
			return
		}
		h.machine, h.err = sandbox.StartHost(h.Spec.Name, h.Network, files...)
	})
	return h.machine, h.err
}

// Address is the host's first address; invalid when it has none.
func (h *Host) Address() netip.Addr {
	for _, link := range h.Links {
		for _, prefix := range link.Addresses {
			return prefix.Addr()
		}
	}
	return netip.Addr{}
}

// Down kills what runs in the hosts and removes every namespace. It goes on
// after an error and returns all.
func (l *Lab) Down() error {
	var wait sync.WaitGroup
	for _, host := range l.hosts {
		host.start.Do(func() { host.err = fmt.Errorf("host %s is down", host.Spec.Name) })
		if host.machine != nil {
			wait.Go(host.machine.Stop)
		}
	}
	wait.Wait()
	if l.handle != nil {
		l.handle.Close()
	}
	var errs []error
	if l.switches != nil {
		errs = append(errs, l.switches.Close())
	}
	for _, host := range l.hosts {
		errs = append(errs, host.Network.Close())
	}
	return errors.Join(errs...)
}
