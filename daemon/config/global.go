package config

import (
	"maps"
	"math"
	"slices"
)

// root is the table of the keywords that stand in no block.
var root = table[Config]{
	where: "the top level",
	keywords: []keyword[Config]{
		{name: "global_defs", block: true, repeats: true, set: func(c *converter, _ *Config, s *Statement) {
			// Several blocks are one.
			maps.Copy(c.defaults.found, globalKeywords.apply(c, &c.defaults, s.Block.Nodes))
		}},
		{name: "net_namespace", form: "NAME", min: 1, max: 1, set: func(_ *converter, to *Config, s *Statement) {
			to.Global.NetNamespace = s.Arguments()[0]
		}},
		{name: "instance", form: "NAME", min: 1, max: 1, set: func(_ *converter, to *Config, s *Statement) {
			to.Global.InstanceName = s.Arguments()[0]
		}},
		{name: "vrrp_script", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addScript},
		{name: "vrrp_track_process", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addProcess},
		{name: "track_file", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addFile},
		{name: "vrrp_track_file", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addFile},
		{name: "bfd_instance", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addBFD},
		{name: "vrrp_sync_group", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addGroup},
		{name: "vrrp_instance", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addInstance},
	},
	known: knownRoot,
}

// globalKeywords is the table of global_defs.
var globalKeywords = table[globalDraft]{
	where: "global_defs",
	keywords: slices.Concat([]keyword[globalDraft]{
		{name: "router_id", form: "NAME", min: 1, max: 1, set: func(_ *converter, to *globalDraft, s *Statement) {
			to.RouterID = s.Arguments()[0]
		}},
		{name: "script_user", form: "USER [GROUP]", min: 1, max: 2, set: func(_ *converter, to *globalDraft, s *Statement) {
			to.ScriptUser, to.ScriptGroup = user(s.Arguments())
		}},
		{name: "umask", form: "NUMBER|BITS", min: 1, max: math.MaxInt, set: setUmask},
		flagKeyword("data_use_instance", func(to *globalDraft) *bool { return &to.DumpsNamed }),
		{name: "enable_script_security", set: func(_ *converter, to *globalDraft, _ *Statement) {
			to.EnableScriptSecurity = true
		}},
		{name: "vrrp_startup_delay", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *globalDraft, s *Statement) {
			c.secondsOf(s, &to.StartupDelay)
		}},
		{name: "vrrp_garp_interval", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *globalDraft, s *Statement) {
			c.secondsOf(s, &to.GARPInterval)
		}},
		{name: "vrrp_gna_interval", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *globalDraft, s *Statement) {
			c.secondsOf(s, &to.GNAInterval)
		}},
		{name: "vrrp_mcast_group4", form: "ADDRESS", min: 1, max: 1, set: func(c *converter, to *globalDraft, s *Statement) {
			c.group(s, false, &to.group4)
		}},
		{name: "vrrp_mcast_group6", form: "ADDRESS", min: 1, max: 1, set: func(c *converter, to *globalDraft, s *Statement) {
			c.group(s, true, &to.group6)
		}},
		{name: "dynamic_interfaces", form: "[allow_if_changes]", max: 1, set: setDynamicInterfaces},
		flagKeyword("vrrp_min_garp", func(to *globalDraft) *bool { return &to.minGARP }),
		flagKeyword("vrrp_strict", func(to *globalDraft) *bool { return &to.instance.Strict }),
		flagKeyword("v3_checksum_as_v2", func(to *globalDraft) *bool { return &to.instance.PlainChecksum }),
	},
		globalNotifyKeywords,
		sharedKeywords("vrrp_", ofEveryInstance),
		extensionKeywords(ofEveryInstance)),
	known: knownGlobal,
}

// setDynamicInterfaces only lifts the check of interfaces so far.
func setDynamicInterfaces(c *converter, to *globalDraft, s *Statement) {
	c.unimplement(s, "global_defs")
	to.DynamicInterfaces = true
	if words := s.Arguments(); len(words) > 0 && words[0] != "allow_if_changes" {
		c.failWithHint(s.Position, "it may be allow_if_changes", "unexpected %q after dynamic_interfaces", words[0])
	}
}

func ofEveryInstance(to *globalDraft) *Instance { return &to.instance }

// settle completes global_defs, when all of it is read.
func (d *globalDraft) settle() {
	written := func(name string) bool {
		_, ok := d.found[name]
		return ok
	}
	every := &d.instance
	if d.minGARP {
		if !written("vrrp_garp_master_delay") {
			every.GARPDelay = 0
		}
		if !written("vrrp_garp_master_repeat") {
			every.GARPRepeat = 1
		}
	}
	if !written("vrrp_garp_lower_prio_delay") {
		every.GARPLowerPrioDelay = every.GARPDelay
	}
	if !written("vrrp_garp_lower_prio_repeat") {
		every.GARPLowerPrioRepeat = every.GARPRepeat
	}
	d.GARPDelay, d.GARPRepeat = every.GARPDelay, every.GARPRepeat
}
