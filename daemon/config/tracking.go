package config

import (
	"maps"
	"slices"
)

// What a tracked thing may add to a priority, or take from it.
const (
	maxWeight       = 253
	maxNumberWeight = 254 // of files and processes
)

// trackKind is a kind of thing that instances and sync groups track.
type trackKind struct {
	keyword string // the block that names such things
	noun    string
	defined string // the block that defines them; empty: nothing does
	most    int    // the largest weight
}

var (
	scripts    = trackKind{"track_script", "script", "vrrp_script", maxWeight}
	interfaces = trackKind{"track_interface", "interface", "", maxWeight}
	processes  = trackKind{"track_process", "process", "vrrp_track_process", maxNumberWeight}
	files      = trackKind{"track_file", "file", "track_file", maxNumberWeight}
	sessions   = trackKind{"track_bfd", "BFD session", "bfd_instance", maxWeight}
)

// maxListed bounds what one instance or group tracks of a kind, and the peers
// of one instance.
const maxListed = 1000

// trackedThing is a line of a track_ block.
type trackedThing struct {
	name     string
	weight   *int  // nil: the definition's
	reverse  *bool // nil: the definition's
	position Position
}

// trackedThings are the lines of all track_ blocks, by the name of the block.
type trackedThings map[string][]trackedThing

// tracker is what may have track_ blocks.
type tracker interface{ tracked() *trackedThings }

func (d *instanceDraft) tracked() *trackedThings { return &d.tracks }
func (d *groupDraft) tracked() *trackedThings    { return &d.tracks }

// track reads lines of NAME [weight N [reverse|noreverse]]. Whether the things
// exist is checked when all of the file is read.
func track[T any, P interface {
	*T
	tracker
}](kind trackKind) func(*converter, P, *Statement) {
	return func(c *converter, to P, s *Statement) {
		things := to.tracked()
		if *things == nil {
			*things = trackedThings{}
		}
		if len((*things)[kind.keyword]) > maxListed {
			c.fail(s.Position, "more than %d lines of %s", maxListed, kind.keyword)
			return
		}
		first := map[string]Position{}
		for _, thing := range (*things)[kind.keyword] {
			first[thing.name] = thing.position
		}
		for _, entry := range c.lines(s.Block) {
			thing, ok := c.trackedThing(entry, kind)
			if !ok {
				continue
			}
			if earlier, twice := first[thing.name]; twice {
				c.fail(entry.Position, "%s %q is tracked on %s already", kind.noun, thing.name, entry.Position.lineOf(earlier))
			} else {
				first[thing.name] = thing.position
			}
			(*things)[kind.keyword] = append((*things)[kind.keyword], thing)
		}
	}
}

func (c *converter) trackedThing(s *Statement, kind trackKind) (trackedThing, bool) {
	thing := trackedThing{name: s.Words[0], position: s.Position}
	words := s.Arguments()
	switch {
	case s.Block != nil:
		c.fail(s.Position, "unexpected block after %q", s.Raw)
	case len(words) > 0 && words[0] != "weight":
		c.failWithHint(s.Position, "the form is: NAME [weight N [reverse]]", "unexpected %q after %q", words[0], s.Words[0])
	case len(words) == 1:
		c.fail(s.Position, "weight lacks its value")
	case len(words) > 3:
		c.fail(s.Position, "unexpected %q after the weight", words[3])
	case kind == interfaces && !c.interfaceName(s, "interface", thing.name):
	case len(words) == 0:
		return thing, true
	default:
		reverse := false
		value, ok := c.weight(s, words[1:], kind.most, &reverse, "noreverse", "no_reverse")
		thing.weight = &value
		if len(words) > 2 {
			thing.reverse = &reverse
		}
		return thing, ok
	}
	return thing, false
}

// definition is what may be tracked: its name and what a line that only names
// it means.
type definition struct {
	name    string
	weight  int
	reverse bool
	at      Position
}

// definitions are those of a kind; those of instances that can be tracked.
func definitions(of *Config, kind trackKind) []definition {
	var all []definition
	switch kind {
	case scripts:
		for _, d := range of.Scripts {
			all = append(all, definition{d.Name, d.Weight, d.Reverse, d.Position})
		}
	case processes:
		for _, d := range of.Processes {
			all = append(all, definition{d.Name, d.Weight, d.Reverse, d.Position})
		}
	case files:
		for _, d := range of.Files {
			all = append(all, definition{d.Name, d.Weight, d.Reverse, d.Position})
		}
	case sessions:
		for _, d := range of.BFDs {
			if d.VRRP {
				all = append(all, definition{d.Name, d.Weight, d.Reverse, d.Position})
			}
		}
	}
	return all
}

// definitionsOf are the definitions by their names, the first of each.
func (c *converter) definitionsOf(of *Config, kind trackKind) map[string]definition {
	if known, ok := c.definitions[kind.keyword]; ok {
		return known
	}
	known := map[string]definition{}
	for _, d := range definitions(of, kind) {
		if _, twice := known[d.name]; !twice {
			known[d.name] = d
		}
	}
	c.definitions[kind.keyword] = known
	return known
}

