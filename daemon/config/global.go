package config

import (
	"maps"
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
		{name: "vrrp_script", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addScript},
		{name: "vrrp_track_process", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addProcess},
		{name: "track_file", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addFile},
		{name: "vrrp_track_file", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addFile},
		{name: "bfd_instance", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addBFD},
		{name: "vrrp_sync_group", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addGroup},
		{name: "vrrp_instance", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addInstance},
	},
	later: []string{
		"virtual_server", "virtual_server_group", "SSL", "garp_group", "static_ipaddress", "static_routes",
		"static_rules", "track_group", "linkbeat_interfaces", "linkbeat_use_polling",
		"interface_up_down_delays", "net_namespace", "net_namespace_ipvs", "namespace_with_ipsets",
		"instance", "use_pid_dir", "child_wait_time",
	},
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
		flagKeyword("vrrp_min_garp", func(to *globalDraft) *bool { return &to.minGARP }),
		flagKeyword("vrrp_strict", func(to *globalDraft) *bool { return &to.instance.Strict }),
		flagKeyword("v3_checksum_as_v2", func(to *globalDraft) *bool { return &to.instance.PlainChecksum }),
		unused[globalDraft]("default_interface", "NAME"),
		unused[globalDraft]("vrrp_priority", "-20 to 19"),
		unused[globalDraft]("vrrp_no_swap", ""),
		unused[globalDraft]("vrrp_rt_priority", "1 to 99"),
		unused[globalDraft]("vrrp_rlimit_rttime", "MICROSECONDS"),
		unused[globalDraft]("bfd_priority", "-20 to 19"),
		unused[globalDraft]("bfd_no_swap", ""),
		unused[globalDraft]("bfd_rt_priority", "1 to 99"),
		unused[globalDraft]("bfd_rlimit_rttime", "MICROSECONDS"),
	},
		sharedKeywords("vrrp_", ofEveryInstance),
		extensionKeywords(ofEveryInstance)),
	later: []string{
		"notification_email", "notification_email_from", "smtp_server", "smtp_helo_name",
		"smtp_connect_timeout", "smtp_alert", "smtp_alert_vrrp", "smtp_alert_checker", "no_email_faults",
		"process_names", "process_name", "vrrp_process_name", "checker_process_name", "bfd_process_name",
		"startup_script", "startup_script_timeout", "shutdown_script", "shutdown_script_timeout",
		"max_auto_priority", "min_auto_priority_delay", "dynamic_interfaces", "disable_local_igmp",
		"lvs_timeouts", "lvs_flush", "lvs_flush_on_stop", "lvs_sync_daemon", "vrrp_garp_extra_if",
		"vrrp_iptables", "vrrp_ipsets", "nftables", "nftables_priority", "nftables_ifindex",
		"nftables_counters", "nftables_ipvs", "vrrp_cpu_affinity", "checker_priority", "checker_no_swap",
		"checker_rt_priority", "checker_cpu_affinity", "notify_fifo", "notify_fifo_script",
		"vrrp_notify_fifo", "vrrp_notify_fifo_script", "lvs_notify_fifo", "lvs_notify_fifo_script",
		"vrrp_notify_priority_changes", "fifo_write_vrrp_states_on_reload", "enable_snmp_vrrp",
		"enable_snmp_checker", "enable_snmp_rfc", "enable_snmp_rfcv2", "enable_snmp_rfcv3", "enable_traps",
		"snmp_socket", "enable_dbus", "dbus_service_name", "vrrp_netlink_cmd_rcv_bufs",
		"vrrp_netlink_monitor_rcv_bufs", "vrrp_rx_bufs_policy", "vrrp_rx_bufs_multiplier",
		"rs_init_notifies", "no_checker_emails", "checker_log_all_failures", "log_unknown_vrids",
		"vmac_prefix", "vmac_addr_prefix", "umask", "random_seed", "reload_check_config",
		"reload_time_file", "reload_file", "reload_repeat", "include_check", "config_save_dir",
		"tmp_config_directory", "data_use_instance", "net_namespace", "net_namespace_ipvs", "instance",
		"use_pid_dir", "child_wait_time", "lvs_process_name", "use_symlink_paths",
		"set_supplementary_groups", "lvs_flush_onstop", "vrrp_vmac_garp_intvl", "vrrp_rlimit_rtime",
		"nftables_ipvs_priority", "nftables_ipvs_start_fwmark", "checker_rlimit_rttime",
		"checker_rlimit_rtime", "bfd_cpu_affinity", "bfd_rlimit_rtime", "enable_snmp_keepalived",
		"snmp_vs_stats_update_interval", "snmp_rs_stats_update_interval", "dbus_no_interface_name",
		"vrrp_netlink_cmd_rcv_bufs_force", "vrrp_netlink_monitor_rcv_bufs_force",
		"process_monitor_rcv_bufs", "process_monitor_rcv_bufs_force", "lvs_netlink_cmd_rcv_bufs",
		"lvs_netlink_cmd_rcv_bufs_force", "lvs_netlink_monitor_rcv_bufs",
		"lvs_netlink_monitor_rcv_bufs_force", "vrrp_delay_after_boot", "vrrp_owner_ignore_adverts",
		"json_version", "iproute_usr_dir", "iproute_etc_dir", "state_dump_file", "stats_dump_file",
		"json_dump_file",
	},
}

func ofEveryInstance(to *globalDraft) *Instance { return &to.instance }

// unused is the row of a keyword that is understood and has no effect yet.
func unused[T any](name, form string) keyword[T] {
	words := 0
	if form != "" {
		words = 1
	}
	return keyword[T]{name: name, form: form, min: words, max: words, set: func(c *converter, _ *T, s *Statement) {
		c.warn(s.Position, "%s has no effect yet", name)
	}}
}

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
