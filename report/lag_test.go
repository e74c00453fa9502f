package report_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/report"
	"takeover/scenarios/history"
	"takeover/scenarios/history/historytest"
)

// TestLateAddressWatchDoesNotTurnTheStepsAround: a VIP counts as added when it
// was announced, if the watch saw it a little later; much later is no lag.
func TestLateAddressWatchDoesNotTurnTheStepsAround(t *testing.T) {
	order := func(lag time.Duration) (names []report.StepName, note string) {
		events := historytest.Play(historytest.Options{Fault: "daemon-stopped", Phase: phase})
		fault := historytest.FaultAt(events)
		for i, e := range events {
			if a, ok := e.Body.(history.Address); ok && a.Present && e.Host == "node2" && e.At > fault {
				events[i].At += lag
			}
		}
		m, err := report.Analyze(events)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range m.Failover.Steps {
			names = append(names, s.Name)
			if s.Name == report.StepAddressAdded {
				note = s.Note
			}
		}
		return names, note
	}
	names, note := order(2 * time.Millisecond)
	added, announced := slices.Index(names, report.StepAddressAdded), slices.Index(names, report.StepAnnouncement)
	if added < 0 || added > announced || !strings.Contains(note, "the watch saw it") {
		t.Errorf("2 ms late: steps %v, note %q", names, note)
	}
	names, note = order(100 * time.Millisecond)
	added, announced = slices.Index(names, report.StepAddressAdded), slices.Index(names, report.StepAnnouncement)
	if added < announced || strings.Contains(note, "watch") {
		t.Errorf("100 ms late: steps %v, note %q", names, note)
	}
}
