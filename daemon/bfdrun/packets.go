package bfdrun

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"takeover/daemon/bfd"
	"takeover/daemon/transport"
)

// receiveMax is how many batches of packets of one receiver are taken in a
// row: a flood must not keep the timers waiting.
const receiveMax = 64

// receiveAll takes what is pending.
func (l *loop) receiveAll(now time.Time) {
	for _, r := range l.receivers {
		for range receiveMax {
			datagrams, err := r.Receive()
			if err != nil {
				if !errors.Is(err, transport.ErrEmpty) {
					l.logger.Debug("BFD packets not received", "error", err)
				}
				break
			}
			for i := range datagrams {
				l.received(now, r, &datagrams[i])
			}
			if len(datagrams) < transport.BFDBatch { // nothing is left
				break
			}
		}
	}
}

// received gives a packet to its session (RFC 5880 §6.3).
func (l *loop) received(now time.Time, r receiver, d *transport.BFDDatagram) {
	packet, err := bfd.Decode(d.Payload)
	if err != nil {
		if refused, ok := errors.AsType[*bfd.RefusalError](err); ok {
			l.refuse(now, refused.Refusal, d.Source, refused.Detail)
		}
		return
	}
	n, refusal := l.find(now, r, d, packet.YourDiscriminator)
	if refusal != 0 {
		l.refuse(now, refusal, d.Source, "")
		return
	}
	if d.TTL < n.leastIn {
		l.refuse(now, bfd.RefusedTTL, d.Source, n.name)
		return
	}
	l.step(d.Arrived, n, bfd.Received{Packet: packet})
}

// find is the session of a packet: by its discriminator, or for a first packet
// by its addresses. Beyond RFC 5880, the addresses must be right in both
// cases.
func (l *loop) find(now time.Time, r receiver, d *transport.BFDDatagram, discriminator uint32) (*neighbor, bfd.Refusal) {
	if discriminator != 0 {
		n := l.byDiscriminator[discriminator]
		switch {
		case n == nil:
			return nil, bfd.RefusedSession
		case !l.isFrom(now, n, r, d):
			return nil, bfd.RefusedSource
		}
		return n, 0
	}
	for _, n := range l.neighbors {
		if l.isFrom(now, n, r, d) {
			return n, 0
		}
	}
	return nil, bfd.RefusedSession
}

// isFrom reports whether the packet came from the neighbor to us, and by its
// interface. One with another index may have been replaced: the neighbor's
// sender is opened anew then.
func (l *loop) isFrom(now time.Time, n *neighbor, r receiver, d *transport.BFDDatagram) bool {
	if r.multihop != n.path.Multihop || d.Source != n.path.Remote ||
		n.path.Local.IsValid() && d.Destination != n.path.Local {
		return false
	}
	if n.path.Interface == "" {
		return true
	}
	if n.sender == nil || n.sender.Index() != d.Index {
		l.reopen(now, n)
	}
	return n.sender != nil && n.sender.Index() == d.Index
}

// send sends a session's packet. A sender that fails is opened anew: its
// interface or its source address may have been replaced.
func (l *loop) send(now time.Time, n *neighbor, p *bfd.Packet) {
	if n.sender == nil {
		l.reopen(now, n)
	}
	if n.sender == nil {
		return
	}
	l.buffer = bfd.Append(l.buffer[:0], *p)
	err := n.sender.Send(l.buffer)
	switch {
	case err != nil:
		l.fail(n, err)
		l.reopen(now, n)
	case n.failing:
		n.failing = false
		l.logger.Info("BFD packets are sent again", "neighbor", n.name)
	}
}

// reopen opens the sender of a neighbor, at most once a second.
func (l *loop) reopen(now time.Time, n *neighbor) {
	if now.Before(n.retry) {
		return
	}
	n.retry = now.Add(retryInterval)
	if n.sender != nil {
		n.sender.Close()
		n.sender = nil
	}
	sender, err := l.dialer.Dial(n.path)
	if err != nil {
		l.fail(n, err)
		return
	}
	n.sender = sender
}

// fail logs the first of several failures.
func (l *loop) fail(n *neighbor, err error) {
	if !n.failing {
		n.failing = true
		l.logger.Warn("BFD packets are not sent", "neighbor", n.name, "error", err)
	}
}

// tallyInterval is how often a reason of refusal is logged.
const tallyInterval = time.Minute

// tally counts refusals for one reason.
type tally struct {
	total, logged uint64
	at            time.Time
}

// refuse counts a refusal and logs it once a minute for each reason. Packets
// for a session that there was before a restart, or is not to be, are nobody's
// fault here.
func (l *loop) refuse(now time.Time, refusal bfd.Refusal, source netip.Addr, detail string) {
	t := &l.refusals[refusal]
	t.total++
	if t.logged > 0 && now.Sub(t.at) < tallyInterval {
		return
	}
	level := slog.LevelWarn
	if refusal == bfd.RefusedSession {
		level = slog.LevelDebug
	}
	l.logger.Log(context.Background(), level, "BFD packet refused", "source", source.String(),
		"reason", refusal.String(), "detail", detail, "times", t.total-t.logged, "total", t.total)
	t.logged, t.at = t.total, now
}
