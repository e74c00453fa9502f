package bfdrun

import (
	"container/heap"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"takeover/daemon/bfd"
	"takeover/daemon/transport"
)

// onLoopback runs the test on a thread of a namespace of its own, with a loop
// that has both ends of a session.
func onLoopback(t *testing.T, f func(t *testing.T, l *loop)) {
	if os.Getuid() != 0 {
		t.Skip("skipped: root is needed to make a network namespace")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
			return
		}
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			t.Error(err)
			return
		}
		there := between("there", "127.0.0.1", "127.0.0.2")
		there.DesiredMinTx, there.RequiredMinRx = time.Millisecond, time.Millisecond
		there.Multiplier = 255 // a slow machine is no failure here
		back := reversed(there)
		back.Name = "back"
		l, err := newLoop([]Neighbor{there, back}, newOutbox(make(chan Event, 10)), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Error(err)
			return
		}
		defer l.close()
		for _, n := range l.neighbors {
			l.step(time.Now(), n, bfd.Startup{})
		}
		f(t, l)
	}()
	<-done
}

// awaitSteady lets the loop run until both sessions are Up at full speed.
func awaitSteady(t *testing.T, l *loop) bool {
	for deadline := time.Now().Add(bound); !isSteady(l); waitAndRound(t, l) {
		if time.Now().After(deadline) {
			t.Error("the sessions did not come up")
			return false
		}
	}
	return true
}

func waitAndRound(t *testing.T, l *loop) {
	if err := l.wait(time.Now()); err != nil {
		t.Error(err)
	}
	l.round()
}

func isSteady(l *loop) bool {
	for _, n := range l.neighbors {
		if s := n.session.Status(); s.State != bfd.Up || s.Polling || s.DetectionTime > time.Second {
			return false
		}
	}
	return true
}

func TestLoopAllocatesNothing(t *testing.T) {
	onLoopback(t, func(t *testing.T, l *loop) {
		if !awaitSteady(t, l) {
			return
		}
		if allocations := testing.AllocsPerRun(500, func() { waitAndRound(t, l) }); allocations != 0 {
			t.Errorf("%v allocations", allocations)
		}
		if !isSteady(l) {
			t.Error("a session is no longer Up")
		}
	})
}

// TestPacketsAreReadBeforeTimersAreJudged has the loop not run for longer than
// the Detection Time of both ends. The packets of one go on coming meanwhile.
func TestPacketsAreReadBeforeTimersAreJudged(t *testing.T) {
	onLoopback(t, func(t *testing.T, l *loop) {
		if !awaitSteady(t, l) {
			return
		}
		there, back := l.neighbors[0].session, l.neighbors[1].session
		packet := bfd.Append(nil, bfd.Packet{
			State: bfd.Up, Multiplier: 255,
			MyDiscriminator: back.Status().Discriminator, YourDiscriminator: there.Status().Discriminator,
			DesiredMinTx: time.Millisecond, RequiredMinRx: time.Millisecond,
		})
		var dialer transport.BFDDialer
		sender, err := dialer.Dial(l.neighbors[1].path)
		if err != nil {
			t.Error(err)
			return
		}
		defer sender.Close()
		for end := time.Now().Add(there.Status().DetectionTime + 50*time.Millisecond); time.Now().Before(end); {
			if err := sender.Send(packet); err != nil {
				t.Error(err)
			}
			if err := l.waiter.Rest(time.Now().Add(10 * time.Millisecond)); err != nil {
				t.Error(err)
			}
		}
		l.round()
		if there.State() != bfd.Up || back.State() != bfd.Down {
			t.Errorf("states %s and %s, want Up and Down", there.State(), back.State())
		}
	})
}

// TestLoopRefuses gives the loop packets that are for none of its sessions.
func TestLoopRefuses(t *testing.T) {
	onLoopback(t, func(t *testing.T, l *loop) {
		there := l.neighbors[0]
		discriminator := there.session.Status().Discriminator
		down := bfd.Packet{State: bfd.Down, Multiplier: 3, MyDiscriminator: 9, DesiredMinTx: time.Second, RequiredMinRx: time.Second}
		toUs := down
		toUs.YourDiscriminator = discriminator
		toNobody := down
		toNobody.YourDiscriminator = 1
		for l.byDiscriminator[toNobody.YourDiscriminator] != nil {
			toNobody.YourDiscriminator++
		}
		right := transport.BFDDatagram{
			Source: there.path.Remote, Destination: there.path.Local, TTL: 255, Arrived: time.Now(),
		}
		tests := []struct {
			name    string
			packet  bfd.Packet
			edit    func(*transport.BFDDatagram, *receiver)
			refusal bfd.Refusal
		}{
			{"right", down, func(*transport.BFDDatagram, *receiver) {}, 0},
			{"right, by discriminator", toUs, func(*transport.BFDDatagram, *receiver) {}, 0},
			{"no packet", down, func(d *transport.BFDDatagram, _ *receiver) { d.Payload = d.Payload[:5] }, bfd.RefusedLength},
			{"TTL", down, func(d *transport.BFDDatagram, _ *receiver) { d.TTL = 254 }, bfd.RefusedTTL},
			{"source", down, func(d *transport.BFDDatagram, _ *receiver) { d.Source = d.Source.Next() }, bfd.RefusedSession},
			{"destination", down, func(d *transport.BFDDatagram, _ *receiver) { d.Destination = d.Source }, bfd.RefusedSession},
			{"several hops", down, func(_ *transport.BFDDatagram, r *receiver) { r.multihop = true }, bfd.RefusedSession},
			{"discriminator", toNobody, func(*transport.BFDDatagram, *receiver) {}, bfd.RefusedSession},
			{"discriminator of another", toUs, func(d *transport.BFDDatagram, _ *receiver) { d.Source = d.Source.Next() }, bfd.RefusedSource},
		}
		for _, test := range tests {
			d, r := right, receiver{}
			d.Payload = bfd.Append(nil, test.packet)
			test.edit(&d, &r)
			before := l.refusals
			l.received(d.Arrived, r, &d)
			for refusal := range l.refusals {
				want := before[refusal].total
				if refusal != 0 && bfd.Refusal(refusal) == test.refusal {
					want++
				}
				if got := l.refusals[refusal].total; got != want {
					t.Errorf("%s: counted %d of %q, want %d", test.name, got, bfd.Refusal(refusal), want)
				}
			}
		}
	})
}

