package control

import (
	"net/netip"
	"time"
)

// Status is how a lab stands.
type Status struct {
	Topology string    `json:"topology"`
	Subject  string    `json:"subject"` // what the processes of that kind are
	Started  time.Time `json:"started"`
	Settled  bool      `json:"settled"`
	// Why says why it is not settled.
	Why      string    `json:"why,omitempty"`
	Segments []Segment `json:"segments"`
	Hosts    []Host    `json:"hosts"`
	Routers  []Router  `json:"virtual_routers"`
	Faults   []Fault   `json:"faults"` // in force
}

// Segment is a broadcast domain, or a part of one.
type Segment struct {
	Name     string         `json:"name"`
	Prefixes []netip.Prefix `json:"prefixes,omitempty"`
	Uplinks  []string       `json:"uplinks,omitempty"` // segments that it is bridged with
}

// Host is a host and what it has now.
type Host struct {
	Name       string      `json:"name"`
	Role       string      `json:"role"`
	Interfaces []Interface `json:"interfaces"`
	Processes  []Process   `json:"processes"`
}

// Interface is a host's interface. Those that belong to no link have no
// segment.
type Interface struct {
	Name      string         `json:"name"`
	Segment   string         `json:"segment,omitempty"`
	Port      string         `json:"port,omitempty"`
	MAC       string         `json:"mac,omitempty"`
	Up        bool           `json:"up"`
	Carrier   bool           `json:"carrier"`
	Addresses []netip.Prefix `json:"addresses"`
}

// Process is a process of the topology.
type Process struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	PID     int    `json:"pid"` // as the sandbox sees it; 0: never started
	Running bool   `json:"running"`
	// Status is how it ended, if it did.
	Status string `json:"status,omitempty"`
}

// Router is a virtual router: a VRID of one family on a segment.
type Router struct {
	Segment string       `json:"segment"`
	VRID    int          `json:"vrid"`
	Version int          `json:"version"`
	VIPs    []netip.Addr `json:"vips"`
	// Owners are the hosts that have the first VIP, sorted: one, if all is well.
	Owners []string `json:"owners"`
	Nodes  []Node   `json:"nodes"`
}

// Node is a host's part in a virtual router.
type Node struct {
	Host     string `json:"host"`
	Priority int    `json:"priority"` // as configured
	// State is what its daemon last said: Active, Backup or Initialize; empty
	// when it says nothing.
	State string `json:"state,omitempty"`
}

// Fault is a fault in force.
type Fault struct {
	ID    int           `json:"id"`
	Fault string        `json:"fault"` // its name and parameters
	Host  string        `json:"host"`
	Since time.Duration `json:"since_ns"` // the lab's start
	Undo  string        `json:"undo"`
}

// Strike is a fault to be applied.
type Strike struct {
	Fault  string `json:"fault"`  // as fault.Parse reads it, words separated by blanks
	Target string `json:"target"` // a host or a selector: see fault.Target
}

// Problem is the answer to what could not be done.
type Problem struct {
	Error string `json:"error"`
	// Usage says that it was asked for wrongly.
	Usage bool `json:"usage,omitempty"`
}
