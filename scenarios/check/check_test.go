package check_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/check"
	"takeover/scenarios/history"
	"takeover/scenarios/history/historytest"
)

func play(fault string) []history.Event {
	return historytest.Play(historytest.Options{Fault: fault, Phase: 400 * time.Millisecond})
}

func TestIdealTrialOfEveryFaultPasses(t *testing.T) {
	for _, fault := range historytest.Faults() {
		for _, phase := range []time.Duration{time.Millisecond, 400 * time.Millisecond, 999 * time.Millisecond} {
			t.Run(fault+" at "+phase.String(), func(t *testing.T) {
				got := check.Judge(historytest.Play(historytest.Options{Fault: fault, Phase: phase}))
				if got.Verdict != history.Pass {
					t.Errorf("verdict %s: %v", got.Verdict, got.Findings)
				}
				if got.Findings == nil {
					t.Error("findings are null on disk, want an empty list")
				}
			})
		}
	}
}

// TestOrderOfEventsDoesNotMatter: observers append late, so a history is not
// in the order of time.
func TestOrderOfEventsDoesNotMatter(t *testing.T) {
	events := play("daemon-killed")
	slices.Reverse(events[1:])
	if got := check.Judge(events); got.Verdict != history.Pass {
		t.Errorf("verdict %s: %v", got.Verdict, got.Findings)
	}
}

// spoiled is a trial with one thing broken, and the finding that must appear.
type spoiled struct {
	name    string
	fault   string
	options historytest.Options
	spoil   func(events []history.Event) []history.Event
	verdict history.Verdict
	check   string // of the finding
	text    string // part of its text
	proof   bool   // it names events
}

func TestSpoiledTrials(t *testing.T) {
	for _, s := range slices.Concat(safetySpoiled(), livenessSpoiled(), ownershipSpoiled(), timingSpoiled(), completenessSpoiled(), conductSpoiled()) {
		t.Run(s.name, func(t *testing.T) {
			s.options.Fault = s.fault
			if s.options.Phase == 0 {
				s.options.Phase = 400 * time.Millisecond
			}
			events := historytest.Play(s.options)
			if s.spoil != nil {
				events = s.spoil(events)
			}
			got := check.Judge(events)
			if got.Verdict != s.verdict {
				t.Errorf("verdict %s, want %s", got.Verdict, s.verdict)
			}
			i := slices.IndexFunc(got.Findings, func(f history.Finding) bool {
				return f.Check == s.check && f.Verdict == s.verdict && strings.Contains(f.Text, s.text)
			})
			if i < 0 {
				t.Fatalf("no %s finding with %q in %v", s.check, s.text, got.Findings)
			}
			if s.proof && len(got.Findings[i].Events) == 0 {
				t.Error("the finding names no events")
			}
			for _, f := range got.Findings {
				if f.Check != s.check {
					t.Errorf("another judge objects too: %v", f)
				}
			}
		})
	}
}

func undeclare(events []history.Event) []history.Event {
	return historytest.Change(events, func(_ history.Event, body history.Trial) history.Trial {
		body.Expect.TwoOwners = false
		return body
	})
}

func safetySpoiled() []spoiled {
	return []spoiled{
		{
			name: "undeclared two owners", fault: "daemon-killed", spoil: undeclare,
			verdict: history.Fail, check: "safety", text: "node1 and node2 had 10.0.0.200", proof: true,
		}, {
			name: "undeclared two owners seen from outside only", fault: "daemon-stopped",
			spoil: func(events []history.Event) []history.Event {
				fault := historytest.FaultAt(events)
				return historytest.Change(events, func(e history.Event, body history.Owners) history.Owners {
					if e.At > fault+time.Second && e.At < fault+1200*time.Millisecond {
						body.Answers = []string{"node1", "node2"}
					}
					return body
				})
			},
			verdict: history.Fail, check: "safety", text: "both answered", proof: true,
		}, {
			name: "handover too slow", fault: "daemon-stopped", spoil: lateRemoval(60 * time.Millisecond),
			verdict: history.Fail, check: "safety", text: "had 10.0.0.200 at the same time for 60.7 ms", proof: true,
		},
	}
}

