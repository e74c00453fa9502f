package daemon

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
)

// Reload asks a running daemon to go over to another configuration.
type Reload struct {
	Config *config.Config
	// Done receives one value: nil, or why everything stays as it was. It
	// must have room for it.
	Done chan<- error
}

// reloading is what leads from one configuration to the next. Whatever can
// fail has been done when it is made.
type reloading struct {
	next     *config.Config
	trackers trackers
	gone     []*instance        // to end
	anew     []*config.Instance // to build: new ones, and those that became another virtual router
	changed  []*change
	same     []*change
	tables   *netif.Resynchronized // nil when all interfaces are known
}

// change is an instance with what it is to become.
type change struct {
	of   *instance
	to   *config.Instance
	seal seal
	gone []*virtual   // to be taken off
	anew []netip.Addr // to be set once more, in another way
}

// reload goes over to another configuration. What did not change goes on
// without noticing; what changed does so in its state, unless it became another
// virtual router: with another interface, VRID, family, version, source, group
// or MAC address, or between multicast and unicast.
func (l *loop) reload(now time.Time, next *config.Config) error {
	l.receiveAll()
	l.beLong()
	r, err := l.prepareReload(next)
	if err != nil {
		return err
	}
	former := l.denied()
	l.config, l.loaded = next, now
	l.endGone(now, r)
	l.attachAnew(now, r)
	for _, c := range r.same {
		c.of.config = c.to
	}
	for _, c := range r.changed {
		l.rebuild(c)
	}
	began := len(l.instances)
	for _, configured := range r.anew {
		l.beLong()
		if err := l.addAnew(now, configured, r.tables); err != nil {
			// It was checked; the others are not held up.
			l.logger.Error("instance not added", "instance", configured.Name, "error", err)
		}
	}
	l.reopen(now)
	for _, c := range r.changed {
		l.beLong()
		l.alter(now, c)
	}
	l.order()
	l.regroup(now)
	for _, a := range l.ordered {
		l.refresh(now, a)
	}
	if denied := l.denied(); !slices.Equal(denied, former) {
		if err := l.network.deny(denied); err != nil {
			l.logger.Error("filter not changed", "error", err)
		}
	}
	l.forgetUnused(func(*attachment) bool { return true })
	l.forgetUntracked()
	l.startAnew(now, r)
	l.supervise(r.trackers)
	l.renotice()
	l.logger.Info("configuration reloaded", "file", next.File, "same", len(r.same), "changed", len(r.changed),
		"added", len(l.instances)-began, "removed", len(r.gone), "took", time.Since(now))
	l.logger.Debug("running", "goroutines", runtime.NumGoroutine())
	return nil
}

// prepareReload compares the configurations, and does all that can fail.
func (l *loop) prepareReload(next *config.Config) (*reloading, error) {
	r := &reloading{next: next}
	var err error
	if r.trackers, err = newTrackers(next, l.logger); err != nil {
		return nil, err
	}
	if r.tables, err = l.tablesFor(next); err != nil {
		return nil, err
	}
	running := make(map[string]*instance, len(l.instances))
	for _, i := range l.instances {
		running[i.config.Name] = i
	}
	for n := range next.Instances {
		to := &next.Instances[n]
		s, err := sealOf(*to)
		if err != nil {
			return nil, fmt.Errorf("%s: vrrp_instance %s: %w", to.Position, to.Name, err)
		}
		if err := l.missingFor(*to, r.tables); err != nil {
			return nil, err
		}
		i := running[to.Name]
		switch {
		case i == nil || !isSameRouter(*i.config, *to):
			r.anew = append(r.anew, to)
			continue
		case i.isAsBefore(to, s, l.config, next):
			r.same = append(r.same, &change{of: i, to: to})
		default:
			r.changed = append(r.changed, &change{of: i, to: to, seal: s})
		}
		delete(running, to.Name)
	}
	for _, i := range l.instances {
		if running[i.config.Name] == i {
			r.gone = append(r.gone, i)
		}
	}
	return r, nil
}

// isSameRouter reports whether b is the virtual router that a is, perhaps with
// other properties.
func isSameRouter(a, b config.Instance) bool {
	return a.Interface == b.Interface && a.VRID == b.VRID && a.IPv6 == b.IPv6 && a.Version == b.Version &&
		config.Same(a.VMAC, b.VMAC) && wayOf(a) == wayOf(b)
}

