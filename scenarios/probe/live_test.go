//go:build linux

package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

// bound is how long a test waits for an event that has to come.
const bound = 10 * time.Second

var vip, vip6 = netip.MustParseAddr("10.0.0.200"), netip.MustParseAddr("fd00::200")

// network is a switch with hosts, each in a namespace of its own.
type network struct {
	t      *testing.T
	bridge ns.NetNS
	hosts  map[string]*host
}

type host struct {
	t       *testing.T
	name    string
	space   ns.NetNS
	mac     net.HardwareAddr
	address netip.Addr
}

// newNetwork builds a switch with a port for each name. Host number i has
// 10.0.0.(101+i)/24 on eth0; the one called observer has no address.
func newNetwork(t *testing.T, names ...string) *network {
	t.Helper()
	n := &network{t: t, bridge: newSpace(t), hosts: map[string]*host{}}
	n.inBridge(func() error {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return err
		}
		return netlink.LinkSetUp(bridge)
	})
	for i, name := range names {
		n.hosts[name] = n.plug(name, i)
		awaitUp(t, n.hosts[name].space, "eth0")
		awaitUp(t, n.bridge, name)
	}
	return n
}

// awaitUp waits until an interface is in operation: until then it swallows
// what is sent, and as a port of the switch it forwards nothing.
func awaitUp(t *testing.T, space ns.NetNS, name string) {
	t.Helper()
	updates, done := make(chan netlink.LinkUpdate, 16), make(chan struct{})
	defer close(done)
	handle := netns.NsHandle(space.Fd())
	err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{
		Namespace: &handle, ListExisting: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	timeout := time.NewTimer(bound)
	defer timeout.Stop()
	for {
		select {
		case update := <-updates:
			if update.Attrs().Name == name && update.Attrs().OperState == netlink.OperUp {
				return
			}
		case <-timeout.C:
			t.Fatalf("%s does not come up in %s", name, bound)
		}
	}
}

// newSpace makes a network namespace, or skips the test where none can be made.
func newSpace(t *testing.T) ns.NetNS {
	t.Helper()
	space, err := ns.TempNetNS()
	if os.IsPermission(err) {
		t.Skip("network namespaces: not permitted here")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = space.Close() })
	return space
}

func (n *network) plug(name string, i int) *host {
	n.t.Helper()
	h := &host{t: n.t, name: name, space: newSpace(n.t), address: netip.AddrFrom4([4]byte{10, 0, 0, byte(101 + i)})}
	n.inBridge(func() error {
		veth := &netlink.Veth{
			LinkAttrs:     netlink.LinkAttrs{Name: name},
			PeerName:      "eth0",
			PeerNamespace: netlink.NsFd(h.space.Fd()),
		}
		if err := netlink.LinkAdd(veth); err != nil {
			return err
		}
		bridge, err := netlink.LinkByName("br0")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetMaster(veth, bridge); err != nil {
			return err
		}
		return netlink.LinkSetUp(veth)
	})
	h.do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		h.mac = link.Attrs().HardwareAddr
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
		loopback, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(loopback)
	})
	if name != "observer" {
		h.addAddress(h.address, 24)
	}
	return h
}

// path is where the namespace can be opened while the test runs.
func path(space ns.NetNS) string {
	return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), space.Fd())
}

func (n *network) inBridge(f func() error) {
	n.t.Helper()
	if err := n.bridge.Do(func(ns.NetNS) error { return f() }); err != nil {
		n.t.Fatal(err)
	}
}

// macs leads from MAC address to host.
func (n *network) macs() map[string]string {
	macs := map[string]string{}
	for name, h := range n.hosts {
		macs[h.mac.String()] = name
	}
	return macs
}

func (h *host) do(f func() error) {
	h.t.Helper()
	if err := h.space.Do(func(ns.NetNS) error { return f() }); err != nil {
		h.t.Fatal(err)
	}
}

func ipNet(address netip.Addr, bits int) *netlink.Addr {
	flags := 0
	if address.Is6() {
		flags = unix.IFA_F_NODAD
	}
	return &netlink.Addr{IPNet: &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(bits, address.BitLen())}, Flags: flags}
}

