package vrrp_test

import (
	"strings"
	"testing"
	"time"

	"takeover/daemon/vrrp"
)

// newGroup has the members, which differ in their VRID.
func newGroup(t *testing.T, members int, edit func(*vrrp.Parameters)) *vrrp.Group {
	t.Helper()
	var routers []*vrrp.VirtualRouter
	for i := range members {
		p := parameters()
		p.VRID = uint8(1 + i)
		edit(&p)
		routers = append(routers, mustNew(t, p))
	}
	g, err := vrrp.NewGroup(routers...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func TestNewGroupSaysWhatIsWrong(t *testing.T) {
	started, grouped, free := mustNew(t, parameters()), mustNew(t, parameters()), mustNew(t, parameters())
	started.Step(beginning(), vrrp.Startup{})
	if _, err := vrrp.NewGroup(grouped); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		members []*vrrp.VirtualRouter
		want    string
	}{
		"none":    {nil, "no members"},
		"started": {[]*vrrp.VirtualRouter{free, started}, "member 1 (VRID 51) is in Backup, another in Initialize"},
		"grouped": {[]*vrrp.VirtualRouter{grouped}, "member 0 (VRID 51) is in use"},
		"twice":   {[]*vrrp.VirtualRouter{free, free}, "member 1 (VRID 51) is in use"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := vrrp.NewGroup(test.members...); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
	if _, err := vrrp.NewGroup(free); err != nil {
		t.Errorf("what was refused beside others is not free: %v", err)
	}
}

// TestGroupOfRunningRouters groups two Backups, and lets them go: the one that
// waited for the other takes over at once.
func TestGroupOfRunningRouters(t *testing.T) {
	lowest := parameters()
	lowest.Priority = 1
	high, low := mustNew(t, parameters()), mustNew(t, lowest)
	now := beginning()
	high.Step(now, vrrp.Startup{})
	low.Step(now, vrrp.Startup{})
	g, err := vrrp.NewGroup(high, low)
	if err != nil {
		t.Fatal(err)
	}
	now, _ = g.Deadline()
	if actions := g.Step(now, 0, vrrp.TimerExpired{}); len(actions) > 0 || high.State() != vrrp.Backup {
		t.Errorf("alone it went to %s: %v", high.State(), actions)
	}
	g.Dissolve(now)
	if at, running := high.Deadline(); !running || !at.Equal(now) {
		t.Errorf("its deadline is %s, want %s", at, now)
	}
	if high.Step(now, vrrp.TimerExpired{}); high.State() != vrrp.Active || low.State() != vrrp.Backup {
		t.Errorf("they are in %s and %s", high.State(), low.State())
	}
}

func TestGroupDeadlineIsTheEarliestMembers(t *testing.T) {
	g := newGroup(t, 2, func(p *vrrp.Parameters) { p.Priority = 100 * p.VRID })
	if at, running := g.Deadline(); running {
		t.Errorf("deadline %s before Startup", at)
	}
	g.Step(beginning(), 0, vrrp.Startup{})
	g.Step(beginning(), 1, vrrp.Startup{})
	want := beginning().Add(g.Members()[1].Parameters().ActiveDownInterval())
	if at, _ := g.Deadline(); !at.Equal(want) {
		t.Errorf("deadline %s, want %s", at, want)
	}
	if actions := g.Step(want, 0, vrrp.TimerExpired{}); len(actions) != 0 {
		t.Errorf("%v before the slower member is ready", actions)
	}
	want = beginning().Add(g.Members()[0].Parameters().ActiveDownInterval())
	if at, _ := g.Deadline(); !at.Equal(want) {
		t.Errorf("deadline %s, want %s", at, want)
	}
	g.Step(want, 0, vrrp.TimerExpired{})
	for i, r := range g.Members() {
		if r.State() != vrrp.Active {
			t.Errorf("member %d in %s, want Active", i, r.State())
		}
	}
}

func TestReadyMemberThatHearsAnActiveIsNotReady(t *testing.T) {
	g := newGroup(t, 2, func(p *vrrp.Parameters) { p.Priority = 100 * p.VRID })
	g.Step(beginning(), 0, vrrp.Startup{})
	g.Step(beginning(), 1, vrrp.Startup{})
	now, _ := g.Deadline()
	g.Step(now, 0, vrrp.TimerExpired{}) // member 1 is ready
	better := heard(250)
	better.Advertisement.VRID = 2
	g.Step(now, 1, better)
	now, _ = g.Deadline() // of member 0
	if actions := g.Step(now, 0, vrrp.TimerExpired{}); len(actions) != 0 {
		t.Errorf("%v while member 1 hears an Active", actions)
	}
	now, _ = g.Deadline() // the Active of member 1 fell silent
	if actions := g.Step(now, 0, vrrp.TimerExpired{}); len(actions) == 0 || g.Members()[0].State() != vrrp.Active {
		t.Errorf("%v after both were silent", actions)
	}
}

func TestGroupInSteadyStateAllocatesNothing(t *testing.T) {
	g := newGroup(t, 2, func(*vrrp.Parameters) {})
	g.Step(beginning(), 0, vrrp.Startup{})
	g.Step(beginning(), 1, vrrp.Startup{})
	now := beginning().Add(4 * time.Second)
	g.Step(now, 0, vrrp.TimerExpired{})
	if g.Members()[0].State() != vrrp.Active {
		t.Fatalf("in %s, want Active", g.Members()[0].State())
	}
	allocatesNothing(t, "advertising", func() {
		now = now.Add(time.Second)
		if n := len(g.Step(now, 0, vrrp.TimerExpired{})); n != 2 {
			t.Errorf("%d actions, want 2 advertisements", n)
		}
	})
}
