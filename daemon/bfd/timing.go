package bfd

import "time"

// chooseIntervals advertises the intervals of the state: slow sending unless
// Up (RFC 5880 §6.8.3). On the way to Up a Poll Sequence begins, so that the
// neighbor applies the fast interval. On the way out the slow one is in force
// at once: the neighbor is Down, or about to be.
func (s *Session) chooseIntervals() {
	p := &s.parameters
	slow := max(p.IdleTx, p.DesiredMinTx)
	s.desiredMinTx, s.requiredMinRx = slow, p.RequiredMinRx
	if s.state == Up {
		s.desiredMinTx = p.DesiredMinTx
	}
	s.sendMinTx, s.detectMinRx = s.desiredMinTx, s.requiredMinRx
	s.polling = s.state == Up && s.desiredMinTx != slow
}

// changeIntervals is IntervalsChanged. While Up, a longer transmit interval
// and a shorter Detection Time wait until the neighbor knows (RFC 5880
// §6.8.3).
func (s *Session) changeIntervals(now time.Time, desiredMinTx, requiredMinRx time.Duration) {
	p := &s.parameters
	if checkIntervals(desiredMinTx, requiredMinRx) != nil ||
		desiredMinTx == p.DesiredMinTx && requiredMinRx == p.RequiredMinRx {
		return
	}
	p.DesiredMinTx, p.RequiredMinRx = desiredMinTx, requiredMinRx
	if s.state != Up {
		s.chooseIntervals()
		s.retime(now)
		return
	}
	s.desiredMinTx, s.requiredMinRx = desiredMinTx, requiredMinRx
	s.sendMinTx = min(s.sendMinTx, desiredMinTx)
	s.detectMinRx = max(s.detectMinRx, requiredMinRx)
	s.polling = true
	s.retime(now)
}

// endPoll puts in force what the neighbor has now confirmed.
func (s *Session) endPoll() {
	s.polling = false
	s.sendMinTx, s.detectMinRx = s.desiredMinTx, s.requiredMinRx
}

// transmitInterval is the interval of sending before jitter (RFC 5880
// §6.8.7).
func (s *Session) transmitInterval() time.Duration { return max(s.sendMinTx, s.remote.minRx) }

// detectionTime is the Detection Time of asynchronous mode (RFC 5880 §6.8.4).
func (s *Session) detectionTime() time.Duration {
	return time.Duration(s.remote.multiplier) * max(s.detectMinRx, s.remote.minTx)
}

// mayTransmit reports whether periodic packets may be sent (RFC 5880 §6.8.7).
func (s *Session) mayTransmit() bool {
	switch {
	case s.parameters.Passive && s.remote.discriminator == 0:
		return false
	case s.remote.minRx == 0:
		return false
	case s.remote.demand && s.state == Up && s.remote.state == Up:
		return s.polling
	}
	return true
}

// rearm starts the transmit timer anew after a packet sent at now.
func (s *Session) rearm(now time.Time) {
	s.sent = now
	s.interval = s.transmitInterval()
	s.transmit = now.Add(s.jittered(s.interval))
}

// retime adapts the transmit timer after a change. An interval that became
// shorter holds from the last packet on (RFC 5880 §6.8.3); one that became
// longer holds from the next.
func (s *Session) retime(now time.Time) {
	if s.state == AdminDown && s.diagnostic != DiagnosticAdminDown { // before Startup
		return
	}
	if !s.mayTransmit() {
		s.transmit = time.Time{}
		return
	}
	interval := s.transmitInterval()
	if !s.transmit.IsZero() && interval >= s.interval {
		return
	}
	stopped := s.transmit.IsZero()
	due := s.sent.Add(s.jittered(interval))
	if due.Before(now) {
		due = now
	}
	if stopped || due.Before(s.transmit) {
		s.transmit = due
	}
	s.interval = interval
}

// jittered takes a random part of up to a quarter off the interval; at least
// a tenth when one missing packet ends the session (RFC 5880 §6.8.7).
func (s *Session) jittered(interval time.Duration) time.Duration {
	least := time.Duration(0)
	if s.parameters.Multiplier == 1 {
		least = (interval + 9) / 10
	}
	span := interval/4 - least
	return interval - least - time.Duration(s.next()%uint64(span+1))
}

// next is the next of a sequence of numbers that the seed determines
// (splitmix64, of S. Vigna, public domain).
func (s *Session) next() uint64 {
	s.random += 0x9e3779b97f4a7c15
	z := s.random
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
