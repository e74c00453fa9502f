package transport

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// host is one end of a link between two network namespaces.
type host struct {
	t          *testing.T
	name       string // of its interface, up, with the addresses below
	ns         netns.NsHandle
	ip4, ip6   netip.Addr
	linkLocal  netip.Addr
	other      *host
	indexFixed int
}

// betweenHosts runs the test on a thread of its own, which host.do takes from
// one to the other. Both have no other link than the one between them, and
// end with the thread and with what was opened in them.
func betweenHosts(t *testing.T, f func(t *testing.T, a, b *host)) {
	if os.Getuid() != 0 {
		t.Skip("skipped: root is needed to make a network namespace")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends here
		a, b := newHost(t, "a", 1), newHost(t, "b", 2)
		a.other, b.other = b, a
		defer a.ns.Close()
		defer b.ns.Close()
		a.connect()
		f(t, a, b)
	}()
	<-done
}

func newHost(t *testing.T, name string, n byte) *host {
	t.Helper()
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	// Addresses are ready at once, and no others than ours appear.
	for _, key := range []string{"accept_dad", "autoconf", "accept_ra"} {
		write(t, "/proc/sys/net/ipv6/conf/default/"+key, "0")
	}
	return &host{
		t: t, name: name, ns: ns, indexFixed: 100,
		ip4:       netip.AddrFrom4([4]byte{10, 1, 0, n}),
		ip6:       netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: n}),
		linkLocal: netip.AddrFrom16([16]byte{0xfe, 0x80, 15: n}),
	}
}

func write(t *testing.T, path, value string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
		t.Fatal(err)
	}
}

// do runs f in the host's namespace. What is opened there stays there.
func (h *host) do(f func()) {
	h.t.Helper()
	if err := netns.Set(h.ns); err != nil {
		h.t.Fatal(err)
	}
	f()
}

// connect makes the link from h to the other, under the same index each time.
func (h *host) connect() {
	h.t.Helper()
	link := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: h.name, Index: h.indexFixed},
		PeerName:  h.other.name, PeerNamespace: netlink.NsFd(h.other.ns),
	}
	h.do(func() {
		if err := netlink.LinkAdd(link); err != nil {
			h.t.Fatal(err)
		}
	})
	for _, host := range []*host{h, h.other} {
		host.do(host.configure)
	}
	for _, host := range []*host{h, h.other} {
		host.do(func() { awaitRunning(host.t, host.name) })
	}
}

func (h *host) configure() {
	h.t.Helper()
	link := h.link()
	if err := netlink.LinkSetIP6AddrGenMode(link, 1); err != nil {
		h.t.Fatal(err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		h.t.Fatal(err)
	}
	for address, bits := range map[netip.Addr]int{h.ip4: 24, h.ip6: 64, h.linkLocal: 64} {
		h.add(address, bits)
	}
}

func (h *host) add(address netip.Addr, bits int) {
	h.t.Helper()
	ip := &net.IPNet{IP: address.AsSlice(), Mask: net.CIDRMask(bits, address.BitLen())}
	flags := 0
	if address.Is6() {
		flags = unix.IFA_F_NODAD
	}
	if err := netlink.AddrReplace(h.link(), &netlink.Addr{IPNet: ip, Flags: flags}); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) link() netlink.Link {
	h.t.Helper()
	link, err := netlink.LinkByName(h.name)
	if err != nil {
		h.t.Fatal(err)
	}
	return link
}

// macvlan makes one over the host's interface, up, and returns its index.
func (h *host) macvlan(name string, hardware net.HardwareAddr) (index int) {
	h.t.Helper()
	h.do(func() {
		macvlan := &netlink.Macvlan{
			LinkAttrs: netlink.LinkAttrs{Name: name, ParentIndex: h.link().Attrs().Index, HardwareAddr: hardware},
			Mode:      netlink.MACVLAN_MODE_PRIVATE,
		}
		if err := netlink.LinkAdd(macvlan); err != nil {
			h.t.Fatal(err)
		}
		if err := netlink.LinkSetUp(macvlan); err != nil {
			h.t.Fatal(err)
		}
		index = macvlan.Attrs().Index
	})
	return index
}

// open opens a Conn in the host's namespace, on its interface unless another is
// given. A Source that is not set is the
// IPv4 address.
func (h *host) open(settings Settings) *testConn {
	h.t.Helper()
	c := &testConn{t: h.t, readable: make(chan struct{}, 1)}
	h.do(func() {
		if settings.Interface == "" {
			settings.Interface, settings.Index = h.name, h.link().Attrs().Index
		}
		if !settings.Source.IsValid() {
			settings.Source = h.ip4
		}
		var err error
		if c.Conn, err = Open(settings); err != nil {
			h.t.Fatal(err)
		}
	})
	h.t.Cleanup(c.Close)
	c.Watch(func() {
		select {
		case c.readable <- struct{}{}:
		default:
		}
	})
	return c
}

// testConn is a Conn that can wait.
type testConn struct {
	*Conn
	t        *testing.T
	readable chan struct{}
}

// take waits for what Receive returns.
func (c *testConn) take() (Datagram, error) {
	c.t.Helper()
	timeout := time.After(bound)
	for {
		d, err := c.Receive()
		if !errors.Is(err, ErrEmpty) {
			return d, err
		}
		select {
		case <-c.readable:
		case <-timeout:
			c.t.Fatal("no packet arrived")
		}
	}
}

// datagram waits for a packet that is good.
func (c *testConn) datagram() Datagram {
	c.t.Helper()
	d, err := c.take()
	if err != nil {
		c.t.Fatal(err)
	}
	return d
}

func (c *testConn) empty() {
	c.t.Helper()
	if d, err := c.Receive(); !errors.Is(err, ErrEmpty) {
		c.t.Errorf("received %+v, %v, want ErrEmpty", d, err)
	}
}

func (c *testConn) send(payload string) {
	c.t.Helper()
	if err := c.Send([]byte(payload)); err != nil {
		c.t.Fatal(err)
	}
}
