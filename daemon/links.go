package daemon

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/netif"
	"takeover/daemon/vrrp"
)

// happened applies what netif.Watch reports.
func (l *loop) happened(now time.Time, event netif.Event) {
	switch e := event.(type) {
	case netif.Resynchronized:
		l.resynchronize(now, e)
	case netif.LinkChanged:
		l.linkChanged(now, e.Link)
	case netif.LinkRemoved:
		if a := l.byIndex(e.Link.Index); a != nil {
			l.linkRemoved(now, a)
		}
	case netif.AddressSet:
		if a := l.byIndex(e.Address.Index); a != nil {
			l.addressSet(now, a, e.Address)
			l.evict(now, a, e.Address.Prefix)
		}
	case netif.AddressRemoved:
		if a := l.byIndex(e.Address.Index); a != nil {
			a.addressRemoved(e.Address.Prefix)
			l.addressEvent(a, e.Address.Prefix, becameRemoved)
			l.addressChanged(now, a, e.Address)
			l.restore(now, a, e.Address)
		}
	}
}

// settleSet applies what the loop itself has set. What that leads to may set
// more.
func (l *loop) settleSet(now time.Time) {
	for n := 0; n < len(l.ownSet); n++ {
		if a := l.byIndex(l.ownSet[n].Address.Index); a != nil {
			l.addressSet(now, a, l.ownSet[n].Address)
		}
	}
	l.ownSet = nil
}

func (l *loop) addressSet(now time.Time, a *attachment, address netif.Address) {
	if a.addressSet(address.Prefix) {
		l.addressEvent(a, address.Prefix, becameSet)
	}
	l.addressChanged(now, a, address)
}

// evict takes off a virtual address that another's hand has set where its router
// is not Active: a Backup answers no ARP request for it and accepts no packet that
// is sent to it (RFC 5798 section 6.4.2).
func (l *loop) evict(now time.Time, a *attachment, prefix netip.Prefix) {
	v := a.virtualAddress(prefix.Addr())
	if v == nil || !v.owner.unit.started || v.owner.state() == vrrp.Active || !v.isLeftover(prefix) {
		return
	}
	l.beLong()
	if !l.takeOff(v, prefix) {
		return
	}
	if since, _, log := v.owner.failures.count(now, "set"); log {
		l.logger.Warn("virtual address was set by another's hand, and is removed", "instance", v.owner.config.Name,
			"address", prefix, "interface", a.name, "times", since)
	}
}

func (l *loop) byIndex(index int) *attachment {
	i := slices.IndexFunc(l.ordered, func(a *attachment) bool { return a.link.Index == index && index != 0 })
	if i < 0 {
		return nil
	}
	return l.ordered[i]
}

// apply notes the tables. It judges nothing, but leaves what is gone.
func (l *loop) apply(now time.Time, tables netif.Resynchronized) {
	for _, a := range l.ordered {
		l.applyTo(now, a, tables)
	}
}

// applyTo notes what the tables say of one interface.
func (l *loop) applyTo(now time.Time, a *attachment, tables netif.Resynchronized) {
	i := slices.IndexFunc(tables.Links, func(link netif.Link) bool { return link.Name == a.name })
	link := netif.Link{}
	if i >= 0 {
		link = tables.Links[i]
	}
	l.relink(now, a, link)
	a.present = a.present[:0]
	for _, address := range tables.Addresses {
		if address.Index == link.Index {
			a.addressSet(address.Prefix)
		}
	}
}

// resynchronize applies tables that may differ from what is known in any way.
// Groups are joined again: an interface that was away comes back under the same
// index, if it was only moved.
func (l *loop) resynchronize(now time.Time, tables netif.Resynchronized) {
	l.apply(now, tables)
	for _, a := range l.ordered {
		l.rejoin(now, a)
		l.refresh(now, a)
	}
	for _, a := range l.ordered {
		for _, v := range a.carried {
			if !a.has(v.prefix) {
				l.restore(now, a, netif.Address{Index: a.link.Index, Prefix: v.prefix})
			} else {
				l.evict(now, a, v.prefix)
			}
		}
	}
}

func (l *loop) linkChanged(now time.Time, link netif.Link) {
	if renamed := l.byIndex(link.Index); renamed != nil && renamed.name != link.Name {
		l.linkRemoved(now, renamed)
	}
	if a, known := l.attachments[link.Name]; known && !a.isOld(link) {
		l.relink(now, a, link)
		l.refresh(now, a)
	}
}

func (l *loop) linkRemoved(now time.Time, a *attachment) {
	l.relink(now, a, netif.Link{})
	l.refresh(now, a)
}

// relink notes what an interface is now. When it is another one than before,
// or has another hardware address, its sockets are given up.
func (l *loop) relink(now time.Time, a *attachment, link netif.Link) {
	if a.link.Index != link.Index {
		l.leave(now, a, link.Index == 0)
		l.beLong()
		for _, i := range a.trackers { // the guardian knows interfaces by their index
			l.unpublish(i)
		}
		a.present = nil
		a.close()
	} else if !slices.Equal(a.link.Hardware, link.Hardware) {
		a.close()
		a.isStale = true
	}
	isBack := link.Running && !a.link.Running
	a.link = link
	if isBack {
		l.beLong()
		l.rejoin(now, a)
	}
}

