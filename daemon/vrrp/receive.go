package vrrp

import (
	"crypto/subtle"
	"fmt"
	"net/netip"
	"time"
)

// received is the third rule of RFC 9568 §6.4.2 and §6.4.3, after the checks
// of §7.1.
func (r *VirtualRouter) received(now time.Time, e *Received) {
	if r.state == Initialize {
		return
	}
	if refusal := r.refusal(e); refusal != 0 {
		priority := e.Advertisement.Priority
		if refusal == RefusedOwner && r.state == Active && priority != 0 && priority != priorityOwner {
			r.answerRival(now)
		}
		r.refuse(e.Source, refusal)
		return
	}
	if r.state == Active {
		r.receivedActive(now, e)
	} else {
		r.receivedBackup(now, e)
	}
}

// refuse appends a Discard. A flood from one source for one reason costs one
// allocation.
func (r *VirtualRouter) refuse(source netip.Addr, refusal Refusal) {
	discard := Discard{Source: source, Refusal: refusal}
	if last, ok := r.discard.(Discard); !ok || last != discard {
		r.discard = discard
	}
	r.append(r.discard)
}

// refusal is why the advertisement is not believed, or 0. The order is that of
// RFC 3768 §7.1, but for the owner: it stands last, so that a misconfigured
// neighbour is called by what is wrong with it.
func (r *VirtualRouter) refusal(e *Received) Refusal {
	p, a := &r.parameters, &e.Advertisement
	switch {
	case a.VRID != p.VRID:
		return RefusedVRID
	case a.Version != p.Version:
		return RefusedVersion
	case e.Source == p.PrimaryAddress || !isUnicast(e.Source) || e.Source.Is4() != p.PrimaryAddress.Is4():
		return RefusedSource
	case !p.Authentication.accepts(&a.Authentication):
		return RefusedAuthentication
	case !r.acceptsInterval(a.Interval):
		return RefusedInterval
	case p.CheckAddresses && a.Priority != priorityOwner && !r.known.equals(a.Addresses):
		return RefusedAddresses
	case p.Priority == priorityOwner:
		return RefusedOwner
	}
	return 0
}

// acceptsInterval is RFC 3768 §7.1 for version 2; version 3 learns it.
func (r *VirtualRouter) acceptsInterval(interval time.Duration) bool {
	if r.parameters.Version == Version3 {
		return interval >= centisecond && interval <= centisecondsMax*centisecond
	}
	return interval == r.parameters.AdvertisementInterval
}

// accepts reports whether what was received is what is configured. The data
// counts only where the type gives it a meaning (RFC 3768 §5.3.10), and is
// compared in constant time.
func (a *Authentication) accepts(received *Authentication) bool {
	if a.Type != received.Type {
		return false
	}
	return a.Type != AuthenticationPass || subtle.ConstantTimeCompare(a.Data[:], received.Data[:]) == 1
}

// receivedBackup is RFC 9568 §6.4.2. A lower priority is discarded when
// preempting: Active_Down_Timer continues.
func (r *VirtualRouter) receivedBackup(now time.Time, e *Received) {
	priority := e.Advertisement.Priority
	if priority == 0 {
		r.active = netip.Addr{}
		r.skew(now, reasonPriority0)
		return
	}
	own := r.parameters.Priority
	fell := e.Source == r.active && priority < own && own <= r.activePriority
	r.active, r.activePriority = e.Source, priority
	switch {
	case r.parameters.NoPreempt || priority >= own || r.isPreemptDelayed(now):
		r.activeInterval = e.Advertisement.Interval
		r.timers.activeDown = now.Add(r.parameters.activeDownInterval(r.activeInterval))
		r.skewed, r.ready = "", ""
		r.delayPreempt(now, priority)
	case fell && r.parameters.FastPreempt == FastPreemptAdvert:
		r.skew(now, reasonFell)
	}
}

// isPreemptDelayed reports whether a lower priority is let be for now.
func (r *VirtualRouter) isPreemptDelayed(now time.Time) bool {
	return r.parameters.PreemptDelay > 0 && (r.preemptAt.IsZero() || now.Before(r.preemptAt))
}

