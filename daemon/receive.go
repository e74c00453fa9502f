package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// receiveMax is how many packets of one interface are taken in a row. A full
// receive buffer of the default size holds fewer; a flood of more must not
// keep the timers waiting.
const receiveMax = 1024

// offsetVRID is where an advertisement has its VRID (RFC 3768 §5.3.3).
const offsetVRID = 1

// notify says from any goroutine that a is readable.
func (l *loop) notify(a *attachment) {
	a.readable.Store(true)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// receiveReadable takes what has arrived.
func (l *loop) receiveReadable() {
	for _, a := range l.ordered {
		if a.readable.Swap(false) {
			l.receive(a)
		}
	}
}

// receiveAll takes what is pending, whether or not the poller has told so yet.
func (l *loop) receiveAll() {
	for _, a := range l.ordered {
		l.receive(a)
	}
}

// receive takes what is pending on one interface.
func (l *loop) receive(a *attachment) {
	if a.conn == nil {
		return
	}
	for range receiveMax {
		datagram, err := a.conn.Receive()
		var malformed *transport.HeaderError
		switch {
		case err == nil:
			l.received(datagram.Arrived, a, datagram)
		case errors.Is(err, transport.ErrEmpty):
			return
		case errors.As(err, &malformed):
			l.refused(time.Now(), "", &a.refusals, malformed.Source, vrrp.RefusedLength, malformed.Detail)
		default:
			l.logger.Debug("receive failed", "interface", a.name, "error", err)
			return
		}
		if a.conn == nil { // what was received closed it
			return
		}
	}
	l.notify(a) // there may be more, and the poller reports arrivals only
}

// received gives a packet to the instance that it is for. What is refused
// before that is counted for the instance whose VRID it carries, if any.
func (l *loop) received(now time.Time, a *attachment, d transport.Datagram) {
	i := a.sender(d.Payload)
	advertisement, refusal := accept(d)
	if refusal == nil && i == nil {
		refusal = &vrrp.RefusalError{
			Refusal: vrrp.RefusedVRID, Detail: fmt.Sprintf("VRID %d", advertisement.VRID),
		}
	}
	switch {
	case refusal == nil:
		if i.router != nil {
			l.step(now, i, vrrp.Received{Source: d.Source, Advertisement: advertisement})
		}
	case i == nil:
		l.refused(now, "", &a.refusals, d.Source, refusal.Refusal, refusal.Detail)
	default:
		l.refused(now, i.config.Name, &i.refusals, d.Source, refusal.Refusal, refusal.Detail)
	}
}

// accept decodes an advertisement that came from the same link
// (RFC 3768 §5.2.3, §7.1).
func accept(d transport.Datagram) (vrrp.Advertisement, *vrrp.RefusalError) {
	if d.TTL != transport.TTL {
		return vrrp.Advertisement{}, &vrrp.RefusalError{
			Refusal: vrrp.RefusedTTL, Detail: fmt.Sprintf("TTL %d", d.TTL),
		}
	}
	advertisement, err := vrrp.Decode(d.Payload, d.Source, d.Destination)
	if err == nil {
		return advertisement, nil
	}
	var refusal *vrrp.RefusalError
	if !errors.As(err, &refusal) {
		refusal = &vrrp.RefusalError{Refusal: vrrp.RefusedLength, Detail: err.Error()}
	}
	return vrrp.Advertisement{}, refusal
}

// sender finds the instance on a that a packet's VRID names.
func (a *attachment) sender(payload []byte) *instance {
	if len(payload) <= offsetVRID {
		return nil
	}
	n := slices.IndexFunc(a.senders, func(i *instance) bool { return i.config.VRID == payload[offsetVRID] })
	if n < 0 {
		return nil
	}
	return a.senders[n]
}

// refused counts a refusal and logs it once a minute for each reason. Another
// virtual router on the same link is nobody's fault, and is logged for those
// only who want every detail.
func (l *loop) refused(now time.Time, instance string, t *throttle, source netip.Addr, refusal vrrp.Refusal, detail string) {
	since, total, log := t.count(now, refusal.String())
	if !log {
		return
	}
	level := l.logger.Warn
	if refusal == vrrp.RefusedVRID {
		level = l.logger.Debug
	}
	level("advertisement refused", "instance", instance, "source", source.String(),
		"reason", refusal.String(), "detail", detail, "times", since, "total", total)
}
