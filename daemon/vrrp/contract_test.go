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
// A group's test tells it of the steps of its member.
type contract struct {
	router  *vrrp.VirtualRouter
	grouped bool
	held    []netip.Addr // the virtual addresses that are set

	// Before the step.
	from     vrrp.State
	deadline time.Time
	running  bool
}

// step is the machine's Step; the error says which promise was broken.
func (c *contract) step(now time.Time, event vrrp.Event) ([]vrrp.Action, error) {
	c.before()
	actions := c.router.Step(now, event)
	return actions, c.after(now, event, actions)
}

func (c *contract) before() {
	c.from = c.router.State()
	c.deadline, c.running = c.router.Deadline()
}

// after holds the actions of a step. event is nil when it was another's.
func (c *contract) after(now time.Time, event vrrp.Event, actions []vrrp.Action) error {
	_, expired := event.(vrrp.TimerExpired)
	if expired && !c.grouped && (!c.running || now.Before(c.deadline)) {
		if again, _ := c.router.Deadline(); len(actions) > 0 || !again.Equal(c.deadline) {
			return fmt.Errorf("an early TimerExpired led to %v and the deadline %v", actions, again)
		}
	}
	if err := c.checkOrder(actions); err != nil {
		return err
	}
	_, lost := event.(vrrp.AddressLost)
	if err := c.hold(actions, lost); err != nil {
		return err
	}
	_, received := event.(vrrp.Received)
	if err := c.checkState(received, actions); err != nil {
		return err
	}
	return c.checkDeadline(now, expired)
}

// checkOrder holds the order of one list of actions.
func (c *contract) checkOrder(actions []vrrp.Action) error {
	last := 0
	count := c.router.Parameters().AnnounceCount
	for i, action := range actions {
		rank := 0
		switch a := action.(type) {
		case vrrp.SendAdvertisement:
			rank = 1
		case vrrp.SetAddress:
			rank = 2
			if count == 0 {
				break
			}
			if i+1 == len(actions) || actions[i+1] != vrrp.Action(vrrp.Announce{Address: a.Address, Count: count}) {
				return fmt.Errorf("%v is not directly followed by its announcements: %v", a, actions)
			}
		case vrrp.RemoveAddress:
			rank = 2
		case vrrp.Announce:
			rank = 2
			if !slices.Contains(c.announceCounts(), a.Count) {
				return fmt.Errorf("%+v announces a wrong number", a)
			}
		case vrrp.Discard, vrrp.StateChanged:
			rank = 3
		}
		repeats := rank == 2 || rank == 3 && c.grouped
		if rank < last || rank == last && !repeats {
			return fmt.Errorf("%T is out of order in %v", action, actions)
		}
		last = rank
	}
	return nil
}

// announceCounts are the numbers of announcements that can be due.
func (c *contract) announceCounts() []int {
	p := c.router.Parameters()
	counts := []int{p.AnnounceCount, p.AnnounceRefreshCount}
	if p.RivalAnnounceCount != nil {
		counts = append(counts, *p.RivalAnnounceCount)
		if *p.RivalAnnounceCount > 0 && p.RivalAnnounceDelay > 0 {
			counts = append(counts, 1) // once more while the rival's settle
		}
	}
	return slices.DeleteFunc(counts, func(count int) bool { return count == 0 })
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
func (c *contract) checkState(received bool, actions []vrrp.Action) error {
	said, resigned := c.from, false
	p := c.router.Parameters()
	for _, action := range actions {
		switch a := action.(type) {
		case vrrp.StateChanged:
			if a.From != said || a.To == a.From || a.Reason == "" {
				return fmt.Errorf("%+v does not leave %s with a reason", a, said)
			}
			said = a.To
		case vrrp.SendAdvertisement:
			resigned = a.Advertisement.Priority == 0
			if !resigned && a.Advertisement.Priority != p.Priority {
				return fmt.Errorf("advertised %d at priority %d", a.Advertisement.Priority, p.Priority)
			}
		case vrrp.SetAddress, vrrp.RemoveAddress, vrrp.Announce, vrrp.Discard:
		}
	}
	to := c.router.State()
	if said != to {
		return fmt.Errorf("in %s, but %s was said", to, said)
	}
	left := c.from == vrrp.Active && to != vrrp.Active
	if resigned != (left && !received) {
		return fmt.Errorf("from %s to %s with priority 0: %t", c.from, to, resigned)
	}
	want := 0
	if to == vrrp.Active {
		want = len(p.VirtualAddresses) + len(p.ExcludedAddresses)
	}
	if len(c.held) != want {
		return fmt.Errorf("%s holds %v, want %d addresses", to, c.held, want)
	}
	return nil
}

// checkDeadline holds the running timer against now.
func (c *contract) checkDeadline(now time.Time, expired bool) error {
	deadline, running := c.router.Deadline()
	p, state := c.router.Parameters(), c.router.State()
	waits := c.grouped && state == vrrp.Backup
	if running != (state != vrrp.Initialize) && p.StartupDelay == 0 && !waits {
		return fmt.Errorf("in %s a timer runs: %t", state, running)
	}
	if !running {
		return nil
	}
	if expired && !deadline.After(now) {
		return fmt.Errorf("expired at %s, and the deadline is %s", now, deadline)
	}
	p.Priority = 1 // it may have been lower when the timer was set
	limit := p.AdvertisementInterval
	switch state {
	case vrrp.Initialize:
		limit = p.StartupDelay
	case vrrp.Backup:
		if p.Version == vrrp.Version3 {
			p.AdvertisementInterval = max(p.AdvertisementInterval, longestInterval)
		}
		limit = p.ActiveDownInterval()
	case vrrp.Active:
	}
	if deadline.After(now.Add(limit)) {
		return fmt.Errorf("in %s the deadline is %s away", state, deadline.Sub(now))
	}
	return nil
}

// longestInterval is the longest of version 3.
const longestInterval = 40950 * time.Millisecond
