package scene_test

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/scenarios/scene"
)

// happened is an event of a history in the making.
func happened(at time.Duration, host string, body history.Body) history.Event {
	return history.Event{At: at, Host: host, Body: body}
}

// struck are a fault's events.
func struck(from, to time.Duration, host, text string) []history.Event {
	name, _, _ := strings.Cut(text, " ")
	return []history.Event{
		happened(from, host, history.FaultArmed{ID: 9, Fault: text}),
		happened(from, host, history.FaultStart{ID: 9, Fault: name}),
		happened(to, host, history.FaultEnd{ID: 9, Fault: name}),
	}
}

// owner gives a host the address for a time.
func owner(from, to time.Duration, host string) []history.Event {
	address := history.Address{Interface: "eth0", Prefix: netip.PrefixFrom(vip, 32)}
	gone := address
	address.Present = true
	return []history.Event{happened(from, host, address), announced(from+1, host), happened(to, host, gone)}
}

// TestExplained: the history of told, in which link-loss struck node1 from 10 s
// to 15 s, and node2 took its place at 13 s.
func TestExplained(t *testing.T) {
	const s = time.Second
	ended := func(at time.Duration, host string) []history.Event {
		return []history.Event{happened(at, host, history.ProcessExit{Name: "vipd", Status: "exit status 2"})}
	}
	says := func(at time.Duration, host string) []history.Event {
		return []history.Event{happened(at, host, history.Note{Text: history.Outcry + "panic: runtime error"})}
	}
	join := func(parts ...[]history.Event) (all []history.Event) {
		for _, part := range parts {
			all = append(all, part...)
		}
		return all
	}
	for _, c := range []struct {
		name string
		add  []history.Event
		want string // of the only finding; empty: pass
	}{
		{"nothing", nil, ""},
		{"node1, which the fault struck", owner(12*s, 14*s, "node1"), ""},
		{"node1 within the grace", owner(15*s, 17*s, "node1"), ""},
		{"neither was struck", owner(13500*time.Millisecond, 14*s, "node3"), "node2 and node3 had 10.0.0.200 at the same time for 500ms, which no fault explains; in force or just undone: link-loss on node1"},
		{"neither was struck, on a busy machine", join(owner(13500*time.Millisecond, 14*s, "node3"), []history.Event{happened(11*s, "", history.Canary{LockMax: 450 * time.Millisecond})}), "for 500ms, which no fault explains; in force or just undone: link-loss on node1; the machine stood still for 450ms"},
		{"neither was struck, after the machine stood still", join(owner(17*s, 17*s+500*time.Millisecond, "node3"), []history.Event{happened(11*s, "", history.Canary{LockMax: time.Minute})}), "for 500ms"},
		{"a handover", owner(14*s, 14*s+50*time.Millisecond, "node3"), ""},
		{"neither was struck, beside one that was", join(owner(12*s, 15*s, "node1"), owner(13500*time.Millisecond, 14*s, "node3")), "for 500ms"},
		{"of the one that was struck, too long after", owner(18500*time.Millisecond, 19900*time.Millisecond, "node3"), "node1 and node3 had 10.0.0.200 at the same time for 1."},
		{"only beyond the grace", owner(18*s, 18658*time.Millisecond, "node3"), ""},
		{"parted", join(struck(11*s, 12*s, "node1", "partition mode=split groups=node2|node3"), owner(13500*time.Millisecond, 14*s, "node3")), ""},
		{"another struck", join(struck(11*s, 16*s, "node3", "traffic-dropped protocol=vrrp"), owner(13500*time.Millisecond, 14*s, "node3")), ""},
		{"another struck, which does not matter", join(struck(11*s, 16*s, "node3", "traffic-dropped protocol=tcp:80"), owner(13500*time.Millisecond, 14*s, "node3")), "no fault explains"},
		{"a fault of a later version", join(struck(11*s, 16*s, "node3", "sun-storm size=9"), owner(13500*time.Millisecond, 14*s, "node3")), ""},
		{"announced late", []history.Event{announced(16*s, "node3")}, "node3 announced 10.0.0.200"},
		{"announced late by who stood still", append(struck(15*s, 16*s, "node3", "host-frozen"), announced(16*s, "node3")), ""},
		{"an end", ended(11*s, "node1"), "vipd on node1 ended by itself (exit status 2), which no fault explains; in force or just undone: link-loss on node1"},
		{"an end of the killed", join(struck(11*s, 12*s, "node3", "daemon-killed"), ended(11*s, "node3")), ""},
		{"an end beside the killed", join(struck(11*s, 12*s, "node3", "daemon-killed"), ended(11*s, "node2")), "vipd on node2"},
		{"another program's end", []history.Event{happened(11*s, "node1", history.ProcessExit{Name: "nginx"})}, ""},
		{"a web server's kill explains no end", join(struck(11*s, 12*s, "node3", "process-killed process=nginx"), ended(11*s, "node3")), "vipd on node3"},
		{"an end after all was over", ended(21*s, "node1"), ""},
		{"an outcry", says(11*s, "node2"), `the daemon on node2 says "panic: runtime error"`},
		{"an outcry of the killed", join(struck(11*s, 12*s, "node3", "daemon-killed"), says(11*s, "node3")), "panic"},
		{"an outcry for want of memory", join(struck(11*s, 12*s, "node3", "memory-limited size=1000"), says(11*s, "node3")), ""},
	} {
		events := told(func(all *[]history.Event) {
			*all = append(*all, c.add...)
			for i, event := range *all {
				if trial, ok := event.Body.(history.Trial); ok {
					for n := range trial.Cluster.Nodes {
						trial.Cluster.Nodes[n].Subject = "vipd"
					}
					(*all)[i].Body = trial
				}
			}
		})
		got := scene.Judge(scene.Scene{Expect: scene.Expect{Explained: &scene.Explained{}}}, "", events)
		if len(got.Findings) > 0 && (got.Verdict == history.Inconclusive) != strings.Contains(c.name, "busy") {
			t.Errorf("%s: %s", c.name, got.Verdict)
		}
		if (c.want == "") != (len(got.Findings) == 0) || len(got.Findings) > 1 || c.want != "" && !strings.Contains(got.Findings[0].Text, c.want) {
			t.Errorf("%s: %+v, want %q", c.name, got.Findings, c.want)
		}
	}
}

