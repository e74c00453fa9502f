package config

// strictAt is where strict mode was asked for.
func (d *instanceDraft) strictAt() Position {
	if at, ok := d.found["strict_mode"]; ok {
		return at
	}
	return d.global["vrrp_strict"]
}

// finishStrict makes an instance follow the RFC to the letter, or leaves it
// with keepalived's defaults. What it takes back it warns of, as keepalived
// does. Peers, authentication and the first IPv6 address are looked at where
// they belong.
func (c *converter) finishStrict(draft *instanceDraft) {
	owner := draft.Priority == ownerPriority
	if !draft.Strict {
		draft.Accept = draft.accept == nil || *draft.accept
		return
	}
	takeBack := func(wrong bool, name string) {
		if wrong && draft.has(name) {
			c.warn(draft.found[name], "what %s says has no effect with strict_mode on %s", name, draft.found[name].lineOf(draft.strictAt()))
		}
	}
	if (draft.InitialState == InitialMaster) != owner {
		takeBack(true, "state")
		draft.InitialState = InitialBackup
		if owner {
			draft.InitialState = InitialMaster
		}
	}
	takeBack(draft.PreemptDelay != 0, "preempt_delay")
	draft.PreemptDelay = 0
	takeBack(draft.DownTimerAdverts != 3, "down_timer_adverts")
	draft.DownTimerAdverts = 3
	takeBack(draft.GARPLowerPrioRepeat != 0, "garp_lower_prio_repeat")
	takeBack(draft.GARPLowerPrioDelay != 0, "garp_lower_prio_delay")
	draft.GARPLowerPrioRepeat, draft.GARPLowerPrioDelay = 0, 0
	takeBack(!draft.LowerPrioNoAdvert, "lower_prio_no_advert")
	draft.LowerPrioNoAdvert = true
	takeBack(draft.HigherPrioSendAdvert, "higher_prio_send_advert")
	draft.HigherPrioSendAdvert = false
	takeBack(draft.vmac.TransmitBase, "vmac_xmit_base")
	draft.vmac.TransmitBase = false
	takeBack(draft.vmac.Hardware != nil, "use_vmac")
	draft.vmac.Hardware = nil
	c.finishStrictAccept(draft, owner)
}

// finishStrictAccept is RFC 3768 section 6.4.3, which lets only the owner
// accept, and RFC 9568 section 6.1, whose Accept_Mode is false by default.
func (c *converter) finishStrictAccept(draft *instanceDraft, owner bool) {
	draft.Accept = owner
	if draft.accept == nil {
		return
	}
	draft.Accept = *draft.accept
	if draft.Accept && !owner && draft.Version == 2 {
		draft.Accept = false
		c.warn(draft.found["accept"], "accept has no effect with strict_mode on %s: version 2 has it for the owner only", draft.found["accept"].lineOf(draft.strictAt()))
	}
}
