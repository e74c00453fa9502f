package daemon

import (
	"slices"
	"time"

	"takeover/daemon/vrrp"
)

// isGroup reports whether the unit is a sync group of the configuration as it
// is, and loses no member.
func (l *loop) isGroup(u *unit, gone []*instance) bool {
	if slices.ContainsFunc(u.members, func(i *instance) bool { return slices.Contains(gone, i) }) {
		return false
	}
	for _, group := range l.config.Groups {
		if slices.EqualFunc(group.Members, u.members, func(name string, i *instance) bool { return name == i.config.Name }) {
			return true
		}
	}
	return false
}

// dissolve makes each member of a group a unit of its own, in its state.
func (l *loop) dissolve(now time.Time, u *unit) {
	l.agenda.forget(u)
	if u.group != nil {
		u.group.Dissolve(laterOf(now, u.latest))
	}
	l.units = slices.DeleteFunc(l.units, func(other *unit) bool { return other == u })
	for _, i := range u.members {
		i.unit = &unit{members: []*instance{i}, started: u.started, latest: u.latest}
		i.member = 0
		l.units = append(l.units, i.unit)
		l.agenda.note(i.unit)
	}
}

// regroup forms the sync groups that are not there yet. New members of one that
// is Active become Active with it. Otherwise, instances that are in different
// states end, and start together.
func (l *loop) regroup(now time.Time) {
	byName := make(map[string]*instance, len(l.instances))
	for _, i := range l.instances {
		byName[i.config.Name] = i
	}
	for _, group := range l.config.Groups {
		members := make([]*instance, 0, len(group.Members))
		for _, name := range group.Members {
			if i := byName[name]; i != nil {
				members = append(members, i)
			}
		}
		if len(members) == 0 || members[0].unit.isOf(members) {
			continue
		}
		l.bringUp(now, group.Name, members)
		if !l.joinRunning(members) {
			for _, i := range members {
				if i.unit.started {
					l.shutdown(now, i, "sync group "+group.Name+" has other members")
				}
			}
			l.join(members)
		}
	}
}

// bringUp makes new instances Active that have no fault, where all other members
// of their group are.
func (l *loop) bringUp(now time.Time, group string, members []*instance) {
	var fresh []*instance
	for _, i := range members {
		switch {
		case !i.unit.started && i.fault() == "":
			fresh = append(fresh, i)
		case i.state() != vrrp.Active:
			return
		}
	}
	if len(fresh) == len(members) {
		return
	}
	for _, i := range fresh {
		l.startup(now, i.unit)
		l.step(now, i, vrrp.TakeOver{Reason: "sync group " + group + " is Active"})
	}
}

// isOf reports whether the members are these, in their order.
func (u *unit) isOf(members []*instance) bool { return slices.Equal(u.members, members) }

// joinRunning makes a group of instances that run and are in one state.
func (l *loop) joinRunning(members []*instance) bool {
	routers := make([]*vrrp.VirtualRouter, len(members))
	var latest time.Time
	for n, i := range members {
		if !i.unit.started || i.router == nil {
			return false
		}
		routers[n] = i.router
		latest = laterOf(latest, i.unit.latest)
	}
	group, err := vrrp.NewGroup(routers...)
	if err != nil {
		return false
	}
	for _, i := range members {
		l.agenda.forget(i.unit)
	}
	l.join(members)
	u := members[0].unit
	u.group, u.started, u.latest = group, true, latest
	l.agenda.note(u)
	return true
}
