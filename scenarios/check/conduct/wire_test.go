package conduct_test

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"takeover/scenarios/check/conduct"
	"takeover/scenarios/history"
)

// tape is what is captured of a and b.
type tape struct {
	events  []history.Event
	deaf    bool // what is sent reaches nobody
	unicast bool
}

var wired = history.Cluster{
	Version: 2, VRID: 51, AdvertInterval: time.Second, Nodes: []history.Node{
		{Name: "a", Address: netip.MustParseAddr("10.0.0.1"), Priority: 100, Preempt: true, Subject: "vipd"},
		{Name: "b", Address: netip.MustParseAddr("10.0.0.2"), Priority: 99, Preempt: true, Subject: "vipd"},
	},
}

func (t *tape) add(at time.Duration, router int, body history.Body) {
	t.events = append(t.events, history.Event{ID: len(t.events) + 1, At: at, Host: wired.Nodes[router].Name, Body: body})
}

// says has a router advertise.
func (t *tape) says(at time.Duration, router, priority int) {
	body := history.Advert{
		Direction: history.FromHost, Version: 2, VRID: 51, Priority: priority, Interval: time.Second,
		Source: wired.Nodes[router].Address,
	}
	if t.unicast {
		body.Destination = wired.Nodes[1-router].Address
	}
	t.add(at, router, body)
	if body.Direction = history.ToHost; !t.deaf {
		t.add(at+travel, 1-router, body)
	}
}

// advertises has it do so each second in a stretch of time.
func (t *tape) advertises(from, until time.Duration, router int) {
	for at := from; at < until; at += time.Second {
		t.says(at, router, wired.Nodes[router].Priority)
	}
}

func (t *tape) starts(router int) {
	t.add(0, router, history.ProcessStart{Name: "vipd"})
	t.add(0, router, history.Transition{To: "Backup"})
}

// active has both start, and a become Active and advertise until then.
func (t *tape) active(until time.Duration) {
	t.starts(a)
	t.starts(b)
	t.advertises(downA, until, a)
}

// suffers is a fault of a router, that may end.
func (t *tape) suffers(until time.Duration, router int, kind string) {
	t.add(fault, router, history.FaultStart{Fault: kind})
	if until > 0 {
		t.add(until, router, history.FaultEnd{Fault: kind, Took: travel})
	}
}

// last is when a advertised for the last time before fault.
const (
	last  = downA + 7*time.Second
	fault = last + 500*time.Millisecond
)