// delayPreempt begins PreemptDelay with the first lower priority; another that
// is not lower ends it.
func (r *VirtualRouter) delayPreempt(now time.Time, priority uint8) {
	switch {
	case priority >= r.parameters.Priority:
		r.preemptAt = time.Time{}
	case r.preemptAt.IsZero():
		r.preemptAt = now.Add(r.parameters.PreemptDelay)
	}
}

// receivedActive is RFC 9568 §6.4.3.
func (r *VirtualRouter) receivedActive(now time.Time, e *Received) {
	priority := e.Advertisement.Priority
	switch {
	case priority == 0:
		// Each is answered, however many come: each shortened the timers of
		// the Backups, and the answer restores them.
		r.timers.adver = now.Add(r.parameters.AdvertisementInterval)
		r.append(r.advertisement)
	case r.isOutranked(priority, e.Source):
		if r.parameters.AdvertBeforeYielding {
			r.append(r.advertisement)
		}
		r.removeAddresses()
		r.activeInterval = e.Advertisement.Interval
		r.becomeBackup(now, fmt.Sprintf("priority %d from %s", priority, e.Source))
		r.active, r.activePriority = e.Source, priority
	default:
		r.answerRival(now)
	}
}

// isOutranked reports whether a sender of the priority and source goes before
// this router: by priority, then by the higher address.
func (r *VirtualRouter) isOutranked(priority uint8, source netip.Addr) bool {
	if priority != r.parameters.Priority {
		return priority > r.parameters.Priority
	}
	return source.Compare(r.parameters.PrimaryAddress) > 0
}

// answerRival tells another Active that it is outranked, and hosts where the
// addresses are; see Step.
func (r *VirtualRouter) answerRival(now time.Time) {
	if now.Before(r.quietUntil) {
		return
	}
	if !r.parameters.SilentToRivals {
		r.append(r.advertisement)
	}
	r.announceAfterRival(now)
}

// rivalSettling are when, after a rival, each address is announced once more,
// before the configured repetition. The rival's own announcements leave it
// after the advertisement that was answered, and so after the answer when its
// host was slow; then it yields in silence.
var rivalSettling = [...]time.Duration{100 * time.Millisecond, time.Second}

// announceAfterRival takes the hosts back that learned a rival's link-layer
// address.
func (r *VirtualRouter) announceAfterRival(now time.Time) {
	p := &r.parameters
	r.quietUntil = now.Add(p.AdvertisementInterval)
	r.announceAll(p.rivalAnnounceCount())
	r.settleRival(now)
}

// settleRival sets the timer of the announcements that come again after a
// rival that was heard now, or just before this router took over from it.
func (r *VirtualRouter) settleRival(now time.Time) {
	p := &r.parameters
	r.rivalAt = now
	if p.RivalAnnounceCount != nil && p.rivalAnnounceCount() > 0 && p.RivalAnnounceDelay > 0 {
		r.timers.rivalAgain = now.Add(p.rivalAnnounceAfter(0))
	}
}

// hasRival reports whether a Backup last heard one that it outranks: another
// Active, which may still be at its announcements when this router takes over.
func (r *VirtualRouter) hasRival() bool {
	return r.state == Backup && r.active.IsValid() && r.activePriority < r.parameters.Priority
}

// againAfterRival returns how many announcements the timer that expired is
// for, and sets it for the next; what was due in between is not made up for.
func (r *VirtualRouter) againAfterRival(now time.Time) int {
	p := &r.parameters
	after := now.Sub(r.rivalAt)
	if after >= p.RivalAnnounceDelay {
		r.timers.rivalAgain = time.Time{}
		return p.rivalAnnounceCount()
	}
	r.timers.rivalAgain = r.rivalAt.Add(p.rivalAnnounceAfter(after))
	return 1
}

// rivalAnnounceAfter is how long after a rival the announcements come that
// follow those of after.
func (p *Parameters) rivalAnnounceAfter(after time.Duration) time.Duration {
	for _, settling := range rivalSettling {
		if settling > after {
			return min(settling, p.RivalAnnounceDelay)
		}
	}
	return p.RivalAnnounceDelay
}
