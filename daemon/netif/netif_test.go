package netif

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// bound is how long a test waits for what should happen at once.
const bound = 10 * time.Second

// inNamespace runs the test on a thread of a network namespace of its own,
// with a Kernel and a veth pair a and b, both up. The thread, and with its
// sockets the namespace, ends with the test.
func inNamespace(t *testing.T, f func(t *testing.T, k *Kernel, a Link)) {
	t.Helper()
	enter(t, func(k *Kernel, a Link) { f(t, k, a) })
}

// inBenchNamespace is inNamespace for benchmarks.
func inBenchNamespace(b *testing.B, f func(k *Kernel, a Link)) {
	b.Helper()
	enter(b, f)
}

func enter(t testing.TB, f func(k *Kernel, a Link)) {
	t.Helper()
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
		k, err := Open()
		if err != nil {
			t.Error(err)
			return
		}
		defer k.Close()
		pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "a"}, PeerName: "b"}
		if err := netlink.LinkAdd(pair); err != nil {
			t.Error(err)
			return
		}
		up(t, "a")
		up(t, "b")
		f(k, link(t, k, "a"))
	}()
	<-done
}

func up(t testing.TB, name string) {
	t.Helper()
	if err := netlink.LinkSetUp(&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: name}}); err != nil {
		t.Fatal(err)
	}
}

func link(t testing.TB, k *Kernel, name string) Link {
	t.Helper()
	links, err := k.Links()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(links, func(l Link) bool { return l.Name == name })
	if i < 0 {
		t.Fatalf("no interface %s in %v", name, links)
	}
	return links[i]
}

// first is the first error of a list.
func first(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	return errs[0]
}

// plain is an address that Set made, as it is reported.
func plain(a Address) Address { return Address{Index: a.Index, Prefix: a.Prefix, Ours: true} }

// has reports whether an address that Set made is there.
func has(t *testing.T, k *Kernel, a Address) bool {
	t.Helper()
	all, err := k.Addresses()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Contains(all, plain(a))
}

func TestLiveSetAndRemoveMayRepeat(t *testing.T) {
	for _, text := range []string{"10.1.0.100/32", "10.1.0.100/24"} {
		t.Run(text, func(t *testing.T) {
			inNamespace(t, func(t *testing.T, k *Kernel, a Link) {
				address := Address{Index: a.Index, Prefix: netip.MustParsePrefix(text)}
				for range 2 {
					if err := first(k.Set(address)); err != nil {
						t.Fatal(err)
					}
					if !has(t, k, address) {
						t.Fatal("the address is not set")
					}
				}
				for range 2 {
					if err := first(k.Remove(address)); err != nil {
						t.Fatal(err)
					}
					if has(t, k, address) {
						t.Fatal("the address is not removed")
					}
				}
			})
		})
	}
}

func TestLiveSetWithLabel(t *testing.T) {
	inNamespace(t, func(t *testing.T, k *Kernel, a Link) {
		if err := first(k.Set(Address{Index: a.Index, Prefix: netip.MustParsePrefix("10.1.0.100/32"), Label: "a:vip"})); err != nil {
			t.Fatal(err)
		}
		out, err := exec.Command("ip", "-o", "-4", "addr", "show", "label", "a:vip").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "10.1.0.100/32") {
			t.Errorf("error %v, output %s", err, out)
		}
	})
}

func TestLiveOnAMissingInterface(t *testing.T) {
	inNamespace(t, func(t *testing.T, k *Kernel, _ Link) {
		prefix := netip.MustParsePrefix("10.1.0.100/32")
		err := first(k.Set(Address{Index: 99, Prefix: prefix}))
		if !errors.Is(err, unix.ENODEV) || !strings.Contains(err.Error(), "set 10.1.0.100/32 on interface 99") {
			t.Errorf("set: %v", err)
		}
		if err := first(k.Remove(Address{Index: 99, Prefix: prefix})); err != nil {
			t.Errorf("remove: %v", err)
		}
	})
}

// watcher collects what Watch sends.
type watcher struct {
	t      testing.TB
	events chan Event
	lost   chan error
}

// watch starts Watch in the namespace of the caller's thread.
func watch(t testing.TB, k *Kernel) *watcher {
	t.Helper()
	w := &watcher{t: t, events: make(chan Event), lost: make(chan error, 16)}
	ctx, cancel := context.WithCancel(context.Background())
	ns, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
		_ = ns.Close()
		if err == nil {
			err = k.Watch(ctx, w.events, func(err error) { w.lost <- err })
		}
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("watch: %v", err)
		}
	})
	return w
}

