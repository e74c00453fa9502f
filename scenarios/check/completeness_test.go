package check_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/check"
	"takeover/scenarios/history"
	"takeover/scenarios/history/historytest"
)

func without[B history.Body](match func(e history.Event, body B) bool) func([]history.Event) []history.Event {
	return func(events []history.Event) []history.Event { return historytest.DropKind(events, match) }
}

func completenessSpoiled() []spoiled {
	blind := func(name, text string, spoil func([]history.Event) []history.Event) spoiled {
		return spoiled{name: name, fault: "daemon-stopped", spoil: spoil, verdict: history.Fail, check: "completeness", text: text}
	}
	phase := func(name history.PhaseName) func([]history.Event) []history.Event {
		return without(func(_ history.Event, body history.Phase) bool { return body.Name == name })
	}
	return []spoiled{
		blind("empty", "no trial event", func([]history.Event) []history.Event { return nil }),
		blind("no trial", "no trial event", without(func(history.Event, history.Trial) bool { return true })),
		blind("another format", "format 2", func(events []history.Event) []history.Event {
			return historytest.Change(events, func(_ history.Event, body history.Trial) history.Trial {
				body.Format = 2
				return body
			})
		}),
		blind("never settled", "phase settled", phase(history.PhaseSettled)),
		blind("never done", "phase done", phase(history.PhaseDone)),
		blind("no fault", "the fault's start", without(func(history.Event, history.FaultStart) bool { return true })),
		blind("no healing", "the fault's end", without(func(history.Event, history.FaultEnd) bool { return true })),
		blind("no capture at a Backup", "the capture at node3",
			without(func(e history.Event, _ history.Advert) bool { return e.Host == "node3" })),
		blind("no echo requests", "0 probes of stream icmp",
			without(func(_ history.Event, body history.Probe) bool { return body.Stream == history.StreamICMP })),
		blind("HTTP stopped half way", "0 probes of stream http", func(events []history.Event) []history.Event {
			healed := historytest.HealedAt(events)
			return historytest.DropKind(events, func(e history.Event, body history.Probe) bool {
				return body.Stream == history.StreamHTTP && e.At >= healed-time.Millisecond
			})
		}),
		blind("no owner probe", "0 probes of stream owners", without(func(history.Event, history.Owners) bool { return true })),
		blind("no canary", "the canary said nothing", without(func(history.Event, history.Canary) bool { return true })),
		blind("no neighbour watch", "neighbour entry for 10.0.0.200 was never seen",
			without(func(history.Event, history.Neighbour) bool { return true })),
	}
}

// TestMissingAddressWatchFails: it blinds several judges; none may pass it.
func TestMissingAddressWatchFails(t *testing.T) {
	got := check.Judge(historytest.DropKind(play("daemon-stopped"), func(history.Event, history.Address) bool { return true }))
	blind := slices.ContainsFunc(got.Findings, func(f history.Finding) bool {
		return f.Check == "completeness" && strings.Contains(f.Text, "0 nodes were seen with 10.0.0.200")
	})
	if got.Verdict != history.Fail || !blind {
		t.Errorf("verdict %s: %v", got.Verdict, got.Findings)
	}
}

func TestInterruptedTrialIsInconclusive(t *testing.T) {
	events := play("daemon-killed")
	for _, after := range []time.Duration{-time.Second, time.Second, 5 * time.Second} {
		got := check.Judge(historytest.Cut(events, historytest.FaultAt(events)+after, history.PhaseInterrupted))
		if got.Verdict != history.Inconclusive || len(got.Findings) != 1 {
			t.Errorf("%s after the fault: %s %v", after, got.Verdict, got.Findings)
		}
	}
}

func TestFailedTrialFailsWithItsLastNote(t *testing.T) {
	events := play("daemon-killed")
	at := historytest.FaultAt(events) - time.Second
	events = historytest.Cut(events, at, history.PhaseFailed)
	events = append(events, history.Event{ID: len(events) + 1, At: at, Body: history.Note{Text: "node2 never answered"}})
	got := check.Judge(events)
	if got.Verdict != history.Fail || got.Findings[0].Text != "the trial could not go on: node2 never answered" {
		t.Errorf("%s %v", got.Verdict, got.Findings)
	}
}

func TestCutOffHistoryNeverPasses(t *testing.T) {
	events := play("daemon-stopped")
	for n := 0; n < len(events); n += 997 {
		if got := check.Judge(events[:n]); got.Verdict == history.Pass {
			t.Errorf("the first %d of %d events pass", n, len(events))
		}
	}
}

// TestMachineThatStoodStillAsksLess: what is missing is excused as far as the
// machine stood still, and never all of it.
func TestMachineThatStoodStillAsksLess(t *testing.T) {
	judge := func(lost, still time.Duration) history.Verdict {
		events := play("daemon-killed")
		healed := historytest.HealedAt(events)
		events = historytest.DropKind(events, func(e history.Event, _ history.Owners) bool {
			return e.At >= healed && e.At < healed+lost
		})
		first := true
		return check.Judge(busyAt(events, still, func(at time.Duration) bool {
			now := first && at >= healed+time.Second
			first = first && !now
			return now
		})).Verdict
	}
	const s = time.Second
	for _, c := range []struct {
		name        string
		lost, still time.Duration
		want        history.Verdict
	}{
		{"little", 2 * s, 0, history.Pass},
		{"most of it", 3500 * time.Millisecond, 0, history.Fail},
		{"most of it, as the machine stood still", 3500 * time.Millisecond, 3 * s, history.Inconclusive},
		{"more than that", 4500 * time.Millisecond, s / 2, history.Fail},
		{"all of it", 10 * s, 5 * s, history.Fail},
	} {
		if got := judge(c.lost, c.still); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}
