package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// VirtualRouter is one virtual router's machine. It is not safe for concurrent
// use.
type VirtualRouter struct {
	parameters Parameters
	known      addressSet // the virtual addresses, to compare received lists
	state      State
	timers     timers

	// activeInterval is Active_Adver_Interval (RFC 9568 §6.1): in version 3
	// learned from the Active, in version 2 that of the parameters.
	activeInterval time.Duration
	// active is who was last heard as the Active, and activePriority what it
	// said; invalid before that, and when it resigned or was lost.
	active         netip.Addr
	activePriority uint8
	// skewed says why Active_Down_Timer is at Skew_Time; empty when it is not.
	skewed string
	// preemptAt is when PreemptDelay has passed; zero: it has not begun.
	preemptAt time.Time
	// rivalAt is when an Active answered a rival, and quietUntil when it may
	// answer again.
	rivalAt, quietUntil time.Time

	// held says that a Group decides when it becomes Active; ready then is why
	// it would, and empty when it would not.
	held  bool
	ready string

	// What Step returns, and boxed actions that it uses again and again.
	actions       []Action
	advertisement Action // at the priority in force
	discard       Action // the last
}

// timers are when what is due. A zero time means that a timer does not run.
// In Initialize only startup can run, in Backup only activeDown, in Active the
// rest.
type timers struct {
	startup       time.Time // StartupDelay
	activeDown    time.Time // Active_Down_Timer
	adver         time.Time // Adver_Timer
	announceAgain time.Time // the second burst of announcements
	refresh       time.Time // the next AnnounceRefresh
	rivalAgain    time.Time // the next announcements after a rival
}

// earliest is the earliest of those that run; zero when none does.
func (t *timers) earliest() time.Time {
	var earliest time.Time
	for _, timer := range [...]*time.Time{
		&t.startup, &t.activeDown, &t.adver, &t.announceAgain, &t.refresh, &t.rivalAgain,
	} {
		if !timer.IsZero() && (earliest.IsZero() || timer.Before(earliest)) {
			earliest = *timer
		}
	}
	return earliest
}

// New returns a virtual router in Initialize, or says what is wrong with p.
func New(p Parameters) (*VirtualRouter, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("virtual router %d: %w", p.VRID, err)
	}
	r := &VirtualRouter{parameters: p.clone(), activeInterval: p.AdvertisementInterval}
	r.known = newAddressSet(r.parameters.VirtualAddresses)
	r.advertisement = r.advertise(p.Priority)
	return r, nil
}

// Step tells the machine what happened at now and returns what to do, in that
// order; nil when there is nothing. The list is valid until the next Step of
// the same machine. All times given to one machine must come from one clock,
// and must not go back.
//
// Beyond the RFC, an Active that hears a rival (an advertisement that does not
// outrank it) does not only answer at once with an advertisement, as RFC 9568
// §6.4.3 has it (RFC 3768 §6.4.3 only discards), so that the rival yields
// without waiting for Adver_Timer; it also announces its addresses again, so
// that hosts that learned the rival's link-layer address come back. It answers
// at most once per Advertisement_Interval: after a pause a whole queue of a
// rival's advertisements may be read at once. The address owner does the same,
// except towards another owner, with whom it would never end. Adver_Timer is
// not touched. A rival that hears this router first yields in silence, as the
// RFC has it: then nothing is heard here, and nothing announced; unless the
// rival has AdvertBeforeYielding.
//
// Priority 0 sets a Backup's Active_Down_Timer to Skew_Time, but never to a
// later time than it was set to (RFC 9568 §6.4.2 sets it always). Otherwise
// one that repeats priority 0 more often than Skew_Time would hold every
// Backup for ever. The order of the Backups stays: both times are earlier for
// the higher priority.
func (r *VirtualRouter) Step(now time.Time, event Event) []Action {
	r.begin()
	switch e := event.(type) {
	case Startup:
		r.startup(now)
	case Shutdown:
		r.shutdown(e.Reason)
	case TimerExpired:
		r.timerExpired(now)
	case Received:
		r.received(now, &e)
	case PriorityChanged:
		r.changePriority(now, e.Priority)
	case AddressLost:
		r.addressLost(e.Address)
	case PeerLost:
		r.peerLost(now, e.Address)
	case Resign:
		r.resign(now, e.Reason, "")
	case TakeOver:
		if r.state == Backup {
			reason := e.Reason
			if reason == "" {
				reason = "told to take over"
			}
			r.takeOver(now, reason)
		}
	case Reconfigured:
		r.reconfigure(now, e.Parameters)
	}
	return r.done()
}

// begin starts a new list of actions.
func (r *VirtualRouter) begin() { r.actions = r.actions[:0] }

// done is the list of actions.
func (r *VirtualRouter) done() []Action {
	if len(r.actions) == 0 {
		return nil
	}
	return r.actions
}

// Deadline is when TimerExpired is due: the earliest of the running timers;
// false when none runs. After Step it is later than Step's now, unless the
// time has come and TimerExpired was not yet reported. In Backup and Active a
// timer runs always (in a Group, see there).
func (r *VirtualRouter) Deadline() (time.Time, bool) {
	earliest := r.timers.earliest()
	return earliest, !earliest.IsZero()
}

// State is the state it is in.
func (r *VirtualRouter) State() State { return r.state }

// CurrentActive is the source of the last advertisement that a Backup heard
// from an Active, whether or not it outranks it; invalid when there was none,
// when the Active resigned or was lost, and in other states.
func (r *VirtualRouter) CurrentActive() netip.Addr { return r.active }