// lateRemoval lets node2's removals of the VIP come later by d.
func lateRemoval(d time.Duration) func([]history.Event) []history.Event {
	return func(events []history.Event) []history.Event {
		for i, e := range events {
			if body, ok := e.Body.(history.Address); ok && e.Host == "node2" && !body.Present {
				events[i].At += d
			}
		}
		return events
	}
}

func TestShortOverlapOfAnOrderlyHandoverPasses(t *testing.T) {
	got := check.Judge(lateRemoval(40 * time.Millisecond)(play("daemon-stopped")))
	if got.Verdict != history.Pass {
		t.Errorf("verdict %s: %v", got.Verdict, got.Findings)
	}
}

func TestDeclaredTwoOwnersMustEndAfterTheHealing(t *testing.T) {
	events := lateRemoval(5 * time.Second)(play("adverts-dropped"))
	for i, e := range events {
		if body, ok := e.Body.(history.Phase); ok && body.Name == history.PhaseDone {
			events[i].At += 6 * time.Second
		}
	}
	got := check.Judge(events)
	if !slices.ContainsFunc(got.Findings, func(f history.Finding) bool {
		return f.Check == "safety" && strings.Contains(f.Text, "outside the declared time")
	}) {
		t.Errorf("findings: %v", got.Findings)
	}
}

func lose(from func(events []history.Event) time.Duration, stream string) func([]history.Event) []history.Event {
	return func(events []history.Event) []history.Event {
		start := from(events)
		return historytest.Change(events, func(e history.Event, body history.Probe) history.Probe {
			if e.At >= start && body.Stream == stream {
				return history.Probe{Stream: body.Stream, Seq: body.Seq, Error: "no answer"}
			}
			return body
		})
	}
}

func livenessSpoiled() []spoiled {
	return []spoiled{
		{
			name: "VIP never back", fault: "daemon-stopped", spoil: lose(historytest.HealedAt, history.StreamICMP),
			verdict: history.Fail, check: "liveness", text: "after the healing: the last", proof: true,
		}, {
			name: "web server never back", fault: "nginx-killed", spoil: lose(historytest.HealedAt, history.StreamHTTP),
			verdict: history.Fail, check: "liveness", text: "stream http", proof: true,
		}, {
			name: "nobody serves under the fault", fault: "daemon-stopped",
			spoil: func(events []history.Event) []history.Event {
				healed := historytest.HealedAt(events)
				spoiled := lose(historytest.FaultAt, history.StreamHTTP)(events)
				return historytest.Change(spoiled, func(e history.Event, body history.Probe) history.Probe {
					if e.At > healed && body.Lost() {
						body.RTT, body.By = time.Millisecond, "node1"
					}
					return body
				})
			},
			verdict: history.Fail, check: "liveness", text: "under the fault: the last", proof: true,
		}, {
			name: "wrong node at the end", fault: "guardian-killed",
			spoil: func(events []history.Event) []history.Event {
				return historytest.Change(events, func(_ history.Event, body history.Trial) history.Trial {
					body.Cluster.Nodes[1].Priority = 150
					return body
				})
			},
			verdict: history.Fail, check: "liveness", text: "at the end node1 has 10.0.0.200, not node2", proof: true,
		}, {
			name: "right node too late", fault: "adverts-dropped", spoil: lateEnd(7 * time.Second),
			verdict: history.Fail, check: "liveness", text: "only", proof: true,
		}, {
			name: "right node too late on a machine that stood still", fault: "adverts-dropped",
			spoil: func(events []history.Event) []history.Event {
				return busyAt(lateEnd(7*time.Second)(events), 600*time.Millisecond, func(at time.Duration) bool {
					return at > historytest.HealedAt(events)+200*time.Millisecond
				})
			},
			verdict: history.Inconclusive, check: "liveness", text: "stood still", proof: true,
		},
	}
}

