package bfd

import "time"

// received is RFC 5880 §6.8.6, after Decode and the search for the session.
func (s *Session) received(now time.Time, p *Packet) {
	if p.YourDiscriminator != 0 && p.YourDiscriminator != s.parameters.Discriminator {
		s.actions = append(s.actions, Discard{RefusedSession})
		return
	}
	s.remote = remote{
		discriminator: p.MyDiscriminator,
		state:         p.State,
		diagnostic:    p.Diagnostic,
		minTx:         p.DesiredMinTx,
		minRx:         p.RequiredMinRx,
		multiplier:    p.Multiplier,
		demand:        p.Demand,
	}
	if s.state == AdminDown {
		s.retime(now)
		return
	}
	if p.Final && s.polling {
		s.endPoll()
	}
	before := s.state
	s.follow(p.State)
	s.detect = now.Add(s.detectionTime())
	switch {
	case p.Poll:
		// At once, whatever the timer and the state say (RFC 5880 §6.8.7).
		// It tells a new state as well.
		s.send(true)
		if s.state != before {
			s.rearm(now)
		}
		s.retime(now)
	case s.state != before:
		s.tell(now)
	default:
		s.retime(now)
	}
}

// follow changes the state as the neighbor's asks (RFC 5880 §6.2, §6.8.6).
func (s *Session) follow(neighbor State) {
	if neighbor == AdminDown {
		if s.state != Down {
			s.enter(Down, DiagnosticNeighborDown, "neighbor is administratively down")
		}
		return
	}
	switch s.state {
	case AdminDown:
	case Down:
		switch neighbor {
		case Down:
			s.enter(Init, DiagnosticNone, "neighbor is heard")
		case Init:
			s.enter(Up, DiagnosticNone, "neighbor hears us")
		case Up, AdminDown:
		}
	case Init:
		if neighbor == Init || neighbor == Up {
			s.enter(Up, DiagnosticNone, "neighbor hears us")
		}
	case Up:
		if neighbor == Down {
			s.enter(Down, DiagnosticNeighborDown, "neighbor signaled Down")
		}
	}
}
