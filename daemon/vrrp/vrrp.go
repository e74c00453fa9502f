package vrrp

import (
	"errors"
	"net/netip"
	"time"
)

var errTodo = errors.New("not built yet")

// Decode reads the advertisement in payload, what follows the IP header.
func Decode(payload []byte) (Advertisement, error) { return Advertisement{}, errTodo }

// Encode writes the advertisement, checksum included. source and destination
// are the IP header's; version 2 does not use them.
func Encode(a Advertisement, source, destination netip.Addr) ([]byte, error) { return nil, errTodo }

// VirtualRouter is one virtual router's machine.
type VirtualRouter struct{}

// New returns a virtual router in Initialize, or says what is wrong with p.
func New(p Parameters) (*VirtualRouter, error) { return nil, errTodo }

// Step tells the machine what happened at now and returns what to do.
func (r *VirtualRouter) Step(now time.Time, event Event) []Action { return nil }

// Deadline is when TimerExpired is due; false when no timer runs.
func (r *VirtualRouter) Deadline() (time.Time, bool) { return time.Time{}, false }

// State is the state it is in.
func (r *VirtualRouter) State() State { return Initialize }

// Parameters are those in force, with the priority as last changed.
func (r *VirtualRouter) Parameters() Parameters { return Parameters{} }

// ActiveDownInterval is 3 x Advertisement_Interval + Skew_Time of p.
func (p Parameters) ActiveDownInterval() time.Duration { return 0 }

// SkewTime is Skew_Time of p.
func (p Parameters) SkewTime() time.Duration { return 0 }

// String names the refusal in a few words.
func (r Refusal) String() string { return "" }

// String is the RFC's name of the state.
func (s State) String() string { return "" }

// RefusalError is Decode's error: which check failed, and the detail.
type RefusalError struct {
	Refusal Refusal
	Detail  string
}

func (e *RefusalError) Error() string { return e.Refusal.String() + ": " + e.Detail }
