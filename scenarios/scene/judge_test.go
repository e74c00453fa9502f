package scene_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/scenarios/scene"
)

var (
	vip   = netip.MustParseAddr("10.0.0.200")
	vip32 = netip.PrefixFrom(vip, 32)
)

// told is a history of a failover from node1 to node2 and back: the fault at
// 10 s, node2 at 13 s, undone at 15 s, node1 again at 18 s, the end at 20 s.
func told(spoil func(*[]history.Event)) []history.Event {
	var all []history.Event
	add := func(at time.Duration, host string, body history.Body) {
		all = append(all, history.Event{At: at, Host: host, Body: body})
	}
	has := func(at time.Duration, host string, present bool) {
		add(at, host, history.Address{Interface: "eth0", Prefix: netip.PrefixFrom(vip, 32), Present: present})
	}
	const s = time.Second
	add(0, "", history.Trial{
		Format: 1, Subject: "keepalived", ProbePeriods: map[string]time.Duration{history.StreamICMP: time.Millisecond},
		Cluster: history.Cluster{VIPs: []netip.Addr{vip}, AdvertInterval: s, Nodes: []history.Node{
			{Name: "node1", Priority: 100}, {Name: "node2", Priority: 99}, {Name: "node3", Priority: 98},
		}},
	})
	has(4*s, "node1", true)
	add(10*s, "node1", history.FaultStart{ID: 1, Fault: "link-loss"})
	has(10*s+1, "node1", false)
	has(13*s, "node2", true)
	all = append(all, announced(13*s+time.Millisecond, "node2"), announced(18*s+time.Millisecond, "node1"))
	add(15*s, "node1", history.FaultEnd{ID: 1, Fault: "link-loss"})
	has(18*s, "node1", true)
	has(18*s+time.Millisecond, "node2", false)
	add(12*s, "client", history.Probe{Stream: history.StreamICMP, Error: "timeout"})
	add(19*s+800*time.Millisecond, "client", history.Probe{Stream: history.StreamICMP, RTT: 1, By: "node1"})
	add(20*s, "", history.Phase{Name: history.PhaseDone})
	if spoil != nil {
		spoil(&all)
	}
	for i := range all {
		all[i].ID = i + 1
	}
	return all
}

// announced is a gratuitous ARP for the address.
func announced(at time.Duration, host string) history.Event {
	return history.Event{At: at, Host: host, Body: history.ARP{
		Direction: history.FromHost, Operation: "request", SenderIP: vip, TargetIP: vip, Gratuitous: true,
	}}
}

// took is the address coming to node3, or going.
func took(at time.Duration, present bool) history.Event {
	return history.Event{At: at, Host: "node3", Body: history.Address{Interface: "eth0", Prefix: netip.PrefixFrom(vip, 32), Present: present}}
}

func duration(d time.Duration) *fault.Duration { f := fault.Duration(d); return &f }

