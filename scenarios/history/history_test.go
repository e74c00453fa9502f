package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// everyKind is one event of every kind with every field set.
func everyKind() []Event {
	vip := netip.MustParseAddr("10.0.0.200")
	bodies := []Body{
		Trial{
			Format: 1, Scenario: "failover", Fault: "link-loss", Subject: "vipd", Run: 3, Seed: 1 << 63,
			Started: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC),
			Cluster: Cluster{
				Version: 2, VRID: 51, VIPs: []netip.Addr{vip}, AdvertInterval: time.Second,
				Nodes:     []Node{{Name: "node1", Address: vip, MAC: "02:00:00:00:00:01", Priority: 100, Preempt: true, Subject: "vipd", LinkLocal: netip.MustParseAddr("fe80::1"), Options: []string{"preempt_delay"}}},
				Client:    Peer{Name: "client", Address: vip, MAC: "02:00:00:00:00:02"},
				Check:     &CheckScript{Interval: 1, Timeout: 2, Fall: 3, Rise: 4, Weight: -5},
				WebServer: "nginx",
			},
			ProbePeriods: map[string]time.Duration{StreamICMP: time.Millisecond},
			Expect:       Expectation{Detection: DetectSilence, TwoOwners: true, TwoOwnersReason: "why"},
		},
		Phase{Name: PhaseSettled},
		FaultArmed{ID: 1, Fault: "link-loss", Undo: "port up"},
		FaultStart{ID: 1, Fault: "link-loss", Undo: "port up", Phase: 1, Took: 2},
		FaultEnd{ID: 1, Fault: "link-loss", Took: 3},
		Advert{
			Direction: ToHost, Version: 2, VRID: 51, Priority: 99, Interval: time.Second, Source: vip,
			Destination: netip.MustParseAddr("224.0.0.18"), VIPs: []netip.Addr{vip}, Problem: "TTL 1",
		},
		ARP{
			Direction: FromHost, Operation: "request", SenderIP: vip, SenderMAC: "a", TargetIP: vip, TargetMAC: "b",
			Gratuitous: true,
		},
		NA{Direction: FromHost, Target: netip.MustParseAddr("fd00::200"), TargetMAC: "a", Override: true, Problem: "hop limit 1"},
		Address{Interface: "eth0", Prefix: netip.PrefixFrom(vip, 32), Present: true, Initial: true},
		Link{Interface: "eth0", Up: true, Carrier: true},
		Neighbour{IP: vip, MAC: "a", State: "reachable"},
		Probe{Stream: StreamHTTP, Seq: 7, RTT: 8, By: "node1", Error: "none"},
		Owners{Seq: 9, VIP: "10.0.0.200", Answers: []string{"node1", "node2"}},
		Connection{Number: 1, Fate: FateReset, By: "node1", Heartbeats: 2, SilenceMax: 3, Error: "connection reset by peer"},
		Forwarding{Bridge: "lan", MAC: "a", Present: true},
		Usage{Name: "vipd", PID: 1, Processes: 2, Threads: 3, Descriptors: 4, AnonKiB: 5},
		ProcessStart{Name: "vipd", PID: 10, Args: []string{"vipd", "-n"}},
		ProcessExit{Name: "vipd", PID: 10, Status: "signal: killed"},
		Transition{Instance: "VI_1", From: "Backup", To: "Active", Reason: "timer"},
		Canary{DelayMax: 11, LockMax: 12},
		Truth{Cycle: 13, Deed: DeedAnnounced, Took: 14},
		Note{Text: "a line\nand another"},
	}
	var events []Event
	for i, body := range bodies {
		events = append(events, Event{ID: i + 1, At: time.Duration(i) * time.Second, Host: "node1", Body: body})
	}
	return events
}

func TestEveryKindSurvivesTheDisk(t *testing.T) {
	events := everyKind()
	if len(events) != len(decoders) {
		t.Errorf("%d kinds are tested, there are %d", len(events), len(decoders))
	}
	for _, event := range events {
		requireNoZeroField(t, event.Body)
	}
	var disk bytes.Buffer
	if err := Write(&disk, events); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&disk)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range events {
		if !reflect.DeepEqual(got[i], want) {
			t.Errorf("%s:\n got %+v\nwant %+v", want.Body.Kind(), got[i], want)
		}
	}
}

// requireNoZeroField keeps the round trip honest: a field left at zero would
// survive without being written.
func requireNoZeroField(t *testing.T, body Body) {
	t.Helper()
	value := reflect.ValueOf(body)
	for i := range value.NumField() {
		if value.Field(i).IsZero() {
			t.Errorf("%s.%s is not set", value.Type().Name(), value.Type().Field(i).Name)
		}
	}
}

