package vrrp

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Accepts says why p cannot take the place of the parameters while the virtual
// router runs; nil when a Reconfigured with p will be obeyed. Another VRID,
// version or primary address is another virtual router.
func (r *VirtualRouter) Accepts(p Parameters) error {
	if err := p.check(); err != nil {
		return fmt.Errorf("virtual router %d: %w", p.VRID, err)
	}
	own := &r.parameters
	if p.VRID != own.VRID || p.Version != own.Version || p.PrimaryAddress != own.PrimaryAddress {
		return errors.New("a virtual router keeps its VRID, version and primary address")
	}
	return nil
}

// reconfigure puts other parameters in force without a change of state, except
// that a Backup which becomes the address owner takes over.
func (r *VirtualRouter) reconfigure(now time.Time, p Parameters) {
	if r.Accepts(p) != nil {
		return
	}
	former := r.parameters
	p = p.clone()
	p.StartupDelay = former.StartupDelay
	if p.Priority != priorityOwner && former.Priority != priorityOwner {
		p.Priority = former.Priority
	}
	r.parameters = p
	r.known = newAddressSet(p.VirtualAddresses)
	r.advertisement = r.advertise(p.Priority)
	switch r.state {
	case Initialize:
		r.activeInterval = p.AdvertisementInterval
	case Backup:
		r.reconfigureBackup(now, &former)
	case Active:
		r.reconfigureActive(now, &former)
	}
}

// reconfigureBackup moves the timers that run to where they would be.
func (r *VirtualRouter) reconfigureBackup(now time.Time, former *Parameters) {
	p := &r.parameters
	if !r.preemptAt.IsZero() {
		r.preemptAt = r.preemptAt.Add(p.PreemptDelay - former.PreemptDelay)
	}
	down := former.activeDownInterval(r.activeInterval)
	if p.Version == Version2 || !r.active.IsValid() {
		r.activeInterval = p.AdvertisementInterval
	}
	if p.Priority == priorityOwner {
		r.takeOver(now, "became the address owner")
		return
	}
	if r.skewed == "" && !r.timers.activeDown.IsZero() {
		r.timers.activeDown = r.timers.activeDown.Add(p.activeDownInterval(r.activeInterval) - down)
		if r.timers.activeDown.Before(now) {
			r.timers.activeDown = now
		}
	}
}

// reconfigureActive advertises at once when it says something else from now
// on, and sets and removes what differs in the lists.
func (r *VirtualRouter) reconfigureActive(now time.Time, former *Parameters) {
	p, t := &r.parameters, &r.timers
	r.activeInterval = p.AdvertisementInterval
	if !p.advertisesLike(former) {
		r.append(r.advertisement)
		t.adver = now.Add(p.AdvertisementInterval)
	}
	had, has := former.allAddresses(), p.allAddresses()
	for _, address := range had {
		if !slices.Contains(has, address) {
			r.append(RemoveAddress{address})
		}
	}
	for _, address := range has {
		if !slices.Contains(had, address) {
			r.append(SetAddress{address})
			r.announce(address, p.AnnounceCount)
		}
	}
	if p.AnnounceCount == 0 || p.AnnounceDelay == 0 {
		t.announceAgain = time.Time{}
	}
	if p.AnnounceRefresh != former.AnnounceRefresh {
		t.refresh = time.Time{}
		if p.AnnounceRefresh > 0 {
			t.refresh = now.Add(p.AnnounceRefresh)
		}
	}
	if p.RivalAnnounceCount == nil || p.rivalAnnounceCount() == 0 || p.RivalAnnounceDelay == 0 {
		t.rivalAgain = time.Time{}
	}
}

// advertisesLike reports whether the advertisements are the same.
func (p *Parameters) advertisesLike(other *Parameters) bool {
	return p.Priority == other.Priority && p.AdvertisementInterval == other.AdvertisementInterval &&
		p.Authentication == other.Authentication && p.PlainChecksum == other.PlainChecksum &&
		slices.Equal(p.VirtualAddresses, other.VirtualAddresses)
}

func (p *Parameters) allAddresses() []netip.Addr {
	return slices.Concat(p.VirtualAddresses, p.ExcludedAddresses)
}
