package scene_test

import (
	"strings"
	"testing"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/scenarios/scene"
)

// seen adds events to what is told.
func seen(more ...history.Event) func(*[]history.Event) {
	return func(all *[]history.Event) { *all = append(*all, more...) }
}

// tenths is an event at a time in tenths of a second.
func tenths(at int, host string, body history.Body) history.Event {
	return history.Event{At: time.Duration(at) * time.Second / 10, Host: host, Body: body}
}

func lostProbe(stream string) history.Event {
	return tenths(120, "client", history.Probe{Stream: stream, Error: "timeout"})
}

func TestJudgeOfWhatIsObserved(t *testing.T) {
	node1, node2 := "02:00:00:00:00:01", "02:00:00:00:00:02"
	entry := func(at int, mac string) history.Event {
		return tenths(at, "client", history.Neighbour{IP: vip, MAC: mac, State: "reachable"})
	}
	announced := func(at int, host, mac string) history.Event {
		return tenths(at, host, history.ARP{Direction: history.FromHost, SenderIP: vip, SenderMAC: mac})
	}
	stale := seen(announced(40, "node1", node1), announced(130, "node2", node2), entry(40, node1), entry(145, node2), entry(180, node1))
	flap := seen(tenths(196, "node3", history.Address{Interface: "eth0", Prefix: vip32, Present: true}),
		tenths(197, "node3", history.Address{Interface: "eth0", Prefix: vip32}))
	opened := history.Connection{Number: 1, Fate: history.FateOpened, By: "node1"}
	lost := history.Connection{Number: 1, Fate: history.FateReset, By: "node1"}
	leaking := func(all *[]history.Event) {
		for i := range 12 {
			*all = append(*all, tenths(10*i, "node1", history.Usage{Name: "vipd", PID: 1, Descriptors: 5 * i, AnonKiB: 100}))
		}
	}
	near := func(all *[]history.Event) {
		(*all)[0].Body = clusterOf((*all)[0].Body.(history.Trial))
		for _, at := range []int{60, 90, 100} {
			*all = append(*all, tenths(at, "node3", history.Advert{Direction: history.ToHost, Priority: 100}))
		}
	}
	zero, ten := 0, 10
	for _, c := range []struct {
		name  string
		scene scene.Scene
		spoil func(*[]history.Event)
		want  string // of the only finding; empty: pass
	}{
		{"datagrams", scene.Scene{Expect: scene.Expect{Lost: &scene.Lost{UDP: &zero}}}, seen(lostProbe(history.StreamUDP)), "1 probes of stream udp were lost"},
		{"connects", scene.Scene{Expect: scene.Expect{Lost: &scene.Lost{TCP: &zero}}}, seen(lostProbe(history.StreamTCP)), "1 probes of stream tcp were lost"},
		{"kept", scene.Scene{Expect: scene.Expect{Lost: &scene.Lost{KeepAlive: &zero}}}, seen(lostProbe(history.StreamKeepAlive)), "1 probes of stream keep-alive were lost"},
		{"few enough", scene.Scene{Expect: scene.Expect{Lost: &scene.Lost{UDP: &ten}}}, seen(lostProbe(history.StreamUDP)), ""},
		{"none was sent", scene.Scene{Expect: scene.Expect{Lost: &scene.Lost{UDP: &ten}}}, nil, "there are no probes of stream udp"},
		{"near", scene.Scene{Expect: scene.Expect{Near: &scene.Count{}}}, near, "there were 1 near failovers"},
		{"near enough", scene.Scene{Expect: scene.Expect{Near: &scene.Count{AtMost: 1}}}, near, ""},
		{"flapping", scene.Scene{Expect: scene.Expect{Dual: &scene.Span{AtMost: duration(time.Second)}, Flapping: &scene.Count{}}}, flap, "no fault explains 1 of 3 changes"},
		{"explained", scene.Scene{Expect: scene.Expect{Flapping: &scene.Count{}}}, nil, ""},
		{"stale", scene.Scene{Expect: scene.Expect{Stale: &scene.Span{AtMost: duration(time.Second)}}}, stale, "the table of client led to node1 instead of node2 for 1.5s"},
		{"not for so long", scene.Scene{Expect: scene.Expect{Stale: &scene.Span{AtMost: duration(2 * time.Second)}}}, stale, ""},
		{"stale at least", scene.Scene{Expect: scene.Expect{Stale: &scene.Span{AtLeast: fault.Duration(2 * time.Second)}}}, stale, "expected is at least 2s"},
		{"nothing watched", scene.Scene{Expect: scene.Expect{Stale: &scene.Span{AtMost: duration(time.Second)}}}, nil, "no table with 10.0.0.200 was watched"},
		{"reset", scene.Scene{Expect: scene.Expect{Reset: &scene.Count{}}}, seen(tenths(60, "client", opened), tenths(131, "client", lost)), "1 of 1 connections were reset"},
		{"survived", scene.Scene{Expect: scene.Expect{Reset: &scene.Count{}}}, seen(tenths(60, "client", opened)), ""},
		{"none opened", scene.Scene{Expect: scene.Expect{Reset: &scene.Count{}}}, nil, "no connection was opened"},
		{"leaks", scene.Scene{Expect: scene.Expect{Leaks: &scene.Leaks{Descriptors: &ten, MemoryKiB: &zero}}}, leaking, "vipd on node1 has 40 more descriptors after 9s"},
		{"leaks by the change", scene.Scene{Expect: scene.Expect{Leaks: &scene.Leaks{Descriptors: &ten, Per: scene.PerChange}}}, leaking, "40 more descriptors for each change of the owner"},
		{"leaks by the hour", scene.Scene{Expect: scene.Expect{Leaks: &scene.Leaks{Descriptors: &ten, Per: scene.PerHour}}}, leaking, "1.6e+04 more descriptors an hour"},
		{"something else leaks", scene.Scene{Expect: scene.Expect{Leaks: &scene.Leaks{Threads: &zero}}}, leaking, ""},
		{"nothing sampled", scene.Scene{Expect: scene.Expect{Leaks: &scene.Leaks{Threads: &zero}}}, nil, "no daemon was looked at"},
	} {
		got := scene.Judge(c.scene, "2.2.7", told(c.spoil))
		if (c.want == "") != (len(got.Findings) == 0) || len(got.Findings) > 1 || c.want != "" && !strings.Contains(got.Findings[0].Text, c.want) {
			t.Errorf("%s: %+v, want %s", c.name, got.Findings, c.want)
		}
	}
}

