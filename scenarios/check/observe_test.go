package check_test

import (
	"math"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/scenarios/check"
	"takeover/scenarios/history"
	"takeover/scenarios/history/historytest"
)

func observe(t *testing.T, events []history.Event) *history.Observed {
	t.Helper()
	events = history.Sorted(events)
	course, err := history.ReadCourse(events)
	if err != nil {
		t.Fatal(err)
	}
	return check.Observe(events, course)
}

// with adds events, in the order of time, with IDs of their own.
func with(events []history.Event, more ...history.Event) []history.Event {
	next := len(events) + 1
	for _, e := range more {
		e.ID = next
		next++
		events = append(events, e)
	}
	return history.Sorted(events)
}

func TestNothingIsNoticedOfIdealTrials(t *testing.T) {
	for _, fault := range historytest.Faults() {
		o := observe(t, play(fault))
		if len(o.Near) > 0 || o.Flapping.Unexplained > 0 || len(o.Stale) > 0 || o.Connections != nil || len(o.Growth) > 0 {
			t.Errorf("%s: %+v", fault, o)
		}
	}
}

func TestNearFailover(t *testing.T) {
	silent := func(d time.Duration) []history.Event {
		events := play("guardian-killed")
		fault := historytest.FaultAt(events)
		return historytest.DropKind(events, func(e history.Event, _ history.Advert) bool {
			return e.Host == "node3" && e.At > fault && e.At < fault+d
		})
	}
	for missed, want := range []int{0, 0, 1, 0} { // the last is longer than the timer: for others to judge
		near := observe(t, silent(time.Duration(missed)*time.Second)).Near
		if len(near) != want {
			t.Errorf("%d missed: %+v", missed, near)
		}
		if want > 0 && (near[0].Host != "node3" || near[0].Gap+near[0].Left != 3*time.Second+158*time.Second/256) {
			t.Errorf("%d missed: %+v", missed, near)
		}
	}
}

// TestNearFailoverWithoutLink: a node without a carrier is no Backup.
func TestNearFailoverWithoutLink(t *testing.T) {
	events := play("guardian-killed")
	fault := historytest.FaultAt(events)
	events = historytest.DropKind(events, func(e history.Event, _ history.Advert) bool {
		return e.Host == "node3" && e.At > fault && e.At < fault+2*time.Second
	})
	lost := history.Event{At: fault + 1, Host: "node3", Body: history.Link{Interface: "eth0", Up: true}}
	if near := observe(t, with(events, lost)).Near; len(near) != 0 {
		t.Errorf("%+v", near)
	}
}

// TestNearFailoverOfNoNode: a client hears advertisements too.
func TestNearFailoverOfNoNode(t *testing.T) {
	events := play("guardian-killed")
	fault := historytest.FaultAt(events)
	heard := func(at time.Duration) history.Event {
		return history.Event{At: at, Host: "client", Body: history.Advert{Direction: history.ToHost, VRID: 51, Priority: 100}}
	}
	if near := observe(t, with(events, heard(fault), heard(fault+3500*time.Millisecond))).Near; len(near) != 0 {
		t.Errorf("%+v", near)
	}
}

// TestNearFailoverAmongOthers: what does not keep a Backup quiet is no end of a
// silence.
func TestNearFailoverAmongOthers(t *testing.T) {
	events := play("guardian-killed")
	fault := historytest.FaultAt(events)
	events = historytest.DropKind(events, func(e history.Event, _ history.Advert) bool {
		return e.Host == "node3" && e.At > fault && e.At < fault+2*time.Second
	})
	low := history.Event{At: fault + time.Second, Host: "node3", Body: history.Advert{Direction: history.ToHost, Version: 2, VRID: 51, Priority: 50}}
	if near := observe(t, with(events, low)).Near; len(near) != 1 || near[0].Gap != 3*time.Second {
		t.Errorf("%+v", near)
	}
}

