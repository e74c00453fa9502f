package scenarios_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/scenarios"
	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

var vip = netip.MustParseAddr("10.0.0.200")

// world is a cluster in virtual time: node1 is Active from the start until the
// fault, then node2 if it takes over at all, then node1 again once healed.
type world struct {
	log    *history.Log
	now    time.Duration
	active map[string]bool

	mute      bool          // nobody ever becomes Active
	rival     bool          // node3 has the VIP from the start as well
	takeover  time.Duration // after the fault; 0: never
	reversion time.Duration // after the healing
	broken    error         // what Await returns instead of a deadline

	injected, healed time.Duration
	cancelAt         time.Duration
	cancel           context.CancelFunc
}

func newWorld() *world {
	return &world{log: history.NewLog(nil), active: map[string]bool{}, takeover: 3 * time.Second, reversion: 3600 * time.Millisecond}
}

func (w *world) Log() *history.Log  { return w.log }
func (w *world) Now() time.Duration { return w.now }
func (w *world) Diagnosis() string  { return "  last lines of vipd on node1:\n    it said this" }

const step = 10 * time.Millisecond

func (w *world) Await(ctx context.Context, deadline time.Duration, condition func() bool) error {
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if w.broken != nil {
			return w.broken
		}
		if condition() {
			return nil
		}
		if w.now >= deadline {
			return scenarios.ErrDeadline
		}
		w.now = min(w.now+step, deadline)
		w.live()
	}
}

func (w *world) set(host string, active bool) {
	if w.active[host] == active {
		return
	}
	w.active[host] = active
	w.log.Append(w.now, host, history.Address{Interface: "eth0", Prefix: netip.PrefixFrom(vip, 32), Present: active})
}

// live lets a step's time pass in the cluster.
func (w *world) live() {
	if w.cancel != nil && w.now >= w.cancelAt {
		w.cancel()
	}
	switch {
	case w.mute:
	case w.injected == 0:
		w.set("node1", w.now >= 4*time.Second)
		w.set("node3", w.rival && w.now >= 4*time.Second)
	case w.healed == 0:
		w.set("node1", w.takeover == 0)
		w.set("node2", w.takeover > 0 && w.now >= w.injected+w.takeover)
	default:
		back := w.now >= w.healed+w.reversion
		w.set("node1", back)
		w.set("node2", !back)
	}
	for _, host := range []string{"node1", "node2"} {
		if !w.active[host] {
			continue
		}
		if w.now%time.Second < step {
			w.log.Append(w.now, host, history.Advert{Direction: history.FromHost, Version: 2, VRID: 51, Priority: 100})
		}
		for _, stream := range []string{history.StreamICMP, history.StreamHTTP} {
			w.log.Append(w.now, "client", history.Probe{Stream: stream, RTT: time.Millisecond, By: host})
		}
	}
}

func (w *world) Inject(_ context.Context, f fault.Fault, host string) (time.Duration, error) {
	w.injected = w.now
	w.log.Append(w.now, host, history.FaultStart{Fault: f.Name(), Undo: f.Undo()})
	return w.now, nil
}

func (w *world) Heal(_ context.Context, f fault.Fault, host string) error {
	w.healed = w.now
	w.log.Append(w.now, host, history.FaultEnd{Fault: f.Name()})
	return nil
}

func scenario() scenarios.Scenario {
	return scenarios.Scenario{
		Name: "failover", Fault: fault.Of(fault.LinkLoss), PhaseFraction: 0.25, AnnounceDelay: 5 * time.Second,
		Cluster: history.Cluster{
			Version: 2, VRID: 51, VIPs: []netip.Addr{vip}, AdvertInterval: time.Second,
			Nodes: []history.Node{
				{Name: "node1", Address: netip.MustParseAddr("10.0.0.101"), Priority: 100, Preempt: true},
				{Name: "node2", Address: netip.MustParseAddr("10.0.0.102"), Priority: 99, Preempt: true},
				{Name: "node3", Address: netip.MustParseAddr("10.0.0.103"), Priority: 98, Preempt: true},
			},
		},
	}
}

