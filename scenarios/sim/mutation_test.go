package sim

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"takeover/daemon/vrrp"
	"takeover/scenarios/check/conduct"
)

// mutant is a machine that is wrong in one way.
type mutant struct {
	machine
	// hear says what the machine is told instead of an event; nil: nothing.
	hear func(vrrp.Event) vrrp.Event
	// speak says what it does instead.
	speak func([]vrrp.Action) []vrrp.Action
}

func (m mutant) Step(now time.Time, event vrrp.Event) []vrrp.Action {
	if m.hear != nil {
		if event = m.hear(event); event == nil {
			return nil
		}
	}
	actions := m.machine.Step(now, event)
	if m.speak != nil {
		actions = m.speak(actions)
	}
	return actions
}

func parametersOf(change func(*vrrp.Parameters)) builder {
	return func(p vrrp.Parameters) (machine, error) {
		change(&p)
		return vrrp.New(p)
	}
}

func hears(hear func(p *vrrp.Parameters, a *vrrp.Advertisement) bool) builder {
	return func(p vrrp.Parameters) (machine, error) {
		router, err := vrrp.New(p)
		return mutant{machine: router, hear: func(e vrrp.Event) vrrp.Event {
			if r, ok := e.(vrrp.Received); ok && !hear(&p, &r.Advertisement) {
				return nil
			}
			return e
		}}, err
	}
}

func speaks(leaveOut func(vrrp.Action, []vrrp.Action) bool) builder {
	return func(p vrrp.Parameters) (machine, error) {
		router, err := vrrp.New(p)
		return mutant{machine: router, speak: func(actions []vrrp.Action) []vrrp.Action {
			var kept []vrrp.Action
			for _, a := range actions {
				if !leaveOut(a, actions) {
					kept = append(kept, a)
				}
			}
			return kept
		}}, err
	}
}

// ignores makes a machine that is not told of that kind of event.
func ignores[E vrrp.Event]() builder {
	return func(p vrrp.Parameters) (machine, error) {
		router, err := vrrp.New(p)
		return mutant{machine: router, hear: func(e vrrp.Event) vrrp.Event {
			if _, ignored := e.(E); ignored {
				return nil
			}
			return e
		}}, err
	}
}

func isAdvert(a vrrp.Action, priority0 bool) bool {
	sent, ok := a.(vrrp.SendAdvertisement)
	return ok && (sent.Advertisement.Priority == 0) == priority0
}

func isChangeTo(actions []vrrp.Action, to vrrp.State) bool {
	for _, a := range actions {
		if changed, ok := a.(vrrp.StateChanged); ok && changed.To == to {
			return true
		}
	}
	return false
}

// alone steps the members of a group that is none.
type alone []*vrrp.VirtualRouter

func (a alone) Step(now time.Time, member int, event vrrp.Event) []vrrp.MemberAction {
	var actions []vrrp.MemberAction
	for _, action := range a[member].Step(now, event) {
		actions = append(actions, vrrp.MemberAction{Member: member, Action: action})
	}
	return actions
}

// muddled is a group that is wrong in one way.
type muddled struct {
	group
	deaf bool // the second member ignores priority 0
	mute bool // who gives up with another says nothing
}

func (m muddled) Step(now time.Time, member int, event vrrp.Event) []vrrp.MemberAction {
	if r, ok := event.(vrrp.Received); m.deaf && ok && member > 0 && r.Advertisement.Priority == 0 {
		return nil
	}
	var kept []vrrp.MemberAction
	for _, a := range m.group.Step(now, member, event) {
		if !m.mute || a.Member == member || !isAdvert(a.Action, true) {
			kept = append(kept, a)
		}
	}
	return kept
}

// muddle makes groups of that kind.
func muddle(m muddled) groupBuilder {
	return func(members []*vrrp.VirtualRouter) (group, error) {
		made := m // schedules run side by side
		var err error
		made.group, err = vrrp.NewGroup(members...)
		return made, err
	}
}

// wrong is a way in which a machine, or what surrounds it, can be wrong.
type wrong struct {
	build builder        // nil: the real machine
	group groupBuilder   // nil: the real group
	lie   func(*Cluster) // nil: the real surroundings
	rule  conduct.Rule   // the one that it breaks; "": any
}

