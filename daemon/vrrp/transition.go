package vrrp

import (
	"net/netip"
	"time"
)

// becomeActive is the way to Active (RFC 3768 §6.4.1, §6.4.2): advertise, take
// the addresses, and tell their hosts' neighbours as soon as each is set.
func (r *VirtualRouter) becomeActive(now time.Time, reason string) []Action {
	actions := make([]Action, 0, 2+2*len(r.parameters.VirtualAddresses))
	actions = append(actions, r.advertisement(r.parameters.Priority))
	for _, address := range r.parameters.VirtualAddresses {
		actions = append(actions, SetAddress{address})
		actions = r.announce(actions, address)
	}
	actions = r.enter(Active, actions, reason)
	r.adver = now.Add(r.parameters.AdvertisementInterval)
	if r.parameters.AnnounceCount > 0 && r.parameters.AnnounceDelay > 0 {
		r.announceAgain = now.Add(r.parameters.AnnounceDelay)
	}
	return actions
}

// becomeBackup is the way to Backup, after the actions that lead there.
func (r *VirtualRouter) becomeBackup(now time.Time, actions []Action, reason string) []Action {
	actions = r.enter(Backup, actions, reason)
	r.activeDown = now.Add(r.parameters.ActiveDownInterval())
	return actions
}

// enter changes the state, stops what ran for the old one, and says so.
func (r *VirtualRouter) enter(to State, actions []Action, reason string) []Action {
	from := r.state
	r.state = to
	r.activeDown, r.adver, r.announceAgain = time.Time{}, time.Time{}, time.Time{}
	r.resigned = false
	r.quietUntil = time.Time{}
	return append(actions, StateChanged{From: from, To: to, Reason: reason})
}

// advertisement is what this router sends at the priority.
func (r *VirtualRouter) advertisement(priority uint8) SendAdvertisement {
	return SendAdvertisement{Advertisement{
		Version:        r.parameters.Version,
		VRID:           r.parameters.VRID,
		Priority:       priority,
		Interval:       r.parameters.AdvertisementInterval,
		Addresses:      r.parameters.VirtualAddresses,
		Authentication: r.parameters.Authentication,
	}}
}

func (r *VirtualRouter) removeAddresses(actions []Action) []Action {
	for _, address := range r.parameters.VirtualAddresses {
		actions = append(actions, RemoveAddress{address})
	}
	return actions
}

// announceAll is one burst of announcements.
func (r *VirtualRouter) announceAll(actions []Action) []Action {
	for _, address := range r.parameters.VirtualAddresses {
		actions = r.announce(actions, address)
	}
	return actions
}

func (r *VirtualRouter) announce(actions []Action, address netip.Addr) []Action {
	if r.parameters.AnnounceCount == 0 {
		return actions
	}
	return append(actions, Announce{Address: address, Count: r.parameters.AnnounceCount})
}