// lateEnd makes the trial longer by d, with the same right node and traffic,
// and a healing that took effect only then: everything from 100 ms after the
// healing on comes later. The declared window is stretched with the fault's
// interval, so that only the delay itself can be found.
func lateEnd(d time.Duration) func([]history.Event) []history.Event {
	return func(events []history.Event) []history.Event {
		healed := historytest.HealedAt(events) + 10*time.Millisecond
		events = historytest.Change(events, func(_ history.Event, body history.Trial) history.Trial {
			body.ProbePeriods = map[string]time.Duration{
				history.StreamICMP: time.Second, history.StreamHTTP: time.Second, history.StreamOwners: time.Second,
			}
			body.Cluster.Nodes[2].Priority = -2000 // a long Active_Down_Interval, for the declared window only
			return body
		})
		for i := range events {
			if events[i].At > healed {
				events[i].At += d
			}
		}
		return events
	}
}

// stale lets the client's entry point elsewhere while it should point at
// node2; what it asks then is answered by another.
func stale(mac, answerer string) func([]history.Event) []history.Event {
	return func(events []history.Event) []history.Event {
		right := historytest.Cluster().Node("node2").MAC
		events = historytest.Change(events, func(_ history.Event, body history.Neighbour) history.Neighbour {
			if body.MAC == right {
				body.MAC = mac
			}
			return body
		})
		return answeredBy(events, "node2", answerer)
	}
}

func answeredBy(events []history.Event, right, answerer string) []history.Event {
	return historytest.Change(events, func(_ history.Event, body history.Probe) history.Probe {
		if body.By == right {
			body.By = answerer
		}
		return body
	})
}

func ownershipSpoiled() []spoiled {
	cluster := historytest.Cluster()
	return []spoiled{
		{
			name: "stale neighbour under the fault", fault: "daemon-killed", spoil: stale(cluster.Node("node1").MAC, "node1"),
			verdict: history.Fail, check: "ownership", text: "points at node1, but the owner is node2", proof: true,
		}, {
			name: "stale neighbour at the end", fault: "link-loss",
			spoil: func(events []history.Event) []history.Event {
				healed := historytest.HealedAt(events)
				events = historytest.DropKind(events, func(e history.Event, _ history.Neighbour) bool { return e.At > healed })
				return historytest.Change(events, func(e history.Event, body history.Probe) history.Probe {
					if e.At > healed && body.By == "node1" {
						body.By = "node2"
					}
					return body
				})
			},
			verdict: history.Fail, check: "ownership", text: "after the healing", proof: true,
		}, {
			name: "unknown neighbour", fault: "daemon-stopped", spoil: stale("02:00:00:00:09:09", "stranger"),
			verdict: history.Fail, check: "ownership", text: "points at 02:00:00:00:09:09", proof: true,
		}, {
			name: "deleted neighbour", fault: "daemon-stopped", spoil: stale("", "stranger"),
			verdict: history.Fail, check: "ownership", text: "points at nobody", proof: true,
		}, {
			name: "no announcement", fault: "daemon-stopped",
			spoil: func(events []history.Event) []history.Event {
				return historytest.DropKind(events, func(e history.Event, _ history.ARP) bool { return e.Host == "node2" })
			},
			verdict: history.Fail, check: "ownership", text: "node2 took 10.0.0.200 over without an announcement", proof: true,
		},
	}
}

func busy(events []history.Event, delay time.Duration) []history.Event {
	return busyAt(events, delay, func(time.Duration) bool { return true })
}

// locked has somebody hold the lock of the network configuration.
func locked(events []history.Event, wait time.Duration) []history.Event {
	return historytest.Change(events, func(_ history.Event, body history.Canary) history.Canary {
		body.LockMax = wait
		return body
	})
}

func TestLockDisturbsNoObserver(t *testing.T) {
	if got := check.Judge(locked(play("link-loss"), 30*time.Millisecond)); got.Verdict != history.Pass {
		t.Errorf("%s: %v", got.Verdict, got.Findings)
	}
}

func busyAt(events []history.Event, delay time.Duration, when func(time.Duration) bool) []history.Event {
	return historytest.Change(events, func(e history.Event, body history.Canary) history.Canary {
		if when(e.At) {
			body.DelayMax = delay
		}
		return body
	})
}