// leave takes off what is set on an interface that is not the one of its name
// any more. It may be there, under another name: so what runs on it says
// priority 0, and ends. Where another has taken its place at once, it goes on.
func (l *loop) leave(now time.Time, a *attachment, isRemoved bool) {
	if a.link.Index == 0 {
		return
	}
	a.link.Running = false // nothing that fails from here on is a surprise
	for _, i := range a.trackers {
		switch {
		case !i.unit.started || !i.needs(a):
		case isRemoved:
			l.shutdown(now, i, "interface "+a.name+" removed")
		case i.state() == vrrp.Active:
			l.removeAll(now, i, i.removals(a))
		}
	}
}

// removals are the actions that take off what the instance has on a.
func (i *instance) removals(a *attachment) []vrrp.Action {
	var actions []vrrp.Action
	for _, v := range i.virtuals {
		if v.on == a {
			actions = append(actions, vrrp.RemoveAddress{Address: v.prefix.Addr()})
		}
	}
	return actions
}

// rejoin reports the memberships of multicast groups again after the link was
// away: it may lead to a switch now that never heard of them. What was sent to
// unicast peers meanwhile does not keep them waiting.
func (l *loop) rejoin(now time.Time, a *attachment) {
	for _, s := range a.listeners {
		if s.conn == nil {
			continue
		}
		if err := s.conn.Rejoin(); err != nil {
			l.complain(now, a, "multicast group not joined again", err)
		}
		if err := l.askPeers(s); err != nil {
			l.complain(now, a, "peers not asked for anew", err)
		}
	}
}

// askPeers has the peers of a unicast listener asked for anew.
func (l *loop) askPeers(s *listener) error {
	p := s.path(s.source)
	if !p.unicast || p.send.Index == 0 {
		return nil
	}
	var peers []netip.Addr
	for _, peer := range p.peers {
		peers = append(peers, peer.Address.WithZone(""))
	}
	return l.network.askAnew(p.send, peers)
}

// refresh makes and opens what an interface lacks, and judges all that depend
// on it.
func (l *loop) refresh(now time.Time, a *attachment) {
	l.beLong()
	if err := l.ensure(now, a); err != nil {
		l.complain(now, a, "interface of a virtual router MAC not made", err)
	}
	for _, above := range a.above {
		l.refresh(now, above)
	}
	l.beLong()
	if err := l.open(now, a); err != nil {
		l.complain(now, a, "interface not opened", err)
	}
	for _, i := range a.trackers {
		i.setState(interfaceName(a.name), stateOf(a.fault() == ""))
		l.judge(now, i)
	}
	l.announceAnew(now, a)
}

// announceAnew tells the neighbours of another hardware address. What is
// announced may be set once more for that, which changes nothing.
func (l *loop) announceAnew(now time.Time, a *attachment) {
	if !a.isStale || a.announcer == nil {
		return
	}
	a.isStale = false
	for _, v := range a.carried {
		if v.owner.state() == vrrp.Active {
			l.step(now, v.owner, vrrp.AddressLost{Address: v.prefix.Addr()})
		}
	}
}

// beLong pledges work that may take a second: what makes interfaces, joins
// groups and changes addresses waits for the kernel's one lock of the
// configuration (rtnl), which others hold for long when they remove interfaces.
// Before the worker has had it no guardian removes an address either.
func (l *loop) beLong() { l.pledge.Waiting(time.Now().Add(toleranceMax)) }

// complain logs what could not be done on an interface, once a minute. Of one
// that is gone or down, and of those on it, that is expected.
func (l *loop) complain(now time.Time, a *attachment, what string, err error) {
	since, _, log := a.failures.count(now, what)
	if !log {
		return
	}
	level := slog.LevelError
	if a.base().fault() != "" {
		level = slog.LevelDebug
	}
	l.logger.Log(context.Background(), level, what, "interface", a.name, "times", since, "error", err)
}

// addressChanged judges again when the primary address may be another. Most
// changes are those of virtual addresses, by the loop's own hand.
func (l *loop) addressChanged(now time.Time, a *attachment, address netif.Address) {
	isVirtual := a.virtualAddress(address.Prefix.Addr()) != nil
	isSource := func(s *listener) bool { return s.conn == nil || address.Prefix.Addr() == s.source }
	if !isVirtual || slices.ContainsFunc(a.listeners, isSource) {
		l.refresh(now, a)
	}
}

// restore tells an Active that one of its addresses was removed. The event may
// be older than the address: then the address is there, and is announced once
// more. What has arrived is heard first: after a pause it may say that another
// is the Active now.
func (l *loop) restore(now time.Time, a *attachment, address netif.Address) {
	v := a.virtualAddress(address.Prefix.Addr())
	if v == nil || v.prefix != address.Prefix || v.owner.state() != vrrp.Active {
		return
	}
	l.receiveAll()
	if v.owner.state() != vrrp.Active {
		return
	}
	if since, _, log := v.owner.failures.count(now, "removed"); log {
		l.logger.Warn("virtual address was removed by another's hand", "instance", v.owner.config.Name,
			"address", v.prefix, "interface", a.name, "times", since)
	}
	l.step(now, v.owner, vrrp.AddressLost{Address: v.prefix.Addr()})
}

// open opens the sockets of an interface that is there, as far as they are
// needed and not open, and follows its primary addresses.
func (l *loop) open(now time.Time, a *attachment) error {
	if a.link.Index == 0 {
		return nil
	}
	if a.announcer == nil && len(a.carried) > 0 {
		announcer, err := l.network.announcer(a.link, a.addresses())
		if err != nil {
			return err
		}
		a.announcer, a.announced = announcer, a.addresses()
	}
	for _, s := range a.listeners {
		if err := l.listen(now, s); err != nil {
			return err
		}
	}
	return nil
}
