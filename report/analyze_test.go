package report_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"takeover/report"
	"takeover/scenarios/history"
	"takeover/scenarios/history/historytest"
)

const phase = 400 * time.Millisecond

// The expectations are worked out by hand from the RFC: Skew_Time of priority
// 99 is 157/256 s, its Active_Down_Interval 3 s more. The builder's takeover is
// 0.3 ms late, its hop through the switch 20 us, its announcement 150 us behind
// the advertisement.
func TestFailoverIsExplainedByTheTimers(t *testing.T) {
	const (
		hop  = 20 * time.Microsecond
		skew = 157 * time.Second / 256
		down = 3*time.Second + skew
	)
	for _, c := range []struct {
		fault        string
		lastPriority int
		timer        time.Duration
		expected     time.Duration // from the fault
		low, high    time.Duration
	}{
		{"nginx-killed", 0, skew, 400*time.Millisecond + hop + skew, skew, 2*time.Second + skew},
		{"adverts-dropped", 100, down, down + hop - phase, down - phase, down - phase},
		{"link-loss", 100, down, down + hop - phase, down - phase, down - phase},
		{"daemon-stopped", 0, skew, 200*time.Microsecond + hop + skew, skew, skew},
		{"daemon-killed", 100, down, down + hop - phase, down - phase, down - phase},
		{"worker-killed", 0, skew, 200*time.Microsecond + hop + skew, down - phase, down - phase},
	} {
		t.Run(c.fault, func(t *testing.T) {
			m := analyze(historytest.Options{Fault: c.fault, Phase: phase})
			d := m.Detection
			if m.Failover.Old != "node1" || m.Failover.New != "node2" || m.Reversion.Old != "node2" || m.Reversion.New != "node1" {
				t.Fatalf("failover %s to %s, reversion %s to %s", m.Failover.Old, m.Failover.New, m.Reversion.Old, m.Reversion.New)
			}
			if m.Phase != phase || m.Target != "node1" {
				t.Errorf("phase %s of %s", m.Phase, m.Target)
			}
			if *d.LastPriority != c.lastPriority || *d.Timer != c.timer || *d.Expected != c.expected {
				t.Errorf("priority %d, timer %s, expected %s; want %+v", *d.LastPriority, *d.Timer, *d.Expected, c)
			}
			if *d.Bounds != (report.Bounds{Low: c.low, High: c.high}) {
				t.Errorf("bounds %+v, want %+v", *d.Bounds, c)
			}
			if *d.Residual != 300*time.Microsecond || *d.Overhead != 450*time.Microsecond {
				t.Errorf("residual %s, overhead %s", *d.Residual, *d.Overhead)
			}
			tbm := *m.Failover.Streams[history.StreamICMP].TBM
			if over := tbm - *d.Expected; over < 600*time.Microsecond || over > 1700*time.Microsecond {
				t.Errorf("the first echo reply came %s after the expected time", over)
			}
		})
	}
}

func TestStepsAreInOrderAndAddUp(t *testing.T) {
	m := analyze(historytest.Options{Fault: "daemon-killed", Phase: phase})
	var names []report.StepName
	at := m.Failover.Steps[0].At
	for i, step := range m.Failover.Steps {
		names = append(names, step.Name)
		if i > 0 {
			at += step.After
		}
		if step.At != at || step.Event == 0 || step.Host == "" {
			t.Errorf("step %+v, want it at %s", step, at)
		}
	}
	want := []report.StepName{
		report.StepLastAdvertisement, report.StepFault, report.StepAdvertisement,
		report.StepAddressAdded, report.StepAnnouncement, report.StepAnswer,
	}
	if !slices.Equal(names, want) {
		t.Errorf("steps %q, want %q", names, want)
	}
}

func TestLossIsCountedInItsWindow(t *testing.T) {
	m := analyze(historytest.Options{Fault: "daemon-stopped", Phase: phase})
	icmp := m.Failover.Streams[history.StreamICMP]
	if icmp.Period != time.Millisecond || icmp.PLBM != time.Duration(icmp.Lost)*time.Millisecond || icmp.PLBMCensored {
		t.Errorf("icmp %+v", icmp)
	}
	if icmp.Lost < 612 || icmp.Lost > 615 || icmp.Sent < 2600 {
		t.Errorf("%d of %d echo requests lost", icmp.Lost, icmp.Sent)
	}
	if o := m.Ownership; o.ProbesLost != icmp.Lost || m.Reversion.Streams[history.StreamICMP].Lost != 0 {
		t.Errorf("%d lost in all, %d in the reversion", o.ProbesLost, m.Reversion.Streams[history.StreamICMP].Lost)
	}
	if o := m.Ownership; o.Transitions != 4 || len(o.NearFailovers) != 0 {
		t.Errorf("ownership %+v", o)
	}
}