// TestNearFailoverByTheTimer: what is left of the timer alone decides.
func TestNearFailoverByTheTimer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		gaps := rapid.SliceOfN(rapid.Int64Range(1, int64(3600*time.Millisecond)), 1, 20).Draw(t, "gaps")
		cluster := historytest.Cluster()
		node1 := cluster.Nodes[0]
		events := []history.Event{
			{Body: history.Trial{Format: history.Format, Cluster: cluster}},
			{Body: history.Phase{Name: history.PhaseSettled}},
		}
		at, want := time.Duration(0), 0
		hear := func() {
			events = append(events, history.Event{At: at, Host: "node2", Body: history.Advert{
				Direction: history.ToHost, Version: 2, VRID: cluster.VRID, Priority: 100, Source: node1.Address,
			}})
		}
		hear()
		for _, gap := range gaps {
			at += time.Duration(gap)
			hear()
			if 3*time.Second+157*time.Second/256-time.Duration(gap) < time.Second {
				want++
			}
		}
		events = append(events, history.Event{At: at + 1, Body: history.Phase{Name: history.PhaseDone}})
		course, err := history.ReadCourse(events)
		if err != nil {
			t.Fatal(err)
		}
		if got := check.Observe(events, course).Near; len(got) != want {
			t.Errorf("%d near failovers, want %d: %+v", len(got), want, got)
		}
	})
}

// take has the host take the address for a time.
func take(host string, at, length time.Duration) []history.Event {
	body := func(present bool) history.Address {
		return history.Address{Interface: "eth0", Prefix: netip.PrefixFrom(historytest.Cluster().VIPs[0], 32), Present: present}
	}
	return []history.Event{{At: at, Host: host, Body: body(true)}, {At: at + length, Host: host, Body: body(false)}}
}

func TestFlapping(t *testing.T) {
	events := play("link-loss")
	if f := observe(t, events).Flapping; f.Changes != 2 || f.Unexplained != 0 {
		t.Errorf("a failover and a reversion: %+v", f)
	}
	fault, healed := historytest.FaultAt(events), historytest.HealedAt(events)
	for _, c := range []struct {
		name        string
		at          time.Duration
		unexplained int
	}{
		{"beside the failover", fault + 3800*time.Millisecond, 1},
		{"just after the healing: it is that, and the reversion is not", healed + time.Second, 1},
	} {
		f := observe(t, with(slices.Clone(events), take("node3", c.at, time.Millisecond)...)).Flapping
		if f.Changes != 3 || f.Unexplained != c.unexplained || len(f.Events) != c.unexplained {
			t.Errorf("%s: %+v", c.name, f)
		}
	}
	more := take("node3", fault+3800*time.Millisecond, time.Millisecond)
	often := historytest.Change(events, func(_ history.Event, body history.FaultStart) history.FaultStart {
		body.Fault = "link-flaps"
		return body
	})
	if f := observe(t, with(often, more...)).Flapping; f.Unexplained != 0 {
		t.Errorf("a link that flaps: %+v", f)
	}
	more = append(more, history.Event{Host: "node1", Body: history.FaultArmed{Fault: "traffic-dropped protocol=vrrp every=2"}})
	if f := observe(t, with(events, more...)).Flapping; f.Unexplained != 0 {
		t.Errorf("losses again and again: %+v", f)
	}
}