// clusterOf gives what is told the timers of version 2.
func clusterOf(trial history.Trial) history.Trial {
	trial.Cluster.Version = 2
	return trial
}

func TestProblemsOfLoadAndObserved(t *testing.T) {
	const head = "{summary: s, why: w, schedule: [{fault: link-loss}], "
	for _, c := range []struct{ text, want string }{
		{"load: {udp: 1us}, expect: {}}", "udp 1µs is not from 100µs to 10s"},
		{"load: {keep_alive: 11s}, expect: {}}", "keep_alive 11s is not from 1ms"},
		{"load: {connections: {count: 0}}, expect: {}}", "count 0 is not from 1 to 1000"},
		{"load: {connections: {count: 1, every: 1ms}}, expect: {}}", "every 1ms is not from 10ms"},
		{"load: {conections: {count: 1}}, expect: {}}", `(did you mean "connections"?)`},
		{"expect: {lost: {udp: 1}}}", "the load has no udp"},
		{"expect: {lost: {http: -1}}}", "a number is not negative"},
		{"expect: {reset: {at_most: 1}}}", "the load has no connections"},
		{"expect: {near: {at_most: -1}}}", "a number is not negative"},
		{"expect: {stale: {}}}", "it needs at_most or at_least"},
		{"expect: {leaks: {}}}", "leaks: it needs a bound"},
		{"expect: {leaks: {threads: 1, per: hours}}}", `per "hours" (did you mean "hour"?)`},
		{"expect: {leaks: {threads: 1, per: hour}}}", "an hour needs a length"},
	} {
		_, err := scene.Parse("t", []byte(head+c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.text, err, c.want)
		}
	}
	good := "load: {udp: 2ms, tcp: 20ms, keep_alive: 10ms, connections: {count: 5}}, length: 1m, " +
		"expect: {lost: {udp: 1, http: 2}, reset: {at_most: 5}, stale: {at_most: 1s}, leaks: {descriptors: 0, per: hour}}}"
	if _, err := scene.Parse("t", []byte(head+good)); err != nil {
		t.Error(err)
	}
}
