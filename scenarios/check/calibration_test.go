package check

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/history"
)

const (
	ms = time.Millisecond
	us = time.Microsecond
)

var calibrated = netip.MustParseAddr("10.0.0.200")

// instrument says how far what is measured is from the truth.
type instrument struct {
	address  time.Duration // how late the hosts' addresses are seen
	announce time.Duration // how late announcements are
	deaf     bool          // announcements are not seen
	lost     int           // so many echo requests too many
	canary   time.Duration
}

// puppetry is the history of some cycles, each of 300 ms, in which every deed
// takes 10 us.
func puppetry(cycles int, of instrument) []history.Event {
	const took = 10 * us
	var events []history.Event
	add := func(at time.Duration, host string, body history.Body) {
		events = append(events, history.Event{ID: len(events) + 1, At: at, Host: host, Body: body})
	}
	node := func(name, address string, priority int) history.Node {
		return history.Node{Name: name, Address: netip.MustParseAddr(address), Priority: priority}
	}
	nodes := []history.Node{node("node1", "10.0.0.101", 100), node("node2", "10.0.0.102", 99)}
	add(0, "", history.Trial{
		Format:       history.Format,
		Cluster:      history.Cluster{VIPs: []netip.Addr{calibrated}, VRID: 51, Version: 2, AdvertInterval: time.Second, Nodes: nodes},
		ProbePeriods: map[string]time.Duration{history.StreamICMP: ms, history.StreamOwners: 10 * ms},
	})
	has := func(at time.Duration, host string, present bool) {
		add(at, host, history.Address{Interface: "eth0", Prefix: netip.PrefixFrom(calibrated, 32), Present: present})
	}
	has(100*ms, "node1", true)
	for at := 50 * ms; at < time.Second+time.Duration(cycles)*300*ms; at += 100 * ms {
		add(at, "", history.Canary{DelayMax: of.canary})
	}
	for cycle := 1; cycle <= cycles; cycle++ {
		start := 500*ms + time.Duration(cycle)*300*ms
		old, next := nodes[(cycle+1)%2], nodes[cycle%2]
		did := func(after time.Duration, host string, deed history.Deed) time.Duration {
			add(start+after, host, history.Truth{Cycle: cycle, Deed: deed, Took: took})
			return start + after
		}
		has(did(0, old.Name, history.DeedRemoved)+of.address, old.Name, false)
		add(did(20*ms, next.Name, history.DeedAdvertised)-took/2, next.Name, history.Advert{
			Direction: history.FromHost, Version: 2, VRID: 51, Priority: next.Priority, Interval: time.Second, Source: next.Address,
		})
		has(did(22*ms, next.Name, history.DeedAdded)+of.address, next.Name, true)
		announced := did(50*ms, next.Name, history.DeedAnnounced)
		if !of.deaf {
			add(announced+of.announce, next.Name, history.ARP{Direction: history.FromHost, SenderIP: calibrated, TargetIP: calibrated, Gratuitous: true})
		}
		has(did(100*ms, old.Name, history.DeedAddedAgain)+of.address, old.Name, true)
		has(did(140*ms, old.Name, history.DeedRemovedAgain)+of.address, old.Name, false)
		for n := range 100 {
			probe := history.Probe{Stream: history.StreamICMP, Seq: n}
			if n >= 50+of.lost {
				probe.RTT, probe.By = 200*us, next.Name
			}
			add(start+time.Duration(n)*ms+300*us, "client", probe)
		}
		for n := range 20 {
			asked := history.Owners{Seq: n, VIP: calibrated.String(), Answers: []string{next.Name}}
			if n >= 10 && n < 14 {
				asked.Answers = []string{"node1", "node2"}
			}
			add(start+time.Duration(n)*10*ms+ms, "", asked)
		}
	}
	return events
}

func TestCalibrate(t *testing.T) {
	for name, test := range map[string]struct {
		of      instrument
		verdict history.Verdict
		reason  string
		measure string
		p99     time.Duration
	}{
		"right":                   {instrument{}, history.Pass, "within 300µs", "announcement, on the wire", 0},
		"late by what is right":   {instrument{address: 290 * us}, history.Pass, "within 300µs", "VIP added, in the host", 290 * us},
		"addresses late":          {instrument{address: 400 * us}, history.Fail, "VIP removed, in the host: 400µs", "VIP removed, in the host", 400 * us},
		"but not what is spans":   {instrument{address: 400 * us}, history.Fail, "", "time without an owner", 0},
		"announcements late":      {instrument{announce: 2 * ms}, history.Fail, "announcement, on the wire: 2ms", "VIP added to announcement", 1990 * us},
		"announcements early":     {instrument{announce: -ms}, history.Fail, "announcement, on the wire: 990µs", "announcement, on the wire", 990 * us},
		"no announcement":         {instrument{deaf: true}, history.Fail, "nothing was measured in 30 of 30 cycles", "announcement, on the wire", 0},
		"more lost than were":     {instrument{lost: 3}, history.Fail, "first answer", "echo requests lost x period", 1990 * us},
		"the machine stood still": {instrument{address: time.Millisecond, canary: ms}, history.Inconclusive, "in 30 of 30 cycles", "VIP removed, in the host", 0},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Calibrate(puppetry(30, test.of))
			if err != nil {
				t.Fatal(err)
			}
			if c.Verdict != test.verdict || !strings.Contains(c.Reason, test.reason) {
				t.Errorf("%s: %s", c.Verdict, c.Reason)
			}
			for _, m := range c.Measures {
				if m.Name == test.measure && m.P99 != test.p99 {
					t.Errorf("%s: %s, want %s", m.Name, m.P99, test.p99)
				}
			}
			if len(c.Measures) != 10 || c.Cycles != 30 {
				t.Errorf("%d measures of %d cycles", len(c.Measures), c.Cycles)
			}
		})
	}
}

func TestCalibrateNeedsAPuppet(t *testing.T) {
	if _, err := Calibrate(puppetry(0, instrument{})); !errors.Is(err, ErrNoTruth) {
		t.Error(err)
	}
	if _, err := Calibrate(nil); !errors.Is(err, history.ErrNoTrial) {
		t.Error(err)
	}
}
