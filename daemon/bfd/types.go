package bfd

import "time"

// State is the state of a session (RFC 5880 §4.1, Sta).
type State uint8

// The states of a session.
const (
	AdminDown State = iota // held down by an operator
	Down                   // or just made
	Init                   // the neighbor is heard, and may not hear us
	Up                     // both are heard
)

// Diagnostic is why a session left its last state (RFC 5880 §4.1, Diag). 9 to
// 31 are reserved.
type Diagnostic uint8

// The diagnostic codes.
const (
	DiagnosticNone                Diagnostic = iota
	DiagnosticTimeExpired                    // nothing heard for the Detection Time
	DiagnosticEchoFailed                     // the echo function failed
	DiagnosticNeighborDown                   // the neighbor signaled Down or AdminDown
	DiagnosticForwardingReset                // the forwarding plane was reset
	DiagnosticPathDown                       // known from elsewhere
	DiagnosticConcatenatedDown               // of a path that this one continues
	DiagnosticAdminDown                      // an operator wants it
	DiagnosticReverseConcatenated            // as ConcatenatedDown, the other way
)

// Packet is one control packet (RFC 5880 §4.1). Its version is 1, and it has
// no authentication.
type Packet struct {
	Diagnostic              Diagnostic
	State                   State
	Poll                    bool // asks for a Final
	Final                   bool // answers a Poll
	ControlPlaneIndependent bool
	Demand                  bool
	Multiplier              uint8  // Detect Mult; 0 is refused
	MyDiscriminator         uint32 // the sender's; 0 is refused
	YourDiscriminator       uint32 // the receiver's, 0 while unknown
	// Whole microseconds, 0 to 4294.967295 s.
	DesiredMinTx      time.Duration
	RequiredMinRx     time.Duration // 0: wants no periodic packets
	RequiredMinEchoRx time.Duration // 0: no echo
}

// Parameters describe one session.
type Parameters struct {
	// Discriminator is not 0, and no other session of this system has it. It
	// should be random (RFC 5880 §6.8.1).
	Discriminator uint32
	// DesiredMinTx is the shortest interval of sending while Up, and
	// RequiredMinRx the shortest of receiving that can be kept up with: 1 ms
	// to 4294.967295 s, in whole microseconds.
	DesiredMinTx, RequiredMinRx time.Duration
	// IdleTx is the interval of sending while not Up, if it is longer than
	// DesiredMinTx: at least 1 s (RFC 5880 §6.8.3); 0 stands for 1 s.
	IdleTx time.Duration
	// Multiplier is how many of our packets must be missing until the
	// neighbor finds us down, 1 to 255.
	Multiplier uint8
	// Passive waits with sending until the neighbor is heard (RFC 5880 §6.1).
	Passive bool
	// Seed makes the jitter of this session differ from others.
	Seed uint64
}

// Event is what happens to a session. The set is closed.
//
//sumtype:decl
type Event interface{ isEvent() }

type (
	// Startup leaves AdminDown: the session begins to send, unless it is
	// passive. A no-op in other states.
	Startup struct{}
	// Shutdown enters AdminDown. The neighbor is told at once, and for as
	// long as the session is driven (RFC 5880 §6.8.16). Reason is passed on
	// in StateChanged. A no-op in AdminDown.
	Shutdown struct{ Reason string }
	// TimerExpired says that the time of Deadline has come. Early or stale,
	// it is a no-op. After a pause, report what was received meanwhile
	// before TimerExpired: else a session goes Down whose packets only wait
	// to be read.
	TimerExpired struct{}
	// Received is a packet that Decode accepted, that came from the neighbor
	// with a right TTL, and whose YourDiscriminator is this session's or 0.
	// AdminDown only learns the neighbor's discriminator from it.
	Received struct{ Packet Packet }
	// IntervalsChanged sets new intervals, in the limits of Parameters; other
	// values are a no-op. While Up, a Poll Sequence tells the neighbor, and
	// what could break the session waits for its end (RFC 5880 §6.8.3).
	IntervalsChanged struct{ DesiredMinTx, RequiredMinRx time.Duration }
)

func (Startup) isEvent()          {}
func (Shutdown) isEvent()         {}
func (TimerExpired) isEvent()     {}
func (Received) isEvent()         {}
func (IntervalsChanged) isEvent() {}

// Action is what a session wants done. The set is closed. A list of actions
// has at most one Send, which comes first.
//
//sumtype:decl
type Action interface{ isAction() }

type (
	// Send sends the packet to the neighbor. It is the session's own, and
	// valid until the next Step.
	Send struct{ Packet *Packet }
	// Discard says that a packet was refused, and why.
	Discard struct{ Refusal Refusal }
	// StateChanged says that the state changed, and why: as the code that the
	// neighbor is told, and in a few words.
	StateChanged struct {
		From, To   State
		Diagnostic Diagnostic
		Reason     string
	}
)

func (Send) isAction()         {}
func (Discard) isAction()      {}
func (StateChanged) isAction() {}

// Refusal is a reason for which a packet is not believed.
type Refusal uint8

// The reasons of refusal. Decode finds those about the packet's form in the
// order of RFC 5880 §6.8.6. The last three are for whoever finds the session
// of a packet; the session itself refuses a discriminator that is not its own.
const (
	RefusedVersion           Refusal = iota + 1 // not version 1
	RefusedLength                               // shorter than its fields say
	RefusedMultiplier                           // Detect Mult 0
	RefusedMultipoint                           // the Multipoint bit is set
	RefusedMyDiscriminator                      // 0
	RefusedYourDiscriminator                    // 0, but neither Down nor AdminDown
	RefusedAuthentication                       // there is some, and none is in use
	RefusedSession                              // no such session
	RefusedSource                               // not the session's neighbor or interface
	RefusedTTL                                  // it came too far (RFC 5881 §5)
)

// Refusals is how many reasons of refusal there are, counting from 0: the
// length of an array of counters.
const Refusals = int(RefusedTTL) + 1
