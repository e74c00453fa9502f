package config

import (
	"math"
	"slices"
	"time"
)

// instanceDraft is a vrrp_instance while it is read.
type instanceDraft struct {
	Instance
	found    seen
	global   seen          // what global_defs says
	family   Position      // what made it IPv4 or IPv6; Line 0: nothing yet
	accept   *bool         // accept, no_accept
	interval *Statement    // advert_int, which only the version gives its range
	vmac     VMAC          // use_vmac and vmac_xmit_base
	tracks   trackedThings // of its own
	group    *groupDraft   // its sync group
}

// place is where something is written: in the instance, else in global_defs
// under one of the names that it has there, else where the instance begins.
func (d *instanceDraft) place(name string) Position {
	if at, ok := d.found[name]; ok {
		return at
	}
	for _, global := range []string{name, "vrrp_" + name} {
		if at, ok := d.global[global]; ok {
			return at
		}
	}
	return d.Position
}

func (d *instanceDraft) has(name string) bool {
	_, ok := d.found[name]
	return ok
}

func (d *instanceDraft) isUnicast() bool { return d.has("unicast_peer") }

func ofInstance(to *instanceDraft) *Instance { return &to.Instance }

// instanceKeywords is the table of vrrp_instance.
var instanceKeywords = table[instanceDraft]{
	where: "vrrp_instance",
	keywords: slices.Concat([]keyword[instanceDraft]{
		{name: "state", form: "MASTER|BACKUP", min: 1, max: 1, set: setState},
		{name: "interface", form: "NAME", min: 1, max: 1, set: func(c *converter, to *instanceDraft, s *Statement) {
			if c.interfaceName(s, "interface", s.Arguments()[0]) {
				to.Interface = s.Arguments()[0]
			}
		}},
		{name: "virtual_router_id", form: "1-255", min: 1, max: 1, set: func(c *converter, to *instanceDraft, s *Statement) {
			c.byte(s, &to.VRID)
		}},
		{name: "priority", form: "1-255", min: 1, max: 1, set: func(c *converter, to *instanceDraft, s *Statement) {
			c.byte(s, &to.Priority)
		}},
		{name: "advert_int", form: "SECONDS", min: 1, max: 1, set: func(_ *converter, to *instanceDraft, s *Statement) { to.interval = s }},
		{name: "native_ipv6", set: func(c *converter, to *instanceDraft, s *Statement) { c.family(to, s, true, "native_ipv6") }},
		{name: "authentication", block: true, set: setAuthentication},
		{name: "auth_hmac", block: true, set: setHMAC},

		{name: "nopreempt", set: func(_ *converter, to *instanceDraft, _ *Statement) { to.NoPreempt = true }},
		{name: "preempt", set: func(_ *converter, to *instanceDraft, _ *Statement) { to.NoPreempt = false }},
		{name: "preempt_delay", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *instanceDraft, s *Statement) {
			c.secondsUpTo(s, &to.PreemptDelay, 1000)
		}},

		{name: "mcast_src_ip", form: "ADDRESS", min: 1, max: 1, set: setSource},
		{name: "unicast_src_ip", form: "ADDRESS", min: 1, max: 1, set: setSource},
		{name: "track_src_ip", set: func(_ *converter, to *instanceDraft, _ *Statement) { to.TrackSource = true }},
		{name: "mcast_dst_ip", form: "ADDRESS", min: 1, max: 1, set: setGroup},
		{name: "unicast_peer", block: true, repeats: true, set: addPeers},
		{name: "unicast_ttl", form: "1-255", min: 1, max: 1, set: func(c *converter, to *instanceDraft, s *Statement) {
			c.byte(s, &to.UnicastTTL)
		}},
		// Without peers there is always a fault here.
		{name: "unicast_fault_no_peer", set: func(*converter, *instanceDraft, *Statement) {}},
		{name: "old_unicast_checksum", form: "never", max: 1, set: checkOldChecksum},
		flagKeyword("v3_checksum_as_v2", func(to *instanceDraft) *bool { return &to.PlainChecksum }),

		{name: "use_vmac", form: "[NAME] [MAC]", max: 3, set: setVMAC},
		{name: "vmac_xmit_base", set: func(_ *converter, to *instanceDraft, _ *Statement) { to.vmac.TransmitBase = true }},

		{name: "virtual_ipaddress", block: true, repeats: true, set: addVirtualAddresses},
		{name: "virtual_ipaddress_excluded", block: true, repeats: true, set: addExcludedAddresses},
		{name: "accept", set: func(_ *converter, to *instanceDraft, _ *Statement) { to.accept = new(true) }},
		{name: "no_accept", set: func(_ *converter, to *instanceDraft, _ *Statement) { to.accept = new(false) }},
		flagKeyword("strict_mode", func(to *instanceDraft) *bool { return &to.Strict }),

		{name: "track_script", block: true, repeats: true, set: track[instanceDraft](scripts)},
		{name: "track_interface", block: true, repeats: true, set: track[instanceDraft](interfaces)},
		{name: "track_process", block: true, repeats: true, set: track[instanceDraft](processes)},
		{name: "track_file", block: true, repeats: true, set: track[instanceDraft](files)},
		{name: "track_bfd", block: true, repeats: true, set: track[instanceDraft](sessions)},
		{name: "dont_track_primary", set: func(_ *converter, to *instanceDraft, _ *Statement) { to.DontTrackPrimary = true }},
	},
		notifyKeywords(func(to *instanceDraft) *Notifies { return &to.Notify }),
		instanceNotifyKeywords,
		sharedKeywords("", ofInstance),
		extensionKeywords(ofInstance)),
	known: knownInstance,
}

