package sim

import (
	"testing"

	"takeover/daemon/vrrp"
	"takeover/report"
	"takeover/scenarios"
	"takeover/scenarios/check"
	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

func TestScenariosPassInVirtualTime(t *testing.T) {
	for _, f := range []fault.Fault{
		fault.AdvertsDropped{}, fault.LinkLoss{}, fault.DaemonStopped{}, fault.DaemonKilled{}, fault.WorkerKilled{},
	} {
		for _, phase := range []float64{0, 0.5, 0.99} {
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
	if _, err := NewWorld(DefaultOptions(3), fault.NginxKilled{}, 0, 1); err == nil {
		t.Error("a world without web servers took one's fault")
	}
}
