package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/netif"
	"takeover/daemon/vrrp"
)

// perform does the actions in their order, except that addresses are set in
// batches, each announced as soon as it is set; see takeover. A failed action
// is logged and does not keep the following ones from being done.
func (l *loop) perform(now time.Time, i *instance, actions []vrrp.Action) {
	if l.withholding {
		l.withhold(now, i, actions)
		return
	}
	l.performNow(now, i, actions)
}

func (l *loop) performNow(now time.Time, i *instance, actions []vrrp.Action) {
	for n := 0; n < len(actions); n++ {
		var err error
		switch a := actions[n].(type) {
		case vrrp.SendAdvertisement:
			if err = i.send(now, a.Advertisement); err == nil {
				i.countSent(a.Advertisement.Priority)
			}
			if i.seal.isAhead(now) {
				l.unpublish(i)
			}
		case vrrp.SetAddress, vrrp.Announce:
			n += l.takeover(now, i, actions[n:]) - 1
		case vrrp.RemoveAddress:
			n += l.removeAll(now, i, actions[n:]) - 1
		case vrrp.Discard:
			l.isDiscarded = true
			l.refused(now, i.config.Name, &i.refusals, a.Source, a.Refusal, "")
		case vrrp.StateChanged:
			l.unpublish(i)
			i.countTransition(now, a)
			l.stateEvent(i, a)
			l.notice(i)
			if a.From == vrrp.Active {
				for _, p := range l.paces {
					p.drop(i)
				}
			}
			l.logger.Info("state changed", "instance", i.config.Name,
				"from", a.From.String(), "to", a.To.String(), "reason", a.Reason)
		}
		if err != nil {
			l.failed(now, i, actions[n], err)
		}
	}
}

// batchMax is how many addresses are set at once before the first of them is
// announced: the kernel takes some microseconds for each.
const batchMax = 32

// takeover sets the addresses at the head of actions and announces them, and
// returns how many actions that were. The first address goes alone and the
// batches then grow, so that no announcement waits for more addresses than
// have been announced already. All addresses are announced once before any is
// again. Of many, a crier announces some while the loop sets or announces
// others.
func (l *loop) takeover(now time.Time, i *instance, actions []vrrp.Action) int {
	l.announcements, l.addresses = l.announcements[:0], l.addresses[:0]
	c := crierFor(actions)
	done, size := 0, 1
	for done < len(actions) && isTaking(actions[done]) {
		batch := l.batch[:0]
		end := done
		for end < len(actions) && isTaking(actions[end]) {
			if set, is := actions[end].(vrrp.SetAddress); is {
				if len(batch) == size {
					break
				}
				batch = append(batch, i.addressOf(set.Address))
			}
			end++
		}
		l.batch = batch
		l.beLong()
		failures := l.network.set(batch)
		l.pledge.Working()
		l.noteSet(batch, failures)
		from := len(l.announcements)
		l.noteAnnouncements(now, i, actions[done:end], failures)
		times, by := 1, c
		if end == len(actions) || !isTaking(actions[end]) { // the last ones
			by = nil
			if from == 0 && len(l.announcements) == 1 {
				times = l.announcements[0].Count
			}
		}
		l.announce(now, i, l.announcements[from:], times, by)
		done, size = end, min(2*size, batchMax)
	}
	c.wait()
	others := c.share(len(l.announcements))
	for again := true; again; {
		l.pledge.Working()
		again = l.announce(now, i, l.announcements[:others], 1, c)
		again = l.announce(now, i, l.announcements[others:], 1, nil) || again
	}
	if err := c.end(); err != nil {
		l.failed(now, i, vrrp.Announce{}, err)
	}
	return done
}

// noteSet notes which addresses are there now; see happened. The kernel does
// not tell the loop what it did itself.
func (l *loop) noteSet(batch []netif.Address, failures []error) {
	for n, address := range batch {
		if errorAt(failures, n) == nil {
			l.ownSet = append(l.ownSet, netif.AddressSet{Address: address})
		}
	}
}

// isTaking reports whether the action belongs to taking addresses.
func isTaking(action vrrp.Action) bool {
	switch action.(type) {
	case vrrp.SetAddress, vrrp.Announce:
		return true
	case vrrp.SendAdvertisement, vrrp.RemoveAddress, vrrp.Discard, vrrp.StateChanged:
	}
	return false
}

// noteAnnouncements notes how often each address that could be set is to be
// announced.
func (l *loop) noteAnnouncements(now time.Time, i *instance, actions []vrrp.Action, failures []error) {
	n := -1
	for _, action := range actions {
		switch a := action.(type) {
		case vrrp.SetAddress:
			n++
			if err := errorAt(failures, n); err != nil {
				l.failed(now, i, action, err)
			}
		case vrrp.Announce:
			if n < 0 || errorAt(failures, n) == nil {
				l.announcements = append(l.announcements, a)
			}
		case vrrp.SendAdvertisement, vrrp.RemoveAddress, vrrp.Discard, vrrp.StateChanged: // see isTaking
		}
	}
}

// announce announces each address that is left so many times, those on one
// interface together, and counts that. It reports whether any is to be
// announced again. Where announcements are kept apart, all of them wait their
// turn; see pace. A crier, if there is one, has it done meanwhile.
func (l *loop) announce(now time.Time, i *instance, all []vrrp.Announce, times int, c *crier) (again bool) {
	for len(all) > 0 {
		on := i.carrier(all[0].Address)
		from := len(l.addresses)
		for len(all) > 0 && i.carrier(all[0].Address) == on {
			if all[0].Count > 0 && !l.paced(now, i, on, &all[0]) {
				l.addresses = append(l.addresses, all[0].Address)
				all[0].Count -= times
				again = again || all[0].Count > 0
			}
			all = all[1:]
		}
		if err := c.cry(volley{on: on, addresses: l.addresses[from:], times: times}); err != nil {
			l.failed(now, i, vrrp.Announce{}, err)
		}
	}
	return again
}