// TestUntold: a client that can't know better is no fault of the owner's.
func TestUntold(t *testing.T) {
	const s = time.Second
	wrong := happened(19*s+900*time.Millisecond, "client", history.Probe{Stream: history.StreamICMP, RTT: 1, By: "node2"})
	late := struck(18*s, 19*s, "client", "traffic-dropped protocol=arp")
	for _, c := range []struct {
		name    string
		add     []history.Event
		excused bool
	}{
		{"it never announced", late, false},
		{"it announced while it was lost", append(late, announced(18*s+1, "node1")), true},
		{"and again", append(late, announced(18*s+1, "node1"), announced(19*s+1, "node1")), false},
		{"for an earlier term", append(late, announced(5*s, "node1")), false},
		{"nothing was lost", []history.Event{announced(18*s+1, "node1")}, false},
		{"a process was killed since", append(struck(18*s, 19*s, "node3", "daemon-killed"), announced(18*s+1, "node1")), false},
	} {
		events := told(func(all *[]history.Event) {
			*all = slices.DeleteFunc(*all, func(e history.Event) bool { return e.Host == "node1" && e.Body.Kind() == history.KindARP })
			*all = append(append(*all, wrong), c.add...)
		})
		got := scene.Judge(scene.Scene{Expect: scene.Expect{Explained: &scene.Explained{}}}, "", events)
		misled := slices.ContainsFunc(got.Findings, func(f history.Finding) bool { return f.Check == "ownership" })
		if misled == c.excused || (len(got.Skipped) == 1) != c.excused {
			t.Errorf("%s: %+v", c.name, got)
		}
		if got := scene.Judge(scene.Scene{}, "", events); got.Verdict != history.Fail {
			t.Errorf("%s: without explained: %+v", c.name, got)
		}
	}
}

// TestText: what is written is read again.
func TestText(t *testing.T) {
	phase := fault.Ratio(0.35)
	s := scene.Scene{
		Name: "chaos-7", Summary: "a: b # c", Why: "- 'x'", Topology: "failover", Subjects: []string{"vipd+keepalived+vipd"},
		Load: scene.Load{ICMP: fault.Duration(10 * time.Millisecond)}, Length: fault.Duration(9 * time.Second),
		Schedule: []scene.Step{{
			At: fault.Duration(1230 * time.Millisecond), Phase: &phase, Fault: "partition mode=split groups=client,node1|node2",
			Target: "node1", For: fault.Duration(time.Second), Optional: true,
		}},
		Expect: scene.Expect{Explained: &scene.Explained{}, Active: "node1", Flaps: &scene.Count{AtMost: 3}},
	}
	text, err := s.Text("by hand", "yes")
	if err != nil {
		t.Fatal(err)
	}
	got, err := scene.Parse("x.scenario.yaml", text)
	if err != nil || !reflect.DeepEqual(got, s) {
		t.Errorf("%v\n%s\n%+v\n%+v", err, text, got, s)
	}
	if !strings.HasPrefix(string(text), "# by hand\n# yes\nname: chaos-7\n") {
		t.Errorf("%s", text)
	}
}
