package mutants

// The files of the daemon that are broken.
const (
	parameters = "daemon/vrrp/parameters.go"
	machine    = "daemon/vrrp/machine.go"
	transition = "daemon/vrrp/transition.go"
	judging    = "daemon/vrrp/receive.go"
	codec      = "daemon/vrrp/codec.go"
	taking     = "daemon/receive.go"
	performing = "daemon/perform.go"
	leases     = "daemon/lease.go"
	tracked    = "daemon/tracked.go"
	attachment = "daemon/attachment.go"
	instance   = "daemon/instance.go"
	loop       = "daemon/loop.go"
	releasing  = "daemon/guardian_release.go"
	announcing = "daemon/transport/announce.go"
	script     = "daemon/track/script.go"
	weights    = "daemon/track/weight.go"
	reloading  = "daemon/reload.go"
	carrying   = "daemon/carry.go"
	command    = "cmd/vipd/serve.go"
)

// The scenarios, and the judges' names.
const (
	linkLoss     = "spread-link-loss"
	stopped      = "spread-stopped"
	unheard      = "spread-unheard"
	webKilled    = "spread-web-killed"
	forged       = "spread-forged"
	workerKilled = "spread-worker-killed"
	daemonKilled = "spread-daemon-killed"
	equalSplit   = "equal-split"
	nginxKilled  = "nginx-killed"
	scriptHangs  = "script-hangs"
	vipDeleted   = "vip-deleted"
	noPreempt    = "nopreempt-link-loss"
	otherLink    = "dual-lan-other-link-down"
	reloaded     = "reload-same"

	byActive       = "active"
	byAnnouncement = "announcement"
	byDual         = "dual"
	byFailover     = "failover"
	byInterval     = "interval"
	byLost         = "lost"
	byNone         = "none"
)

func timers() []Mutant {
	return []Mutant{
		{"skew-ignored", "Active_Down_Interval is three intervals, without Skew_Time", linkLoss, byNone, []Edit{{
			parameters,
			"return time.Duration(adverts)*interval + p.skewTime(interval)",
			"return time.Duration(adverts) * interval",
		}}},
		{"skew-inverted", "Skew_Time is shorter the lower the priority", linkLoss, byFailover, []Edit{{
			parameters, "time.Duration(256-int(p.Priority))", "time.Duration(p.Priority)",
		}}},
		{"one-interval-more", "Active_Down_Interval is four intervals and Skew_Time", linkLoss, byFailover, []Edit{{
			parameters, "return time.Duration(adverts)*interval", "return time.Duration(adverts+1)*interval",
		}}},
		{"interval-longer", "it advertises every interval and a tenth, and says every interval", stopped, byInterval, []Edit{{
			machine,
			"t.adver = next(now, t.adver, r.parameters.AdvertisementInterval)",
			"t.adver = next(now, t.adver, r.parameters.AdvertisementInterval*11/10)",
		}}},
		{"priority-0-ignored", "a Backup that hears a goodbye waits for Active_Down_Interval all the same", stopped, byFailover, []Edit{{
			judging, "r.skew(now, reasonPriority0)", "",
		}}},
	}
}

func elections() []Mutant {
	return []Mutant{
		{"tie-break-inverted", "of two Actives of one priority the lower address remains", equalSplit, byActive, []Edit{{
			judging, "source.Compare(r.parameters.PrimaryAddress) > 0", "source.Compare(r.parameters.PrimaryAddress) < 0",
		}}},
		{"preemption-ignored", "a Backup stays Backup whatever the Active's priority is", stopped, byActive, []Edit{{
			judging, "case r.parameters.NoPreempt ||", "case true ||",
		}}},
		{"nopreempt-ignored", "a Backup that is to let a lower priority be takes over from it", noPreempt, byActive, []Edit{{
			instance, "NoPreempt:             c.NoPreempt,", "NoPreempt:             false,",
		}}},
		{"outranked-ignored", "an Active that hears a higher priority stays Active", unheard, byActive, []Edit{{
			judging, "case r.isOutranked(", "case false && r.isOutranked(",
		}}},
		{"goodbye-left-out", "at its end it removes the address, and sends no priority 0", stopped, byFailover, []Edit{{
			machine,
			"\t\tr.append(r.advertise(0))\n\t\tr.removeAddresses()\n\t}\n",
			"\t\tr.removeAddresses()\n\t}\n",
		}}},
	}
}

func addresses() []Mutant {
	return []Mutant{
		{"address-kept-at-end", "at its end it sends priority 0, and leaves the address", stopped, byDual, []Edit{{
			machine,
			"\t\tr.append(r.advertise(0))\n\t\tr.removeAddresses()\n\t}\n",
			"\t\tr.append(r.advertise(0))\n\t}\n",
		}}},
		{"address-kept-by-backup", "an Active that yields keeps the address", linkLoss, byDual, []Edit{{
			judging, "\t\tr.removeAddresses()\n\t\tr.activeInterval", "\t\tr.activeInterval",
		}}},
		{"deleted-address-ignored", "an address that somebody deletes is not set again", vipDeleted, byNone, []Edit{{
			machine, "\t\tr.addressLost(e.Address)\n", "",
		}}},
		{"lease-left-out", "the address has no lease: it stays when every process is killed", daemonKilled, byDual, []Edit{{
			leases, "case i.VIPLease == config.LeaseOff ||", "case true ||",
		}}},
	}
}

