package history

import (
	"net/netip"
	"slices"
	"time"
)

// Seen is an event whose kind of body is known.
type Seen[B Body] struct {
	ID   int
	At   time.Duration
	Host string
	Body B
}

// Select returns the events of one kind, in their order.
func Select[B Body](events []Event) []Seen[B] {
	var selected []Seen[B]
	for _, event := range events {
		if body, ok := event.Body.(B); ok {
			selected = append(selected, Seen[B]{event.ID, event.At, event.Host, body})
		}
	}
	return selected
}

// first returns the first of the events that fits, or nil.
func first[B Body](seen []Seen[B], fits func(Seen[B]) bool) *Seen[B] {
	if i := slices.IndexFunc(seen, fits); i >= 0 {
		return &seen[i]
	}
	return nil
}

// Window is a stretch of time: From belongs to it, To does not.
type Window struct{ From, To time.Duration }

// Contains says whether t lies in the window.
func (w Window) Contains(t time.Duration) bool { return w.From <= t && t < w.To }

// Length is the window's duration; 0 when it is empty.
func (w Window) Length() time.Duration { return max(0, w.To-w.From) }

// Overlap is what two windows have in common.
func (w Window) Overlap(other Window) Window {
	return Window{max(w.From, other.From), min(w.To, other.To)}
}

// Holding is a stretch of time in which the same hosts had an address.
type Holding struct {
	Window
	Hosts []string // sorted; empty when no host had it
	Event int      // ID of the Address event that began it; 0 for the first
}

// Holdings follows the Address events from the trial's origin until end. The
// events must be in the order of time. Stretches of no length are left out.
func Holdings(events []Event, vip netip.Addr, end time.Duration) []Holding {
	var all []Holding
	current := Holding{}
	for _, seen := range Select[Address](events) {
		if seen.Body.Prefix.Addr() != vip || seen.At >= end ||
			seen.Body.Present == slices.Contains(current.Hosts, seen.Host) {
			continue
		}
		if current.To = seen.At; current.Length() > 0 {
			all = append(all, current)
		}
		hosts := slices.Clone(current.Hosts)
		if seen.Body.Present {
			hosts = append(hosts, seen.Host)
			slices.Sort(hosts)
		} else {
			hosts = slices.DeleteFunc(hosts, func(host string) bool { return host == seen.Host })
		}
		current = Holding{Window{From: seen.At}, hosts, seen.ID}
	}
	if current.To = end; current.Length() > 0 {
		all = append(all, current)
	}
	return all
}

// HoldersAt returns who had the address at t.
func HoldersAt(holdings []Holding, t time.Duration) []string {
	for _, holding := range holdings {
		if holding.Contains(t) {
			return holding.Hosts
		}
	}
	return nil
}