func timingSpoiled() []spoiled {
	const late = 60 * time.Millisecond
	return []spoiled{
		{
			name: "late takeover", fault: "link-loss", options: historytest.Options{Late: late},
			verdict: history.Fail, check: "timing", text: "node2 took over 60.3 ms late", proof: true,
		}, {
			name: "early takeover", fault: "link-loss", options: historytest.Options{Late: -late},
			verdict: history.Fail, check: "timing", text: "node2 took over 59.7 ms early", proof: true,
		}, {
			name: "late after a goodbye", fault: "daemon-stopped", options: historytest.Options{Late: late},
			verdict: history.Fail, check: "timing", text: "(priority 0)", proof: true,
		}, {
			name: "beyond the fault's own bound", fault: "daemon-stopped", options: historytest.Options{Late: 2 * late},
			verdict: history.Fail, check: "timing", text: "the first answer came", proof: true,
		}, {
			name: "late takeover on a busy machine", fault: "link-loss", options: historytest.Options{Late: late},
			spoil:   func(events []history.Event) []history.Event { return busy(events, 30*time.Millisecond) },
			verdict: history.Inconclusive, check: "timing", text: "60.3 ms late", proof: true,
		}, {
			name: "ideal takeover on a busy machine", fault: "link-loss",
			spoil:   func(events []history.Event) []history.Event { return busy(events, 30*time.Millisecond) },
			verdict: history.Inconclusive, check: "timing", text: "the machine stood still for 30.0 ms", proof: true,
		}, {
			name: "late takeover while the configuration is locked", fault: "link-loss", options: historytest.Options{Late: late},
			spoil:   func(events []history.Event) []history.Event { return locked(events, 30*time.Millisecond) },
			verdict: history.Inconclusive, check: "timing", text: "60.3 ms late", proof: true,
		}, {
			name: "nobody takes over though nothing is heard", fault: "guardian-killed",
			spoil: func(events []history.Event) []history.Event {
				fault := historytest.FaultAt(events)
				return historytest.DropKind(events, func(e history.Event, body history.Advert) bool {
					return e.At > fault && e.At < fault+5*time.Second && body.Direction == history.ToHost
				})
			},
			verdict: history.Fail, check: "timing", text: "nobody took over, though node2 heard nothing", proof: true,
		},
	}
}

func TestBusyMachineBesideTheJudgedWindowChangesNothing(t *testing.T) {
	events := play("daemon-stopped")
	fault := historytest.FaultAt(events)
	got := check.Judge(busyAt(events, 300*time.Millisecond, func(at time.Duration) bool {
		return at > fault+time.Second || at < fault-time.Second
	}))
	if got.Verdict != history.Pass {
		t.Errorf("verdict %s: %v", got.Verdict, got.Findings)
	}
}

// TestLaggingNeighbourWatchIsNotAStaleEntry: the answers prove where the
// client's requests went.
func TestLaggingNeighbourWatchIsNotAStaleEntry(t *testing.T) {
	events := play("daemon-stopped")
	healed := historytest.HealedAt(events)
	got := check.Judge(historytest.DropKind(events, func(e history.Event, _ history.Neighbour) bool { return e.At > healed }))
	if got.Verdict != history.Pass {
		t.Errorf("verdict %s: %v", got.Verdict, got.Findings)
	}
}

// TestContestedAnswerIsNotTimed: two Active nodes that both announce take the
// client from each other, so the new one's first answer is a matter of luck.
func TestContestedAnswerIsNotTimed(t *testing.T) {
	late := func(events []history.Event) []history.Event {
		fault := historytest.FaultAt(events)
		return historytest.Change(events, func(e history.Event, body history.Probe) history.Probe {
			if body.By == "node2" && e.At < fault+3500*time.Millisecond {
				body.By = "node1"
			}
			return body
		})
	}
	if got := check.Judge(late(play("adverts-dropped"))); got.Verdict != history.Pass {
		t.Errorf("contested: verdict %s: %v", got.Verdict, got.Findings)
	}
	if got := check.Judge(late(play("daemon-killed"))); got.Verdict != history.Fail {
		t.Errorf("a dead Active does not contest: verdict %s: %v", got.Verdict, got.Findings)
	}
}