func announcements() []Mutant {
	const burst = "if p.AnnounceCount > 0 && p.AnnounceDelay > 0 {"
	return []Mutant{
		{"announcement-left-out", "it takes the address and announces it never", stopped, byAnnouncement, []Edit{{
			transition, "r.append(Announce{Address: address, Count: count})", "_ = address",
		}}},
		{"announcement-early", "it announces the address 0.2 s before it has it", stopped, byAnnouncement, []Edit{{
			performing,
			"\t\tl.beLong()\n\t\tfailures := l.network.set(batch)\n",
			"\t\tfor _, v := range i.virtuals {\n" +
				"\t\t\t_ = volley{on: v.on, addresses: []netip.Addr{v.prefix.Addr()}, times: 1}.fire()\n" +
				"\t\t}\n" +
				"\t\ttime.Sleep(200 * time.Millisecond)\n" +
				"\t\tl.beLong()\n\t\tfailures := l.network.set(batch)\n",
		}}},
		{"announcement-once", "it announces the address once, and not again", stopped, byAnnouncement, []Edit{
			{transition, "Announce{Address: address, Count: count}", "Announce{Address: address, Count: 1}"},
			{transition, burst, "if false {"},
		}},
		{"announcement-of-another", "it announces the address with a link-layer address that nobody has", stopped, byLost, []Edit{{
			announcing, "gratuitousARP(a.settings.Hardware, address)", "gratuitousARP([]byte{2, 0, 0, 0, 0xff, 0xff}, address)",
		}}},
		{"second-burst-left-out", "it announces the address, and not again after garp_master_delay", stopped, byAnnouncement, []Edit{{
			transition, burst, "if false {",
		}}},
	}
}

func receiving() []Mutant {
	return []Mutant{
		{"checksum-unchecked", "it believes an advertisement with a wrong checksum", forged, byNone, []Edit{{
			codec,
			"if !a.decodeChecksum(payload, source, destination) {",
			"if a.decodeChecksum(payload, source, destination); false {",
		}}},
		{"ttl-unchecked", "it believes an advertisement from beyond the link", forged, byNone, []Edit{{
			taking, "case !s.unicast && d.TTL != transport.TTL:", "case false:",
		}}},
		{"authentication-unchecked", "it believes an advertisement with another password", forged, byNone, []Edit{{
			judging, "case !p.Authentication.accepts(&a.Authentication):", "case false:",
		}}},
		{"vrid-unchecked", "it believes an advertisement of another virtual router", forged, byNone, []Edit{
			{judging, "case a.VRID != p.VRID:", "case false:"},
			{
				taking,
				"return s.byVRID[payload[offset]]",
				"for _, i := range s.byVRID {\n\t\tif i != nil {\n\t\t\treturn i\n\t\t}\n\t}\n\treturn nil",
			},
		}},
	}
}

func tracking() []Mutant {
	return []Mutant{
		{"weight-ignored", "a script's weight does not change the priority", webKilled, byFailover, []Edit{{
			weights, "base += w.adjustment()", "_ = w",
		}}},
		{"priority-as-before", "an Active whose priority has changed advertises the former one", webKilled, byFailover, []Edit{{
			machine, "r.advertisement = r.advertise(priority)", "",
		}}},
		{"script-inverted", "a script's success counts as failure, and its failure as success", webKilled, byFailover, []Edit{{
			tracked, "up: result.Up, at: now, detail: result.Status,", "up: !result.Up, at: now, detail: result.Status,",
		}}},
		{"script-ignored", "a script without a weight that fails is no fault", nginxKilled, byFailover, []Edit{{
			tracked, `return t.name + " " + t.failure`, `return ""`,
		}}},
		{"hung-script-ignored", "a script that does not end within its timeout has not failed", scriptHangs, byFailover, []Edit{{
			script, `judge(false, fmt.Sprintf("timed out after %v", s.Timeout))`, "",
		}}},
		{"group-left-apart", "the members of a sync group fail over one by one", otherLink, byFailover, []Edit{{
			loop, "l.join(members)", "",
		}}},
		{"carrier-ignored", "an interface without a carrier is no fault", linkLoss, byDual, []Edit{{
			attachment, "case !a.link.Running:", "case false:",
		}}},
	}
}

func guarding() []Mutant {
	return []Mutant{
		{"guardian-left-out", "there is no guardian beside the worker", workerKilled, byFailover, []Edit{{
			command, "Guardian:   true,", "Guardian:   false,",
		}}},
		{"guardian-silent", "the guardian sends no priority 0 for a worker that died", workerKilled, byFailover, []Edit{{
			releasing, "failures = append(failures, r.sendFarewells(time.Now(), i)...)", "_ = time.Now",
		}}},
		{"reload-from-scratch", "a reload ends every virtual router and starts it anew", reloaded, byFailover, []Edit{{
			reloading, "return a.Interface == b.Interface &&", "return a.Interface != b.Interface &&",
		}}},
		{"reload-forgets-results", "a reload waits for every check to return before a router may be Active", reloaded, byFailover, []Edit{{
			reloading, "case i.isAsBefore(to, s, l.config, next):", "case false:",
		}, {
			carrying, "if last, is := l.latest[t.name]; is {", "if last, is := l.latest[t.name]; is && false {",
		}, {
			tracked, "case t.weight.Pending() && t.isLate:", "case t.weight.Pending() && t.isLate && false:",
		}}},
	}
}