func addInstance(c *converter, _ *Config, s *Statement) {
	draft := &instanceDraft{Instance: c.defaults.instance, global: c.defaults.found}
	draft.Name, draft.Position = s.Arguments()[0], s.Position
	c.define(s)
	draft.found = instanceKeywords.apply(c, draft, s.Block.Nodes)
	for _, name := range []string{"interface", "virtual_router_id", "virtual_ipaddress"} {
		if !draft.has(name) {
			c.fail(s.Position, "vrrp_instance %q has no %s", draft.Name, name)
		}
	}
	c.finishAddresses(draft)
	c.finishVersion(draft)
	c.finishInterval(draft)
	c.finishPriority(draft)
	c.finishStrict(draft)
	c.finishAuthentication(draft)
	c.finishPreempt(draft)
	c.finishSending(draft)
	c.finishVMAC(draft)
	c.instances = append(c.instances, draft)
}

func setState(c *converter, to *instanceDraft, s *Statement) {
	switch state := s.Arguments()[0]; state {
	case "MASTER":
		to.InitialState = InitialMaster
	case "BACKUP":
		to.InitialState = InitialBackup
	default:
		c.failWithHint(s.Position, "it may be MASTER or BACKUP", "unknown state %q", state)
	}
}

// family makes the instance IPv4 or IPv6, or reports that it is the other
// already.
func (c *converter) family(to *instanceDraft, s *Statement, ipv6 bool, what string) bool {
	if to.family.Line == 0 {
		to.IPv6, to.family = ipv6, s.Position
		return true
	}
	if to.IPv6 == ipv6 {
		return true
	}
	c.fail(s.Position, "%s is %s, but %s makes vrrp_instance %q %s",
		what, familyName(ipv6), s.Position.lineOf(to.family), to.Name, familyName(to.IPv6))
	return false
}

func familyName(ipv6 bool) string {
	if ipv6 {
		return "IPv6"
	}
	return "IPv4"
}

// finishVersion gives IPv6 version 3, the only one that has it, and IPv4 the
// version of global_defs, else 2.
func (c *converter) finishVersion(draft *instanceDraft) {
	switch {
	case draft.IPv6 && draft.has("version") && draft.Version == 2:
		c.failWithHint(draft.found["version"], "IPv6 needs version 3", "version 2, but %s makes vrrp_instance %q IPv6",
			draft.found["version"].lineOf(draft.family), draft.Name)
	case draft.IPv6:
		draft.Version = 3
	case draft.Version == 0:
		draft.Version = 2
	}
}

// finishInterval reads advert_int: version 2 counts whole seconds in 8 bits
// (RFC 3768 section 5.3.7), version 3 hundredths in 12 (RFC 9568 section
// 5.2.7). keepalived rounds what is between; in version 2 it has been seen to
// make 0 of 0.4 s and to flood the segment.
func (c *converter) finishInterval(draft *instanceDraft) {
	s := draft.interval
	if s == nil {
		return
	}
	value, ok := c.seconds(s, "advert_int", s.Arguments()[0], maxSeconds)
	unit, least, most := time.Second, "1", "255"
	limit := math.MaxUint8 * unit
	if draft.Version == 3 {
		unit, least, most = 10*time.Millisecond, "0.01", "40.95"
		limit = 1<<12*unit - unit
	}
	switch {
	case !ok:
	case value > limit || value < unit && draft.Version == 3:
		c.failWithHint(s.Position, "it may be "+least+" to "+most+" seconds in version "+string('0'+rune(draft.Version)), "advert_int %s is out of range", s.Arguments()[0])
	case value%unit == 0:
		draft.AdvertInterval = value
	case draft.Version == 3:
		c.failWithHint(s.Position, "keepalived would round it", "advert_int %s: version 3 counts hundredths of a second", s.Arguments()[0])
	default:
		c.failWithHint(s.Position, "keepalived would round it; fractions need version 3", "advert_int %s: version 2 counts whole seconds", s.Arguments()[0])
	}
}

func (c *converter) finishPriority(draft *instanceDraft) {
	if draft.Priority == 0 {
		draft.Priority = 100
		if draft.InitialState == InitialMaster {
			draft.Priority = ownerPriority
		}
	}
	if !draft.has("state") && draft.Priority == ownerPriority {
		draft.InitialState = InitialMaster
	}
}

// ownerPriority is that of the router which owns the virtual addresses
// (RFC 9568 section 5.2.4).
const ownerPriority = math.MaxUint8

// finishPreempt takes back what cannot be together, as keepalived does.
func (c *converter) finishPreempt(draft *instanceDraft) {
	if draft.NoPreempt && draft.Priority == ownerPriority {
		draft.NoPreempt = false
		c.warn(draft.found["nopreempt"], "nopreempt has no effect at priority %d", ownerPriority)
	}
	if draft.NoPreempt && draft.InitialState == InitialMaster {
		draft.NoPreempt = false
		c.warnWithHint(draft.found["nopreempt"], "use state BACKUP on every router", "nopreempt has no effect with state MASTER")
	}
	if draft.PreemptDelay == 0 {
		return
	}
	at := draft.found["preempt_delay"]
	switch {
	case draft.InitialState == InitialMaster:
		c.warnWithHint(at, "use state BACKUP on every router", "preempt_delay has no effect with state MASTER")
	case draft.NoPreempt:
		c.warn(at, "preempt_delay has no effect with nopreempt")
	default:
		return
	}
	draft.PreemptDelay = 0
}
