package vrrp_test

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/vrrp"
)

// contract drives one machine and holds it to what its documentation promises
// of every step: the order of actions, the balance of addresses, the deadline.
type contract struct {
	router *vrrp.VirtualRouter
	held   []netip.Addr // the virtual addresses that are set
}

// step is the machine's Step; the error says which promise was broken.
func (c *contract) step(now time.Time, event vrrp.Event) ([]vrrp.Action, error) {
	from := c.router.State()
	deadline, running := c.router.Deadline()
	actions := c.router.Step(now, event)

	_, expired := event.(vrrp.TimerExpired)
	if expired && (!running || now.Before(deadline)) {
		if again, _ := c.router.Deadline(); len(actions) > 0 || !again.Equal(deadline) {
			return actions, fmt.Errorf("an early TimerExpired led to %v and the deadline %v", actions, again)
		}
	}
	if err := c.checkOrder(actions); err != nil {
		return actions, err
	}
	_, lost := event.(vrrp.AddressLost)
	if err := c.hold(actions, lost); err != nil {
		return actions, err
	}
	if err := c.checkState(from, actions); err != nil {
		return actions, err
	}
	return actions, c.checkDeadline(now, expired)
}

// checkOrder holds the order of one list of actions.
func (c *contract) checkOrder(actions []vrrp.Action) error {
	last := 0
	for i, action := range actions {
		rank := 0
		switch a := action.(type) {
		case vrrp.SendAdvertisement:
			rank = 1
		case vrrp.SetAddress:
			rank = 2
			if c.router.Parameters().AnnounceCount == 0 {
				break
			}
			if i+1 == len(actions) || actions[i+1] != vrrp.Action(c.announcement(a.Address)) {
				return fmt.Errorf("%v is not directly followed by its announcements: %v", a, actions)
			}
		case vrrp.RemoveAddress:
			rank = 2
		case vrrp.Announce:
			rank = 2
			if a != c.announcement(a.Address) {
				return fmt.Errorf("%+v announces a wrong number", a)
			}
		case vrrp.Discard, vrrp.StateChanged:
			rank = 3
		}
		if rank < last || rank == last && rank != 2 {
			return fmt.Errorf("%T is out of order in %v", action, actions)
		}
		last = rank
	}
	return nil
}

func (c *contract) announcement(address netip.Addr) vrrp.Announce {
	return vrrp.Announce{Address: address, Count: c.router.Parameters().AnnounceCount}
}

// hold follows the addresses.
func (c *contract) hold(actions []vrrp.Action, lost bool) error {
	for _, action := range actions {
		switch a := action.(type) {
		case vrrp.SetAddress:
			if slices.Contains(c.held, a.Address) {
				if !lost {
					return fmt.Errorf("%s is set twice", a.Address)
				}
				continue
			}
			c.held = append(c.held, a.Address)
		case vrrp.RemoveAddress:
			i := slices.Index(c.held, a.Address)
			if i < 0 {
				return fmt.Errorf("%s is removed but not set", a.Address)
			}
			c.held = slices.Delete(c.held, i, i+1)
		case vrrp.Announce:
			if !slices.Contains(c.held, a.Address) {
				return fmt.Errorf("%s is announced but not set", a.Address)
			}
		case vrrp.SendAdvertisement, vrrp.Discard, vrrp.StateChanged:
		}
	}
	return nil
}

// checkState holds the state against what was said and done about it.
func (c *contract) checkState(from vrrp.State, actions []vrrp.Action) error {
	said, resigned := from, false
	for _, action := range actions {
		switch a := action.(type) {
		case vrrp.StateChanged:
			if a.From != from || a.To == from || a.Reason == "" {
				return fmt.Errorf("%+v does not leave %s with a reason", a, from)
			}
			said = a.To
		case vrrp.SendAdvertisement:
			resigned = a.Advertisement.Priority == 0
			if p := c.router.Parameters().Priority; !resigned && a.Advertisement.Priority != p {
				return fmt.Errorf("advertised %d at priority %d", a.Advertisement.Priority, p)
			}
		case vrrp.SetAddress, vrrp.RemoveAddress, vrrp.Announce, vrrp.Discard:
		}
	}
	to := c.router.State()
	if said != to {
		return fmt.Errorf("in %s, but %s was said", to, said)
	}
	if resigned != (from == vrrp.Active && to == vrrp.Initialize) {
		return fmt.Errorf("from %s to %s with priority 0: %t", from, to, resigned)
	}
	want := 0
	if to == vrrp.Active {
		want = len(c.router.Parameters().VirtualAddresses)
	}
	if len(c.held) != want {
		return fmt.Errorf("%s holds %v, want %d addresses", to, c.held, want)
	}
	return nil
}

// checkDeadline holds the running timer against now.
func (c *contract) checkDeadline(now time.Time, expired bool) error {
	deadline, running := c.router.Deadline()
	if running != (c.router.State() != vrrp.Initialize) {
		return fmt.Errorf("in %s a timer runs: %t", c.router.State(), running)
	}
	if !running {
		return nil
	}
	if expired && !deadline.After(now) {
		return fmt.Errorf("expired at %s, and the deadline is %s", now, deadline)
	}
	limit := c.router.Parameters().AdvertisementInterval
	if c.router.State() == vrrp.Backup {
		limit = 3*limit + time.Second
	}
	if deadline.After(now.Add(limit)) {
		return fmt.Errorf("in %s the deadline is %s away", c.router.State(), deadline.Sub(now))
	}
	return nil
}