var onTheWire = map[string]struct {
	play func(*tape)
	want []conduct.Rule
}{
	"undisturbed": {play: func(t *tape) { t.active(20 * time.Second) }},
	"early": {want: []conduct.Rule{conduct.RuleEarly}, play: func(t *tape) {
		t.active(fault)
		t.says(fault, b, 99)
		t.advertises(last+time.Second, 20*time.Second, a)
	}},
	"killed": {play: func(t *tape) {
		t.active(fault)
		t.suffers(0, a, "daemon-killed")
		t.advertises(last+travel+downB+40*time.Millisecond, 20*time.Second, b)
	}},
	"late": {want: []conduct.Rule{conduct.RuleLate}, play: func(t *tape) {
		t.active(fault)
		t.suffers(0, a, "daemon-killed")
		t.advertises(last+travel+downB+60*time.Millisecond, 20*time.Second, b)
	}},
	"nobody takes over": {want: []conduct.Rule{conduct.RuleLate}, play: func(t *tape) {
		t.active(fault)
		t.suffers(20*time.Second, a, "daemon-killed")
	}},
	"silent": {want: []conduct.Rule{conduct.RuleAdvert}, play: func(t *tape) {
		t.active(fault)
		t.advertises(last+2*time.Second, 20*time.Second, a)
	}},
	"a partition and its end": {play: func(t *tape) { parted(t, 40*time.Millisecond) }},
	"stays Active":            {want: []conduct.Rule{conduct.RuleYield}, play: func(t *tape) { parted(t, 60*time.Millisecond) }},
	"heard it too late to stay quiet": {play: func(t *tape) {
		t.starts(a)
		t.starts(b)
		t.says(downB, a, 100)
		t.says(downB+3*travel, b, 99)
		t.advertises(downB+time.Second, 20*time.Second, a)
	}},
	"told late that it is Backup": {play: func(t *tape) {
		t.add(0, a, history.ProcessStart{Name: "vipd"})
		t.add(400*time.Millisecond, a, history.Transition{To: "Backup"})
		t.advertises(downA, 20*time.Second, a)
	}},
	"Active before its process can be": {want: []conduct.Rule{conduct.RuleEarly}, play: func(t *tape) {
		t.add(400*time.Millisecond, a, history.ProcessStart{Name: "vipd"})
		t.add(400*time.Millisecond, a, history.Transition{To: "Backup"})
		t.advertises(downA, 20*time.Second, a)
	}},
	"a pause of the Active": {play: func(t *tape) {
		t.active(fault)
		t.suffers(fault+8*time.Second, a, "daemon-paused")
		t.advertises(last+travel+downB, fault+8*time.Second, b)
		t.advertises(fault+8*time.Second, 30*time.Second, a)
	}},
	"a pause of the Backup": {play: func(t *tape) {
		t.active(fault)
		t.suffers(fault+8*time.Second, b, "daemon-paused")
		t.advertises(last+time.Second, 30*time.Second, a)
	}},
	"forgets what waited": {want: []conduct.Rule{conduct.RuleEarly}, play: func(t *tape) {
		t.active(fault)
		t.suffers(fault+8*time.Second, b, "daemon-paused")
		t.advertises(last+time.Second, 30*time.Second, a)
		t.says(fault+8*time.Second+100*travel, b, 99)
	}},
	"heard late, for a peer's address had to be resolved": {play: func(t *tape) { resolved(t, true, time.Second) }},
	"Active by nobody's word":                             {want: []conduct.Rule{conduct.RuleLate}, play: func(t *tape) { resolved(t, false, time.Second) }},
	"never heard":                                         {want: []conduct.Rule{conduct.RuleAdvert}, play: func(t *tape) { resolved(t, true, 4*time.Second) }},
	"ends with priority 0":                                {play: func(t *tape) { stopped(t, true, 157*time.Second/256) }},
	"ends without":                                        {want: []conduct.Rule{conduct.RuleAdvert}, play: func(t *tape) { stopped(t, false, downB-500*time.Millisecond) }},
	"ignores priority 0":                                  {want: []conduct.Rule{conduct.RuleLate}, play: func(t *tape) { stopped(t, true, downB) }},
	"a fault that nobody knows here": {play: func(t *tape) {
		t.active(fault)
		t.suffers(0, a, "interface-removed")
		t.suffers(0, b, "interface-removed")
		t.says(fault+time.Second, b, 99)
	}},
	"an advertisement of a stranger": {play: func(t *tape) {
		t.active(fault)
		t.add(fault, b, history.Advert{Direction: history.ToHost, VRID: 51, Source: netip.MustParseAddr("10.0.0.9")})
		t.says(fault+time.Second, b, 99)
		t.advertises(last+time.Second, 20*time.Second, a)
	}},
	"an advertisement for another peer": {want: []conduct.Rule{conduct.RuleEarly}, play: func(t *tape) {
		t.active(fault)
		t.add(fault, b, history.Advert{
			Direction: history.ToHost, VRID: 51, Source: wired.Nodes[a].Address, Destination: netip.MustParseAddr("10.0.0.9"),
		})
		t.says(fault+time.Second, b, 99)
		t.advertises(last+time.Second, 20*time.Second, a)
	}},
}

// parted has a and b not hear each other for a while; b says it once more, so
// long after it hears of a again.
func parted(t *tape, late time.Duration) {
	t.active(fault)
	t.deaf = true
	t.advertises(last+time.Second, last+9*time.Second, a)
	t.advertises(last+travel+downB, last+9*time.Second, b)
	t.deaf = false
	t.says(last+9*time.Second+travel+late, b, 99)
	t.advertises(last+9*time.Second, 30*time.Second, a)
}

// resolved has a unicast cluster lose a, and b become Active in time and heard
// so long afterwards; its log may tell of it.
func resolved(t *tape, told bool, late time.Duration) {
	t.unicast = true
	t.active(fault)
	t.suffers(0, a, "daemon-killed")
	if told {
		t.add(last+travel+downB, b, history.Transition{To: "Active"})
	}
	t.advertises(last+travel+downB+late, 20*time.Second, b)
}

// stopped has a end in order, and b take over so long afterwards.
func stopped(t *tape, goodbye bool, after time.Duration) {
	t.active(fault)
	t.suffers(0, a, "daemon-stopped")
	if goodbye {
		t.says(fault+travel, a, 0)
	}
	t.add(fault+2*travel, a, history.ProcessExit{Name: "vipd"})
	t.advertises(fault+2*travel+after, 20*time.Second, b)
}

func TestWire(t *testing.T) {
	for name, c := range onTheWire {
		t.Run(name, func(t *testing.T) {
			var recorded tape
			c.play(&recorded)
			var got []conduct.Rule
			for _, f := range conduct.Wire(recorded.events, wired, conduct.Limits{Grain: 50 * time.Millisecond, Guardian: -1}, nil) {
				got = append(got, f.Rule)
				if f.Host == "" || f.Event == 0 && f.Rule != conduct.RuleLate {
					t.Errorf("%s names no router, or no event", f)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
