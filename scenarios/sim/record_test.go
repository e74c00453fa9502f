package sim

import (
	"bytes"
	"testing"

	"takeover/daemon/vrrp"
	"takeover/scenarios/check/conduct"
	"takeover/scenarios/history"
)

// clockless draws the schedule of a seed without faults of clocks, of which a
// history says nothing.
func clockless(seed uint64) *Schedule {
	s := everything().Schedule(seed)
	for i := range s.Faults {
		if s.Faults[i].Kind == Clock {
			s.Faults[i].Kind = Pause
		}
	}
	return s
}

func TestHistoryIsJudgedAsTheRunWas(t *testing.T) {
	broken := 0
	for name, build := range map[string]builder{
		"real": realMachine,
		"ignores higher priorities": hears(func(p *vrrp.Parameters, a *vrrp.Advertisement) bool {
			return a.Priority <= p.Priority
		}),
		"ignores priority 0": hears(func(_ *vrrp.Parameters, a *vrrp.Advertisement) bool { return a.Priority != 0 }),
		"short down timer":   parametersOf(func(p *vrrp.Parameters) { p.DownTimerAdverts = 2 }),
		"ends in silence":    speaks(func(a vrrp.Action, _ []vrrp.Action) bool { return isAdvert(a, true) }),
	} {
		for seed := range uint64(200) {
			s := clockless(seed)
			log := history.NewLog(nil)
			c, err := newCluster(s, log, build)
			if err != nil {
				t.Fatal(err)
			}
			online := c.Finish().Finding
			replayed := conduct.Replay(log.Events(), s.Options.history(), s.Options.limits())
			if online != nil && online.Rule == conduct.RuleLive {
				continue // not judged from a history
			}
			if online != nil {
				broken++
			}
			if (online == nil) != (replayed == nil) || online != nil && *online != *replayed {
				t.Fatalf("%s, seed %d: online %v, replayed %v\n%s", name, seed, online, replayed, s)
			}
		}
	}
	if broken < 300 {
		t.Errorf("only %d runs broke a rule", broken)
	}
}

// TestSameScheduleRunsTheSame wants every event of two runs to be the same,
// also when the codec stands between.
func TestSameScheduleRunsTheSame(t *testing.T) {
	for seed := range uint64(100) {
		var histories [3]bytes.Buffer
		for i := range histories {
			s := everything().Schedule(seed)
			s.Options.Codec = i == 2
			log := history.NewLog(&histories[i])
			c, err := NewCluster(s, log)
			if err != nil {
				t.Fatal(err)
			}
			c.Finish()
			if err := log.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range histories[1:] {
			if !bytes.Equal(histories[0].Bytes(), histories[i+1].Bytes()) {
				t.Fatalf("seed %d: run %d went another way", seed, i+2)
			}
		}
	}
}