// resolveTracking gives an instance what it and its sync group track.
func (c *converter) resolveTracking(of *Config, draft *instanceDraft) {
	for _, thing := range c.things(of, draft, scripts) {
		line := TrackScript{Name: thing.name, Reverse: thing.Reverse, Position: thing.position}
		if thing.weight != nil {
			line.Weight = &thing.Weight
		}
		draft.TrackScripts = append(draft.TrackScripts, line)
	}
	for _, thing := range c.things(of, draft, interfaces) {
		draft.TrackInterfaces = append(draft.TrackInterfaces, TrackInterface(thing.Tracked))
	}
	for _, list := range []struct {
		kind trackKind
		to   *[]Tracked
	}{{processes, &draft.TrackProcesses}, {files, &draft.TrackFiles}, {sessions, &draft.TrackBFDs}} {
		for _, thing := range c.things(of, draft, list.kind) {
			*list.to = append(*list.to, thing.Tracked)
		}
	}
}

// resolved is a line with what its definition fills in.
type resolved struct {
	trackedThing
	Tracked
}

// things are the lines of a kind that concern an instance.
func (c *converter) things(of *Config, draft *instanceDraft, kind trackKind) []resolved {
	var all []resolved
	known := c.definitionsOf(of, kind)
	for _, thing := range draft.tracks[kind.keyword] {
		line, ok := c.resolve(thing, kind, known)
		if ok && c.checkWeight(draft, kind, &line) {
			all = append(all, line)
		}
	}
	if draft.group == nil {
		return all
	}
	for _, thing := range draft.group.tracks[kind.keyword] {
		own := slices.IndexFunc(all, func(line resolved) bool { return line.name == thing.name })
		if own >= 0 {
			c.warn(all[own].position, "%s %q is tracked by vrrp_sync_group %q on %s too; this line counts",
				kind.noun, thing.name, draft.group.Name, all[own].position.lineOf(thing.position))
			continue
		}
		if line, ok := c.resolve(thing, kind, known); ok {
			all = append(all, line)
		}
	}
	return all
}

// resolve finds what a line names. A weight without reverse or noreverse keeps
// the definition's direction.
func (c *converter) resolve(thing trackedThing, kind trackKind, known map[string]definition) (resolved, bool) {
	line := resolved{thing, Tracked{Name: thing.name, Position: thing.position}}
	if kind != interfaces {
		defined, ok := known[thing.name]
		if !ok {
			return line, false // reported by checkTracked
		}
		line.Weight, line.Reverse = defined.weight, defined.reverse
		if kind != sessions && thing.position.precedes(defined.at) {
			c.warnWithHint(thing.position, "move it before", "%s %q is defined on %s only, which is too late for keepalived",
				kind.noun, thing.name, thing.position.lineOf(defined.at))
		}
	}
	if thing.weight != nil {
		line.Weight = *thing.weight
	}
	if thing.reverse != nil {
		line.Reverse = *thing.reverse
	}
	return line, true
}

// checkTracked reports lines that name nothing.
func (c *converter) checkTracked(of *Config, things trackedThings) {
	for _, kind := range []trackKind{scripts, processes, files, sessions} {
		known := c.definitionsOf(of, kind)
		for _, thing := range things[kind.keyword] {
			_, defined := known[thing.name]
			switch {
			case defined || c.isFull():
			case kind == sessions && slices.ContainsFunc(of.BFDs, func(d BFD) bool { return d.Name == thing.name }):
				c.failWithHint(thing.position, "add there: vrrp", "track_bfd: bfd_instance %q is for checkers only", thing.name)
			default:
				c.failWithHint(thing.position, didYouMean(thing.name, slices.Sorted(maps.Keys(known))), "%s: no %s %q", kind.keyword, kind.defined, thing.name)
			}
		}
	}
}

// checkWeight reports whether an instance may track with a weight of its own.
// The priority of the address owner is fixed (RFC 9568 section 6.1), and the
// members of a sync group change together or not at all, unless
// sync_group_tracking_weight is written. As with keepalived, an interface then
// counts without its weight, and so does a file with the default weight; the
// rest is not tracked.
func (c *converter) checkWeight(draft *instanceDraft, kind trackKind, line *resolved) bool {
	inGroup := draft.group != nil && !draft.group.TrackingWeight
	owner := draft.Priority == ownerPriority
	name := line.name
	if line.Weight == 0 || !inGroup && !owner {
		return true
	}
	if owner {
		c.warn(line.position, "the weight of %s %q has no effect at priority %d", kind.noun, name, ownerPriority)
		return true
	}
	if kind == processes {
		return true
	}
	if kind == interfaces || kind == files && line.Weight == 1 {
		line.Weight = 0
		c.warnWithHint(line.position, "add sync_group_tracking_weight to the group, or track it there",
			"the weight of %s %q has no effect in vrrp_sync_group %q: its loss is a fault", kind.noun, name, draft.group.Name)
		return true
	}
	c.warnWithHint(line.position, "add sync_group_tracking_weight to the group, or track it there",
		"%s %q has a weight and is not tracked in vrrp_sync_group %q", kind.noun, name, draft.group.Name)
	return false
}