func TestNeighborsAreChecked(t *testing.T) {
	good := func() []Neighbor {
		return []Neighbor{between("a", "10.0.0.1", "10.0.0.2"), between("b", "10.0.0.1", "10.0.0.3")}
	}
	tests := []struct {
		name string
		edit func([]Neighbor)
		want string
	}{
		{"no name", func(n []Neighbor) { n[0].Name = "" }, "without a name"},
		{"the same name", func(n []Neighbor) { n[1].Name = "a" }, "a is there twice"},
		{"the same address", func(n []Neighbor) { n[1].Remote = n[0].Remote }, "a and b are both at 10.0.0.2"},
		{"no address", func(n []Neighbor) { n[0].Remote = netip.Addr{} }, "no unicast address"},
		{"multicast", func(n []Neighbor) { n[0].Remote = netip.MustParseAddr("224.0.0.1") }, "no unicast address"},
		{"families", func(n []Neighbor) { n[0].Local = netip.MustParseAddr("::1") }, "different families"},
		{"link-local", func(n []Neighbor) { n[0].Local, n[0].Remote = netip.Addr{}, netip.MustParseAddr("fe80::1") }, "without an interface"},
		{"multiplier", func(n []Neighbor) { n[1].Multiplier = 0 }, "BFD neighbor b: BFD session: multiplier 0"},
		{"two sources", func(n []Neighbor) { n[1].Remote, n[1].Local = n[0].Remote, netip.MustParseAddr("10.0.0.9") }, ""},
		{"several hops", func(n []Neighbor) { n[1].Remote, n[1].Multihop = n[0].Remote, true }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n := good()
			test.edit(n)
			err := Check(n)
			if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

func TestLeastTTL(t *testing.T) {
	tests := []struct{ ttl, maxHops, want uint8 }{
		{0, 0, 255}, {255, 1, 254}, {64, 0, 64}, {64, 64, 0}, {64, 255, 0}, {0, 255, 0},
	}
	for _, test := range tests {
		c := between("a", "10.0.0.1", "10.0.0.2")
		c.TTL, c.MaxHops = test.ttl, test.maxHops
		n, err := newNeighbor(c, 1)
		if err != nil {
			t.Fatal(err)
		}
		if n.leastIn != test.want {
			t.Errorf("TTL %d, at most %d hops: least %d, want %d", test.ttl, test.maxHops, n.leastIn, test.want)
		}
	}
}

func TestQueueHasTheEarliestFirst(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var q queue
	for i := range 50 {
		q = append(q, &neighbor{place: i})
	}
	start := time.Now()
	for range 5000 {
		n := q[random.IntN(len(q))]
		n.deadline = time.Time{}
		if random.IntN(4) > 0 {
			n.deadline = start.Add(time.Duration(random.IntN(1000)))
		}
		heap.Fix(&q, n.place)
		for i, other := range q {
			if other.place != i {
				t.Fatalf("place %d at %d", other.place, i)
			}
			if !other.deadline.IsZero() && (q.deadline().IsZero() || other.deadline.Before(q.deadline())) {
				t.Fatal("an earlier deadline than the first")
			}
		}
	}
}

func TestOutboxKeepsTheOrderForASlowReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		events := make(chan Event, 1)
		o := newOutbox(events)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			o.run(ctx)
		}()
		const count = 100
		for i := range count {
			o.put(Event{Name: fmt.Sprint(i)})
			if i%7 == 0 {
				synctest.Wait()
			}
			if i == count/2 { // then it is at once again
				for j := range count/2 + 1 {
					if e := <-events; e.Name != fmt.Sprint(j) {
						t.Fatalf("event %s, want %d", e.Name, j)
					}
				}
			}
		}
		for j := count/2 + 1; j < count; j++ {
			if e := <-events; e.Name != fmt.Sprint(j) {
				t.Fatalf("event %s, want %d", e.Name, j)
			}
		}
		cancel()
		<-done
	})
}
