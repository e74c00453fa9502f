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

// offsetVRID is where an advertisement has its VRID (RFC 9568 §5.2.3), and
// headerBytesAH what is before it in an Authentication Header (RFC 2402 §2, with
// HMAC-MD5-96).
const (
	offsetVRID    = 1
	headerBytesAH = 24
)

// notify says from any goroutine that s is readable.
func (l *loop) notify(s *listener) {
	s.readable.Store(true)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// receiveReadable takes what has arrived.
func (l *loop) receiveReadable() {
	for _, s := range l.listeners {
		if s.readable.Swap(false) {
			l.receive(s)
		}
	}
}

// receiveAll takes what is pending, whether or not the poller has told so yet.
func (l *loop) receiveAll() {
	for _, s := range l.listeners {
		l.receive(s)
	}
}

// receive takes what is pending at one listener.
func (l *loop) receive(s *listener) {
	if s.conn == nil {
		return
	}
	l.pledge.Working()
	for range receiveMax {
		datagram, err := s.conn.Receive()
		switch {
		case err == nil:
			l.received(datagram.Arrived, s, datagram)
		case errors.Is(err, transport.ErrEmpty):
			return
		default:
			malformed, is := errors.AsType[*transport.HeaderError](err)
			if !is {
				l.logger.Debug("receive failed", "interface", s.on.name, "error", err)
				return
			}
			l.refused(time.Now(), "", &s.on.refusals, malformed.Source, vrrp.RefusedLength, malformed.Detail)
		}
		if s.conn == nil { // what was received closed it
			return
		}
	}
	l.notify(s) // there may be more, and the poller reports arrivals only
}

// received gives a packet to the instance that it is for. What is refused
// before that is counted for the instance whose VRID it carries, if any.
func (l *loop) received(now time.Time, s *listener, d transport.Datagram) {
	if s.isForAnother(d) {
		return
	}
	i := s.instanceOf(d.Payload)
	if d.FromOwn && (i == nil || !i.hasNow(d.Source)) {
		return // the kernel gave it to the other socket as well
	}
	refusal := l.accept(now, s, i, d)
	switch {
	case refusal != nil && i == nil:
		l.refused(now, "", &s.on.refusals, d.Source, refusal.Refusal, refusal.Detail)
	case refusal != nil:
		l.refused(now, i.config.Name, &i.refusals, d.Source, refusal.Refusal, refusal.Detail)
	case i == nil:
		l.refused(now, "", &s.on.refusals, d.Source, vrrp.RefusedVRID, fmt.Sprintf("VRID %d", l.heard.VRID))
	case i.router != nil:
		was := i.state()
		l.isDiscarded = false
		l.step(now, i, vrrp.Received{Source: d.Source, Advertisement: l.heard})
		l.tellOfLower(i, was)
		i.countReceived(d.Source, l.heard.Priority)
		l.compareInterval(i, d.Source)
	}
}

// ownable are the virtual addresses that another router may own, and then send
// from.
func (i *instance) ownable() []netip.Addr {
	return slices.DeleteFunc(addressesOf(i.config.VirtualAddresses), netip.Addr.Is6)
}

// hasNow reports whether the address is this host's because the instance is
// Active.
func (i *instance) hasNow(address netip.Addr) bool {
	return i.router != nil && i.router.State() == vrrp.Active && i.virtual(address) != nil
}

// compareInterval logs, once for each change, that the Active's interval is not
// the one configured here (RFC 9568 §7.1), or that it is again.
func (l *loop) compareInterval(i *instance, source netip.Addr) {
	interval := i.router.ActiveInterval()
	if i.router.State() != vrrp.Backup || interval == i.learnt {
		return
	}
	i.learnt = interval
	if configured := i.config.AdvertInterval; interval != configured {
		l.logger.Warn("the Active's interval is not the one configured", "instance", i.config.Name,
			"source", source, "interval", interval, "configured", configured)
		return
	}
	l.logger.Info("the Active's interval is the one configured again", "instance", i.config.Name, "source", source)
}

// isForAnother reports whether a unicast packet came to a socket for multicast
// while there is one for unicast as well, which gets it too.
func (s *listener) isForAnother(d transport.Datagram) bool {
	return !s.unicast && !d.Destination.IsMulticast() && slices.ContainsFunc(s.on.listeners, func(other *listener) bool {
		return other.unicast && other.is6 == s.is6 && other.isAH == s.isAH && other.conn != nil
	})
}

// accept decodes into heard an advertisement that came from the same link, or
// from a peer (RFC 9568 §5.1.1.3, §7.1), and whose seal is whole.
func (l *loop) accept(now time.Time, s *listener, i *instance, d transport.Datagram) *vrrp.RefusalError {
	if refusal := s.stranger(i, d); refusal != nil {
		return refusal
	}
	payload := d.Payload
	if i != nil {
		var err error
		if payload, err = i.seal.open(now, d); err != nil {
			return refusalOf(err)
		}
	}
	if err := vrrp.DecodeInto(&l.heard, payload, d.Source, d.Destination); err != nil {
		return refusalOf(err)
	}
	return nil
}

func refusalOf(err error) *vrrp.RefusalError {
	if refusal, is := errors.AsType[*vrrp.RefusalError](err); is {
		return refusal
	}
	return &vrrp.RefusalError{Refusal: vrrp.RefusedLength, Detail: err.Error()}
}

// stranger says why a packet comes from too far away or from nobody who may
// send it. Multicast must not have crossed a router. Of unicast, the peer's
// own bounds decide; from others it is refused where that is configured, and
// by instances of multicast.
func (s *listener) stranger(i *instance, d transport.Datagram) *vrrp.RefusalError {
	switch {
	case !s.unicast && d.TTL != transport.TTL:
		return &vrrp.RefusalError{Refusal: vrrp.RefusedTTL, Detail: fmt.Sprintf("TTL %d", d.TTL)}
	case !s.unicast && !d.Destination.IsMulticast():
		return &vrrp.RefusalError{Refusal: vrrp.RefusedPeer, Detail: "sent to " + d.Destination.String() + " alone"}
	case !s.unicast || i == nil:
		return nil
	}
	peer, is := errors.AsType[*transport.PeerError](i.peers.Check(d.Source, d.TTL))
	switch {
	case !is:
		return nil
	case peer.IsPeer:
		return &vrrp.RefusalError{Refusal: vrrp.RefusedTTL, Detail: peer.Detail}
	case i.config.CheckUnicastSource:
		return &vrrp.RefusalError{Refusal: vrrp.RefusedPeer, Detail: peer.Detail}
	}
	return nil
}

// instanceOf finds the instance that a packet's VRID names.
func (s *listener) instanceOf(payload []byte) *instance {
	offset := offsetVRID
	if s.isAH {
		offset += headerBytesAH
	}
	if len(payload) <= offset {
		return nil
	}
	return s.byVRID[payload[offset]]
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
	if refusal != vrrp.RefusedVRID {
		l.refusedEvent(instance, source, refusal.String(), since)
	}
}
