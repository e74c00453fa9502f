package daemon

import (
	"slices"
	"time"

	"takeover/daemon/vrrp"
)

// unit is what has one timer: a virtual router, or a sync group of them.
type unit struct {
	members []*instance
	group   *vrrp.Group // of the members' routers; nil for a single one
	started bool        // had its Startup, and no Shutdown since

	latest   time.Time // of the events it was stepped with
	deadline time.Time // as the agenda knows it
	queued   int       // its place in the agenda, from 1; 0: not in it
}

// join makes one unit of instances that are alone so far.
func (l *loop) join(members []*instance) {
	u := &unit{members: members}
	for n, i := range members {
		l.units = slices.DeleteFunc(l.units, func(alone *unit) bool { return alone == i.unit })
		i.unit, i.member = u, n
	}
	l.units = append(l.units, u)
}

// deadlineNow is when the unit must be stepped next.
func (u *unit) deadlineNow() (time.Time, bool) {
	switch {
	case u.group != nil:
		return u.group.Deadline()
	case u.members[0].router != nil:
		return u.members[0].router.Deadline()
	}
	return time.Time{}, false
}

// isBackup reports whether the unit's next deadline may be a takeover.
func (u *unit) isBackup() bool { return u.members[0].state() == vrrp.Backup }

// fault is the first reason why a member cannot run, and whose it is.
func (u *unit) fault() (*instance, string) {
	for _, i := range u.members {
		if fault := i.fault(); fault != "" {
			return i, fault
		}
	}
	return nil, ""
}

// build makes the members' virtual routers anew, in Initialize.
func (u *unit) build() error {
	routers := make([]*vrrp.VirtualRouter, len(u.members))
	for n, i := range u.members {
		router, err := i.build()
		if err != nil {
			return err
		}
		routers[n] = router
	}
	var group *vrrp.Group
	if len(routers) > 1 {
		var err error
		if group, err = vrrp.NewGroup(routers...); err != nil {
			return err
		}
	}
	for n, i := range u.members {
		i.use(routers[n])
	}
	u.group = group
	return nil
}

// earlyMax is how much before its time an advertisement may go out together
// with another's, and never more than that part of its interval.
const (
	earlyMax  = time.Millisecond
	earlyPart = 100
)

// early is how long before its deadline the unit may be stepped when the loop
// is awake anyway: a thousand Actives then need some tens of wakeups a second.
// Nothing may be early about a Backup.
func (u *unit) early() time.Duration {
	if u.members[0].state() != vrrp.Active {
		return 0
	}
	return min(earlyMax, u.members[0].config.AdvertInterval/earlyPart)
}

// step steps a machine and performs its actions. A packet's time of arrival may
// lie before the last event; the machine's time does not go back.
func (l *loop) step(now time.Time, i *instance, event vrrp.Event) {
	u := i.unit
	if now.Before(u.latest) {
		now = u.latest
	}
	u.latest = now
	if u.group != nil {
		l.performAll(now, u, u.group.Step(now, i.member, event))
	} else {
		l.perform(now, i, i.router.Step(now, event))
	}
	l.agenda.note(u)
}

// performAll performs a group's actions in their order.
func (l *loop) performAll(now time.Time, u *unit, actions []vrrp.MemberAction) {
	for len(actions) > 0 {
		member, some := actions[0].Member, l.actions[:0]
		for len(actions) > 0 && actions[0].Member == member {
			some = append(some, actions[0].Action)
			actions = actions[1:]
		}
		l.actions = some
		l.perform(now, u.members[member], some)
	}
}

// shutdown takes all members to Initialize, the failed one first.
func (l *loop) shutdown(now time.Time, failed *instance, reason string) {
	l.step(now, failed, vrrp.Shutdown{Reason: reason})
	for _, i := range failed.unit.members {
		if i != failed {
			l.step(now, i, vrrp.Shutdown{Reason: "instance " + failed.config.Name + ": " + reason})
		}
	}
	failed.unit.started = false
}
