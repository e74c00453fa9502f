package daemon

import (
	"net/netip"
	"time"

	"takeover/daemon/vrrp"
)

// counters count what one virtual router did and heard. They belong to the
// loop.
type counters struct {
	sent, received                         uint64 // advertisements
	priorityZeroSent, priorityZeroReceived uint64
	transitions                            uint64
	becameActive, releasedActive           uint64
}

// countSent counts an advertisement that went out.
func (i *instance) countSent(priority uint8) {
	i.counts.sent++
	if priority == 0 {
		i.counts.priorityZeroSent++
	}
}

// countReceived counts an advertisement that the virtual router was given, and
// keeps the priority of the Active.
func (i *instance) countReceived(source netip.Addr, priority uint8) {
	i.counts.received++
	if priority == 0 {
		i.counts.priorityZeroReceived++
	}
	if i.state() == vrrp.Backup && i.router.CurrentActive() == source {
		i.activePriority = priority
	}
}

// countTransition counts a change of the state.
func (i *instance) countTransition(now time.Time, change vrrp.StateChanged) {
	i.since = now
	i.counts.transitions++
	switch {
	case change.To == vrrp.Active:
		i.counts.becameActive++
	case change.From == vrrp.Active:
		i.counts.releasedActive++
	}
}

// clear begins to count anew.
func (t *throttle) clear() { t.reasons = nil }