// course lists the phases and the fault's events in their order.
func course(w *world) (names []string, at map[string]time.Duration) {
	at = map[string]time.Duration{}
	for _, event := range w.log.Events() {
		name := string(event.Body.Kind())
		if phase, ok := event.Body.(history.Phase); ok {
			name = string(phase.Name)
		} else if name != string(history.KindFaultStart) && name != string(history.KindFaultEnd) {
			continue
		}
		names = append(names, name)
		at[name] = event.At
	}
	return names, at
}

func wantCourse(t *testing.T, w *world, want ...string) map[string]time.Duration {
	t.Helper()
	names, at := course(w)
	if !slices.Equal(names, want) {
		t.Errorf("the trial went %v, want %v", names, want)
	}
	return at
}

func TestTrialGoesFromSettlingToDone(t *testing.T) {
	w := newWorld()
	if err := scenarios.Run(t.Context(), w, scenario()); err != nil {
		t.Fatal(err)
	}
	at := wantCourse(t, w, "settling", "settled", "fault-start", "faulted", "fault-end", "healed", "done")
	// Active from 4 s on, and the second announcements come 5 s later.
	if at["settled"] < 9*time.Second {
		t.Errorf("settled at %s, before the second announcements", at["settled"])
	}
	if phase := at["fault-start"] % time.Second; phase < 250*time.Millisecond || phase > 250*time.Millisecond+step {
		t.Errorf("the fault came %s behind an advertisement, want a quarter of the interval", phase)
	}
	if held := at["fault-end"] - at["fault-start"] - w.takeover; held < 2*time.Second {
		t.Errorf("healed %s after the failover, want 2 s", held)
	}
	if watched := at["done"] - at["fault-end"] - w.reversion; watched < time.Second {
		t.Errorf("done %s after the reversion, want 1 s", watched)
	}
}

func TestClusterThatNeverSettlesIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*world)
		want  string
	}{
		"nobody":     {func(w *world) { w.mute = true }, "nobody holds 10.0.0.200 (expected: node1); icmp never answered"},
		"two owners": {func(w *world) { w.rival = true }, "node1 and node3 hold 10.0.0.200"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			c.spoil(w)
			err := scenarios.Run(t.Context(), w, scenario())
			if err == nil || !strings.Contains(err.Error(), "the cluster did not settle within") ||
				!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "it said this") {
				t.Errorf("error %v lacks %q or the logs", err, c.want)
			}
			wantCourse(t, w, "settling", "failed")
		})
	}
}

func TestProcessThatDiesEndsTheTrialAtOnce(t *testing.T) {
	w := newWorld()
	w.broken = errors.New("vipd on node1 ended by itself: exit status 1")
	err := scenarios.Run(t.Context(), w, scenario())
	if err == nil || !strings.Contains(err.Error(), "ended by itself") || !strings.Contains(err.Error(), "it said this") {
		t.Errorf("error %v", err)
	}
	if w.now > step {
		t.Errorf("it took until %s", w.now)
	}
}

func TestNoFailoverIsAnObservation(t *testing.T) {
	w := newWorld()
	w.takeover = 0
	if err := scenarios.Run(t.Context(), w, scenario()); err != nil {
		t.Fatal(err)
	}
	at := wantCourse(t, w, "settling", "settled", "fault-start", "faulted", "fault-end", "healed", "done")
	// Active_Down_Interval of the lowest priority is 3.617 s.
	if waited := at["fault-end"] - at["fault-start"]; waited < 3617*time.Millisecond {
		t.Errorf("gave up after %s, before the last Backup was due", waited)
	}
}

func TestInterruptionHealsFirst(t *testing.T) {
	w := newWorld()
	ctx, cancel := context.WithCancel(t.Context())
	w.cancel, w.cancelAt = cancel, 11*time.Second // under the fault
	if err := scenarios.Run(ctx, w, scenario()); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	wantCourse(t, w, "settling", "settled", "fault-start", "faulted", "fault-end", "interrupted")
}
