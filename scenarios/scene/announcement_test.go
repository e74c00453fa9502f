package scene_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/scenarios/scene"
)

// silently leaves out what node2 announced.
func silently(all *[]history.Event) {
	*all = slices.DeleteFunc(*all, func(e history.Event) bool { return e.Body.Kind() == history.KindARP && e.Host == "node2" })
}

// judged holds a spoilt history against what is expected of announcements.
func judged(t *testing.T, name string, e *scene.Announcement, spoil func(*[]history.Event), as history.Verdict, want string) {
	t.Helper()
	got := scene.Judge(scene.Scene{Expect: scene.Expect{Announcement: e}}, "", told(spoil))
	if got.Verdict != as || len(got.Findings) > 1 || want != "" && (len(got.Findings) == 0 || !strings.Contains(got.Findings[0].Text, want)) {
		t.Errorf("%s: %+v, want %s: %s", name, got, as, want)
	}
}

func TestAnnouncement(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	add := func(more ...history.Event) func(*[]history.Event) {
		return func(all *[]history.Event) { *all = append(*all, more...) }
	}
	then := func(spoils ...func(*[]history.Event)) func(*[]history.Event) {
		return func(all *[]history.Event) {
			for _, spoil := range spoils {
				spoil(all)
			}
		}
	}
	still := func(at, d time.Duration) history.Event {
		return history.Event{At: at, Body: history.Canary{DelayMax: d}}
	}
	fault1 := func(name string, from, to time.Duration) func(*[]history.Event) {
		return add(
			history.Event{At: from, Host: "node3", Body: history.FaultStart{ID: 7, Fault: name}},
			history.Event{At: to, Host: "node3", Body: history.FaultEnd{ID: 7, Fault: name}},
		)
	}
	within := func(d time.Duration) *scene.Announcement { return &scene.Announcement{Within: fault.Duration(d)} }
	often := func(times int) *scene.Announcement {
		return &scene.Announcement{Times: times, During: fault.Duration(time.Second)}
	}
	for _, c := range []struct {
		name  string
		e     *scene.Announcement
		spoil func(*[]history.Event)
		as    history.Verdict
		want  string
	}{
		{"as it was", within(ms), nil, history.Pass, ""},
		{"never", nil, silently, history.Fail, "node2 had 10.0.0.200 and had not announced it for 5.001s"},
		{"late", nil, then(silently, add(announced(14*s, "node2"))), history.Fail, "announced it after 1s, expected is within 500ms"},
		{"late for what is expected", within(10 * ms), then(silently, add(announced(13*s+11*ms, "node2"))), history.Fail, "expected is within 10ms"},
		{
			"late on a busy machine", nil, then(silently, add(announced(14*s, "node2"), still(13500*ms, 600*ms))),
			history.Inconclusive, "the machine stood still for 600ms",
		},
		{
			"late on a machine that was busy before", nil, then(silently, add(announced(14*s, "node2"), still(11*s, 600*ms))),
			history.Fail, "announced it after 1s",
		},
		{"of somebody who had it before", nil, add(announced(16*s, "node1")), history.Fail, "node1 announced 10.0.0.200 at 2s from having it"},
		{"early", nil, add(announced(13*s-150*ms, "node2")), history.Fail, "node2 announced 10.0.0.200 at 150ms from having it"},
		{"early by what clocks may be apart", nil, add(announced(13*s-90*ms, "node2")), history.Pass, ""},
		{"early on a busy machine", nil, add(announced(13*s-150*ms, "node2"), still(13*s, 200*ms)), history.Inconclusive, "at 150ms"},
		{"before the first fault", nil, add(announced(3*s, "node3")), history.Pass, ""},
		{"of a stranger", nil, add(announced(14*s, "client")), history.Pass, ""},
		{"often", often(2), add(announced(13900*ms, "node2"), announced(18900*ms, "node1")), history.Pass, ""},
		{"not often", often(2), add(announced(14100*ms, "node2"), announced(18900*ms, "node1")), history.Fail, "node2 announced 10.0.0.200 1 times within 1s"},
		{"not for long", often(3), add(took(13600*ms, true), took(13600*ms+40*ms, false), announced(13900*ms, "node2"), announced(13900*ms, "node2"), announced(18900*ms, "node1"), announced(18900*ms, "node1")), history.Pass, ""},
		{"by hand", nil, then(fault1("vip-added", 11*s, 11900*ms), add(took(11*s+ms, true), took(11900*ms, false))), history.Pass, ""},
		{"by hand on another host", nil, then(silently, fault1("vip-added", 12900*ms, 13100*ms)), history.Fail, "node2 had"},
		{"beside another fault", nil, then(fault1("link-loss", 11*s, 11900*ms), add(took(11*s+ms, true), took(11900*ms, false))), history.Fail, "node3 had"},
	} {
		judged(t, c.name, c.e, c.spoil, c.as, c.want)
	}
}

// TestInterval: node1 advertises before the fault, for as long as it takes.
func TestInterval(t *testing.T) {
	const s, ms = time.Second, time.Millisecond
	advertised := func(host string, times ...time.Duration) func(*[]history.Event) {
		return func(all *[]history.Event) {
			for _, at := range times {
				*all = append(*all, history.Event{At: at, Host: host, Body: history.Advert{
					Direction: history.FromHost, Priority: 100, Interval: s, Source: vip,
				}})
			}
			trial, _ := (*all)[0].Body.(history.Trial)
			for i := range trial.Cluster.Nodes {
				trial.Cluster.Nodes[i].Address = vip
			}
		}
	}
	every := func(from, apart time.Duration) (times []time.Duration) {
		for n := range 5 {
			times = append(times, from+time.Duration(n)*apart)
		}
		return times
	}
	for _, c := range []struct {
		name  string
		spoil func(*[]history.Event)
		as    history.Verdict
		want  string
	}{
		{"as it says", advertised("node1", every(4*s, s)...), history.Pass, ""},
		{"longer", advertised("node1", every(4*s, 1100*ms)...), history.Fail, "node1 advertised every 1.1s, and says every 1s"},
		{"shorter", advertised("node1", every(4*s, 900*ms)...), history.Fail, "node1 advertised every 900ms"},
		{"one late", advertised("node1", 4*s, 5*s, 6300*ms, 7*s, 8*s), history.Pass, ""},
		{"answers between", advertised("node1", append(every(4*s, 100*ms), 4500*ms, 4600*ms, 4700*ms, 5*s, 6*s, 7*s)...), history.Pass, ""},
		{"too few", advertised("node1", 4*s, 5100*ms, 6200*ms, 7300*ms), history.Pass, ""},
		{"struck", advertised("node1", every(10*s-1, 1100*ms)...), history.Pass, ""},
	} {
		judged(t, c.name, nil, c.spoil, c.as, c.want)
	}
}