func TestJudge(t *testing.T) {
	late := func(all *[]history.Event) {
		*all = append(*all, history.Event{At: 11 * time.Second, Body: history.Canary{DelayMax: 2 * time.Second}})
	}
	afterwards := func(all *[]history.Event) {
		*all = append(*all, history.Event{At: 14 * time.Second, Body: history.Canary{DelayMax: 3 * time.Second}})
	}
	inTurn := func(all *[]history.Event) {
		for i, host := range []string{"node3", "node3"} {
			at := 12*time.Second + 995*time.Millisecond + time.Duration(i)*6*time.Millisecond
			*all = append(*all, history.Event{At: at, Host: host, Body: history.Address{Interface: "eth0", Prefix: netip.PrefixFrom(vip, 32), Present: i == 0}})
		}
	}
	zero := 0
	for _, c := range []struct {
		name   string
		expect scene.Expect
		spoil  func(*[]history.Event)
		want   string // of the only finding; empty: pass
		as     history.Verdict
	}{
		{"nothing", scene.Expect{}, nil, "", history.Pass},
		{"as it was", scene.Expect{
			Failover: &scene.Failover{Within: fault.Duration(3 * time.Second), By: "node2"}, Active: "node1",
			None: &scene.Span{AtMost: duration(3 * time.Second)}, Flaps: &scene.Count{AtMost: 2}, Lost: &scene.Lost{ICMP: new(int)},
			Reversion: &scene.Span{AtMost: duration(4 * time.Second)},
		}, nil, "1 probes of stream icmp were lost", history.Fail},
		{"late", scene.Expect{Failover: &scene.Failover{Within: fault.Duration(2 * time.Second)}}, nil, "node2 took over after 3s", history.Fail},
		{"late on a busy machine", scene.Expect{Failover: &scene.Failover{Within: fault.Duration(2 * time.Second)}}, late, "the machine stood still for 2s", history.Inconclusive},
		{"late on a machine that is busy later", scene.Expect{Failover: &scene.Failover{Within: fault.Duration(2 * time.Second)}}, afterwards, "node2 took over after 3s", history.Fail},
		{"none on a machine that is busy later", scene.Expect{None: &scene.Span{AtMost: duration(time.Second)}}, afterwards, "nobody had 10.0.0.200 for 3s", history.Fail},
		{"none on a busy machine", scene.Expect{None: &scene.Span{AtMost: duration(time.Second)}}, late, "the machine stood still for 2s", history.Inconclusive},
		{"another", scene.Expect{Failover: &scene.Failover{By: "node3"}}, nil, "node2 took over, expected is node3", history.Fail},
		{"another on a busy machine", scene.Expect{Failover: &scene.Failover{By: "node3"}}, late, "expected is node3; the machine stood still", history.Inconclusive},
		{"nobody", scene.Expect{Failover: &scene.Failover{By: scene.Nobody}}, nil, "expected is nobody", history.Fail},
		{"none", scene.Expect{None: &scene.Span{AtMost: duration(time.Second)}}, nil, "nobody had 10.0.0.200 for 3s", history.Fail},
		{"dual at least", scene.Expect{Dual: &scene.Span{AtLeast: fault.Duration(time.Second)}}, nil, "at least 1s", history.Fail},
		{"flaps", scene.Expect{Flaps: &scene.Count{AtMost: 1}}, nil, "2 times", history.Fail},
		{"in turn", scene.Expect{Flaps: &scene.Count{AtMost: 2}}, inTurn, "nodes took 10.0.0.200 3 times", history.Fail},
		{"in turn on a busy machine", scene.Expect{Flaps: &scene.Count{AtMost: 2}}, func(all *[]history.Event) {
			inTurn(all)
			*all = append(*all, history.Event{At: 12 * time.Second, Body: history.Canary{DelayMax: 9 * time.Millisecond}})
		}, "3 times, expected is at most 2; the machine stood still for 9ms", history.Inconclusive},
		{"too often on a machine that is little busy", scene.Expect{Flaps: &scene.Count{AtMost: 1}}, func(all *[]history.Event) {
			*all = append(*all, history.Event{At: 12 * time.Second, Body: history.Canary{DelayMax: 9 * time.Millisecond}})
		}, "2 times", history.Fail},
		{"reversion", scene.Expect{Reversion: &scene.Span{AtMost: duration(time.Second)}}, nil, "had it after 3.001s", history.Fail},
		{"active", scene.Expect{Active: "node2"}, nil, "in the end node1 has", history.Fail},
		{"lost", scene.Expect{Lost: &scene.Lost{ICMP: &zero}}, nil, "were lost", history.Fail},
		{"two in the end", scene.Expect{Dual: &scene.Span{AtMost: duration(time.Minute)}}, func(all *[]history.Event) {
			at := 18*time.Second + 2*time.Millisecond
			*all = append(*all, took(at, true), announced(at, "node3"))
		}, "in the end 2 nodes have", history.Fail},
		{"dual", scene.Expect{}, func(all *[]history.Event) {
			*all = append(*all, took(14*time.Second, true), announced(14*time.Second, "node3"), took(15*time.Second, false))
		}, "two nodes had 10.0.0.200 for 1s", history.Fail},
		{"stale", scene.Expect{}, func(all *[]history.Event) {
			*all = append(*all, history.Event{At: 19*time.Second + 900*time.Millisecond, Body: history.Probe{Stream: history.StreamICMP, RTT: 1, By: "node2"}})
		}, "neighbour entry leads to node2", history.Fail},
		{"cut short", scene.Expect{}, func(all *[]history.Event) { *all = (*all)[:5] }, "not carried out to its end", history.Inconclusive},
	} {
		got := scene.Judge(scene.Scene{Expect: c.expect}, "2.2.7", told(c.spoil))
		if got.Verdict != c.as || (c.want == "") != (len(got.Findings) == 0) || len(got.Findings) > 1 ||
			c.want != "" && !strings.Contains(got.Findings[0].Text, c.want) {
			t.Errorf("%s: %+v, want %s: %s", c.name, got, c.as, c.want)
		}
	}
}