// isAsBefore reports whether nothing changes for the instance.
func (i *instance) isAsBefore(to *config.Instance, s seal, former, next *config.Config) bool {
	return config.Same(*i.config, *to) && i.seal.isLike(s) && slices.EqualFunc(
		trackedBy(*i.config, former), trackedBy(*to, next), func(a, b *tracked) bool {
			return a.name == b.name && a.peer == b.peer &&
				a.weight.Value == b.weight.Value && a.weight.Reverse == b.weight.Reverse
		})
}

// tablesFor are the interfaces of now, if the configuration names one that is
// not known; else nil.
func (l *loop) tablesFor(next *config.Config) (*netif.Resynchronized, error) {
	for n := range next.Instances {
		for _, name := range interfacesOf(next.Instances[n]) {
			if l.attachments[name] == nil {
				tables, err := l.network.everything()
				if err != nil {
					return nil, err
				}
				return &tables, nil
			}
		}
	}
	return nil, nil
}

// interfacesOf are those that the instance needs, and those that it tracks.
func interfacesOf(i config.Instance) []string {
	names := neededBy(i)
	for _, t := range i.TrackInterfaces {
		names = append(names, t.Name)
	}
	return names
}

// neededBy are the interfaces without which the instance cannot run.
func neededBy(i config.Instance) []string {
	names := []string{i.Interface}
	for _, addresses := range [][]config.VirtualAddress{i.VirtualAddresses, i.ExcludedAddresses} {
		for _, address := range addresses {
			if address.Device != "" && address.Device != i.Interface {
				names = append(names, address.Device)
			}
		}
	}
	return names
}

// missingFor is an error for an interface that is new in the configuration and
// not there.
func (l *loop) missingFor(i config.Instance, tables *netif.Resynchronized) error {
	for _, name := range neededBy(i) {
		if l.attachments[name] != nil {
			continue
		}
		if !slices.ContainsFunc(tables.Links, func(link netif.Link) bool { return link.Name == name }) {
			return &MissingInterfaceError{Interface: name, Instance: i.Name, Position: i.Position}
		}
	}
	return nil
}

// endGone ends the instances that are gone: every priority 0 first, as in
// release. Groups that do not stay as they are let their members go before.
func (l *loop) endGone(now time.Time, r *reloading) {
	for _, u := range slices.Clone(l.units) {
		if len(u.members) > 1 && !l.isGroup(u, r.gone) {
			l.dissolve(now, u)
		}
	}
	l.withholding = true
	for _, i := range r.gone {
		if i.unit.started {
			l.shutdown(now, i, "not in the configuration any more")
		}
	}
	l.withholding = false
	l.performWithheld(now)
	for _, i := range r.gone {
		l.tellOfGone(i)
		l.drop(i)
	}
	l.forgetUnused(func(a *attachment) bool { return a.vmac != nil }) // it may be made anew
}

// attachAnew begins to know the interfaces that were not needed before.
func (l *loop) attachAnew(now time.Time, r *reloading) {
	for n := range r.next.Instances {
		for _, name := range interfacesOf(r.next.Instances[n]) {
			if l.attachments[name] == nil && r.tables != nil {
				l.applyTo(now, l.attach(name), *r.tables)
			}
		}
	}
}

// addAnew builds an instance. It starts later; see startAnew.
func (l *loop) addAnew(now time.Time, configured *config.Instance, tables *netif.Resynchronized) error {
	known := len(l.ordered)
	i, err := l.add(configured)
	if err != nil {
		return err
	}
	i.startupDelay = 0
	l.carryStates(i)
	for _, a := range l.ordered[known:] {
		if err := l.ensure(now, a); err != nil {
			return err
		}
	}
	if tables != nil {
		i.noteNative(tables.Addresses)
	}
	l.removeLeftovers(i)
	return nil
}

// startAnew judges everything, which starts what is new.
func (l *loop) startAnew(now time.Time, r *reloading) {
	for _, i := range l.instances {
		l.judge(now, i)
		if fault := i.fault(); fault != "" && slices.Contains(r.anew, i.config) {
			l.logger.Warn("instance is held in Initialize", "instance", i.config.Name, "reason", fault)
		}
	}
}

// order puts the instances into the configuration's order.
func (l *loop) order() {
	place := make(map[string]int, len(l.config.Instances))
	for n := range l.config.Instances {
		place[l.config.Instances[n].Name] = n
	}
	slices.SortStableFunc(l.instances, func(a, b *instance) int { return place[a.config.Name] - place[b.config.Name] })
}
