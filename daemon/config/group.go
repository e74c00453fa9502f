package config

import "slices"

// groupDraft is a vrrp_sync_group while it is read.
type groupDraft struct {
	SyncGroup
	lines  []Position // of Members
	tracks trackedThings
}

// groupKeywords is the table of vrrp_sync_group.
var groupKeywords = table[groupDraft]{
	where: "vrrp_sync_group",
	keywords: slices.Concat([]keyword[groupDraft]{
		{name: "group", block: true, repeats: true, set: addMembers},
		{name: "sync_group_tracking_weight", set: func(_ *converter, to *groupDraft, _ *Statement) { to.TrackingWeight = true }},
		{name: "global_tracking", set: func(c *converter, to *groupDraft, s *Statement) {
			to.TrackingWeight = true
			c.warnWithHint(s.Position, "write sync_group_tracking_weight", "global_tracking is an old name")
		}},
		{name: "track_script", block: true, repeats: true, set: track[groupDraft](scripts)},
		{name: "track_interface", block: true, repeats: true, set: track[groupDraft](interfaces)},
		{name: "track_process", block: true, repeats: true, set: track[groupDraft](processes)},
		{name: "track_file", block: true, repeats: true, set: track[groupDraft](files)},
		{name: "track_bfd", block: true, repeats: true, set: track[groupDraft](sessions)},
	},
		notifyKeywords(func(to *groupDraft) *Notifies { return &to.Notify })),
	known: knownGroup,
}

// addMembers reads the names of instances, one or more a line.
func addMembers(c *converter, to *groupDraft, s *Statement) {
	for _, entry := range c.lines(s.Block) {
		if entry.Block != nil {
			c.fail(entry.Position, "unexpected block after %q", entry.Raw)
			continue
		}
		for _, name := range entry.Words {
			to.Members = append(to.Members, name)
			to.lines = append(to.lines, entry.Position)
		}
	}
}

func addGroup(c *converter, _ *Config, s *Statement) {
	draft := &groupDraft{SyncGroup: SyncGroup{Name: s.Arguments()[0], Position: s.Position}}
	c.define(s)
	groupKeywords.apply(c, draft, s.Block.Nodes)
	if len(draft.Members) == 0 {
		c.failWithHint(s.Position, "add: group { NAME ... }", "vrrp_sync_group %q has no members", draft.Name)
	}
	c.groups = append(c.groups, draft)
}

// resolveGroups finds the members of the groups, each of which is in one only.
func (c *converter) resolveGroups() {
	byName := map[string]*instanceDraft{}
	var names []string
	for _, instance := range c.instances {
		byName[instance.Name] = instance
		names = append(names, instance.Name)
	}
	joined := map[string]Position{}
	for _, group := range c.groups {
		for i, name := range group.Members {
			at := group.lines[i]
			instance := byName[name]
			if instance == nil {
				c.failWithHint(at, didYouMean(name, names), "vrrp_sync_group %q: no vrrp_instance %q", group.Name, name)
				continue
			}
			if earlier, twice := joined[name]; twice {
				c.fail(at, "vrrp_instance %q is in a vrrp_sync_group on %s already", name, at.lineOf(earlier))
				continue
			}
			joined[name] = at
			instance.group = group
			instance.Notify.PriorityChanges = instance.Notify.PriorityChanges || group.Notify.PriorityChanges
		}
		c.checkMembers(group, byName)
	}
}

func (c *converter) checkMembers(group *groupDraft, byName map[string]*instanceDraft) {
	if len(group.Members) == 1 {
		c.warn(group.lines[0], "vrrp_sync_group %q has one member only", group.Name)
	}
	owners := 0
	for _, name := range group.Members {
		if instance := byName[name]; instance != nil && instance.Priority == ownerPriority {
			owners++
		}
	}
	if owners > 0 && owners < len(group.Members) {
		c.note(group.Position, "", "vrrp_sync_group %q has members at priority %d and others: they will not change together", group.Name, ownerPriority)
	}
}
