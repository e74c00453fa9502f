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

// tell has the log of node2 tell that it started as Backup; the ideal trial's
// logs tell nothing.
func tell(events []history.Event) []history.Event {
	last := slices.MaxFunc(events, func(a, b history.Event) int { return a.ID - b.ID })
	return append(events, history.Event{
		ID: last.ID + 1, At: time.Millisecond, Host: "node2", Body: history.Transition{To: "Backup"},
	})
}

// rush has node2 advertise just after node1 did, before the fault.
func rush(events []history.Event) []history.Event {
	events = tell(events)
	of := historytest.FaultAt(events) - 3*time.Second
	i := slices.IndexFunc(events, func(e history.Event) bool {
		a, ok := e.Body.(history.Advert)
		return ok && e.Host == "node1" && a.Direction == history.FromHost && e.At > of
	})
	early := events[i]
	node2 := history.Select[history.Trial](events)[0].Body.Cluster.Node("node2")
	body := early.Body.(history.Advert)
	body.Source, body.Priority = node2.Address, node2.Priority
	early.ID, early.At, early.Host, early.Body = len(events)+1, early.At+300*time.Millisecond, "node2", body
	return append(events, early)
}

func conductSpoiled() []spoiled {
	return []spoiled{
		{
			name: "a Backup that advertises", fault: "daemon-killed", spoil: rush,
			verdict: history.Fail, check: check.Conduct, text: "node2 took over", proof: true,
		}, {
			name: "a Backup that advertises on a machine that stood still", fault: "daemon-killed",
			spoil: func(events []history.Event) []history.Event {
				done := false
				return historytest.Change(rush(events), func(e history.Event, body history.Canary) history.Canary {
					if !done && e.At > 2*time.Second { // far from what the others judge
						done, body.DelayMax = true, 60*time.Millisecond
					}
					return body
				})
			},
			verdict: history.Inconclusive, check: check.Conduct, text: "stood still for 60.0 ms", proof: true,
		},
	}
}

func TestConductOfTheIdealTrial(t *testing.T) {
	for _, fault := range historytest.Faults() {
		got := check.Judge(tell(play(fault)))
		if got.Verdict != history.Pass {
			t.Errorf("%s: %v", fault, got.Findings)
		}
	}
}

// TestConductIsSkippedByName: where the history cannot tell what a node should
// do nothing is found, and the judgement says why.
func TestConductIsSkippedByName(t *testing.T) {
	cluster := func(change func(*history.Cluster)) func([]history.Event) []history.Event {
		return func(events []history.Event) []history.Event {
			return historytest.Change(events, func(_ history.Event, body history.Trial) history.Trial {
				body.Cluster.Nodes = slices.Clone(body.Cluster.Nodes)
				change(&body.Cluster)
				return body
			})
		}
	}
	adverts := func(change func(*history.Advert)) func([]history.Event) []history.Event {
		return func(events []history.Event) []history.Event {
			return historytest.Change(events, func(e history.Event, body history.Advert) history.Advert {
				if e.Host == "node2" && body.Direction == history.FromHost {
					change(&body)
				}
				return body
			})
		}
	}
	for why, spoil := range map[string]func([]history.Event) []history.Event{
		"node2: its timers or its priority follow preempt_delay": cluster(func(c *history.Cluster) {
			c.Nodes[1].Options = []string{"preempt_delay"}
		}),
		"the check script changes priorities": cluster(func(c *history.Cluster) {
			c.Check = &history.CheckScript{Interval: time.Second, Timeout: time.Second, Fall: 1, Rise: 1, Weight: -5}
		}),
		"an interval of 10.0 ms is too short": cluster(func(c *history.Cluster) { c.AdvertInterval = 10 * time.Millisecond }),
		"node2: it changes its priority, from 99 to 79": adverts(func(a *history.Advert) {
			a.Priority = 79
		}),
		"node2: its advertisements are not understood: TTL 1": adverts(func(a *history.Advert) { a.Problem = "TTL 1" }),
		"node3: its daemon's log tells of no transition":      func(events []history.Event) []history.Event { return events },
	} {
		got := check.Judge(spoil(rush(play("daemon-killed"))))
		if !slices.ContainsFunc(got.Skipped, func(s history.Skip) bool {
			return s.Check == check.Conduct && strings.HasPrefix(s.Reason, why)
		}) {
			t.Errorf("%s: not among what was skipped: %v", why, got.Skipped)
		}
		for _, f := range got.Findings {
			if f.Check == check.Conduct && !strings.HasPrefix(why, "node3") {
				t.Errorf("%s: judged all the same: %v", why, f)
			}
		}
	}
}
