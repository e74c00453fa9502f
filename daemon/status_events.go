package daemon

import (
	"net/netip"
	"strconv"

	"takeover/daemon/control"
	"takeover/daemon/track"
	"takeover/daemon/vrrp"
)

// What an event says something has come to.
const (
	becameUp      = "up"
	becameDown    = "down"
	becameSet     = "set"
	becameRemoved = "removed"
	becameStarted = "started"
	becameEnded   = "ended"
)

func upOrDown(isUp bool) string {
	if isUp {
		return becameUp
	}
	return becameDown
}

// stateEvent tells of a change of an instance's state.
func (l *loop) stateEvent(i *instance, change vrrp.StateChanged) {
	l.events.Publish(control.Event{
		Kind: control.KindState, Instance: i.config.Name, Interface: i.config.Interface,
		From: change.From.String(), To: change.To.String(), Reason: change.Reason,
	})
}

// priorityEvent tells of another effective priority.
func (l *loop) priorityEvent(i *instance, from, to uint8) {
	l.events.Publish(control.Event{
		Kind: control.KindPriority, Instance: i.config.Name,
		From: strconv.Itoa(int(from)), To: strconv.Itoa(int(to)),
	})
}

// addressEvent tells that a virtual address was set or removed, by whose hand
// ever.
func (l *loop) addressEvent(a *attachment, prefix netip.Prefix, to string) {
	v := a.virtualAddress(prefix.Addr())
	if v == nil {
		return
	}
	l.events.Publish(control.Event{
		Kind: control.KindAddress, Instance: v.owner.config.Name, Name: prefix.String(), Interface: a.name, To: to,
	})
}

// resultEvent tells of a tracker's result.
func (l *loop) resultEvent(name string, result track.Result) {
	l.events.Publish(control.Event{
		Kind: control.KindTracker, Name: name, To: upOrDown(result.Up), Reason: result.Status,
		Count: uint64(max(result.Number, 0)),
	})
}

// refusedEvent tells of refused advertisements, as often as they are logged.
func (l *loop) refusedEvent(instance string, source netip.Addr, reason string, since uint64) {
	l.events.Publish(control.Event{
		Kind: control.KindRefused, Instance: instance, Name: source.String(), Reason: reason, Count: since,
	})
}
