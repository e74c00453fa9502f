package bfd

import (
	"fmt"
	"time"
)

// Session is the machine of one session. It is not safe for concurrent use.
type Session struct {
	parameters Parameters
	state      State
	diagnostic Diagnostic
	remote     remote

	// What we advertise; see timing.go for what is in force.
	desiredMinTx, requiredMinRx time.Duration
	// What is in force of it: they differ during a Poll Sequence.
	sendMinTx, detectMinRx time.Duration
	polling                bool // a Poll Sequence is going on

	// The timers. A zero time means that the timer does not run.
	transmit time.Time // the next periodic packet
	detect   time.Time // the end of the Detection Time

	sent     time.Time     // the last packet that counts as periodic
	interval time.Duration // before jitter, of the transmit timer
	random   uint64

	// What Step returns, used again and again.
	packet  Packet
	actions []Action
}

// remote is what the neighbor said last.
type remote struct {
	discriminator uint32 // 0 while it is not heard
	state         State
	diagnostic    Diagnostic
	minTx, minRx  time.Duration
	multiplier    uint8
	demand        bool
}

// unheard is what is assumed of a neighbor that is not heard (RFC 5880
// §6.8.1).
func unheard() remote { return remote{state: Down, minRx: time.Microsecond} }

// New returns a session in AdminDown that is silent until Startup, or says
// what is wrong with p.
func New(p Parameters) (*Session, error) {
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("BFD session: %w", err)
	}
	p.IdleTx = max(p.IdleTx, idleMin)
	s := &Session{parameters: p, remote: unheard(), random: p.Seed, actions: make([]Action, 0, 2)}
	s.chooseIntervals()
	return s, nil
}

// Step tells the machine what happened at now and returns what to do, in that
// order. The list, and what it points to, are valid until the next Step. All
// times given to one session must come from one clock, and must not go back;
// only that of Received may be earlier, when the kernel took the packet.
func (s *Session) Step(now time.Time, event Event) []Action {
	s.actions = s.actions[:0]
	switch e := event.(type) {
	case Startup:
		if s.state == AdminDown {
			s.enter(Down, DiagnosticNone, "startup")
			s.tell(now)
		}
	case Shutdown:
		s.shutdown(now, e.Reason)
	case TimerExpired:
		s.timerExpired(now)
	case Received:
		s.received(now, &e.Packet)
	case IntervalsChanged:
		s.changeIntervals(now, e.DesiredMinTx, e.RequiredMinRx)
	}
	return s.actions
}

// Deadline is when TimerExpired is due: the earlier of the running timers;
// false when none runs.
func (s *Session) Deadline() (time.Time, bool) {
	switch {
	case s.detect.IsZero():
		return s.transmit, !s.transmit.IsZero()
	case s.transmit.IsZero() || s.detect.Before(s.transmit):
		return s.detect, true
	}
	return s.transmit, true
}

// State is the state it is in.
func (s *Session) State() State { return s.state }

// Status is what a session is doing.
type Status struct {
	State, RemoteState           State
	Diagnostic, RemoteDiagnostic Diagnostic
	Discriminator                uint32
	RemoteDiscriminator          uint32        // 0 while the neighbor is not heard
	TransmitInterval             time.Duration // in force, before jitter
	DetectionTime                time.Duration // 0 while the neighbor is not heard
	Polling                      bool
}

// Status is what the session is doing.
func (s *Session) Status() Status {
	return Status{
		State:               s.state,
		RemoteState:         s.remote.state,
		Diagnostic:          s.diagnostic,
		RemoteDiagnostic:    s.remote.diagnostic,
		Discriminator:       s.parameters.Discriminator,
		RemoteDiscriminator: s.remote.discriminator,
		TransmitInterval:    s.transmitInterval(),
		DetectionTime:       s.detectionTime(),
		Polling:             s.polling,
	}
}

func (s *Session) shutdown(now time.Time, reason string) {
	if s.state == AdminDown {
		return
	}
	if reason == "" {
		reason = "shutdown"
	}
	s.detect = time.Time{}
	s.enter(AdminDown, DiagnosticAdminDown, reason)
	s.tell(now)
}

// timerExpired ends the Detection Time (RFC 5880 §6.8.4), or sends the next
// periodic packet.
func (s *Session) timerExpired(now time.Time) {
	if !s.detect.IsZero() && !now.Before(s.detect) {
		s.lose(now)
	}
	if !s.transmit.IsZero() && !now.Before(s.transmit) {
		s.send(false)
		s.rearm(now)
	}
}

// lose forgets a neighbor that was silent for the Detection Time. RFC 5880
// §6.8.1 asks that its discriminator be forgotten, and allows that all else
// be: so a neighbor that last wanted no packets gets some when it is back.
func (s *Session) lose(now time.Time) {
	silence := s.detectionTime()
	s.remote, s.detect = unheard(), time.Time{}
	if s.state == Init || s.state == Up {
		s.enter(Down, DiagnosticTimeExpired, fmt.Sprintf("nothing heard for %s", silence))
		s.tell(now)
	}
	s.retime(now)
}

// enter changes the state and says so.
func (s *Session) enter(to State, diagnostic Diagnostic, reason string) {
	from := s.state
	s.state, s.diagnostic = to, diagnostic
	s.chooseIntervals()
	s.actions = append(s.actions, StateChanged{From: from, To: to, Diagnostic: diagnostic, Reason: reason})
}

// tell lets the neighbor know of a new state at once, where it may be sent
// to (RFC 5880 §6.8.7, the last paragraph).
func (s *Session) tell(now time.Time) {
	if s.mayTransmit() {
		s.send(false)
		s.rearm(now)
		return
	}
	s.retime(now)
}

// send puts a packet in front of the other actions (RFC 5880 §6.8.7).
func (s *Session) send(final bool) {
	s.packet = Packet{
		Diagnostic:        s.diagnostic,
		State:             s.state,
		Poll:              s.polling && !final,
		Final:             final,
		Multiplier:        s.parameters.Multiplier,
		MyDiscriminator:   s.parameters.Discriminator,
		YourDiscriminator: s.remote.discriminator,
		DesiredMinTx:      s.desiredMinTx,
		RequiredMinRx:     s.requiredMinRx,
	}
	s.actions = append(s.actions, nil)
	copy(s.actions[1:], s.actions)
	s.actions[0] = Send{&s.packet}
}
