package main

import (
	"bufio"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"takeover/daemon/control"
)

var printed = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// toPrint is a status with something of everything.
func toPrint() control.Status {
	at := func(d time.Duration) time.Time { return printed.Add(-d) }
	return control.Status{
		Program: "vipd 1.0 linux/amd64", PID: 10, StartedAt: at(50 * time.Hour), Restarts: 1,
		Configuration: "/etc/keepalived/keepalived.conf", LoadedAt: at(3 * time.Minute), Warnings: 2,
		Guardian: control.Guardian{PID: 11}, LogLost: 3,
		Groups:   []control.Group{{Name: "G", State: "Active", Members: []string{"VI_1", "VI_2"}}},
		Sessions: []control.Session{{Name: "peer", Since: at(time.Second), Reason: "detection time expired"}},
		Trackers: []control.Tracker{{Name: "script s", State: "up", Since: at(3 * time.Hour), Detail: "exited with status 0"}},
		Instances: []control.Instance{
			{
				Name: "VI_1", State: "Active", Since: at(90 * time.Minute), Priority: 140, ConfiguredPriority: 150,
				Interface: "eth0", VRID: 51, Active: &control.Active{Self: true},
				Addresses: []control.Address{{Prefix: netip.MustParsePrefix("10.0.0.100/24"), Set: true}},
				Refused:   map[string]uint64{"wrong TTL": 2, `a "b"`: 1},
			},
			{
				Name: "VI_2", State: "Backup", Since: at(1500 * time.Millisecond), Priority: 100, ConfiguredPriority: 100,
				Interface: "eth1", VRID: 52, Active: &control.Active{Address: netip.MustParseAddr("10.0.0.2"), Priority: 200},
				Addresses: make([]control.Address, 3),
			},
			{Name: "VI_3", State: "Initialize", Since: at(0), Interface: "eth2", VRID: 53, Fault: "interface eth2 down"},
		},
	}
}

func TestStatusForAPerson(t *testing.T) {
	var b strings.Builder
	printStatus(&b, toPrint(), printed)
	const want = `vipd 1.0 linux/amd64, process 10, up 2d2h, started anew 1 times
/etc/keepalived/keepalived.conf, loaded 3m0s ago with 2 warnings
guardian 11
3 lines of the log lost

INSTANCE  STATE       FOR    PRIORITY    ACTIVE          ADDRESSES      INTERFACE  VRID
VI_1      Active      1h30m  140 of 150  itself          10.0.0.100/24  eth0       51
VI_2      Backup      1.5s   100         10.0.0.2 (200)  0 of 3         eth1       52
VI_3      Initialize  0s     0           -               0 of 0         eth2       53
VI_3: interface eth2 down

GROUP  STATE   MEMBERS
G      Active  VI_1, VI_2

TRACKER   STATE  FOR   DETAIL
script s  up     3h0m  exited with status 0

BFD SESSION  STATE  FOR  REASON
peer         down   1s   detection time expired
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestEventsForAPerson(t *testing.T) {
	for want, e := range map[string]control.Event{
		"2026-03-01 12:00:00.000 state VI on eth0 Backup -> Active: Active_Down_Timer expired": {
			Time: printed, Kind: control.KindState, Instance: "VI", Interface: "eth0", From: "Backup", To: "Active",
			Reason: "Active_Down_Timer expired",
		},
		"2026-03-01 12:00:00.000 address VI 10.0.0.1/32 on eth0 set": {
			Time: printed, Kind: control.KindAddress, Instance: "VI", Name: "10.0.0.1/32", Interface: "eth0", To: "set",
		},
		"2026-03-01 12:00:00.000 lost (7)": {Time: printed, Kind: control.KindLost, Count: 7},
	} {
		if got := eventLine(e); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestMetricsAreExposed(t *testing.T) {
	var b strings.Builder
	status := toPrint()
	if err := writeMetrics(&b, &status); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"# TYPE vipd_up gauge\nvipd_up 1\n",
		`vipd_instance_state{instance="VI_1",interface="eth0",vrid="51",state="Active"} 1` + "\n",
		`vipd_instance_state{instance="VI_1",interface="eth0",vrid="51",state="Backup"} 0` + "\n",
		`vipd_instance_advertisements_refused_total{instance="VI_1",interface="eth0",vrid="51",reason="a \"b\""} 1` + "\n",
		"# TYPE vipd_log_lines_lost_total counter\nvipd_log_lines_lost_total 3\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, &b)
		}
	}
	families := make(map[string]bool)
	for line := range strings.Lines(b.String()) {
		if name, is := strings.CutPrefix(line, "# TYPE "); is {
			if families[name] {
				t.Errorf("twice: %s", name)
			}
			families[name] = true
		}
	}
	b.Reset()
	if err := writeMetrics(&b, nil); err != nil || !strings.HasSuffix(b.String(), "vipd_up 0\n") {
		t.Errorf("without a daemon: %v\n%s", err, &b)
	}
}

func TestRequestsForMetrics(t *testing.T) {
	for _, one := range []struct {
		request, path string
		is            error
	}{
		{"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "/metrics", nil},
		{"GET /metrics?a=b HTTP/1.0\r\n\r\n", "/metrics", nil},
		{"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "", errMethod},
	} {
		path, err := readRequest(bufio.NewReader(strings.NewReader(one.request)))
		if path != one.path || !errors.Is(err, one.is) {
			t.Errorf("%q: %q, error %v", one.request, path, err)
		}
	}
	for _, request := range []string{"", "GET\r\n\r\n", "GET / HTTP/1.1\r\nHost", "\x16\x03\x01"} {
		if _, err := readRequest(bufio.NewReader(strings.NewReader(request))); err == nil {
			t.Errorf("%q is a request", request)
		}
	}
}

// FuzzReadRequest feeds what anybody on the host may send.
func FuzzReadRequest(f *testing.F) {
	f.Add("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		path, err := readRequest(bufio.NewReader(strings.NewReader(text)))
		if err == nil && strings.ContainsAny(path, " ?\n") {
			t.Errorf("path %q", path)
		}
	})
}
