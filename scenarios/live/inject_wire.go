package live

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"takeover/scenarios/fault"
	"takeover/topology/impair/wire"
)

// relay is a wire at a port, and the faults that it serves.
type relay struct {
	*wire.Wire
	begun bool
	rules []wire.Rule
}

// change is a rule for the wire at a port.
type change struct {
	port string
	rule wire.Rule
}

// atBridge is what stands at the bridge for a port: its wire where it has one.
func (s *Stand) atBridge(port string) string {
	if r := s.relays[port]; r != nil && r.begun {
		return wire.Device(port)
	}
	return port
}

// prepareWire makes a fault of traffic that needs to look at each frame. Faults of
// the same port share a wire; the first brings it, and the last to end takes it
// away.
func (s *Stand) prepareWire(f fault.Fault, host string) (injection, error) {
	changes := s.changes(f, host)
	for _, c := range changes {
		if err := c.rule.Validate(); err != nil {
			return injection{}, err
		}
	}
	undo := func() error {
		var errs []error
		for _, c := range changes {
			errs = append(errs, s.unrelay(c))
		}
		return errors.Join(errs...)
	}
	for _, c := range changes {
		if s.relays[c.port] != nil {
			continue
		}
		w, err := wire.Prepare(s.lab.Switch(), c.port, s.plan.Seed)
		if err != nil {
			return injection{}, errors.Join(err, undo())
		}
		s.relays[c.port] = &relay{Wire: w}
	}
	return injection{func() error {
		for _, c := range changes {
			if err := s.relays[c.port].add(c.rule); err != nil {
				return err
			}
		}
		return nil
	}, undo}, nil
}

// add puts a rule in force behind the others.
func (r *relay) add(rule wire.Rule) error {
	r.rules = append(r.rules, rule)
	if err := r.SetRules(r.rules); err != nil || r.begun {
		return err
	}
	r.begun = true
	return r.Begin()
}

// unrelay takes a rule out of force, if it is, and a wire away that nobody needs
// any more.
func (s *Stand) unrelay(c change) error {
	r := s.relays[c.port]
	if r == nil {
		return nil
	}
	r.rules = slices.DeleteFunc(slices.Clone(r.rules), func(other wire.Rule) bool { return other.Name == c.rule.Name })
	if len(r.rules) > 0 {
		return r.SetRules(r.rules)
	}
	delete(s.relays, c.port)
	return r.Remove()
}

// changes are the rules that a fault comes to. What goes between two hosts is
// struck where it leaves the switch: only there a group's frames have gone their
// own ways.
func (s *Stand) changes(f fault.Fault, host string) []change {
	rule := ruleOf(f)
	var all []change
	add := func(at string, direction wire.Direction, sources []string) {
		for _, port := range s.portNames(at) {
			made := rule
			made.Name = fmt.Sprintf("%d at %s", s.lastForce+1, port)
			made.Direction, made.Sources = direction, sources
			all = append(all, change{port, made})
		}
	}
	if f.Peer == "" {
		add(host, rule.Direction, nil)
		return all
	}
	if f.Direction != "to" {
		add(f.Peer, wire.ToHost, s.macs(host))
	}
	if f.Direction != "from" {
		add(host, wire.ToHost, s.macs(f.Peer))
	}
	return all
}

// macs are the addresses of a host's links.
func (s *Stand) macs(host string) []string {
	var all []string
	for _, link := range s.lab.Host(host).Links {
		all = append(all, link.MAC.String())
	}
	return all
}

// ruleOf is what a wire does for a fault of traffic.
func ruleOf(f fault.Fault) wire.Rule {
	r := wire.Rule{
		Match: wire.Match{Direction: wire.Direction(f.Direction), Protocol: f.Protocol},
		Choice: wire.Choice{
			Probability: float64(f.Probability), Every: f.Every, First: f.First,
			BurstEnter: float64(f.BurstEnter), BurstLeave: float64(f.BurstLeave),
		},
	}
	switch f.Kind { //nolint:exhaustive // of the other faults
	case fault.TrafficDropped:
		r.Act = wire.Drop
	case fault.TrafficDelayed:
		r.Act, r.Delay, r.Jitter = wire.Delay, time.Duration(f.Delay), time.Duration(f.Jitter)
	case fault.TrafficReordered:
		r.Act, r.Delay = wire.Reorder, time.Duration(f.Delay)
	case fault.TrafficDuplicated:
		r.Act, r.Count = wire.Duplicate, f.Count
	case fault.TrafficCorrupted:
		r.Act, r.Count = wire.Corrupt, f.Count
	case fault.TrafficShaped:
		r.Act, r.Rate, r.Queue = wire.Shape, f.Rate, f.Size
	case fault.TrafficReplayed:
		r.Act, r.Period, r.Count, r.Direction = wire.Replay, time.Duration(f.Period), f.Count, wire.FromHost
	}
	return r
}