func TestShortOverlapOnABusyMachineIsInconclusive(t *testing.T) {
	events := lateRemoval(60 * time.Millisecond)(play("daemon-stopped"))
	healed := historytest.HealedAt(events)
	got := check.Judge(busyAt(events, 30*time.Millisecond, func(at time.Duration) bool { return at > healed+time.Second }))
	if got.Verdict != history.Inconclusive || len(got.Findings) != 1 || got.Findings[0].Check != "safety" {
		t.Errorf("verdict %s: %v", got.Verdict, got.Findings)
	}
}

// TestRaceOfTwoBackupsIsTheMachines: a delay above half the distance of their
// timers lets both win; on a quiet machine it is the subject's fault.
func TestRaceOfTwoBackupsIsTheMachines(t *testing.T) {
	race := func(delay, overlap time.Duration) history.Judgement {
		events := play("link-loss")
		takeover := takeoverAt(t, events, "node2")
		prefix := netip.MustParsePrefix("10.0.0.200/32")
		for _, present := range []bool{true, false} {
			at := takeover + 5*time.Millisecond
			if !present {
				at += overlap
			}
			events = append(events, history.Event{
				ID: len(events) + 1, At: at, Host: "node3",
				Body: history.Address{Interface: "eth0", Prefix: prefix, Present: present},
			})
		}
		return check.Judge(busy(events, delay))
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		name           string
		delay, overlap time.Duration
		want           history.Verdict
	}{
		{"quiet machine", ms, 100 * ms, history.Fail},
		{"busy machine", 3 * ms, 100 * ms, history.Inconclusive},
		{"longer than an interval and the standstill", 300 * ms, 1400 * ms, history.Fail},
		{"the next advertisement came as late as the machine", 500 * ms, 1400 * ms, history.Inconclusive},
	} {
		if got := race(c.delay, c.overlap); got.Verdict != c.want {
			t.Errorf("%s: verdict %s: %v", c.name, got.Verdict, got.Findings)
		}
	}
}

func takeoverAt(t *testing.T, events []history.Event, host string) time.Duration {
	t.Helper()
	for _, e := range events {
		if body, ok := e.Body.(history.Address); ok && e.Host == host && body.Present && body.Prefix.Addr().String() == "10.0.0.200" {
			return e.At
		}
	}
	t.Fatalf("%s never has the VIP", host)
	return 0
}

// TestStandstillBetweenTheDecisiveMomentsChangesNothing: a timer that runs by
// itself is not delayed by a machine that stands still meanwhile.
func TestStandstillBetweenTheDecisiveMomentsChangesNothing(t *testing.T) {
	events := play("link-loss")
	fault := historytest.FaultAt(events)
	at := func(from, to time.Duration) history.Verdict {
		return check.Judge(busyAt(events, 300*time.Millisecond, func(at time.Duration) bool {
			return at > fault+from && at < fault+to
		})).Verdict
	}
	if got := at(500*time.Millisecond, 2*time.Second); got != history.Pass {
		t.Errorf("while the timer runs: %s", got)
	}
	if got := at(2*time.Second, 4*time.Second); got != history.Inconclusive {
		t.Errorf("when it ends: %s", got)
	}
}

func TestBusyMachineDoesNotExcuseTwoOwners(t *testing.T) {
	got := check.Judge(busy(undeclare(play("daemon-killed")), 400*time.Millisecond))
	if got.Verdict != history.Fail {
		t.Errorf("verdict %s: %v", got.Verdict, got.Findings)
	}
}

// TestSilenceIsBlamed: the Active that kept the address without a word is the
// one that is named.
func TestSilenceIsBlamed(t *testing.T) {
	for _, f := range check.Judge(undeclare(play("daemon-killed"))).Findings {
		if f.Check == "safety" && (f.Host != "node1" || !strings.Contains(f.Text, "node1 had not advertised for 3.6")) {
			t.Errorf("%s: %q is blamed", f.Text, f.Host)
		}
	}
	for _, f := range check.Judge(undeclare(play("adverts-dropped"))).Findings {
		if f.Host != "" {
			t.Errorf("%s: %q is blamed", f.Text, f.Host)
		}
	}
}
