package vrrp

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Group is a sync group: virtual routers of one host, mostly on different
// interfaces, that are Active together or not at all. After every Step either
// all members are Active or none is. It goes beyond the RFC, which knows no
// groups, and is what keepalived's vrrp_sync_group does.
//
// A member whose Active_Down_Timer ends (or that is the address owner) is only
// ready. It stays in Backup, without a timer, until all members are ready: then
// all become Active in one Step. So the takeover is as fast as the slowest
// member. A member that accepts an advertisement meanwhile is not ready any
// more: where one member hears a better Active, none takes over. keepalived
// starts the timer of the waiting member again; here it takes over with the
// last one's timer.
//
// When a member stops being Active, all others resign with it: they send
// priority 0, so that the Backups of their own virtual routers wait for
// Skew_Time only. So one failed member (Shutdown) brings the group down, and
// it stays down until that member had its Startup and became ready again.
//
// The members belong to the group: only it may step them. Their State,
// Parameters and Deadline may be asked at any time.
type Group struct {
	members []*VirtualRouter
	actions [ranks][]MemberAction
}

// The ranks of the actions of one Step: what comes first.
const (
	rankAdvertisement = iota
	rankAddress
	rankReport
	ranks
)

// MemberAction is an action of one member, by its index.
type MemberAction struct {
	Member int
	Action Action
}

// NewGroup makes a group of virtual routers that are in one state and in no
// other group.
func NewGroup(members ...*VirtualRouter) (*Group, error) {
	if len(members) == 0 {
		return nil, errors.New("group virtual routers: no members")
	}
	for i, r := range members {
		if r.held || !r.timers.startup.IsZero() || slices.Contains(members[:i], r) {
			return nil, fmt.Errorf("group virtual routers: member %d (VRID %d) is in use", i, r.parameters.VRID)
		}
		if r.state != members[0].state {
			return nil, fmt.Errorf("group virtual routers: member %d (VRID %d) is in %s, another in %s",
				i, r.parameters.VRID, r.state, members[0].state)
		}
	}
	for _, r := range members {
		r.held = true
	}
	return &Group{members: slices.Clone(members)}, nil
}

// Step tells one member what happened at now, and returns what all members are
// to do, in that order: the advertisements of all members, then what is to be
// done about their addresses, then each Discard and StateChanged. TimerExpired
// is for all members whose time has come, whichever is named. The list is
// valid until the next Step.
func (g *Group) Step(now time.Time, member int, event Event) []MemberAction {
	for rank := range g.actions {
		g.actions[rank] = g.actions[rank][:0]
	}
	if _, expired := event.(TimerExpired); expired {
		for i, r := range g.members {
			g.collect(i, r.Step(now, event))
		}
	} else {
		r := g.members[member]
		quietUntil := r.quietUntil
		g.collect(member, r.Step(now, event))
		if r.state == Active && !r.quietUntil.Equal(quietUntil) {
			g.announceAfterRival(now, member)
		}
	}
	g.settle(now)
	first := &g.actions[rankAdvertisement]
	for _, more := range g.actions[rankAddress:] {
		*first = append(*first, more...)
	}
	if len(*first) == 0 {
		return nil
	}
	return *first
}

// Deadline is when TimerExpired is due: the earliest of the members'
// deadlines; false when there is none, as when every member that runs waits
// for one that does not.
func (g *Group) Deadline() (time.Time, bool) {
	var earliest time.Time
	for _, r := range g.members {
		if at, running := r.Deadline(); running && (earliest.IsZero() || at.Before(earliest)) {
			earliest = at
		}
	}
	return earliest, !earliest.IsZero()
}

// Dissolve lets the members go, each in its state and with its timers. One that
// was ready has its deadline now. The group is not to be used any more.
func (g *Group) Dissolve(now time.Time) {
	for _, r := range g.members {
		r.held = false
		if r.ready != "" {
			r.timers.activeDown, r.skewed, r.ready = now, r.ready, ""
		}
	}
	g.members = nil
}

// Members are the virtual routers, in the order of their index.
func (g *Group) Members() []*VirtualRouter { return g.members }

// settle makes all members Active or none.
func (g *Group) settle(now time.Time) {
	var left *VirtualRouter // one that is not Active
	actives, ready := 0, 0
	for _, r := range g.members {
		if r.state == Active {
			actives++
			continue
		}
		if left == nil || r.state == Initialize {
			left = r
		}
		if r.ready != "" {
			ready++
		}
	}
	switch {
	case ready == len(g.members):
		for i, r := range g.members {
			g.do(i, func() { r.becomeActive(now, r.ready) })
		}
	case left != nil && actives > 0:
		reason := fmt.Sprintf("virtual router %d of its group is in %s", left.parameters.VRID, left.state)
		skewed := ""
		if left.skewed == reasonCompetes {
			skewed = reasonCompetes
		}
		for i, r := range g.members {
			g.do(i, func() { r.resign(now, reason, skewed) })
		}
	}
}

// announceAfterRival has the others announce as well: the rival was most likely
// Active for all of its group, and the answer to one member makes it yield
// before the others hear of it.
func (g *Group) announceAfterRival(now time.Time, member int) {
	for i, r := range g.members {
		if i != member && r.state == Active && !now.Before(r.quietUntil) {
			g.do(i, func() { r.announceAfterRival(now) })
		}
	}
}

// do collects what one member does outside of its Step.
func (g *Group) do(member int, f func()) {
	r := g.members[member]
	r.begin()
	f()
	g.collect(member, r.done())
}

func (g *Group) collect(member int, actions []Action) {
	for _, action := range actions {
		rank := rankAddress
		switch action.(type) {
		case SendAdvertisement:
			rank = rankAdvertisement
		case Discard, StateChanged:
			rank = rankReport
		case SetAddress, RemoveAddress, Announce:
		}
		g.actions[rank] = append(g.actions[rank], MemberAction{member, action})
	}
}
