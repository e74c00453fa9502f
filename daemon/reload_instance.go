package daemon

import (
	"slices"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
	"takeover/daemon/vrrp"
)

// rebuild gives an instance another configuration, of which its virtual router
// does not know yet; see alter.
func (l *loop) rebuild(c *change) {
	i := c.of
	lease := leaseOf(*c.to)
	isRelet := lease != i.lease
	i.config, i.lease = c.to, lease
	if !i.seal.isLike(c.seal) {
		i.seal = c.seal
	}
	i.peers = peersOf(*c.to)
	i.to = i.destinations()
	former := i.virtuals
	kept := l.revirtualize(i)
	for _, v := range former {
		is := func(w *virtual) bool { return w.prefix.Addr() == v.prefix.Addr() }
		switch {
		case slices.Contains(kept, v):
			if isRelet {
				c.anew = append(c.anew, v.prefix.Addr())
			}
		case slices.ContainsFunc(i.virtuals, is):
			v.on.uncarry(v)
			c.anew = append(c.anew, v.prefix.Addr())
			l.takeOffFormer(i, v)
		default:
			v.on.uncarry(v)
			c.gone = append(c.gone, v)
		}
	}
	i.virtuals = append(i.virtuals, c.gone...) // the virtual router still has them
	i.latestVirtual = 0
}

// alter has the virtual router go over to what was rebuilt, in its state. An
// address that is to be set in another way was taken off, and is set anew.
func (l *loop) alter(now time.Time, c *change) {
	i := c.of
	l.unpublish(i)
	if i.router != nil && i.unit.started {
		l.step(now, i, vrrp.Reconfigured{Parameters: i.parameters()})
	}
	i.virtuals = slices.DeleteFunc(i.virtuals, func(v *virtual) bool { return slices.Contains(c.gone, v) })
	i.latestVirtual = 0
	l.retrack(i)
	for _, address := range c.anew {
		if i.state() == vrrp.Active {
			l.step(now, i, vrrp.AddressLost{Address: address})
		}
	}
}

// revirtualize makes the instance's virtual addresses those of its
// configuration, and returns the former ones that stay.
func (l *loop) revirtualize(i *instance) (kept []*virtual) {
	former := i.virtuals
	i.virtuals = make([]*virtual, 0, len(i.config.VirtualAddresses)+len(i.config.ExcludedAddresses))
	for _, addresses := range [][]config.VirtualAddress{i.config.VirtualAddresses, i.config.ExcludedAddresses} {
		for n := range addresses {
			address := &addresses[n]
			on := l.carrierOf(i, *address)
			at := slices.IndexFunc(former, func(v *virtual) bool {
				return v.on == on && config.Same(*v.config, *address)
			})
			if at < 0 {
				i.virtuals = append(i.virtuals, &virtual{prefix: address.Prefix, config: address, on: on, owner: i})
				continue
			}
			former[at].config = address
			kept = append(kept, former[at])
			i.virtuals = append(i.virtuals, former[at])
		}
	}
	for _, v := range i.virtuals {
		if !slices.Contains(kept, v) {
			v.on.carry(v)
		}
	}
	return kept
}

// takeOffFormer takes off an address as it was set before.
func (l *loop) takeOffFormer(i *instance, v *virtual) {
	if v.native || i.state() != vrrp.Active {
		return
	}
	batch := []netif.Address{{Index: v.on.link.Index, Prefix: v.prefix}}
	if err := errorAt(l.network.remove(batch), 0); err != nil {
		l.logger.Error("virtual address not removed", "instance", i.config.Name, "address", v.prefix, "error", err)
		return
	}
	v.on.addressRemoved(v.prefix)
}

// retrack has the instance track what its configuration says, as far as that is
// known already.
func (l *loop) retrack(i *instance) {
	for _, a := range l.ordered {
		a.trackers = slices.DeleteFunc(a.trackers, func(other *instance) bool { return other == i })
	}
	i.on.addTracker(i)
	if i.vmac != nil {
		i.vmac.addTracker(i)
	}
	for _, v := range i.virtuals {
		v.on.addTracker(i)
	}
	for _, t := range i.config.TrackInterfaces {
		l.attach(t.Name).addTracker(i)
	}
	i.tracked = trackedBy(*i.config, l.config)
	l.carryStates(i)
}

