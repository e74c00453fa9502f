package vrrp

import (
	"net/netip"
	"time"
)

// Why a Backup whose timer was set to Skew_Time becomes Active.
const (
	reasonPriority0 = "Skew_Time passed after priority 0"
	reasonFell      = "Skew_Time passed after the Active's priority fell"
	reasonCompetes  = "Skew_Time passed after its own priority fell"
)

// takeOver is the way from Backup or Initialize to Active, unless a group
// holds it back.
func (r *VirtualRouter) takeOver(now time.Time, reason string) {
	if r.held {
		r.timers.activeDown = time.Time{}
		r.ready = reason
		return
	}
	r.becomeActive(now, reason)
}

// becomeActive is the way to Active (RFC 9568 §6.4.1, §6.4.2): advertise, take
// the addresses, and tell their hosts' neighbours as soon as each is set.
func (r *VirtualRouter) becomeActive(now time.Time, reason string) {
	p, rival := &r.parameters, r.hasRival()
	r.append(r.advertisement)
	for _, list := range [...][]netip.Addr{p.VirtualAddresses, p.ExcludedAddresses} {
		for _, address := range list {
			r.append(SetAddress{address})
			r.announce(address, p.AnnounceCount)
		}
	}
	r.enter(Active, reason)
	r.activeInterval = p.AdvertisementInterval
	r.timers.adver = now.Add(p.AdvertisementInterval)
	if p.AnnounceCount > 0 && p.AnnounceDelay > 0 {
		r.timers.announceAgain = now.Add(p.AnnounceDelay)
	}
	if p.AnnounceRefresh > 0 {
		r.timers.refresh = now.Add(p.AnnounceRefresh)
	}
	if rival {
		r.settleRival(now)
	}
}

// becomeBackup is the way to Backup, after the actions that lead there.
func (r *VirtualRouter) becomeBackup(now time.Time, reason string) {
	r.enter(Backup, reason)
	r.timers.activeDown = now.Add(r.parameters.activeDownInterval(r.activeInterval))
}

// enter changes the state, ends what was of the old one, and says so.
func (r *VirtualRouter) enter(to State, reason string) {
	from := r.state
	r.state = to
	r.timers = timers{}
	r.active, r.activePriority = netip.Addr{}, 0
	r.skewed, r.ready = "", ""
	r.preemptAt, r.rivalAt, r.quietUntil = time.Time{}, time.Time{}, time.Time{}
	r.append(StateChanged{From: from, To: to, Reason: reason})
}

// skew sets Active_Down_Timer to Skew_Time, if it runs and that is earlier.
func (r *VirtualRouter) skew(now time.Time, reason string) {
	at := now.Add(r.parameters.skewTime(r.activeInterval))
	if at.Before(r.timers.activeDown) {
		r.timers.activeDown = at
		r.skewed = reason
	}
}

// advertise is what this router sends at the priority.
func (r *VirtualRouter) advertise(priority uint8) Action {
	return SendAdvertisement{Advertisement{
		Version:        r.parameters.Version,
		VRID:           r.parameters.VRID,
		Priority:       priority,
		Interval:       r.parameters.AdvertisementInterval,
		Addresses:      r.parameters.VirtualAddresses,
		Authentication: r.parameters.Authentication,
		PlainChecksum:  r.parameters.PlainChecksum,
	}}
}

func (r *VirtualRouter) append(action Action) { r.actions = append(r.actions, action) }

func (r *VirtualRouter) removeAddresses() {
	for _, address := range r.parameters.VirtualAddresses {
		r.append(RemoveAddress{address})
	}
	for _, address := range r.parameters.ExcludedAddresses {
		r.append(RemoveAddress{address})
	}
}

// announceAll is one burst of announcements.
func (r *VirtualRouter) announceAll(count int) {
	if count == 0 {
		return
	}
	for _, address := range r.parameters.VirtualAddresses {
		r.announce(address, count)
	}
	for _, address := range r.parameters.ExcludedAddresses {
		r.announce(address, count)
	}
}

func (r *VirtualRouter) announce(address netip.Addr, count int) {
	if count > 0 {
		r.append(Announce{Address: address, Count: count})
	}
}