func TestOwnersAreHeldExactlyAndSeenToThePeriod(t *testing.T) {
	m := analyze(historytest.Options{Fault: "daemon-killed", Phase: phase})
	// From node2's takeover, until the new daemon on node1 removes the address
	// 50 ms after the healing; and the overlap of the handover back.
	want := 2*time.Second - 100*time.Microsecond + 50*time.Millisecond + 700*time.Microsecond
	if got := m.Ownership.Held.TwoOwners; got != want {
		t.Errorf("two owners held for %s, want %s", got, want)
	}
	if got, first := m.Ownership.Held.TwoOwnersAtOnce, want-700*time.Microsecond; got != first {
		t.Errorf("two owners held for %s at once, want %s", got, first)
	}
	if s := m.Ownership.Seen; s.TwoOwnersAtOnce < s.TwoOwners-s.Period || s.TwoOwnersAtOnce > s.TwoOwners {
		t.Errorf("two owners seen for %s at once, %s in all", s.TwoOwnersAtOnce, s.TwoOwners)
	}
	if got := (m.Ownership.Seen.TwoOwners - want).Abs(); got > 2*m.Ownership.Seen.Period {
		t.Errorf("two owners seen for %s", m.Ownership.Seen.TwoOwners)
	}
	healed := 50*time.Millisecond + 700*time.Microsecond
	if got := m.Ownership.Held; got.TwoOwners-got.TwoOwnersUnderFault != healed {
		t.Errorf("two owners held for %s until the healing, want %s less than %s", got.TwoOwnersUnderFault, healed, want)
	}
	if s := m.Ownership.Seen; (s.TwoOwners - s.TwoOwnersUnderFault - healed).Abs() > 2*s.Period {
		t.Errorf("two owners seen for %s until the healing, of %s", s.TwoOwnersUnderFault, s.TwoOwners)
	}
	if m.Ownership.Held.NoOwner != 0 || m.Ownership.Declared == "" {
		t.Errorf("ownership %+v", m.Ownership)
	}
}

func TestWithoutAnAnswerTimesAreCensored(t *testing.T) {
	events := historytest.Play(historytest.Options{Fault: "link-loss", Phase: phase})
	healed := historytest.HealedAt(events)
	events = historytest.Change(events, func(e history.Event, body history.Probe) history.Probe {
		if body.By == "node2" && e.At < healed {
			return history.Probe{Stream: body.Stream, Seq: body.Seq, Error: "no answer"}
		}
		return body
	})
	m, err := report.Analyze(events)
	if err != nil {
		t.Fatal(err)
	}
	icmp := m.Failover.Streams[history.StreamICMP]
	if !icmp.TBMCensored || !icmp.PLBMCensored || *icmp.TBM != m.Failover.Window || m.Failover.Complete != nil {
		t.Errorf("icmp %+v, complete %v", icmp, m.Failover.Complete)
	}
	if run := report.NewRun([]report.Trial{passed(m)}); run.Groups[0].Censored != 1 {
		t.Errorf("group %+v", run.Groups[0])
	}
}

func TestNoFailoverIsNotOne(t *testing.T) {
	m := analyze(historytest.Options{Fault: "guardian-killed", Phase: phase})
	if m.Failover.Old != "node1" || m.Failover.New != "" || m.Failover.Streams[history.StreamICMP].TBM != nil {
		t.Errorf("failover %+v", m.Failover)
	}
	if m.Detection.Expected != nil || m.Ownership.Transitions != 0 {
		t.Errorf("detection %+v, ownership %+v", m.Detection, m.Ownership)
	}
}

func TestSilenceWithoutElectionIsANearFailover(t *testing.T) {
	events := historytest.Play(historytest.Options{Fault: "guardian-killed", Phase: phase})
	fault := historytest.FaultAt(events)
	events = historytest.DropKind(events, func(e history.Event, body history.Advert) bool {
		return e.Host == "node3" && e.At > fault && e.At < fault+2*time.Second
	})
	m, err := report.Analyze(events)
	if err != nil {
		t.Fatal(err)
	}
	near := m.Ownership.NearFailovers
	if len(near) != 1 || near[0].Host != "node3" || near[0].Gap != 3*time.Second {
		t.Errorf("near failovers %+v", near)
	}
}

// TestWeightedCheckIsExplainedByTheLastFullPriority: a Backup drops what is
// below its own priority, so such advertisements do not keep it quiet.
func TestWeightedCheckIsExplainedByTheLastFullPriority(t *testing.T) {
	events := historytest.Play(historytest.Options{Fault: "adverts-dropped", Phase: phase})
	fault, healed := historytest.FaultAt(events), historytest.HealedAt(events)
	var lowered []history.Event
	for _, e := range events {
		body, ok := e.Body.(history.Advert)
		if ok && e.Host == "node1" && body.Direction == history.FromHost && e.At > fault && e.At < healed {
			body.Direction, body.Priority = history.ToHost, 50
			lowered = append(lowered, history.Event{ID: 100000 + e.ID, At: e.At, Host: "node2", Body: body})
		}
	}
	if len(lowered) == 0 {
		t.Fatal("no advertisement to lower")
	}
	m, err := report.Analyze(slices.Concat(events, lowered))
	if err != nil {
		t.Fatal(err)
	}
	if *m.Detection.LastPriority != 100 || *m.Detection.Residual != 300*time.Microsecond {
		t.Errorf("last priority %d, residual %s", *m.Detection.LastPriority, *m.Detection.Residual)
	}
}

func TestCutOffTrialsHaveTheMeasuresTheyCameTo(t *testing.T) {
	events := historytest.Play(historytest.Options{Fault: "daemon-stopped", Phase: phase})
	for n := 1; n < len(events); n += 1009 {
		m, err := report.Analyze(events[:n])
		if err != nil {
			t.Fatalf("the first %d events: %v", n, err)
		}
		report.NewRun([]report.Trial{passed(m)})
	}
	if _, err := report.Analyze(nil); !errors.Is(err, history.ErrNoTrial) {
		t.Errorf("no events: %v", err)
	}
}