func (w wrong) run(s *Schedule) (Result, error) {
	build := w.build
	if build == nil {
		build = realMachine
	}
	cluster, err := prepare(s, build)
	if err != nil {
		return Result{}, err
	}
	if w.group != nil {
		cluster.grouped = w.group
	}
	if err := cluster.begin(); err != nil {
		return Result{}, err
	}
	if w.lie != nil {
		w.lie(cluster)
	}
	return cluster.Finish(), nil
}

// skewless takes over when the intervals are over, without Skew_Time.
type skewless struct {
	*vrrp.VirtualRouter
	late time.Duration
}

func (s skewless) Deadline() (time.Time, bool) {
	deadline, running := s.VirtualRouter.Deadline()
	if s.State() == vrrp.Backup {
		deadline = deadline.Add(-s.late)
	}
	return deadline, running
}

func (s skewless) Step(now time.Time, event vrrp.Event) []vrrp.Action {
	if _, expired := event.(vrrp.TimerExpired); expired && s.State() == vrrp.Backup {
		now = now.Add(s.late)
	}
	return s.VirtualRouter.Step(now, event)
}

// mirrored swaps the addresses above and below its own.
func mirrored(p *vrrp.Parameters, source netip.Addr) netip.Addr {
	low, high := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.254")
	if source.Is6() {
		low, high = netip.MustParseAddr("fe80::1"), netip.MustParseAddr("fe80::ffff")
	}
	if source.Less(p.PrimaryAddress) {
		return high
	}
	return low
}

var wrongs = map[string]wrong{
	"has no skew": {build: func(p vrrp.Parameters) (machine, error) {
		router, err := vrrp.New(p)
		return skewless{router, p.SkewTime()}, err
	}},
	"takes the lower address in a tie": {build: func(p vrrp.Parameters) (machine, error) {
		router, err := vrrp.New(p)
		return mutant{machine: router, hear: func(e vrrp.Event) vrrp.Event {
			r, ok := e.(vrrp.Received)
			if ok && r.Advertisement.Priority == router.Parameters().Priority {
				r.Source = mirrored(&p, r.Source)
				return r
			}
			return e
		}}, err
	}},
	"waits for an interval more": {rule: conduct.RuleLate, build: parametersOf(func(p *vrrp.Parameters) {
		p.DownTimerAdverts = max(p.DownTimerAdverts, 3*btoi(p.DownTimerAdverts == 0)) + 1
	})},
	"takes over without its group":         {group: func(m []*vrrp.VirtualRouter) (group, error) { return alone(m), nil }},
	"gives up with its group in silence":   {rule: conduct.RuleAdvert, group: muddle(muddled{mute: true})},
	"one of a group ignores priority 0":    {rule: conduct.RuleLate, group: muddle(muddled{deaf: true})},
	"keeps its first priority":             {build: ignores[vrrp.PriorityChanged]()},
	"does not mind the loss of its Active": {rule: conduct.RuleLate, build: ignores[vrrp.PeerLost]()},
	"takes over when another than its Active is lost": {build: func(p vrrp.Parameters) (machine, error) {
		router, err := vrrp.New(p)
		return mutant{machine: router, hear: func(e vrrp.Event) vrrp.Event {
			if lost, ok := e.(vrrp.PeerLost); ok {
				lost.Address = router.CurrentActive()
				return lost
			}
			return e
		}}, err
	}},
	"ignores higher priorities": {build: hears(func(p *vrrp.Parameters, a *vrrp.Advertisement) bool {
		return a.Priority <= p.Priority
	})},
	"ignores equal priorities": {build: hears(func(p *vrrp.Parameters, a *vrrp.Advertisement) bool {
		return a.Priority != p.Priority
	})},
	"ignores priority 0": {rule: conduct.RuleLate, build: hears(func(_ *vrrp.Parameters, a *vrrp.Advertisement) bool {
		return a.Priority != 0
	})},
	"doubled down timer":      {rule: conduct.RuleLate, build: parametersOf(func(p *vrrp.Parameters) { p.DownTimerAdverts = 6 })},
	"short down timer":        {build: parametersOf(func(p *vrrp.Parameters) { p.DownTimerAdverts = 2 })},
	"never preempts":          {build: parametersOf(func(p *vrrp.Parameters) { p.NoPreempt = p.Priority != 255 })},
	"always preempts":         {build: parametersOf(func(p *vrrp.Parameters) { p.NoPreempt = false })},
	"another priority inside": {build: parametersOf(func(p *vrrp.Parameters) { p.Priority = max(1, p.Priority-1) })},
	"takes over in silence": {rule: conduct.RuleAdvert, build: speaks(func(a vrrp.Action, all []vrrp.Action) bool {
		return isAdvert(a, false) && isChangeTo(all, vrrp.Active)
	})},
	"ends in silence": {rule: conduct.RuleAdvert, build: speaks(func(a vrrp.Action, _ []vrrp.Action) bool { return isAdvert(a, true) })},
	"keeps the address when it yields": {rule: conduct.RuleAddress, build: speaks(func(a vrrp.Action, all []vrrp.Action) bool {
		_, removes := a.(vrrp.RemoveAddress)
		return removes && isChangeTo(all, vrrp.Backup)
	})},
	"does not put a lost address back": {rule: conduct.RuleAddress, build: speaks(func(a vrrp.Action, all []vrrp.Action) bool {
		_, sets := a.(vrrp.SetAddress)
		return sets && !isChangeTo(all, vrrp.Active)
	})},
	"guardian keeps the address": {rule: conduct.RuleAddress, lie: func(c *Cluster) {
		c.farewell = func(c *Cluster, n *node) {
			holds := n.holds
			n.holds = false // so that guard does not take it off
			c.guard(n)
			n.holds = holds
		}
	}},
	"guardian speaks for a Backup": {rule: conduct.RuleAdvert, lie: func(c *Cluster) {
		c.farewell = func(c *Cluster, n *node) {
			n.orphaned = true
			c.guard(n)
		}
	}},
	"guardian is late": {rule: conduct.RuleAddress, lie: func(c *Cluster) {
		real := *c.options
		real.Farewell += time.Second
		c.options = &real
	}},
	"lease is too long": {rule: conduct.RuleAddress, lie: func(c *Cluster) {
		real := *c.options
		if real.Lease > 0 {
			real.Lease += time.Second
		}
		c.options = &real
	}},
	"a sound link loses": {rule: conduct.RuleSafety, lie: func(c *Cluster) {
		for i := range c.links {
			c.links[i].cut = true // until the next fault
		}
	}},
}