func TestDurationsOnDiskSayTheirUnit(t *testing.T) {
	data, err := json.Marshal(everyKind()[3])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":4,"at_ns":3000000000,"kind":"fault-start","host":"node1",` +
		`"body":{"id":1,"fault":"link-loss","undo":"port up","phase_ns":1,"took_ns":2}}`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
}

func TestReadDropsTheCutOffLastLine(t *testing.T) {
	var disk bytes.Buffer
	if err := Write(&disk, everyKind()); err != nil {
		t.Fatal(err)
	}
	whole := disk.String()
	for _, cut := range []int{1, 2, 20} {
		got, err := Read(strings.NewReader(whole[:len(whole)-cut]))
		if err != nil || len(got) != len(decoders)-1 {
			t.Errorf("%d bytes missing: %d events, %v", cut, len(got), err)
		}
	}
}

func TestReadNamesTheBadLine(t *testing.T) {
	good := `{"id":1,"at_ns":0,"kind":"note","body":{"text":""}}` + "\n"
	for name, c := range map[string]struct{ bad, want string }{
		"unknown kind": {`{"id":2,"at_ns":0,"kind":"omen","body":{}}`, `unknown kind "omen"`},
		"no kind":      {`{"id":2}`, `unknown kind ""`},
		"no JSON":      {`oops`, "invalid character"},
		"empty line":   {``, "unexpected end"},
		"wrong body":   {`{"id":2,"at_ns":0,"kind":"canary","body":{"delay_max_ns":"long"}}`, "canary"},
	} {
		t.Run(name, func(t *testing.T) {
			events, err := Read(strings.NewReader(good + c.bad + "\n" + good))
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "line 2") {
				t.Errorf("error %v, want one about line 2 with %q", err, c.want)
			}
			if len(events) != 1 {
				t.Errorf("%d events before the bad line, want 1", len(events))
			}
		})
	}
}

type failingWriter struct{}

var errFull = errors.New("disk full")

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

func TestFlushReportsWhatCouldNotBeWritten(t *testing.T) {
	log := NewLog(failingWriter{})
	log.Append(0, "", Note{Text: strings.Repeat("x", 1<<17)})
	if err := log.Flush(); !errors.Is(err, errFull) {
		t.Errorf("Flush: %v, want %v", err, errFull)
	}
}

func TestLogNumbersAndWakes(t *testing.T) {
	var disk bytes.Buffer
	log := NewLog(&disk)
	woken, end := log.Notify()
	defer end()
	if id := log.Append(5, "node1", Note{Text: "a"}); id != 1 {
		t.Errorf("first ID %d", id)
	}
	select {
	case <-woken:
	default:
		t.Error("Append did not wake")
	}
	log.Append(3, "node2", Note{Text: "b"})
	if since := log.Since(1); len(since) != 1 || since[0].ID != 2 {
		t.Errorf("Since(1) = %v", since)
	}
	if sorted := Sorted(log.Events()); sorted[0].ID != 2 {
		t.Errorf("Sorted = %v", sorted)
	}
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(&disk); err != nil || !reflect.DeepEqual(got, log.Events()) {
		t.Errorf("on disk %v, %v", got, err)
	}
}

func FuzzRead(f *testing.F) {
	var disk bytes.Buffer
	if err := Write(&disk, everyKind()); err != nil {
		f.Fatal(err)
	}
	f.Add(disk.Bytes())
	f.Add([]byte(`{"id":1,"kind":"address","body":{"prefix":"10.0.0.1/33"}}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		events, err := Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := Write(&again, events); err != nil {
			t.Fatalf("what was read can't be written: %v", err)
		}
		got, err := Read(&again)
		if err != nil || len(got) != len(events) {
			t.Fatalf("%d events, then %d: %v", len(events), len(got), err)
		}
	})
}

func TestKeptEvents(t *testing.T) {
	log := NewLog(nil)
	log.Keep(10)
	read := 0
	for i := range 1000 {
		if id := log.Append(time.Duration(i), "", Note{}); id != i+1 {
			t.Fatalf("event %d has the ID %d", i+1, id)
		}
		events := log.Since(read)
		if len(events) != 1 || events[0].ID != i+1 {
			t.Fatalf("behind event %d there are %v", read, events)
		}
		read = events[0].ID
	}
	if kept := log.Since(0); len(kept) < 10 || len(kept) > 20 || kept[len(kept)-1].ID != 1000 || kept[0].ID != 1001-len(kept) {
		t.Errorf("%d events are kept", len(kept))
	}
	if late := log.Since(1000); late != nil {
		t.Errorf("behind the last event there are %v", late)
	}
}
