package control

import "time"

// Kind is what an event is about.
type Kind string

// The kinds of events.
const (
	KindState    Kind = "state"    // of an instance: From, To, Reason
	KindPriority Kind = "priority" // of an instance: From, To
	KindAddress  Kind = "address"  // a virtual one was set or removed: Name, Interface, To
	KindTracker  Kind = "tracker"  // a result: Name, To, Reason
	KindSession  Kind = "session"  // of BFD: Name, To, Reason
	KindRefused  Kind = "refused"  // advertisements, once a minute for each reason: Reason, Count
	KindReload   Kind = "reload"   // To is "done" or "refused", with the Reason
	KindGuardian Kind = "guardian" // To is "started" or "ended"
	KindLost     Kind = "lost"     // Count events that nobody will hear of
)

// Event is something that happened. What does not belong to its Kind is
// empty.
type Event struct {
	// Sequence counts the events of one daemon, from 1.
	Sequence  uint64    `json:"sequence"`
	Time      time.Time `json:"time"`
	Kind      Kind      `json:"event"`
	Instance  string    `json:"instance,omitempty"`
	Name      string    `json:"name,omitempty"`
	Interface string    `json:"interface,omitempty"`
	From      string    `json:"from,omitempty"`
	To        string    `json:"to,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Count     uint64    `json:"count,omitempty"`
}