// within is after how many schedules each must be found.
const within = 2000

// keep has the schedules that are found written to testdata.
var keep = flag.Bool("keep", false, "keep the schedules that find each mutant")

func TestExplorationFindsEveryMutant(t *testing.T) {
	for name, w := range wrongs {
		t.Run(name, func(t *testing.T) {
			e, err := everything().explore(t.Context(), 1, within, nil, w.run)
			if err != nil {
				t.Fatal(err)
			}
			if e.Violation == nil {
				t.Fatalf("not found in %d schedules", e.Schedules)
			}
			v := e.Violation.shrink(w.run)
			if w.rule != "" && v.Finding.Rule != w.rule {
				t.Errorf("found as %s, want %s", v.Finding.Rule, w.rule)
			}
			if len(v.Schedule.Faults) > 3 {
				t.Errorf("shrunk to %d faults:\n%s", len(v.Schedule.Faults), v.Schedule)
			}
			if *keep {
				text := fmt.Sprintf("# %s: %s\n%s", name, v.Finding, v.Schedule)
				if err := os.WriteFile(kept(name), []byte(text), 0o644); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func kept(name string) string {
	return filepath.Join("testdata", strings.ReplaceAll(name, " ", "-")+".schedule")
}

// TestKeptSchedules runs the schedules that tell a wrong machine, or wrong
// surroundings, from right ones.
func TestKeptSchedules(t *testing.T) {
	for name, w := range wrongs {
		t.Run(name, func(t *testing.T) {
			file, err := os.Open(kept(name))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			s, err := Parse(file)
			if err != nil {
				t.Fatal(err)
			}
			if result, err := s.Run(); err != nil || result.Finding != nil {
				t.Errorf("the real one: %v %v", err, result.Finding)
			}
			if result, err := w.run(s); err != nil || result.Finding == nil {
				t.Errorf("not found any more: %v", err)
			}
		})
	}
}
