package transport

import (
	"errors"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

func listenBFD(t *testing.T, ipv6, multihop bool) *BFDReceiver {
	t.Helper()
	r, err := ListenBFD(ipv6, multihop)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func dialBFD(t *testing.T, d *BFDDialer, p BFDPath) *BFDSender {
	t.Helper()
	s, err := d.Dial(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func newWaiter(t *testing.T, receivers ...*BFDReceiver) *Waiter {
	t.Helper()
	w, err := NewWaiter(receivers...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

// receiveBFD waits for count packets, and keeps their payloads.
func receiveBFD(t *testing.T, r *BFDReceiver, count int) []BFDDatagram {
	t.Helper()
	w := newWaiter(t, r)
	var received []BFDDatagram
	for deadline := time.Now().Add(bound); len(received) < count; {
		datagrams, err := r.Receive()
		switch {
		case err == nil:
			for _, d := range datagrams {
				d.Payload = slices.Clone(d.Payload)
				received = append(received, d)
			}
			continue
		case !errors.Is(err, ErrEmpty):
			t.Fatal(err)
		case time.Now().After(deadline):
			t.Fatalf("%d of %d packets arrived", len(received), count)
		}
		if err := w.Wait(deadline); err != nil {
			t.Fatal(err)
		}
	}
	return received
}

// inNamespacePair runs the test on a thread that can enter two namespaces: 0
// with the addresses 10.1.0.1, fd00::1 and fe80::1 on a, and 1 with those that
// end in 2 on b, the other end of the link. It starts in 0.
func inNamespacePair(t *testing.T, f func(t *testing.T, enter func(namespace int))) {
	if os.Getuid() != 0 {
		t.Skip("skipped: root is needed to make network namespaces")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		var namespaces [2]netns.NsHandle
		for i := range namespaces {
			n, err := netns.New()
			if err != nil {
				t.Error(err)
				return
			}
			defer n.Close()
			namespaces[i] = n
		}
		enter := func(i int) {
			if err := netns.Set(namespaces[i]); err != nil {
				panic(err) // it was set before
			}
		}
		enter(0)
		link := &netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: "a"}, PeerName: "b", PeerNamespace: netlink.NsFd(namespaces[1]),
		}
		if err := netlink.LinkAdd(link); err != nil {
			t.Error(err)
			return
		}
		for i, name := range []string{"a", "b"} {
			enter(i)
			host := string(rune('1' + i))
			link := addressed(t, name, "10.1.0."+host+"/24")
			for _, prefix := range []string{"fd00::" + host + "/64", "fe80::" + host + "/64"} {
				addressed6(t, link, prefix)
			}
		}
		for i, name := range []string{"b", "a"} {
			enter(1 - i)
			awaitRunning(t, name)
		}
		f(t, enter)
	}()
	<-done
}

// addressed6 adds an address that is usable at once.
func addressed6(t *testing.T, link netlink.Link, address string) {
	t.Helper()
	parsed, err := netlink.ParseAddr(address)
	if err != nil {
		t.Fatal(err)
	}
	parsed.Flags = unix.IFA_F_NODAD
	if err := netlink.AddrAdd(link, parsed); err != nil {
		t.Fatal(err)
	}
}

func TestLiveBFDPackets(t *testing.T) {
	address := netip.MustParseAddr
	one, two := address("10.1.0.1"), address("10.1.0.2")
	tests := []struct {
		name string
		path BFDPath
		ttl  uint8
	}{
		{"IPv4", BFDPath{Local: one, Remote: two}, 255},
		{"no source", BFDPath{Remote: two}, 255},
		{"an interface", BFDPath{Local: one, Remote: two, Interface: "a"}, 255},
		{"several hops", BFDPath{Local: one, Remote: two, Multihop: true, TTL: 64}, 64},
		{"IPv6", BFDPath{Local: address("fd00::1"), Remote: address("fd00::2")}, 255},
		{"IPv6, no source", BFDPath{Remote: address("fd00::2"), Interface: "a"}, 255},
		{"IPv6, several hops", BFDPath{Local: address("fd00::1"), Remote: address("fd00::2"), Multihop: true, TTL: 9}, 9},
		{"link-local", BFDPath{Local: address("fe80::1"), Remote: address("fe80::2"), Interface: "a"}, 255},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inNamespacePair(t, func(t *testing.T, enter func(int)) {
				var d BFDDialer
				s := dialBFD(t, &d, test.path)
				enter(1)
				r := listenBFD(t, test.path.Remote.Is6(), test.path.Multihop)
				before := time.Now()
				if err := s.Send([]byte("hello")); err != nil {
					t.Fatal(err)
				}
				got := receiveBFD(t, r, 1)[0]
				source := test.path.Local
				if !source.IsValid() { // what the kernel chose
					source = test.path.Remote.Prev()
				}
				link, err := netlink.LinkByName("b")
				if err != nil {
					t.Fatal(err)
				}
				if string(got.Payload) != "hello" || got.TTL != test.ttl || got.Index != link.Attrs().Index ||
					got.Source != source || got.Destination != test.path.Remote {
					t.Errorf("received %+v", got)
				}
				if got.Arrived.Before(before) || got.Arrived.After(time.Now()) {
					t.Errorf("arrived %s after sending", got.Arrived.Sub(before))
				}
			})
		})
	}
}

func TestLiveBFDSourcePortsDiffer(t *testing.T) {
	inNamespacePair(t, func(t *testing.T, _ func(int)) {
		var d BFDDialer
		seen := map[int]bool{}
		for i := range 200 {
			// The kernel would let each address have the same ports.
			local, remote := "10.1.0.1", "10.1.0.2"
			if i%2 == 1 {
				local, remote = "fd00::1", "fd00::2"
			}
			s := dialBFD(t, &d, BFDPath{Local: netip.MustParseAddr(local), Remote: netip.MustParseAddr(remote)})
			name, err := unix.Getsockname(s.fd)
			if err != nil {
				t.Fatal(err)
			}
			port := 0
			switch name := name.(type) {
			case *unix.SockaddrInet4:
				port = name.Port
			case *unix.SockaddrInet6:
				port = name.Port
			}
			if port < 49152 || seen[port] {
				t.Errorf("sender %d: port %d", i, port)
			}
			seen[port] = true
		}
	})
}

func TestLiveBFDBatches(t *testing.T) {
	inNamespacePair(t, func(t *testing.T, enter func(int)) {
		var d BFDDialer
		s := dialBFD(t, &d, BFDPath{Remote: netip.MustParseAddr("10.1.0.2")})
		enter(1)
		r := listenBFD(t, false, false)
		const count = 3*BFDBatch + 1
		for i := range count {
			if err := s.Send([]byte{byte(i)}); err != nil {
				t.Fatal(err)
			}
		}
		for i, got := range receiveBFD(t, r, count) {
			if len(got.Payload) != 1 || got.Payload[0] != byte(i) {
				t.Fatalf("packet %d: payload %x", i, got.Payload)
			}
		}
		if _, err := r.Receive(); !errors.Is(err, ErrEmpty) {
			t.Errorf("error %v, want ErrEmpty", err)
		}
		if _, err := ListenBFD(false, false); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("second receiver: error %v, want EADDRINUSE", err)
		}
	})
}

func TestLiveBFDAllocatesNothing(t *testing.T) {
	inNamespacePair(t, func(t *testing.T, enter func(int)) {
		var d BFDDialer
		s := dialBFD(t, &d, BFDPath{Remote: netip.MustParseAddr("10.1.0.2")})
		enter(1)
		r := listenBFD(t, false, false)
		w := newWaiter(t, r)
		payload := []byte("hello")
		allocations := testing.AllocsPerRun(100, func() {
			if err := s.Send(payload); err != nil {
				t.Error(err)
			}
			if err := w.Wait(time.Now().Add(bound)); err != nil {
				t.Error(err)
			}
			if _, err := r.Receive(); err != nil {
				t.Error(err)
			}
		})
		if allocations != 0 {
			t.Errorf("%v allocations", allocations)
		}
	})
}

func TestDialRefuses(t *testing.T) {
	address := netip.MustParseAddr
	tests := []struct {
		name string
		path BFDPath
		want string
	}{
		{"another family", BFDPath{Local: address("::1"), Remote: address("127.0.0.1")}, "of another family"},
		{"link-local", BFDPath{Remote: address("fe80::1")}, "needs an interface"},
		{"no such interface", BFDPath{Remote: address("127.0.0.1"), Interface: "none0"}, "none0"},
		{"not our address", BFDPath{Local: address("192.0.2.1"), Remote: address("127.0.0.1")}, "bind to 192.0.2.1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var d BFDDialer
			if _, err := d.Dial(test.path); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestReadControl(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name    string
		control []byte
		age     time.Duration
	}{
		{"just now", stamped(now.Add(-80 * time.Microsecond)), 80 * time.Microsecond},
		{"longer than a wait", stamped(now.Add(-waitMax - 1)), 0},
		{"cut off", stamped(now)[:20], 0},
		{"nothing", nil, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := BFDDatagram{Arrived: now}
			d.readControl(test.control, now)
			if age := now.Sub(d.Arrived); age != test.age {
				t.Errorf("age %s, want %s", age, test.age)
			}
		})
	}
}

func FuzzReadControl(f *testing.F) {
	f.Add(stamped(time.Unix(1, 2)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, control []byte) {
		now := time.Now()
		d := BFDDatagram{Arrived: now}
		d.readControl(control, now)
		if d.Arrived.After(now) || now.Sub(d.Arrived) > waitMax {
			t.Errorf("arrived %s ago", now.Sub(d.Arrived))
		}
	})
}

func TestWaiterWaitsNoLessAndWakes(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	w := newWaiter(t)
	due := time.Now().Add(3 * time.Millisecond)
	for time.Now().Before(due) { // it may return for no reason
		if err := w.Wait(due); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Wait(due); err != nil { // passed: at once
		t.Fatal(err)
	}
	// Woken before or while it waits, without a bound of its own.
	go w.Wake()
	if err := w.Wait(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func TestFavorThreadIsUndone(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	restore, err := FavorThread()
	if err != nil {
		t.Fatal(err)
	}
	during, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	restore()
	after, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if *before == *during || *before != *after {
		t.Errorf("before %+v, favored %+v, after %+v", *before, *during, *after)
	}
}
