package vrrp

import (
	"fmt"
	"slices"
	"time"
)

// VirtualRouter is one virtual router's machine. It is not safe for concurrent
// use.
type VirtualRouter struct {
	parameters Parameters
	state      State

	// The timers. A zero time means that the timer does not run.
	activeDown    time.Time // Active_Down_Timer, in Backup
	adver         time.Time // Adver_Timer, in Active
	announceAgain time.Time // the second burst of announcements, in Active

	// resigned says that priority 0 set Active_Down_Timer to Skew_Time.
	resigned bool
	// quietUntil is when an Active may answer a rival again.
	quietUntil time.Time
}

// New returns a virtual router in Initialize, or says what is wrong with p.
func New(p Parameters) (*VirtualRouter, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("virtual router %d: %w", p.VRID, err)
	}
	p.VirtualAddresses = slices.Clone(p.VirtualAddresses)
	return &VirtualRouter{parameters: p}, nil
}

// Step tells the machine what happened at now and returns what to do, in that
// order; nil when there is nothing. All times given to one machine must come
// from one clock, and must not go back.
//
// Beyond the RFC, an Active that hears a rival (an advertisement that does not
// outrank it) does not only discard it, as RFC 3768 §6.4.3 has it. It answers
// at once with an advertisement, as RFC 9568 §6.4.3 has it, so that the rival
// yields without waiting for Adver_Timer; and it announces its addresses
// again, so that hosts that learned the rival's link-layer address come back.
// It answers at most once per Advertisement_Interval: after a pause a whole
// queue of a rival's advertisements may be read at once. The address owner
// does the same, except towards another owner, with whom it would never end.
// Adver_Timer is not touched. A rival that hears this router first yields in
// silence, as the RFC has it: then nothing is heard here, and nothing
// announced.
func (r *VirtualRouter) Step(now time.Time, event Event) []Action {
	switch e := event.(type) {
	case Startup:
		return r.startup(now)
	case Shutdown:
		return r.shutdown(e.Reason)
	case TimerExpired:
		return r.timerExpired(now)
	case Received:
		return r.received(now, e)
	case PriorityChanged:
		r.changePriority(e.Priority)
		return nil
	case AddressLost:
		return r.addressLost(e)
	}
	return nil
}

// Deadline is when TimerExpired is due: the earliest of the running timers;
// false when none runs. After Step it is later than Step's now, unless the
// time has come and TimerExpired was not yet reported.
func (r *VirtualRouter) Deadline() (time.Time, bool) {
	var earliest time.Time
	for _, timer := range [...]time.Time{r.activeDown, r.adver, r.announceAgain} {
		if !timer.IsZero() && (earliest.IsZero() || timer.Before(earliest)) {
			earliest = timer
		}
	}
	return earliest, !earliest.IsZero()
}

// State is the state it is in.
func (r *VirtualRouter) State() State { return r.state }

// Parameters are those in force, with the priority as last changed. The list
// of addresses is the caller's own copy.
func (r *VirtualRouter) Parameters() Parameters {
	p := r.parameters
	p.VirtualAddresses = slices.Clone(p.VirtualAddresses)
	return p
}

// startup is RFC 3768 §6.4.1.
func (r *VirtualRouter) startup(now time.Time) []Action {
	if r.state != Initialize {
		return nil
	}
	if r.parameters.Priority == priorityOwner {
		return r.becomeActive(now, "startup of the address owner")
	}
	return r.becomeBackup(now, nil, "startup")
}

// shutdown is the first rule of RFC 3768 §6.4.2 and §6.4.3.
func (r *VirtualRouter) shutdown(reason string) []Action {
	var actions []Action
	switch r.state {
	case Initialize:
		return nil
	case Backup:
	case Active:
		actions = make([]Action, 0, 2+len(r.parameters.VirtualAddresses))
		actions = append(actions, r.advertisement(0))
		actions = r.removeAddresses(actions)
	}
	if reason == "" {
		reason = "shutdown"
	}
	return r.enter(Initialize, actions, reason)
}

// timerExpired is the second rule of RFC 3768 §6.4.2 and §6.4.3.
func (r *VirtualRouter) timerExpired(now time.Time) []Action {
	deadline, running := r.Deadline()
	if !running || now.Before(deadline) {
		return nil
	}
	if r.state == Backup {
		if r.resigned {
			return r.becomeActive(now, "Skew_Time passed after priority 0")
		}
		return r.becomeActive(now, "Active_Down_Timer expired")
	}
	var actions []Action
	if !now.Before(r.adver) {
		actions = append(actions, r.advertisement(r.parameters.Priority))
		r.rearmAdver(now)
	}
	if !r.announceAgain.IsZero() && !now.Before(r.announceAgain) {
		r.announceAgain = time.Time{}
		actions = r.announceAll(actions)
	}
	return actions
}

// rearmAdver sets Adver_Timer again from its own deadline, so that it does not
// drift. When even the next deadline has passed, the machine was not driven
// for a while: the timer starts anew from now, and the advertisements in
// between are not made up for.
func (r *VirtualRouter) rearmAdver(now time.Time) {
	r.adver = r.adver.Add(r.parameters.AdvertisementInterval)
	if !r.adver.After(now) {
		r.adver = now.Add(r.parameters.AdvertisementInterval)
	}
}

func (r *VirtualRouter) changePriority(priority uint8) {
	if r.parameters.Priority == priorityOwner || priority == 0 || priority == priorityOwner {
		return
	}
	r.parameters.Priority = priority
}

func (r *VirtualRouter) addressLost(e AddressLost) []Action {
	if r.state != Active || !slices.Contains(r.parameters.VirtualAddresses, e.Address) {
		return nil
	}
	return r.announce([]Action{SetAddress(e)}, e.Address)
}