func TestStale(t *testing.T) {
	const late = 700 * time.Millisecond
	node1, node2 := historytest.Cluster().Nodes[0], historytest.Cluster().Nodes[1]
	owner := historytest.Cluster().VIPs[0]
	lagging := func(fault string, probes bool) []history.Event {
		events := play(fault)
		for i, e := range events {
			if n, ok := e.Body.(history.Neighbour); ok && n.MAC == node2.MAC {
				events[i].At += late
			}
		}
		if !probes {
			events = historytest.DropKind(events, func(history.Event, history.Probe) bool { return true })
		}
		return history.Sorted(events)
	}
	if s := observe(t, lagging("link-loss", false)).Stale; len(s) != 1 || s[0].Table != "client" || s[0].LedTo != "node1" ||
		s[0].Owner != "node2" || (s[0].Length-late).Abs() > time.Millisecond || s[0].Open || slices.Contains(s[0].Events, 0) {
		t.Errorf("%+v", s)
	}
	if s := observe(t, lagging("link-loss", true)).Stale; len(s) != 0 {
		t.Errorf("the owner answered, so the entry led to it: %+v", s)
	}
	// A dead node that was left with the address is no owner.
	if s := observe(t, lagging("daemon-killed", false)).Stale; len(s) != 1 || s[0].Owner != "node2" {
		t.Errorf("%+v", s)
	}
	events := play("link-loss")
	fault := historytest.FaultAt(events)
	router := func(at time.Duration, mac, state string) history.Event {
		return history.Event{At: at, Host: "router", Body: history.Neighbour{IP: owner, MAC: mac, State: state}}
	}
	if s := observe(t, with(slices.Clone(events), router(fault-time.Second, node1.MAC, "stale"))).Stale; len(s) != 1 || s[0].Table != "router" || s[0].Open {
		t.Errorf("a router that never learns: %+v", s) // the reversion ends it
	}
	if s := observe(t, with(slices.Clone(events), router(fault-time.Second, node1.MAC, "failed"))).Stale; len(s) != 0 {
		t.Errorf("an entry that leads nowhere: %+v", s)
	}
	if s := observe(t, with(slices.Clone(events), router(fault-time.Second, "02:00:00:00:00:66", "stale"))).Stale; len(s) == 0 || s[len(s)-1].LedTo != "02:00:00:00:00:66" || !s[len(s)-1].Open {
		t.Errorf("a stranger's address: %+v", s)
	}
}

func TestStaleBridge(t *testing.T) {
	const virtual = "00:00:5e:00:01:33"
	events := historytest.Change(play("link-loss"), func(e history.Event, body history.ARP) history.ARP {
		body.SenderMAC = virtual
		return body
	})
	events = historytest.Change(events, func(_ history.Event, body history.Neighbour) history.Neighbour {
		body.MAC = virtual
		return body
	})
	fault := historytest.FaultAt(events)
	learned := func(at time.Duration, host string, present bool) history.Event {
		return history.Event{At: at, Host: host, Body: history.Forwarding{Bridge: "lan", MAC: virtual, Present: present}}
	}
	forgets := with(slices.Clone(events), learned(time.Second, "node1", true), learned(fault, "node1", false))
	if s := observe(t, forgets).Stale; len(s) != 0 {
		t.Errorf("the bridge forgot in time: %+v", s)
	}
	s := observe(t, with(slices.Clone(events), learned(time.Second, "node1", true), learned(fault+4*time.Second, "node2", true))).Stale
	if len(s) == 0 || s[0].Table != "switch lan" || s[0].LedTo != "node1" || s[0].Owner != "node2" || s[0].Length > time.Second {
		t.Errorf("%+v", s)
	}
}

func TestShares(t *testing.T) {
	sum := map[string]float64{}
	for _, s := range observe(t, play("daemon-killed")).Shares {
		sum[s.Stream] += s.Fraction
		if s.Answered == 0 || s.Host == "node3" {
			t.Errorf("%+v", s)
		}
	}
	if len(sum) != 2 || math.Abs(sum[history.StreamICMP]-1) > 1e-9 {
		t.Errorf("%v", sum)
	}
}

func connection(number int, at time.Duration, fate history.Fate) history.Event {
	return history.Event{At: at, Host: "client", Body: history.Connection{Number: number, Fate: fate, By: "node1"}}
}

