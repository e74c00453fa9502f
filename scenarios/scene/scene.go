package scene

import (
	"takeover/scenarios/fault"
)

// Scene is a scenario with a schedule. Read and Check make sure of it.
type Scene struct {
	Name    string `json:"name,omitempty"` // the file's unless given
	Summary string `json:"summary"`
	// Why is what justifies the expectations: a section of the RFC, or a manual.
	Why string `json:"why"`
	// Topology is the name of a shipped one, or a path from the file's own
	// directory; failover unless given.
	Topology string `json:"topology,omitempty"`
	// Subjects are those that it is for, each as the command line has it: one for
	// all seats, or one a seat joined by +. vipd and keepalived unless given.
	Subjects []string `json:"subjects,omitempty"`
	Load     Load     `json:"load,omitzero"`
	// Length is how long the schedule goes on, from its start; after it every
	// fault is undone. Unless given: 5 s after the last fault begins, and until
	// the last one with a duration is undone.
	Length   fault.Duration `json:"length,omitempty"`
	Schedule []Step         `json:"schedule"`
	Expect   Expect         `json:"expect"`
	Known    []Known        `json:"known,omitempty"`
}

// Load is what the client asks the first virtual address, and how much time is
// between two probes of each stream. What is not given is not asked, but echo
// requests and HTTP requests.
type Load struct {
	ICMP fault.Duration `json:"icmp,omitempty"` // between echo requests; 1 ms unless given
	HTTP fault.Duration `json:"http,omitempty"` // between requests; 10 ms unless given
	UDP  fault.Duration `json:"udp,omitempty"`  // between datagrams to an echo server
	TCP  fault.Duration `json:"tcp,omitempty"`  // between connects to it
	// KeepAlive is between HTTP requests over one connection, which is opened
	// again when it is lost.
	KeepAlive   fault.Duration `json:"keep_alive,omitempty"`
	Connections *Connections   `json:"connections,omitempty"`
}

// Step is a fault and when it comes: At, or at a moment drawn from Between; once,
// or Times times, Every so often; and from then to the next such moment behind an
// advertisement of the Active, when Phase is given.
type Step struct {
	At      fault.Duration   `json:"at,omitempty"` // from the schedule's start
	Every   fault.Duration   `json:"every,omitempty"`
	Times   int              `json:"times,omitempty"`
	Between []fault.Duration `json:"between,omitempty"` // two: from and to
	Phase   *fault.Ratio     `json:"phase,omitempty"`   // of the advertisement interval
	// Fault is its name and its parameters as KEY=VALUE.
	Fault  string         `json:"fault"`
	Target fault.Target   `json:"target,omitempty"` // active unless given
	For    fault.Duration `json:"for,omitempty"`    // then undone; unless given: at the end
	// Optional: the fault is left out when it finds nothing to strike then: no
	// Active, no process of that name.
	Optional bool `json:"optional,omitempty"`
}

// Expect is what must hold from the first fault to the end. What is not given
// is not asked, but dual: two owners for longer than a handover are never right
// unless they are expected.
type Expect struct {
	Failover  *Failover `json:"failover,omitempty"`
	Dual      *Span     `json:"dual,omitempty"` // the longest time with two owners
	None      *Span     `json:"none,omitempty"` // the longest time without an owner
	Lost      *Lost     `json:"lost,omitempty"`
	Active    string    `json:"active,omitempty"` // who alone has the address in the end
	Flaps     *Count    `json:"flaps,omitempty"`  // how often a node takes the address
	Reversion *Span     `json:"reversion,omitempty"`
	// Announcement is asked of every takeover, with what is not given as there.
	Announcement *Announcement `json:"announcement,omitempty"`
	Near         *Count        `json:"near,omitempty"`     // near failovers
	Flapping     *Count        `json:"flapping,omitempty"` // changes of the owner that no fault explains
	Stale        *Span         `json:"stale,omitempty"`    // the longest time that a table led to another than the owner
	Reset        *Count        `json:"reset,omitempty"`    // long-lived connections
	Leaks        *Leaks        `json:"leaks,omitempty"`
	// Explained asks for nothing that the faults in force do not explain. It takes
	// the place of the bound on two owners that holds without Dual.
	Explained *Explained `json:"explained,omitempty"`
}

// Explained: two owners, and the end of a daemon, are right while a fault is in
// force that brings that about, and for a time after its undoing. What explains
// what is in docs/chaos.md.
type Explained struct {
	// Grace is that time; the longest Active_Down_Interval unless given.
	Grace fault.Duration `json:"grace,omitempty"`
}

// Failover is the first time that another node has the address.
type Failover struct {
	Within fault.Duration `json:"within,omitempty"` // of the first fault
	By     string         `json:"by,omitempty"`     // a host, or nobody
}

// Nobody stands for no failover.
const Nobody = "nobody"

// Span bounds a duration. A reversion's is from the last undoing until the one
// that is Active in the end has the address for good.
type Span struct {
	AtMost  *fault.Duration `json:"at_most,omitempty"`
	AtLeast fault.Duration  `json:"at_least,omitempty"`
}

// Count bounds a number.
type Count struct {
	AtMost int `json:"at_most"`
}

// Lost bounds the probes that were given up, by their stream.
type Lost struct {
	ICMP      *int `json:"icmp,omitempty"`
	HTTP      *int `json:"http,omitempty"`
	UDP       *int `json:"udp,omitempty"`
	TCP       *int `json:"tcp,omitempty"`
	KeepAlive *int `json:"keep_alive,omitempty"`
}

// Announcement is how whoever takes the address makes itself known: gratuitous
// ARP, or unsolicited Neighbor Advertisements.
type Announcement struct {
	Within fault.Duration `json:"within,omitempty"` // of having it; 500 ms unless given
	Times  int            `json:"times,omitempty"`  // at least, During the time from having it
	During fault.Duration `json:"during,omitempty"`
}

// Known is an expectation that a subject is known to fail.
type Known struct {
	Subject     string `json:"subject"`
	Version     string `json:"version,omitempty"` // how its version begins; any unless given
	Expectation string `json:"expectation"`       // failover, dual, none, ...
	Reason      string `json:"reason"`
}

// Expectations are the names that Known may have.
func Expectations() []string {
	return []string{
		checkFailover, checkDual, checkNone, checkLost, checkActive, checkFlaps, checkReversion, checkLiveness, checkOwnership,
		checkAnnouncement, checkInterval,
		checkNear, checkFlapping, checkStale, checkReset, checkLeaks,
		checkExits,
	}
}
