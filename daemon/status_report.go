package daemon

import (
	"context"
	"iter"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/control"
	"takeover/daemon/track"
	"takeover/daemon/vrrp"
)

// Status is the daemon's status without its instances, and these one by one.
func (q *Inquiries) Status(ctx context.Context) (control.Status, iter.Seq[control.Instance], error) {
	s, err := q.snapshot(ctx, false)
	if err != nil {
		return control.Status{}, nil, err
	}
	status := s.status()
	if g := q.guardian.Load(); g != nil {
		status.Guardian = *g
	}
	return status, s.reports(), nil
}

func (s *snapshot) status() control.Status {
	status := control.Status{
		PID: os.Getpid(), StartedAt: s.started, Uptime: s.at.Sub(s.started).Seconds(),
		Configuration: s.config.File, LoadedAt: s.loaded, Warnings: len(s.config.Warnings),
		Trackers: s.trackers(),
	}
	for _, g := range s.config.Groups {
		status.Groups = append(status.Groups, control.Group{
			Name: g.Name, State: s.groupState(g), Members: g.Members,
		})
	}
	for _, b := range s.config.BFDs {
		last := s.latest[bfdName(b.Name)]
		status.Sessions = append(status.Sessions, control.Session{
			Name: b.Name, Up: last.up, Since: timeOr(last.at, s.started), Reason: last.detail,
		})
	}
	return status
}

func timeOr(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}

// mixed is the state of a group whose members have different ones.
const mixed = "Mixed"

// groupState is the state of all members.
func (s *snapshot) groupState(g config.SyncGroup) string {
	state := ""
	for n := range s.instances {
		one := s.instances[n].state.String()
		switch {
		case !slices.Contains(g.Members, s.instances[n].config.Name):
		case state == "":
			state = one
		case state != one:
			return mixed
		}
	}
	return state
}

// trackers are the scripts, processes and files that are tracked, each once.
func (s *snapshot) trackers() []control.Tracker {
	var all []control.Tracker
	seen := make(map[string]bool)
	for n := range s.instances {
		for _, t := range s.instances[n].tracked {
			if seen[t.name] || !isTracker(t.name) {
				continue
			}
			seen[t.name] = true
			last := s.latest[t.name]
			all = append(all, control.Tracker{
				Name: t.name, State: trackedState(t.weight), Since: timeOr(last.at, s.started),
				Detail: last.detail, Number: last.number,
			})
		}
	}
	return all
}

// isTracker reports whether a name is that of something with results.
func isTracker(name string) bool {
	kind, _, _ := strings.Cut(name, " ")
	return kind == track.KindScript.String() || kind == track.KindProcesses.String() || kind == track.KindFile.String()
}

// trackedState names what is known of something tracked.
func trackedState(w track.Weight) string {
	switch {
	case w.State == track.Up || w.Number != nil:
		return becameUp
	case w.State == track.Down:
		return becameDown
	}
	return "unknown"
}

// reports makes the instances' reports one by one.
func (s *snapshot) reports() iter.Seq[control.Instance] {
	return func(yield func(control.Instance) bool) {
		groups := s.groups()
		places := s.places()
		for n := range s.instances {
			if !yield(s.instances[n].report(groups, places)) {
				return
			}
		}
	}
}

// groups are the names of the sync groups by their members'.
func (s *snapshot) groups() map[string]string {
	groups := make(map[string]string)
	for _, g := range s.config.Groups {
		for _, member := range g.Members {
			groups[member] = g.Name
		}
	}
	return groups
}

// place is an address on the interface of that name.
type place struct {
	on     string
	prefix netip.Prefix
}

// places are all addresses that are set.
func (s *snapshot) places() map[place]bool {
	places := make(map[place]bool)
	for name, prefixes := range s.present {
		for _, prefix := range prefixes {
			places[place{name, prefix}] = true
		}
	}
	return places
}

func (v *instanceView) report(groups map[string]string, places map[place]bool) control.Instance {
	c := v.config
	r := control.Instance{
		Name: c.Name, Interface: c.Interface, VMAC: v.vmac, VRID: c.VRID, Version: c.Version,
		Family: familyOf(c.IPv6), Group: groups[c.Name], State: v.state.String(), Since: v.since, Fault: v.fault,
		Priority: v.priority, ConfiguredPriority: c.Priority, Interval: milliseconds(c.AdvertInterval),
		Source: v.source, Lease: v.lease.Seconds(), Addresses: make([]control.Address, len(v.virtuals)),
		Transitions: v.counts.transitions, BecameActive: v.counts.becameActive,
		ReleasedActive: v.counts.releasedActive, Sent: v.counts.sent, Received: v.counts.received,
		PriorityZeroSent: v.counts.priorityZeroSent, PriorityZeroReceived: v.counts.priorityZeroReceived,
	}
	if v.active.address.IsValid() {
		r.Active = &control.Active{
			Address: v.active.address, Priority: v.active.priority,
			Interval: milliseconds(v.active.interval), Self: v.state == vrrp.Active,
		}
	}
	for n, a := range v.virtuals {
		r.Addresses[n] = control.Address{
			Prefix: a.config.Prefix, Interface: a.on, Set: places[place{a.on, a.config.Prefix}], Excluded: a.excluded,
		}
	}
	for n := range v.tracked {
		t := &v.tracked[n]
		r.Tracked = append(r.Tracked, control.Tracked{
			Name: t.name, State: trackedState(t.weight), Weight: t.weight.Value, Reverse: t.weight.Reverse, Fault: t.fault(),
		})
	}
	for _, t := range v.refusals {
		if r.Refused == nil {
			r.Refused = make(map[string]uint64, len(v.refusals))
		}
		r.Refused[t.reason] = t.count
	}
	return r
}

func familyOf(is6 bool) string {
	if is6 {
		return "ipv6"
	}
	return "ipv4"
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
