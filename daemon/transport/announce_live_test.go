package transport

import (
	"bytes"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// frames are the Ethernet frames of one type that reach an interface.
type frames struct {
	t  *testing.T
	fd int
}

// capture starts to collect frames in the host.
func (h *host) capture(ethertype uint16) *frames {
	h.t.Helper()
	f := &frames{t: h.t}
	h.do(func() {
		protocol := int(ethertype>>8 | ethertype<<8)
		var err error
		if f.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			h.t.Fatal(err)
		}
		h.t.Cleanup(func() { unix.Close(f.fd) })
		if err := unix.SetsockoptInt(f.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20); err != nil {
			h.t.Fatal(err)
		}
		if err := unix.SetsockoptTimeval(f.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}); err != nil {
			h.t.Fatal(err)
		}
		to := &unix.SockaddrLinklayer{Protocol: uint16(protocol), Ifindex: h.link().Attrs().Index}
		if err := unix.Bind(f.fd, to); err != nil {
			h.t.Fatal(err)
		}
	})
	return f
}

// next waits for a frame.
func (f *frames) next() []byte {
	f.t.Helper()
	b := make([]byte, 2048)
	n, _, err := unix.Recvfrom(f.fd, b, 0)
	if err != nil {
		f.t.Fatalf("no frame: %v", err)
	}
	return b[:n]
}

func (h *host) announcer(addresses ...netip.Addr) *Announcer {
	h.t.Helper()
	var a *Announcer
	h.do(func() {
		link := h.link().Attrs()
		var err error
		a, err = OpenAnnouncer(AnnouncerSettings{
			Interface: link.Name, Index: link.Index, Hardware: link.HardwareAddr, Addresses: addresses,
		})
		if err != nil {
			h.t.Fatal(err)
		}
	})
	h.t.Cleanup(a.Close)
	return a
}

// neighbour is what the host believes of an address.
func (h *host) neighbour(address netip.Addr) net.HardwareAddr {
	h.t.Helper()
	var hardware net.HardwareAddr
	h.do(func() {
		family := netlink.FAMILY_V6
		if address.Is4() {
			family = netlink.FAMILY_V4
		}
		//nolint:forbidigo // a test that asks again until the answer is right
		entries, err := netlink.NeighList(h.link().Attrs().Index, family)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, entry := range entries {
			if entry.IP.Equal(address.AsSlice()) {
				hardware = entry.HardwareAddr
			}
		}
	})
	return hardware
}

// A neighbour that knows an address under another hardware address learns.
func TestLiveAnnouncementsAreBelieved(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		before := net.HardwareAddr{2, 0, 0, 0, 0, 9}
		virtual := []netip.Addr{address("10.1.0.100"), address("2001:db8::100"), address("fe80::100")}
		b.do(func() {
			for _, v := range virtual {
				entry := &netlink.Neigh{
					LinkIndex: b.link().Attrs().Index, IP: v.AsSlice(), HardwareAddr: before, State: netlink.NUD_STALE,
				}
				if err := netlink.NeighSet(entry); err != nil {
					t.Fatal(err)
				}
			}
		})
		announcer := a.announcer(virtual...)
		var hardware net.HardwareAddr
		a.do(func() { hardware = a.link().Attrs().HardwareAddr })
		for _, v := range virtual {
			if known := b.neighbour(v); !bytes.Equal(known, before) {
				t.Fatalf("%s is at %s", v, known)
			}
			if err := announcer.Announce(v, 1); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(bound); !bytes.Equal(b.neighbour(v), hardware); {
				if time.Now().After(deadline) {
					t.Fatalf("%s is at %s, want %s", v, b.neighbour(v), hardware)
				}
				<-time.After(time.Millisecond)
			}
		}
	})
}

func TestLiveAnnounceAll(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		var addresses []netip.Addr
		for i := range 1500 { // more than one system call takes
			addresses = append(addresses, netip.AddrFrom4([4]byte{10, 2, byte(i >> 8), byte(i)}))
		}
		announcer := a.announcer(addresses[1:]...)
		if err := announcer.Prepare(addresses[0]); err != nil {
			t.Fatal(err)
		}
		seen := b.capture(unix.ETH_P_ARP)
		if err := announcer.AnnounceAll(append(addresses, address("10.9.9.9")), 2); err == nil {
			t.Error("no error for an address that was not prepared")
		}
		for round := range 2 {
			for _, want := range addresses {
				frame := seen.next()
				if got := netip.AddrFrom4([4]byte(frame[28:])); got != want {
					t.Fatalf("round %d: %s announced, want %s", round, got, want)
				}
			}
		}
		if err := announcer.Prepare(Group()); err == nil {
			t.Error("no error for a multicast address")
		}
	})
}
