package config

import (
	"math"
	"time"
)

// instanceKeywords is the table of vrrp_instance.
var instanceKeywords = table[Instance]{
	where: "vrrp_instance",
	keywords: []keyword[Instance]{
		{name: "state", form: "MASTER|BACKUP", min: 1, max: 1, set: setState},
		{name: "interface", form: "NAME", min: 1, max: 1, set: func(c *converter, to *Instance, s *Statement) {
			if c.interfaceName(s, "interface", s.Arguments()[0]) {
				to.Interface = s.Arguments()[0]
			}
		}},
		{name: "virtual_router_id", form: "1-255", min: 1, max: 1, set: func(c *converter, to *Instance, s *Statement) {
			if value, ok := c.integer(s, "virtual_router_id", s.Arguments()[0], 1, math.MaxUint8); ok {
				to.VRID = uint8(value)
			}
		}},
		{name: "priority", form: "1-255", min: 1, max: 1, set: func(c *converter, to *Instance, s *Statement) {
			if value, ok := c.integer(s, "priority", s.Arguments()[0], 1, math.MaxUint8); ok {
				to.Priority = uint8(value)
			}
		}},
		{name: "advert_int", form: "SECONDS", min: 1, max: 1, set: setAdvertInterval},
		{name: "version", form: "2", min: 1, max: 1, set: func(c *converter, _ *Instance, s *Statement) {
			c.version(s)
		}},
		{name: "authentication", block: true, set: func(c *converter, to *Instance, s *Statement) {
			found := authKeywords.apply(c, to, s.Block.Nodes)
			checkAuthentication(c, s, found)
		}},
		{name: "virtual_ipaddress", block: true, repeats: true, set: addVirtualAddresses},
		{name: "track_script", block: true, repeats: true, set: addTrackScripts},
		{name: "track_interface", block: true, repeats: true, set: addTrackInterfaces},
		{name: "nopreempt", set: func(_ *converter, to *Instance, _ *Statement) { to.NoPreempt = true }},
		{name: "preempt", set: func(_ *converter, to *Instance, _ *Statement) { to.NoPreempt = false }},
		{name: "garp_master_delay", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *Instance, s *Statement) {
			c.garpDelay(s, &to.GARPDelay)
		}},
		{name: "garp_master_repeat", form: "COUNT", min: 1, max: 1, set: func(c *converter, to *Instance, s *Statement) {
			c.garpRepeat(s, &to.GARPRepeat)
		}},
		{name: "dont_track_primary", set: func(_ *converter, to *Instance, _ *Statement) { to.DontTrackPrimary = true }},
	},
	later: []string{
		"use_vmac", "use_vmac_addr", "vmac_xmit_base", "use_ipvlan", "native_ipv6", "vrf", "track_file",
		"track_process", "track_bfd", "mcast_src_ip", "unicast_src_ip", "mcast_dst_ip", "track_src_ip",
		"unicast_peer", "unicast_ttl", "unicast_fault_no_peer", "check_unicast_src",
		"old_unicast_checksum", "v3_checksum_as_v2", "garp_master_refresh",
		"garp_master_refresh_repeat", "garp_lower_prio_delay", "garp_lower_prio_repeat",
		"garp_extra_if", "vmac_garp_intvl", "down_timer_adverts", "lower_prio_no_advert",
		"higher_prio_send_advert", "owner_ignore_adverts", "virtual_ipaddress_excluded",
		"no_virtual_ipaddress", "promote_secondaries", "virtual_routes", "virtual_rules", "accept",
		"no_accept", "preempt_delay", "timer_expired_backup", "skip_check_adv_addr", "strict_mode",
		"debug", "notify", "notify_master", "notify_backup", "notify_fault", "notify_stop",
		"notify_deleted", "notify_master_rx_lower_pri", "notify_priority_changes", "smtp_alert",
		"kernel_rx_buf_size", "linkbeat_use_polling", "lvs_sync_daemon_interface", "auth_hmac",
	},
}

