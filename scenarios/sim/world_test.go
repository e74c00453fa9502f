package sim

import (
	"slices"
	"testing"

	"takeover/daemon/vrrp"
	"takeover/report"
	"takeover/scenarios"
	"takeover/scenarios/check"
	"takeover/scenarios/check/conduct"
	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

func TestScenariosPassInVirtualTime(t *testing.T) {
	phases := []float64{0, 0.5, 0.51, 0.99}
	if testing.Short() {
		phases = []float64{0.25, 0.75}
	}
	for _, f := range []fault.Fault{
		fault.Of(fault.AdvertsDropped), fault.Of(fault.LinkLoss), fault.Of(fault.DaemonStopped), fault.Of(fault.DaemonKilled), fault.Of(fault.WorkerKilled),
	} {
		for _, phase := range phases {
			o := DefaultOptions(3)
			if o.IPv6 = phase > 0.5; o.IPv6 {
				o.Version = vrrp.Version3
			}
			w, err := NewWorld(o, f, phase, 7)
			if err != nil {
				t.Fatal(err)
			}
			if err := scenarios.Run(t.Context(), w, w.Scenario()); err != nil {
				t.Fatal(err)
			}
			judgement := check.Judge(w.Log().Events())
			if judgement.Verdict != history.Pass {
				t.Errorf("%s at phase %g: %v", f.Name(), phase, judgement.Findings)
			}
			if findings := conduct.Wire(w.Log().Events(), w.Scenario().Cluster, w.cluster.options.limits(), nil); len(findings) > 0 {
				t.Errorf("%s at phase %g: %v", f.Name(), phase, findings)
			}
			measures, err := report.Analyze(w.Log().Events())
			if err != nil {
				t.Error(err)
			}
			if measures.Failover == nil || measures.Failover.New != "node2" {
				t.Errorf("%s at phase %g: node2 did not take over: %+v", f.Name(), phase, measures.Failover)
			}
		}
	}
}

func TestFaultsThatAreNotSimulatedAreRefused(t *testing.T) {
	if _, err := NewWorld(DefaultOptions(3), fault.Of(fault.NginxKilled), 0, 1); err == nil {
		t.Error("a world without web servers took one's fault")
	}
}

// TestWireSeesWhatIsWrong spoils what was captured in a trial.
func TestWireSeesWhatIsWrong(t *testing.T) {
	w, err := NewWorld(DefaultOptions(3), fault.Of(fault.LinkLoss), 0.5, 7)
	if err != nil {
		t.Fatal(err)
	}
	if err := scenarios.Run(t.Context(), w, w.Scenario()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		host      string
		direction history.Direction
		lost      func(number int) bool // of the host's advertisements
		want      conduct.Rule
	}{
		"an advertisement that was not sent": {"node1", history.FromHost, func(n int) bool { return n == 1 }, conduct.RuleAdvert},
		"a Backup that waits too long":       {"node2", history.ToHost, func(n int) bool { return n > 0 && n < 4 }, conduct.RuleLate},
		"a better one that nobody hears":     {"node2", history.FromHost, func(n int) bool { return n == 0 }, conduct.RuleLate},
	} {
		number := -1
		events := slices.DeleteFunc(w.Log().Events(), func(e history.Event) bool {
			a, ok := e.Body.(history.Advert)
			if !ok || e.Host != c.host || a.Direction != c.direction {
				return false
			}
			number++
			return c.lost(number)
		})
		findings := conduct.Wire(events, w.Scenario().Cluster, w.cluster.options.limits(), nil)
		if len(findings) == 0 || findings[0].Rule != c.want {
			t.Errorf("%s: %v, want %s", name, findings, c.want)
		}
	}
}
