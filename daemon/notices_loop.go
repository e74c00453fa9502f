package daemon

import (
	"slices"

	"takeover/daemon/config"
	"takeover/daemon/notify"
	"takeover/daemon/vrrp"
)

// notice remembers to tell of an instance, when the loop has done all that is
// due: nobody is told what it passed through meanwhile.
func (l *loop) notice(i *instance) {
	if l.notices == nil || i.isNoticed {
		return
	}
	i.isNoticed = true
	l.noticed = append(l.noticed, i)
}

// tellNoticed tells of the instances that are not as they were last told, and
// of each group behind the last of its members.
func (l *loop) tellNoticed() {
	if len(l.noticed) == 0 {
		return
	}
	for _, i := range l.noticed {
		i.isNoticed = false
		event := l.eventOf(i)
		if event != notify.None && event != i.told {
			l.tellOf(i, event)
			l.tellOfGroup(i)
		}
	}
	clear(l.noticed)
	l.noticed = l.noticed[:0]
}

// tellOf tells of an instance.
func (l *loop) tellOf(i *instance, event notify.Event) {
	i.told = event
	n := &i.config.Notify
	notice := notify.Notice{Name: i.config.Name, Event: event, Priority: i.toldPriority()}
	l.notices.say(notice, commandFor(n, event), n.Any)
}

// toldPriority is the router's priority, and before there is one what it would
// be.
func (i *instance) toldPriority() uint8 {
	if i.router == nil {
		return i.effectivePriority()
	}
	return i.priority
}

// tellOfGroup tells of the group of an instance, if all its members have come
// to the same.
func (l *loop) tellOfGroup(i *instance) {
	group := l.notices.groups[i.config.Name]
	if group == nil {
		return
	}
	for _, member := range i.unit.members {
		if member.told != i.told {
			return
		}
	}
	if event := i.told; event != notify.None && l.notices.told[group.Name] != event {
		l.notices.tellOfGroup(group, event)
	}
}

func (n *notices) tellOfGroup(group *config.SyncGroup, event notify.Event) {
	n.told[group.Name] = event
	n.say(notify.Notice{IsGroup: true, Name: group.Name, Event: event}, commandFor(&group.Notify, event), group.Notify.Any)
}

// eventOf is what an instance is to be told as; None while that is not known.
func (l *loop) eventOf(i *instance) notify.Event {
	switch i.state() {
	case vrrp.Active:
		return notify.Master
	case vrrp.Backup:
		return notify.Backup
	case vrrp.Initialize:
	}
	if _, fault := i.unit.fault(); fault == "" || i.unit.isWaiting() {
		return notify.None
	}
	return notify.Fault
}

// isWaiting reports whether the unit is held by what has not returned yet.
func (u *unit) isWaiting() bool {
	return slices.ContainsFunc(u.members, func(i *instance) bool {
		return slices.ContainsFunc(i.tracked, func(t *tracked) bool { return t.weight.Pending() && !t.isLate })
	})
}

// tellOfPriority tells FIFOs of another effective priority.
func (l *loop) tellOfPriority(i *instance) {
	if l.notices == nil || !i.config.Notify.PriorityChanges {
		return
	}
	event := notify.BackupPriority
	if i.state() == vrrp.Active {
		event = notify.MasterPriority
	}
	l.notices.write(notify.Notice{Name: i.config.Name, Event: event, Priority: i.priority})
}

// tellOfLower tells that an Active has heard a lower priority, and stays what it
// is.
func (l *loop) tellOfLower(i *instance, was vrrp.State) {
	if l.notices == nil || was != vrrp.Active || i.state() != vrrp.Active || l.heard.Priority == 0 || l.isDiscarded {
		return
	}
	notice := notify.Notice{Name: i.config.Name, Event: notify.LowerHeard, Priority: i.priority}
	l.notices.say(notice, i.config.Notify.LowerHeard)
}

// tellOfGone tells that a reload has taken an instance away.
func (l *loop) tellOfGone(i *instance) {
	if l.notices == nil {
		return
	}
	l.noticed = slices.DeleteFunc(l.noticed, func(other *instance) bool { return other == i })
	event := notify.Fault
	if i.config.Notify.DeletedNamed {
		event = notify.Deleted
	}
	n := &i.config.Notify
	notice := notify.Notice{Name: i.config.Name, Event: event, Priority: i.toldPriority()}
	l.notices.say(notice, n.Deleted, n.Any)
}

// tellOfStop tells that everything ends.
func (l *loop) tellOfStop() {
	if l.notices == nil {
		return
	}
	for _, i := range l.instances {
		l.tellOf(i, notify.Stop)
	}
	for g := range l.config.Groups {
		l.notices.tellOfGroup(&l.config.Groups[g], notify.Stop)
	}
}

// renotice goes over to the scripts and FIFOs of the configuration. The FIFOs
// that stay are told of all states, where that is configured.
func (l *loop) renotice() {
	if l.notices == nil {
		if !hasNotices(l.config) {
			return
		}
		l.notices = newNotices(l.logger)
		for _, i := range l.instances {
			i.told = l.eventOf(i)
		}
	}
	l.notices.adopt(l.config)
	if !l.config.Global.FIFOOnReload {
		return
	}
	for _, i := range l.instances {
		if i.told != notify.None && !i.isNoticed {
			l.notices.write(notify.Notice{Name: i.config.Name, Event: i.told, Priority: i.toldPriority()})
		}
	}
}