// paced leaves an announcement to its interface's pace, where it has one.
func (l *loop) paced(now time.Time, i *instance, on *attachment, a *vrrp.Announce) bool {
	if on == nil {
		return false
	}
	p := l.paceOf(on, a.Address.Is6())
	if p == nil {
		return false
	}
	p.add(i, a.Address, a.Count)
	a.Count = 0
	l.announcePaced(now)
	return true
}

// carrier is the interface that has the address; nil when it is no virtual one
// of the instance.
func (i *instance) carrier(address netip.Addr) *attachment {
	if v := i.virtual(address); v != nil {
		return v.on
	}
	return nil
}

// errorAt is the nth error; a nil list has none.
func errorAt(failures []error, n int) error {
	if n < len(failures) {
		return failures[n]
	}
	return nil
}

// changesMax is how many addresses are removed or renewed at once. The kernel
// needs some 10 to 50 us for each, and the watchdog hears of the loop in
// between.
const changesMax = 1024

// removeAll removes the addresses at the head of actions, together, and returns
// how many that were.
func (l *loop) removeAll(now time.Time, i *instance, actions []vrrp.Action) (n int) {
	batch := l.batch[:0]
	for _, action := range actions {
		remove, is := action.(vrrp.RemoveAddress)
		if !is {
			break
		}
		n++
		if v := i.virtual(remove.Address); v == nil || !v.native && !v.isTakenOver() {
			batch = append(batch, i.addressOf(remove.Address))
		}
	}
	l.batch = batch
	for some := range slices.Chunk(batch, changesMax) {
		l.beLong()
		for _, err := range l.network.remove(some) {
			if err != nil {
				l.failed(now, i, actions[0], err)
			}
		}
	}
	return n
}

// addressOf is how a virtual address is set: on which interface, and for how
// long. An address that is not the instance's cannot be set: index 0.
func (i *instance) addressOf(address netip.Addr) netif.Address {
	v := i.virtual(address)
	if v == nil {
		return netif.Address{Prefix: netip.PrefixFrom(address, address.BitLen())}
	}
	return v.address(i.lease)
}

// virtual finds a virtual address of the instance. Actions name them in their
// order, so the next one is tried first.
func (i *instance) virtual(address netip.Addr) *virtual {
	for n := range i.virtuals {
		at := (i.latestVirtual + n) % len(i.virtuals)
		if i.virtuals[at].prefix.Addr() == address {
			i.latestVirtual = at
			return i.virtuals[at]
		}
	}
	return nil
}

// failed logs a failed action, once a minute for each kind. That nothing can
// be sent from a dead link is expected.
func (l *loop) failed(now time.Time, i *instance, action vrrp.Action, err error) {
	kind := fmt.Sprintf("%T", action)
	since, _, log := i.failures.count(now, kind)
	if !log {
		return
	}
	level := slog.LevelError
	if i.on.fault() != "" {
		level = slog.LevelDebug
	}
	l.logger.Log(context.Background(), level, "action failed", "instance", i.config.Name,
		"action", kind, "times", since, "error", err)
}

// release ends all instances: first every priority 0, so that no Backup waits
// for the removals of an instance that is not its own, then the rest.
func (l *loop) release(reason string) {
	now := time.Now()
	l.withholding = true
	for _, u := range l.units {
		if u.started {
			l.pledge.Working()
			l.shutdown(now, u.members[0], reason)
		}
	}
	l.withholding = false
	l.performWithheld(now)
	for _, a := range l.ordered {
		l.sumUp("", a.name, &a.refusals)
		l.beLong()
		a.close()
	}
	l.releaseVMACs()
	if len(l.denied()) > 0 {
		if err := l.network.deny(nil); err != nil {
			l.logger.Error("filter not removed", "error", err)
		}
	}
	for _, i := range l.instances {
		l.sumUp(i.config.Name, i.on.name, &i.refusals)
	}
}

// withheld are actions that wait until all others have sent what they must.
type withheld struct {
	of      *instance
	actions []vrrp.Action
}

// withhold performs the advertisements at the head of actions and keeps the
// rest for later.
func (l *loop) withhold(now time.Time, i *instance, actions []vrrp.Action) {
	first := 0
	for first < len(actions) && isAdvertisement(actions[first]) {
		first++
	}
	l.performNow(now, i, actions[:first])
	l.withheld = append(l.withheld, withheld{of: i, actions: slices.Clone(actions[first:])})
}

// performWithheld performs what was withheld.
func (l *loop) performWithheld(now time.Time) {
	for _, w := range l.withheld {
		l.pledge.Working()
		l.perform(now, w.of, w.actions)
	}
	l.withheld = nil
}

// sumUp logs what was refused since the start.
func (l *loop) sumUp(instance, on string, refusals *throttle) {
	for _, t := range refusals.totals() {
		l.logger.Info("advertisements refused in all",
			"instance", instance, "interface", on, "reason", t.reason, "total", t.count)
	}
}

func isAdvertisement(action vrrp.Action) bool {
	_, is := action.(vrrp.SendAdvertisement)
	return is
}
