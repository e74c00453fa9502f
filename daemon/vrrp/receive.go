package vrrp

import (
	"crypto/subtle"
	"fmt"
	"net/netip"
	"time"
)

// received is the third rule of RFC 3768 §6.4.2 and §6.4.3, after the checks
// of §7.1.
func (r *VirtualRouter) received(now time.Time, e Received) []Action {
	if r.state == Initialize {
		return nil
	}
	if refusal := r.refusal(e); refusal != 0 {
		discard := Discard{Source: e.Source, Refusal: refusal}
		if refusal == RefusedOwner && e.Advertisement.Priority != 0 && e.Advertisement.Priority != priorityOwner {
			return append(r.answerRival(now), discard)
		}
		return []Action{discard}
	}
	if r.state == Active {
		return r.receivedActive(now, e)
	}
	r.receivedBackup(now, e.Advertisement.Priority)
	return nil
}

// refusal is why the advertisement is not believed, or 0. The order is that of
// RFC 3768 §7.1, but for the owner: it stands last, so that a misconfigured
// neighbour is called by what is wrong with it.
func (r *VirtualRouter) refusal(e Received) Refusal {
	switch {
	case e.Advertisement.VRID != r.parameters.VRID:
		return RefusedVRID
	case e.Advertisement.Version != r.parameters.Version:
		return RefusedVersion
	case e.Source == r.parameters.PrimaryAddress || !isUnicast4(e.Source):
		return RefusedSource
	case !r.parameters.Authentication.accepts(e.Advertisement.Authentication):
		return RefusedAuthentication
	case e.Advertisement.Interval != r.parameters.AdvertisementInterval:
		return RefusedInterval
	case r.parameters.Priority == priorityOwner:
		return RefusedOwner
	}
	return 0
}

// accepts reports whether what was received is what is configured. The data
// counts only where the type gives it a meaning (RFC 3768 §5.3.10), and is
// compared in constant time.
func (a Authentication) accepts(received Authentication) bool {
	if a.Type != received.Type {
		return false
	}
	return a.Type == AuthenticationNone || subtle.ConstantTimeCompare(a.Data[:], received.Data[:]) == 1
}

// receivedBackup is RFC 3768 §6.4.2. A lower priority is discarded when
// preempting: Active_Down_Timer continues.
func (r *VirtualRouter) receivedBackup(now time.Time, priority uint8) {
	switch {
	case priority == 0:
		r.activeDown = now.Add(r.parameters.SkewTime())
		r.resigned = true
	case r.parameters.NoPreempt || priority >= r.parameters.Priority:
		r.activeDown = now.Add(r.parameters.ActiveDownInterval())
		r.resigned = false
	}
}

// receivedActive is RFC 3768 §6.4.3.
func (r *VirtualRouter) receivedActive(now time.Time, e Received) []Action {
	switch {
	case e.Advertisement.Priority == 0:
		r.adver = now.Add(r.parameters.AdvertisementInterval)
		return []Action{r.advertisement(r.parameters.Priority)}
	case r.isOutranked(e.Advertisement.Priority, e.Source):
		actions := make([]Action, 0, 1+len(r.parameters.VirtualAddresses))
		reason := fmt.Sprintf("priority %d from %s", e.Advertisement.Priority, e.Source)
		return r.becomeBackup(now, r.removeAddresses(actions), reason)
	}
	return r.answerRival(now)
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
func (r *VirtualRouter) answerRival(now time.Time) []Action {
	if now.Before(r.quietUntil) {
		return nil
	}
	r.quietUntil = now.Add(r.parameters.AdvertisementInterval)
	actions := make([]Action, 0, 2+len(r.parameters.VirtualAddresses))
	actions = append(actions, r.advertisement(r.parameters.Priority))
	return r.announceAll(actions)
}