func (h *host) addAddress(address netip.Addr, bits int) {
	h.t.Helper()
	h.onLink(func(link netlink.Link) error { return netlink.AddrAdd(link, ipNet(address, bits)) })
}

func (h *host) removeAddress(address netip.Addr, bits int) {
	h.t.Helper()
	h.onLink(func(link netlink.Link) error { return netlink.AddrDel(link, ipNet(address, bits)) })
}

func (h *host) onLink(f func(netlink.Link) error) {
	h.t.Helper()
	h.do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return f(link)
	})
}

// neighbours is the host's neighbour table for a family.
func (h *host) neighbours(family int) []netlink.Neigh {
	h.t.Helper()
	var table []netlink.Neigh
	h.onLink(func(link netlink.Link) error {
		var err error = netlink.ErrDumpInterrupted
		for errors.Is(err, netlink.ErrDumpInterrupted) {
			table, err = netlink.NeighList(link.Attrs().Index, family) //nolint:forbidigo // asked again when interrupted
		}
		return err
	})
	return table
}

// send puts a frame on the host's link.
func (h *host) send(frame []byte) {
	h.t.Helper()
	h.onLink(func(link netlink.Link) error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }()
		return unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: link.Attrs().Index})
	})
}

// announce sends a gratuitous ARP request for an address, or in IPv6 an
// unsolicited Neighbor Advertisement.
func (h *host) announce(address netip.Addr) {
	h.t.Helper()
	if address.Is6() {
		h.send(advertisement([6]byte(h.mac), address, ndOverride))
		return
	}
	frame := arpProbe([6]byte(h.mac), address)
	copy(frame[ethernetHeader+14:], address.AsSlice())
	h.send(frame)
}

// await returns the first event behind the one with the ID after that matches.
func await(t *testing.T, log *history.Log, after int, what string, match func(history.Event) bool) history.Event {
	t.Helper()
	changed, done := log.Notify()
	defer done()
	timeout := time.NewTimer(bound)
	defer timeout.Stop()
	for {
		for _, event := range log.Since(after) {
			if match(event) {
				return event
			}
			after = event.ID
		}
		select {
		case <-changed:
		case <-timeout.C:
			t.Fatalf("no event in %s: %s", bound, what)
		}
	}
}

// body is an event's, if it is a B and meets the condition.
func body[B history.Body](condition func(B) bool) func(history.Event) bool {
	return func(event history.Event) bool {
		b, ok := event.Body.(B)
		return ok && condition(b)
	}
}

// last is the ID of the log's last event.
func last(log *history.Log) int { return len(log.Events()) }

// closing closes a watch, if it could be started, at the end of the test.
func closing(t *testing.T, w *Watch, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
}

// The test binary stands in for other programs when this is set.
const roleVariable = "PROBE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); {
	case role == "echo":
		os.Exit(echoMain())
	case role == "client":
		os.Exit(clientMain())
	case role == "" && os.Geteuid() != 0:
		os.Exit(inUserNamespace(m))
	default:
		os.Exit(m.Run())
	}
}

// inUserNamespace runs the tests as root of a new user namespace where an
// ordinary user may have one; elsewhere those that need one are skipped.
func inUserNamespace(m *testing.M) int {
	command := exec.Command("/proc/self/exe", os.Args[1:]...)
	command.Env = append(os.Environ(), roleVariable+"=tests")
	command.Stdin, command.Stdout, command.Stderr = os.Stdin, os.Stdout, os.Stderr
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	if command.Start() != nil {
		return m.Run()
	}
	_ = command.Wait()
	return command.ProcessState.ExitCode()
}

// program starts the test binary in a role, in the host.
func (h *host) program(role string, argument string, set func(*exec.Cmd)) *exec.Cmd {
	h.t.Helper()
	command := exec.Command("/proc/self/exe")
	command.Env = append(os.Environ(), roleVariable+"="+role, "PROBE_TEST_ARGUMENT="+argument)
	command.Stderr = os.Stderr
	set(command)
	h.do(command.Start)
	h.t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

// setLink takes the host's interface up or down.
func (h *host) setLink(up bool) {
	h.t.Helper()
	h.onLink(func(link netlink.Link) error {
		if up {
			return netlink.LinkSetUp(link)
		}
		return netlink.LinkSetDown(link)
	})
}