// drop forgets an instance that has ended.
func (l *loop) drop(i *instance) {
	isThis := func(other *instance) bool { return other == i }
	s := i.listener
	s.instances = slices.DeleteFunc(s.instances, isThis)
	if s.byVRID[i.config.VRID] == i {
		s.byVRID[i.config.VRID] = nil
	}
	if len(s.instances) == 0 {
		s.close()
		isListener := func(other *listener) bool { return other == s }
		s.on.listeners = slices.DeleteFunc(s.on.listeners, isListener)
		l.listeners = slices.DeleteFunc(l.listeners, isListener)
	}
	for _, v := range i.virtuals {
		v.on.uncarry(v)
		if !v.native {
			v.on.addressRemoved(v.prefix)
		}
	}
	for _, a := range l.ordered {
		a.trackers = slices.DeleteFunc(a.trackers, isThis)
	}
	for _, p := range l.paces {
		p.drop(i)
	}
	l.agenda.forget(i.unit)
	l.units = slices.DeleteFunc(l.units, func(u *unit) bool { return u == i.unit })
	l.instances = slices.DeleteFunc(l.instances, isThis)
	l.renewals = slices.DeleteFunc(l.renewals, isThis)
	l.unpublished = slices.DeleteFunc(l.unpublished, isThis)
	l.tell([]guardedInstance{{Name: i.config.Name, Gone: true}})
	l.sumUp(i.config.Name, i.on.name, &i.refusals)
}

// forgetUnused gives up the interfaces that nothing needs any more, of those
// that are meant.
func (l *loop) forgetUnused(isMeant func(*attachment) bool) {
	for again := true; again; { // a virtual router MAC goes before what it is on
		again = false
		l.ordered = slices.DeleteFunc(l.ordered, func(a *attachment) bool {
			if !isMeant(a) || len(a.trackers)+len(a.carried)+len(a.listeners)+len(a.above) > 0 {
				return false
			}
			l.giveUp(a)
			again = true
			return true
		})
	}
}

func (l *loop) giveUp(a *attachment) {
	l.sumUp("", a.name, &a.refusals)
	a.close()
	delete(l.attachments, a.name)
	for _, p := range []*pace{a.garp, a.gna} {
		l.paces = slices.DeleteFunc(l.paces, func(other *pace) bool { return other == p })
	}
	if a.vmac == nil {
		return
	}
	parent := a.vmac.parent
	parent.above = slices.DeleteFunc(parent.above, func(above *attachment) bool { return above == a })
	l.beLong()
	if err := l.network.releaseVMAC(a.vmac.settings); err != nil {
		l.logger.Error("interface of a virtual router MAC not removed", "interface", a.name, "error", err)
	}
}

// reopen brings the sockets up to date, of interfaces that are there. The new one
// is open before the old one is closed: the host stays in its group, and nothing
// is missed.
func (l *loop) reopen(now time.Time) {
	for _, a := range l.ordered {
		addresses := a.addresses()
		if a.announcer == nil || a.link.Index == 0 || slices.Equal(a.announced, addresses) {
			continue
		}
		l.beLong()
		opened, err := l.network.announcer(a.link, addresses)
		if err != nil {
			l.complain(now, a, "announcements not prepared", err)
			continue
		}
		a.announcer.Close()
		a.announcer, a.announced = opened, addresses
	}
	for _, s := range l.listeners {
		if s.conn == nil || s.on.link.Index == 0 {
			continue
		}
		p := s.path(s.source)
		if slices.Equal(p.peers, s.opened.peers) && slices.Equal(p.own, s.opened.own) {
			continue
		}
		l.beLong()
		c, err := l.network.listen(p, func() { l.notify(s) })
		if err != nil {
			l.complain(now, s.on, "interface not opened", err)
			continue
		}
		s.conn.Close()
		s.conn, s.opened = c, p
		l.notify(s)
	}
}