func TestConnections(t *testing.T) {
	events := play("link-loss") // node2 takes over, then node1 again
	fault, healed := historytest.FaultAt(events), historytest.HealedAt(events)
	last := events[len(events)-1].At
	got := observe(t, with(
		events,
		connection(1, 6*time.Second, history.FateOpened), connection(1, fault+time.Second, history.FateReset), // nobody has the address
		connection(2, 6*time.Second, history.FateOpened), connection(2, fault+5*time.Second, history.FateTimedOut),
		connection(3, 6*time.Second, history.FateOpened), connection(3, last+time.Second, history.FateSurvived),
		connection(4, 6*time.Second, history.FateOpened), connection(4, fault-time.Millisecond, history.FateReset),
		connection(5, healed, history.FateOpened), connection(5, last+time.Second, history.FateReset),
		connection(6, 6*time.Second, history.FateOpened), connection(6, last-time.Millisecond, history.FateReset),
	)).Connections
	if want := (history.Fates{Opened: 6, Survived: 2, Reset: 3, TimedOut: 1}); got.Fates != want {
		t.Errorf("%+v, want %+v", got.Fates, want)
	}
	if len(got.Changes) != 2 || got.Changes[0].Owner != "node2" || got.Changes[0].Fates != (history.Fates{Opened: 4, Survived: 2, Reset: 1, TimedOut: 1}) ||
		got.Changes[1].Owner != "node1" || got.Changes[1].Fates != (history.Fates{Opened: 3, Survived: 2, Reset: 1}) {
		t.Errorf("%+v", got.Changes)
	}
}

// TestEveryConnectionHasOneFate: in all, and at every change.
func TestEveryConnectionHasOneFate(t *testing.T) {
	events := play("link-loss")
	last := events[len(events)-1].At
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "connections")
		more := slices.Clone(events)
		for number := range n {
			opened := time.Duration(rapid.Int64Range(0, int64(last)-1).Draw(t, "opened"))
			more = with(more, connection(number, opened, history.FateOpened))
			if rapid.Bool().Draw(t, "ends") {
				ended := time.Duration(rapid.Int64Range(int64(opened), int64(last)+int64(time.Second)).Draw(t, "ended"))
				fates := []history.Fate{history.FateReset, history.FateTimedOut, history.FateSurvived}
				more = with(more, connection(number, ended, rapid.SampledFrom(fates).Draw(t, "fate")))
			}
		}
		course, err := history.ReadCourse(more)
		if err != nil {
			t.Fatal(err)
		}
		got := check.Observe(more, course).Connections
		sum := func(f history.Fates) int { return f.Survived + f.Reset + f.TimedOut }
		if got.Opened != n || sum(got.Fates) != n {
			t.Errorf("%+v", got.Fates)
		}
		for _, c := range got.Changes {
			if c.Opened > n || sum(c.Fates) != c.Opened {
				t.Errorf("%+v", c)
			}
		}
	})
}

func TestGrowth(t *testing.T) {
	sampled := func(n int, use func(i int) history.Usage) []history.Growth {
		var more []history.Event
		for i := range n {
			u := use(i)
			u.Name, u.PID = "vipd", 7
			more = append(more, history.Event{At: time.Duration(2+i) * time.Second, Host: "node2", Body: u})
		}
		return observe(t, with(play("link-loss"), more...)).Growth // settled after 6 s
	}
	if g := sampled(11, func(i int) history.Usage { return history.Usage{AnonKiB: i} }); len(g) != 0 {
		t.Errorf("too few samples: %+v", g)
	}
	got := sampled(16, func(i int) history.Usage {
		return history.Usage{Processes: 2, Threads: 9 + i%2, Descriptors: 20 + i + i/15*50, AnonKiB: 1000 - i}
	})
	want := history.Growth{Host: "node2", Name: "vipd", PID: 7, Window: 11 * time.Second, Changes: 2, Descriptors: 9, AnonKiB: -9}
	if len(got) != 1 || len(got[0].Events) != 2 {
		t.Fatalf("%+v", got)
	}
	want.Events = got[0].Events
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("%+v, want %+v", got[0], want)
	}
	// What comes and goes is no growth, and the start is none.
	got = sampled(16, func(i int) history.Usage {
		return history.Usage{Processes: 2 + i%2, AnonKiB: min(i, 3)*100 + 50*(i%3)}
	})
	if got[0].Processes != 0 || got[0].AnonKiB != 0 {
		t.Errorf("%+v", got)
	}
}