// authKeywords is the table of authentication.
var authKeywords = table[Instance]{
	where: "authentication",
	keywords: []keyword[Instance]{
		{name: "auth_type", form: "PASS", min: 1, max: 1, set: func(c *converter, _ *Instance, s *Statement) {
			switch kind := s.Arguments()[0]; kind {
			case "PASS":
			case "AH":
				c.fail(s.Position, "auth_type AH is known to keepalived, not supported here yet")
			default:
				c.failWithHint(s.Position, "it may be PASS", "unknown auth_type %q", kind)
			}
		}},
		{name: "auth_pass", form: "PASSWORD", min: 1, max: 1, set: func(c *converter, to *Instance, s *Statement) {
			to.AuthPass = s.Arguments()[0]
			if len(to.AuthPass) > maxAuthPass {
				to.AuthPass = to.AuthPass[:maxAuthPass]
				c.warn(s.Position, "auth_pass is longer than %d bytes; the rest is not used", maxAuthPass)
			}
			if to.AuthPass == "" {
				c.fail(s.Position, "auth_pass is empty")
			}
		}},
	},
}

// maxAuthPass is the size of the Authentication Data field, in bytes
// (RFC 2338 section 5.3.10).
const maxAuthPass = 8

func checkAuthentication(c *converter, s *Statement, found seen) {
	at, typed := found["auth_type"]
	if _, pass := found["auth_pass"]; typed && !pass {
		c.fail(at, "auth_type without auth_pass")
	}
	if at, pass := found["auth_pass"]; pass && !typed {
		c.failWithHint(at, "add: auth_type PASS", "auth_pass without auth_type")
	}
	if len(found) == 0 {
		c.failWithHint(s.Position, "it needs auth_type PASS and auth_pass", "authentication is empty")
	}
}

func addInstance(c *converter, to *Config, s *Statement) {
	made := Instance{
		Name:           s.Arguments()[0],
		Version:        2,
		AdvertInterval: time.Second,
		GARPDelay:      -1,
		Position:       s.Position,
	}
	for _, other := range to.Instances {
		if other.Name == made.Name {
			c.fail(s.Position, "vrrp_instance %q was defined on line %d already", made.Name, other.Position.Line)
			break
		}
	}
	found := instanceKeywords.apply(c, &made, s.Block.Nodes)
	for _, name := range []string{"interface", "virtual_router_id", "virtual_ipaddress"} {
		if _, ok := found[name]; !ok {
			c.fail(s.Position, "vrrp_instance %q has no %s", made.Name, name)
		}
	}
	if _, ok := found["priority"]; !ok {
		made.Priority = 100
		if made.InitialState == InitialMaster {
			made.Priority = 255
		}
	}
	if made.NoPreempt && made.InitialState == InitialMaster {
		made.NoPreempt = false
		c.warnWithHint(found["nopreempt"], "use state BACKUP on every router", "nopreempt has no effect with state MASTER")
	}
	for i := range made.VirtualAddresses {
		if made.VirtualAddresses[i].Device == "" {
			made.VirtualAddresses[i].Device = made.Interface
		}
	}
	to.Instances = append(to.Instances, made)
}

func setState(c *converter, to *Instance, s *Statement) {
	switch state := s.Arguments()[0]; state {
	case "MASTER":
		to.InitialState = InitialMaster
	case "BACKUP":
		to.InitialState = InitialBackup
	default:
		c.failWithHint(s.Position, "it may be MASTER or BACKUP", "unknown state %q", state)
	}
}

// setAdvertInterval takes whole seconds. keepalived rounds a fraction in
// version 2, and at 0.4 s has been seen to advertise an interval of 0 and to
// flood the segment.
func setAdvertInterval(c *converter, to *Instance, s *Statement) {
	value, ok := c.seconds(s, "advert_int", s.Arguments()[0])
	switch {
	case !ok:
	case value%time.Second != 0:
		c.failWithHint(s.Position, "keepalived would round it; fractions need version 3", "advert_int %s: version 2 counts whole seconds", s.Arguments()[0])
	case value > math.MaxUint8*time.Second:
		c.failWithHint(s.Position, "it may be 1 to 255", "advert_int %s is out of range", s.Arguments()[0])
	default:
		to.AdvertInterval = value
	}
}
