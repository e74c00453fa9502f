package config

import "time"

// root is the table of the keywords that stand in no block.
var root = table[Config]{
	where: "the top level",
	keywords: []keyword[Config]{
		{name: "global_defs", block: true, repeats: true, set: func(c *converter, to *Config, s *Statement) {
			globalKeywords.apply(c, &to.Global, s.Block.Nodes)
		}},
		{name: "vrrp_script", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addScript},
		{name: "vrrp_instance", form: "NAME", min: 1, max: 1, block: true, repeats: true, set: addInstance},
	},
	later: []string{
		"vrrp_sync_group", "virtual_server", "virtual_server_group", "SSL", "bfd_instance", "track_file",
		"vrrp_track_file", "vrrp_track_process", "garp_group", "static_ipaddress", "static_routes",
		"static_rules", "track_group", "linkbeat_interfaces", "linkbeat_use_polling",
		"interface_up_down_delays", "net_namespace", "net_namespace_ipvs", "namespace_with_ipsets",
		"instance", "use_pid_dir", "child_wait_time",
	},
}

// globalKeywords is the table of global_defs.
var globalKeywords = table[Global]{
	where: "global_defs",
	keywords: []keyword[Global]{
		{name: "router_id", form: "NAME", min: 1, max: 1, set: func(_ *converter, to *Global, s *Statement) {
			to.RouterID = s.Arguments()[0]
		}},
		{name: "script_user", form: "USER [GROUP]", min: 1, max: 2, set: func(_ *converter, to *Global, s *Statement) {
			to.ScriptUser, to.ScriptGroup = user(s.Arguments())
		}},
		{name: "enable_script_security", set: func(_ *converter, to *Global, _ *Statement) {
			to.EnableScriptSecurity = true
		}},
		{name: "vrrp_garp_master_delay", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *Global, s *Statement) {
			c.garpDelay(s, &to.GARPDelay)
		}},
		{name: "vrrp_garp_master_repeat", form: "COUNT", min: 1, max: 1, set: func(c *converter, to *Global, s *Statement) {
			c.garpRepeat(s, &to.GARPRepeat)
		}},
		{name: "vrrp_version", form: "2", min: 1, max: 1, set: func(c *converter, _ *Global, s *Statement) {
			c.version(s)
		}},
	},
	later: []string{
		"notification_email", "notification_email_from", "smtp_server", "smtp_helo_name",
		"smtp_connect_timeout", "smtp_alert", "smtp_alert_vrrp", "smtp_alert_checker", "no_email_faults",
		"process_names", "process_name", "vrrp_process_name", "checker_process_name", "bfd_process_name",
		"startup_script", "startup_script_timeout", "shutdown_script", "shutdown_script_timeout",
		"max_auto_priority", "min_auto_priority_delay", "dynamic_interfaces", "default_interface",
		"disable_local_igmp", "lvs_timeouts", "lvs_flush", "lvs_flush_on_stop", "lvs_sync_daemon",
		"vrrp_mcast_group4", "vrrp_mcast_group6", "vrrp_garp_master_refresh",
		"vrrp_garp_master_refresh_repeat", "vrrp_garp_lower_prio_delay", "vrrp_garp_lower_prio_repeat",
		"vrrp_garp_interval", "vrrp_gna_interval", "vrrp_garp_extra_if", "vrrp_min_garp",
		"vrrp_lower_prio_no_advert", "vrrp_higher_prio_send_advert", "vrrp_down_timer_adverts",
		"vrrp_startup_delay", "vrrp_iptables", "vrrp_ipsets", "nftables", "nftables_priority",
		"nftables_ifindex", "nftables_counters", "nftables_ipvs", "vrrp_check_unicast_src",
		"vrrp_skip_check_adv_addr", "vrrp_strict", "vrrp_priority", "vrrp_no_swap", "vrrp_rt_priority",
		"vrrp_cpu_affinity", "vrrp_rlimit_rttime", "checker_priority", "checker_no_swap",
		"checker_rt_priority", "checker_cpu_affinity", "bfd_priority", "bfd_no_swap", "bfd_rt_priority",
		"notify_fifo", "notify_fifo_script", "vrrp_notify_fifo", "vrrp_notify_fifo_script",
		"lvs_notify_fifo", "lvs_notify_fifo_script", "vrrp_notify_priority_changes",
		"fifo_write_vrrp_states_on_reload", "enable_snmp_vrrp", "enable_snmp_checker", "enable_snmp_rfc",
		"enable_snmp_rfcv2", "enable_snmp_rfcv3", "enable_traps", "snmp_socket", "enable_dbus",
		"dbus_service_name", "vrrp_netlink_cmd_rcv_bufs", "vrrp_netlink_monitor_rcv_bufs",
		"vrrp_rx_bufs_policy", "vrrp_rx_bufs_multiplier", "rs_init_notifies", "no_checker_emails",
		"checker_log_all_failures", "log_unknown_vrids", "vmac_prefix", "vmac_addr_prefix", "umask",
		"random_seed", "reload_check_config", "reload_time_file", "reload_file", "reload_repeat",
		"include_check", "config_save_dir", "tmp_config_directory", "data_use_instance",
		"net_namespace", "net_namespace_ipvs", "instance", "use_pid_dir", "child_wait_time",
	},
}

// garpDelay reads whole seconds; 0 asks for no second set of announcements.
func (c *converter) garpDelay(s *Statement, to *time.Duration) {
	if value, ok := c.integer(s, s.Keyword(), s.Arguments()[0], 0, maxSeconds); ok {
		*to = time.Duration(value) * time.Second
	}
}

// maxGARPRepeat bounds the announcements of one address in one go. keepalived
// has no bound; nobody means a number above this.
const maxGARPRepeat = 1000

func (c *converter) garpRepeat(s *Statement, to *int) {
	if value, ok := c.integer(s, s.Keyword(), s.Arguments()[0], 1, maxGARPRepeat); ok {
		*to = value
	}
}

// version reads a protocol version; only 2 passes.
func (c *converter) version(s *Statement) {
	value, ok := c.integer(s, s.Keyword(), s.Arguments()[0], 2, 3)
	if ok && value == 3 {
		c.failWithHint(s.Position, "version 2 is", "%s 3 is not supported yet", s.Keyword())
	}
}