func TestKnown(t *testing.T) {
	s := scene.Scene{
		Expect: scene.Expect{None: &scene.Span{AtMost: duration(time.Second)}},
		Known:  []scene.Known{{Subject: "keepalived", Version: "2.2", Expectation: "none", Reason: "it waits"}},
	}
	if got := scene.Judge(s, "2.2.7", told(nil)); got.Verdict != history.Pass || len(got.Skipped) != 1 || !strings.HasPrefix(got.Skipped[0].Reason, "known: ") {
		t.Errorf("%+v", got)
	}
	if got := scene.Judge(s, "2.4.0", told(nil)); got.Verdict != history.Fail {
		t.Errorf("%+v", got)
	}
	s.Expect.None = nil
	if got := scene.Judge(s, "2.2.7", told(nil)); got.Verdict != history.Pass || !strings.HasPrefix(got.Skipped[0].Reason, "holds, though") {
		t.Errorf("%+v", got)
	}
}

// TestJudgeOfAMissedPhase: a fault that was due right before an advertisement,
// and came after it, leaves the Backups an interval more.
func TestJudgeOfAMissedPhase(t *testing.T) {
	phase := fault.Ratio(0.9)
	s := scene.Scene{
		Schedule: []scene.Step{{Phase: &phase}},
		Expect:   scene.Expect{Failover: &scene.Failover{Within: fault.Duration(2500 * time.Millisecond)}},
	}
	for _, c := range []struct {
		name  string
		phase time.Duration
		still time.Duration
		want  history.Verdict
	}{
		{"in its place", 900 * time.Millisecond, 120 * time.Millisecond, history.Fail},
		{"after the advertisement", 10 * time.Millisecond, 120 * time.Millisecond, history.Inconclusive},
		{"after the advertisement, without a reason", 10 * time.Millisecond, 0, history.Fail},
	} {
		got := scene.Judge(s, "2.2.7", told(func(all *[]history.Event) {
			for n, e := range *all {
				if start, is := e.Body.(history.FaultStart); is {
					start.Phase = c.phase
					(*all)[n].Body = start
				}
			}
			*all = append(*all, history.Event{At: 9900 * time.Millisecond, Body: history.Canary{DelayMax: c.still}})
		}))
		if got.Verdict != c.want {
			t.Errorf("%s: %+v, want %s", c.name, got, c.want)
		}
	}
}

// TestJudgeOfTheWrongStart: where nobody preempts, another may have the address
// before the fault, if the machine stood still at the start.
func TestJudgeOfTheWrongStart(t *testing.T) {
	s := scene.Scene{Expect: scene.Expect{Failover: &scene.Failover{By: "node2"}}}
	for still, want := range map[time.Duration]history.Verdict{0: history.Fail, time.Second: history.Inconclusive} {
		got := scene.Judge(s, "2.2.7", told(func(all *[]history.Event) {
			for n, e := range *all {
				if _, is := e.Body.(history.Address); is {
					(*all)[n].Body = history.Note{Text: "no address"}
				}
				if probe, is := e.Body.(history.Probe); is {
					probe.By = "node2"
					(*all)[n].Body = probe
				}
			}
			*all = append(*all, history.Event{At: 4 * time.Second, Host: "node2", Body: history.Address{Interface: "eth0", Prefix: vip32, Present: true}},
				announced(4*time.Second+time.Millisecond, "node2"), history.Event{At: 3 * time.Second, Body: history.Canary{DelayMax: still}})
		}))
		if len(got.Findings) == 0 || got.Findings[0].Verdict != want || !strings.HasPrefix(got.Findings[0].Text, "nobody took over from node2") {
			t.Errorf("stood still for %s: %+v, want %s", still, got, want)
		}
	}
}
