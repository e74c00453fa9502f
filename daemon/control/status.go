package control

import (
	"net/netip"
	"time"
)

// Status is what a daemon says of itself.
type Status struct {
	Program       string    `json:"program"` // name, version and platform
	PID           int       `json:"pid"`     // the worker's
	StartedAt     time.Time `json:"started_at"`
	Uptime        float64   `json:"uptime_s"`
	Restarts      int       `json:"restarts"` // of the worker, by a guardian
	Configuration string    `json:"configuration"`
	LoadedAt      time.Time `json:"loaded_at"` // when the configuration was read last
	Warnings      int       `json:"warnings"`  // of the configuration
	Guardian      Guardian  `json:"guardian"`

	Clients        int    `json:"clients"`         // of the control socket, now
	ClientsDropped uint64 `json:"clients_dropped"` // those that did not read
	EventsLost     uint64 `json:"events_lost"`     // that came faster than they were taken
	LogLost        uint64 `json:"log_lost"`        // lines that could not be written

	Groups    []Group    `json:"groups,omitempty"`
	Sessions  []Session  `json:"sessions,omitempty"`
	Trackers  []Tracker  `json:"trackers,omitempty"`
	Instances []Instance `json:"instances"` // in the configuration's order
}

// Guardian is the second process. PID 0: there is none now.
type Guardian struct {
	PID     int       `json:"pid"`
	Since   time.Time `json:"since"`
	Started int       `json:"started"` // how many there have been
}

// Group is a sync group.
type Group struct {
	Name    string   `json:"name"`
	State   string   `json:"state"` // the members'; "Mixed" while they change
	Members []string `json:"members"`
}

// Session is a BFD session.
type Session struct {
	Name   string    `json:"name"`
	Up     bool      `json:"up"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
}

// Tracker is something that instances track: a script, processes, a file.
type Tracker struct {
	Name  string    `json:"name"`  // "script NAME", "process NAME", "file NAME"
	State string    `json:"state"` // "up", "down", "unknown"
	Since time.Time `json:"since"` // of the latest result
	// Detail is why; Number how many processes there are, or what a file says.
	Detail string `json:"detail,omitempty"`
	Number int    `json:"number,omitempty"`
}

// Instance is one virtual router.
type Instance struct {
	Name      string    `json:"name"`
	Interface string    `json:"interface"`
	VMAC      string    `json:"vmac,omitempty"` // the interface of its virtual router MAC
	VRID      uint8     `json:"vrid"`
	Version   int       `json:"version"` // of the protocol
	Family    string    `json:"family"`  // "ipv4", "ipv6"
	Group     string    `json:"group,omitempty"`
	State     string    `json:"state"` // "Initialize", "Backup", "Active"
	Since     time.Time `json:"since"`
	Fault     string    `json:"fault,omitempty"` // why it stays in Initialize

	Priority           uint8   `json:"priority"` // with the weights of what it tracks
	ConfiguredPriority uint8   `json:"configured_priority"`
	Interval           float64 `json:"interval_ms"` // Advertisement_Interval as configured
	// Source is where its advertisements come from; the zero value: none yet.
	Source netip.Addr `json:"source"`
	Active *Active    `json:"active,omitempty"` // nil: it knows of none
	// Lease is for how long its addresses are set, 0 for good.
	Lease     float64   `json:"lease_s"`
	Addresses []Address `json:"addresses"`
	Tracked   []Tracked `json:"tracked,omitempty"`

	Transitions          uint64            `json:"transitions"`
	BecameActive         uint64            `json:"became_active"`
	ReleasedActive       uint64            `json:"released_active"`
	Sent                 uint64            `json:"sent"`     // advertisements, to any number of peers
	Received             uint64            `json:"received"` // advertisements that could be read
	PriorityZeroSent     uint64            `json:"priority_zero_sent"`
	PriorityZeroReceived uint64            `json:"priority_zero_received"`
	Refused              map[string]uint64 `json:"refused,omitempty"` // advertisements, by reason
}

// Active is the router that has the virtual addresses.
type Active struct {
	Address  netip.Addr `json:"address"`
	Priority uint8      `json:"priority"`
	Interval float64    `json:"interval_ms"` // that it advertises in
	Self     bool       `json:"self"`
}

// Address is a virtual address.
type Address struct {
	Prefix    netip.Prefix `json:"prefix"`
	Interface string       `json:"interface"`
	Set       bool         `json:"set"`
	Excluded  bool         `json:"excluded,omitempty"` // it is not advertised
}

// Tracked is something that an instance tracks, and what that does to it.
type Tracked struct {
	Name    string `json:"name"`
	State   string `json:"state"` // "up", "down", "unknown"
	Weight  int    `json:"weight"`
	Reverse bool   `json:"reverse,omitempty"`
	Fault   string `json:"fault,omitempty"`
}
