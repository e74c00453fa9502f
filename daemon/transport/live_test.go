package transport

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// inNamespace runs the test on a thread of a network namespace of its own,
// with a veth pair a and b of addresses 10.1.0.1 and 10.1.0.2. The thread, and
// with its sockets the namespace, ends with the test.
func inNamespace(t *testing.T, f func(t *testing.T, a, b netlink.Link)) {
	if os.Getuid() != 0 {
		t.Skip("skipped: root is needed to make a network namespace")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
			return
		}
		a, b := veth(t, "a", "b", "10.1.0.1/24"), addressed(t, "b", "10.1.0.2/24")
		awaitRunning(t, "a")
		awaitRunning(t, "b")
		f(t, a, b)
	}()
	<-done
}

func veth(t *testing.T, name, peer, address string) netlink.Link {
	t.Helper()
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: peer}
	if err := netlink.LinkAdd(link); err != nil {
		t.Fatal(err)
	}
	return addressed(t, name, address)
}

func addressed(t *testing.T, name, address string) netlink.Link {
	t.Helper()
	link, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := netlink.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.AddrAdd(link, parsed); err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		t.Fatal(err)
	}
	return link
}

// awaitRunning waits until the kernel lets the link's packets through, which
// it does some time after both ends are up.
func awaitRunning(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(bound); ; {
		link, err := netlink.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if link.Attrs().OperState == netlink.OperUp {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is %s", name, link.Attrs().OperState)
		}
		<-time.After(time.Millisecond)
	}
}

func listen(t *testing.T, link netlink.Link, source string) (*Conn, chan struct{}) {
	t.Helper()
	c, err := Listen(link.Attrs().Name, link.Attrs().Index, netip.MustParseAddr(source))
	if err != nil {
		t.Fatal(err)
	}
	readable := make(chan struct{}, 1)
	c.Watch(func() {
		select {
		case readable <- struct{}{}:
		default:
		}
	})
	return c, readable
}

// receive waits for a packet; the poller's edge may come before it.
func receive(t *testing.T, c *Conn, readable <-chan struct{}) Datagram {
	t.Helper()
	timeout := time.After(bound)
	for {
		d, err := c.Receive()
		if err == nil {
			return d
		}
		if !errors.Is(err, ErrEmpty) {
			t.Fatal(err)
		}
		select {
		case <-readable:
		case <-timeout:
			t.Fatal("no packet arrived")
		}
	}
}

func TestLiveConnSendsAsRFC3768Says(t *testing.T) {
	inNamespace(t, func(t *testing.T, a, b netlink.Link) {
		// Both ends are in one namespace, where packets from one's own
		// address are taken for spoofed: let them pass.
		acceptLocal(t)
		from, _ := listen(t, a, "10.1.0.1")
		defer from.Close()
		to, readable := listen(t, b, "10.1.0.2")
		defer to.Close()
		before := time.Now()
		if err := from.Send([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		d := receive(t, to, readable)
		if string(d.Payload) != "hello" || d.TTL != TTL || d.Destination != Group() ||
			d.Source != netip.MustParseAddr("10.1.0.1") {
			t.Errorf("received %+v", d)
		}
		if d.Arrived.Before(before) || d.Arrived.After(time.Now()) {
			t.Errorf("arrived %s after sending", d.Arrived.Sub(before))
		}
		if tos := d.Packet[1]; tos != trafficClass {
			t.Errorf("type of service %#x, want %#x", tos, trafficClass)
		}
		// Nothing comes back to the sender, and nothing is left.
		for _, c := range []*Conn{from, to} {
			if _, err := c.Receive(); !errors.Is(err, ErrEmpty) {
				t.Errorf("%s: %v, want ErrEmpty", c.settings.Interface, err)
			}
		}
	})
}

func TestLiveSenderSendsAsConnDoes(t *testing.T) {
	inNamespace(t, func(t *testing.T, a, b netlink.Link) {
		acceptLocal(t)
		s, err := NewSender()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		to, readable := listen(t, b, "10.1.0.2")
		defer to.Close()
		// Not the one that the kernel would choose.
		addressed(t, "a", "10.1.0.3/24")
		source := netip.MustParseAddr("10.1.0.3")
		if err := s.Send(a.Attrs().Index, source, []byte("farewell")); err != nil {
			t.Fatal(err)
		}
		d := receive(t, to, readable)
		if string(d.Payload) != "farewell" || d.TTL != TTL || d.Destination != Group() || d.Source != source {
			t.Errorf("received %+v", d)
		}
	})
}

func TestLiveSourceChanges(t *testing.T) {
	inNamespace(t, func(t *testing.T, a, b netlink.Link) {
		acceptLocal(t)
		addressed(t, "a", "10.1.0.3/24")
		from, _ := listen(t, a, "10.1.0.1")
		defer from.Close()
		to, readable := listen(t, b, "10.1.0.2")
		defer to.Close()
		if err := from.SetSource(netip.MustParseAddr("10.1.0.3")); err != nil {
			t.Fatal(err)
		}
		if err := from.Send([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if d := receive(t, to, readable); d.Source != netip.MustParseAddr("10.1.0.3") {
			t.Errorf("source %s", d.Source)
		}
	})
}

func TestLiveAnnouncerAnnounces(t *testing.T) {
	inNamespace(t, func(t *testing.T, a, b netlink.Link) {
		address := netip.MustParseAddr("10.1.0.100")
		announcer, err := NewAnnouncer("a", a.Attrs().Index, a.Attrs().HardwareAddr, []netip.Addr{address})
		if err != nil {
			t.Fatal(err)
		}
		defer announcer.Close()
		const arp = unix.ETH_P_ARP>>8 | unix.ETH_P_ARP<<8&0xff00
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, arp)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: arp, Ifindex: b.Attrs().Index}); err != nil {
			t.Fatal(err)
		}
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
			t.Fatal(err)
		}
		if err := announcer.Announce(address, 3); err != nil {
			t.Fatal(err)
		}
		want := gratuitousARP(a.Attrs().HardwareAddr, address)
		for n := range 3 {
			got := make([]byte, arpFrameBytes)
			if _, _, err := unix.Recvfrom(fd, got, 0); err != nil {
				t.Fatalf("frame %d: %v", n, err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("frame %d: %x, want %x", n, got, want)
			}
		}
		if err := announcer.Announce(netip.MustParseAddr("10.1.0.101"), 1); err == nil {
			t.Error("no error for an address that was not prepared")
		}
	})
}

func TestLiveListenOnAMissingInterface(t *testing.T) {
	inNamespace(t, func(t *testing.T, _, _ netlink.Link) {
		if _, err := Listen("none", 99, netip.MustParseAddr("10.1.0.1")); !errors.Is(err, unix.ENODEV) {
			t.Errorf("error %v, want ENODEV", err)
		}
	})
}

// acceptLocal lets an interface take packets from an address of another one.
// What /proc/sys/net shows is the namespace of the thread that opens it.
func acceptLocal(t *testing.T) {
	t.Helper()
	for _, name := range []string{"all", "a", "b"} {
		for key, value := range map[string]string{"accept_local": "1", "rp_filter": "0"} {
			path := "/proc/sys/net/ipv4/conf/" + name + "/" + key
			if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}