// await takes events until one matches.
func (w *watcher) await(what string, match func(Event) bool) {
	w.t.Helper()
	timeout := time.After(bound)
	for {
		select {
		case e := <-w.events:
			if match(e) {
				return
			}
		case <-timeout:
			w.t.Fatalf("no event: %s", what)
		}
	}
}

func (w *watcher) resynchronized() {
	w.t.Helper()
	w.await("resynchronized", func(e Event) bool {
		r, ok := e.(Resynchronized)
		return ok && slices.ContainsFunc(r.Links, func(l Link) bool { return l.Name == "a" })
	})
}

func TestLiveWatchReportsLinks(t *testing.T) {
	inNamespace(t, func(t *testing.T, k *Kernel, a Link) {
		w := watch(t, k)
		w.resynchronized()
		changed := func(running bool) func(Event) bool {
			return func(e Event) bool {
				c, ok := e.(LinkChanged)
				return ok && c.Link.Index == a.Index && c.Link.Running == running
			}
		}
		b := &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "b"}}
		if err := netlink.LinkSetDown(b); err != nil {
			t.Fatal(err)
		}
		w.await("a without carrier", changed(false))
		up(t, "b")
		w.await("a with carrier", changed(true))
		if err := netlink.LinkDel(b); err != nil {
			t.Fatal(err)
		}
		w.await("a removed", func(e Event) bool {
			r, ok := e.(LinkRemoved)
			return ok && r.Link.Index == a.Index && r.Link.Name == "a"
		})
	})
}

func TestLiveWatchReportsAddresses(t *testing.T) {
	inNamespace(t, func(t *testing.T, k *Kernel, a Link) {
		w := watch(t, k)
		w.resynchronized()
		another, err := Open()
		if err != nil {
			t.Fatal(err)
		}
		defer another.Close()
		address := Address{Index: a.Index, Prefix: netip.MustParsePrefix("10.1.0.100/32")}
		set := func(e Event) bool { return e == AddressSet{Address: plain(address)} }
		for _, by := range []*Kernel{another, k} {
			if err := first(by.Set(address)); err != nil {
				t.Fatal(err)
			}
			if by == another {
				w.await("set", set)
			}
			if err := first(another.Remove(address)); err != nil {
				t.Fatal(err)
			}
			w.await("removed", func(e Event) bool {
				if by == k && set(e) {
					t.Error("what was set here is reported")
				}
				return e == AddressRemoved{Address: plain(address)}
			})
		}
	})
}

// Nobody takes the events while more happens than the kernel keeps for us.
func TestLiveWatchResynchronizesAfterLoss(t *testing.T) {
	inNamespace(t, func(t *testing.T, k *Kernel, a Link) {
		w := watch(t, k)
		w.resynchronized()
		last := Address{Index: a.Index, Prefix: netip.MustParsePrefix("10.1.0.101/32")}
		other := Address{Index: a.Index, Prefix: netip.MustParsePrefix("10.1.0.100/32")}
		for range 20_000 {
			if err := first(k.Set(other)); err != nil {
				t.Fatal(err)
			}
			if err := first(k.Remove(other)); err != nil {
				t.Fatal(err)
			}
		}
		if err := first(k.Set(last)); err != nil {
			t.Fatal(err)
		}
		w.await("resynchronized with the last address", func(e Event) bool {
			r, ok := e.(Resynchronized)
			return ok && slices.Contains(r.Addresses, plain(last))
		})
		if err := <-w.lost; !strings.Contains(err.Error(), unix.ENOBUFS.Error()) {
			t.Errorf("lost because of %v, want ENOBUFS", err)
		}
	})
}

func TestDumpRepeatsWhenInterrupted(t *testing.T) {
	tests := []struct {
		name        string
		interrupted int
		fails       bool
	}{
		{"never", 0, false},
		{"twice", 2, false},
		{"always", dumpAttempts, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reads := 0
			table, err := dump(func() ([]int, error) {
				reads++
				if reads <= test.interrupted {
					return []int{0}, errInterrupted
				}
				return []int{reads}, nil
			})
			if test.fails {
				if !errors.Is(err, errInterrupted) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || !slices.Equal(table, []int{test.interrupted + 1}) {
				t.Errorf("table %v, error %v", table, err)
			}
		})
	}
}