// ActiveInterval is Active_Adver_Interval (RFC 9568 §6.1): what a Backup of
// version 3 last learned, else the Advertisement_Interval. Where the two
// differ, a user should be told (RFC 9568 §7.1).
func (r *VirtualRouter) ActiveInterval() time.Duration { return r.activeInterval }

// Parameters are those in force, with the priority as last changed. The lists
// of addresses are the caller's own copy.
func (r *VirtualRouter) Parameters() Parameters { return r.parameters.clone() }

// startup is RFC 9568 §6.4.1, after StartupDelay.
func (r *VirtualRouter) startup(now time.Time) {
	switch {
	case r.state != Initialize || !r.timers.startup.IsZero():
	case r.parameters.StartupDelay > 0:
		r.timers.startup = now.Add(r.parameters.StartupDelay)
	default:
		r.leaveInitialize(now)
	}
}

func (r *VirtualRouter) leaveInitialize(now time.Time) {
	r.timers.startup = time.Time{}
	r.activeInterval = r.parameters.AdvertisementInterval
	if r.parameters.Priority != priorityOwner {
		r.becomeBackup(now, "startup")
		return
	}
	if r.held {
		r.becomeBackup(now, "startup of the address owner in a group")
	}
	r.takeOver(now, "startup of the address owner")
}

// shutdown is the first rule of RFC 9568 §6.4.2 and §6.4.3.
func (r *VirtualRouter) shutdown(reason string) {
	if r.state == Initialize {
		r.timers.startup = time.Time{}
		return
	}
	if reason == "" {
		reason = "shutdown"
	}
	if r.state == Active {
		r.append(r.advertise(0))
		r.removeAddresses()
	}
	r.enter(Initialize, reason)
}

// resign gives up being Active. With a reason skewed it competes again after
// Skew_Time, else after Active_Down_Interval.
func (r *VirtualRouter) resign(now time.Time, reason, skewed string) {
	if r.state != Active {
		return
	}
	if reason == "" {
		reason = "resigned"
	}
	r.append(r.advertise(0))
	r.removeAddresses()
	r.becomeBackup(now, reason)
	if skewed != "" {
		r.skew(now, skewed)
	}
}

// timerExpired does what is due.
func (r *VirtualRouter) timerExpired(now time.Time) {
	deadline, running := r.Deadline()
	if !running || now.Before(deadline) {
		return
	}
	switch r.state {
	case Initialize:
		r.leaveInitialize(now)
	case Backup:
		reason := r.skewed
		if reason == "" {
			reason = "Active_Down_Timer expired"
		}
		r.takeOver(now, reason)
	case Active:
		r.expiredActive(now)
	}
}

// expiredActive is the second rule of RFC 9568 §6.4.3, and the announcements
// that are due. An address is announced once, in however many ways it is due.
func (r *VirtualRouter) expiredActive(now time.Time) {
	t := &r.timers
	if isDue(now, t.adver) {
		r.append(r.advertisement)
		t.adver = next(now, t.adver, r.parameters.AdvertisementInterval)
	}
	count := 0
	if isDue(now, t.announceAgain) {
		t.announceAgain = time.Time{}
		count = r.parameters.AnnounceCount
	}
	if isDue(now, t.rivalAgain) {
		count = max(count, r.againAfterRival(now))
	}
	if isDue(now, t.refresh) {
		t.refresh = next(now, t.refresh, r.parameters.AnnounceRefresh)
		count = max(count, r.parameters.AnnounceRefreshCount)
	}
	r.announceAll(count)
}

func isDue(now, timer time.Time) bool { return !timer.IsZero() && !now.Before(timer) }

// next is when a timer that is due comes again, counted from its own deadline,
// so that it does not drift. When even the next deadline has passed, the
// machine was not driven for a while: the timer starts anew from now, and what
// would have been in between is not made up for.
func next(now, timer time.Time, interval time.Duration) time.Time {
	timer = timer.Add(interval)
	if !timer.After(now) {
		timer = now.Add(interval)
	}
	return timer
}

func (r *VirtualRouter) changePriority(now time.Time, priority uint8) {
	was := r.parameters.Priority
	if was == priorityOwner || priority == 0 || priority == priorityOwner || priority == was {
		return
	}
	r.parameters.Priority = priority
	r.advertisement = r.advertise(priority)
	if r.state != Active || priority > was {
		return
	}
	switch r.parameters.FastPreempt {
	case FastPreemptOff:
	case FastPreemptResign:
		r.resign(now, fmt.Sprintf("priority fell from %d to %d", was, priority), reasonCompetes)
	case FastPreemptAdvert:
		r.append(r.advertisement)
	}
}

func (r *VirtualRouter) addressLost(address netip.Addr) {
	if r.state != Active || !slices.Contains(r.parameters.VirtualAddresses, address) &&
		!slices.Contains(r.parameters.ExcludedAddresses, address) {
		return
	}
	r.append(SetAddress{address})
	r.announce(address, r.parameters.AnnounceCount)
}

// peerLost is the end of Active_Down_Timer, or its shortening, by another's
// word that the Active is gone.
func (r *VirtualRouter) peerLost(now time.Time, address netip.Addr) {
	if r.state != Backup || !address.IsValid() || address != r.active {
		return
	}
	switch r.parameters.PeerLoss {
	case PeerLossIgnored:
	case PeerLossExpires:
		r.active = netip.Addr{}
		r.takeOver(now, "the Active was lost")
	case PeerLossSkews:
		r.active = netip.Addr{}
		r.skew(now, "Skew_Time passed after the Active was lost")
	}
}
