package config

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// knownRoot are the keywords of the top level that have no effect here yet.
var knownRoot = []known{
	{
		name: "virtual_server", form: "ADDRESS [PORT] | fwmark MARK | group NAME", min: 1, max: 2, block: true,
		check: checkVirtualServer,
	},
	{name: "virtual_server_group", form: "NAME", min: 1, max: 1, block: true, check: checkServerGroup},
	nested("SSL", "", 0, 0, &sslKnown),
	{name: "garp_group", block: true, check: checkAnnouncementGroup},
	lines("static_ipaddress"),
	routeLines("static_routes", true),
	ruleLines("static_rules"),
	nested("track_group", "NAME", 1, 1, &trackGroupKnown),
	lines("linkbeat_interfaces"),
	bare("linkbeat_use_polling"),
	lines("interface_up_down_delays"),
	perhaps(text("net_namespace_ipvs", "NAME")),
	bare("namespace_with_ipsets"),
	bare("use_pid_dir"),
	whole("child_wait_time", 0, math.MaxUint32),
}

var sslKnown = table[struct{}]{where: "SSL", known: []known{
	text("password", "PASSWORD"), text("ca", "FILE"), text("certificate", "FILE"), text("key", "FILE"),
}}

var garpGroupKnown = table[struct{}]{where: "garp_group", known: []known{
	delay("garp_interval", false), delay("gna_interval", false), text("interface", "NAME"), lines("interfaces"),
}}

var trackGroupKnown = table[struct{}]{where: "track_group", known: []known{lines("group")}}

// knownGlobal are those of global_defs.
var knownGlobal = slices.Concat([]known{
	bare("process_names"),
	text("process_name", "NAME"),
	text("vrrp_process_name", "NAME"),
	text("checker_process_name", "NAME"),
	text("lvs_process_name", "NAME"),
	text("bfd_process_name", "NAME"),

	{name: "notification_email", block: true, check: func(c *converter, s *Statement) {
		if len(c.lines(s.Block)) == 0 {
			c.warn(s.Position, "notification_email is empty")
		}
	}},
	text("notification_email_from", "ADDRESS"),
	{name: "smtp_server", form: "HOST [PORT]", min: 1, max: 2, check: func(c *converter, s *Statement) {
		if words := s.Arguments(); len(words) > 1 {
			c.integer(s, "port", words[1], 1, math.MaxUint16)
		}
	}},
	perhaps(text("smtp_helo_name", "NAME")),
	whole("smtp_connect_timeout", 1, maxSeconds),
	onOff("smtp_alert"), onOff("smtp_alert_vrrp"), onOff("smtp_alert_checker"),
	bare("no_email_faults"), onOff("no_checker_emails"), onOff("checker_log_all_failures"),

	text("lvs_notify_fifo", "PATH"), runs("lvs_notify_fifo_script"),
	onOff("rs_init_notifies"),

	perhaps(whole("max_auto_priority", -1, 99)),
	whole("min_auto_priority_delay", 1, 10000000),
	text("default_interface", "NAME"),
	whole("vrrp_priority", -20, 19), bare("vrrp_no_swap"), whole("vrrp_rt_priority", 1, 99), whole("vrrp_rlimit_rttime", 1, math.MaxUint32),
	whole("bfd_priority", -20, 19), bare("bfd_no_swap"), whole("bfd_rt_priority", 1, 99), whole("bfd_rlimit_rttime", 1, math.MaxUint32),
	bare("disable_local_igmp"),
	{name: "lvs_timeouts", form: "[tcp SECONDS] [tcpfin SECONDS] [udp SECONDS]", min: 2, max: 6, check: checkTimeouts},
	bare("lvs_flush"),
	words("lvs_sync_daemon", "INTERFACE [INSTANCE] [OPTION ...]", 1),
	deprecated(known{name: "vrrp_iptables", form: "[CHAIN_IN [CHAIN_OUT]]", max: 2}, "nftables"),
	deprecated(words("vrrp_ipsets", "[SET ...]", 0), "nftables"),
	{name: "nftables", form: "[TABLE]", max: 1},
	whole("nftables_priority", math.MinInt32, math.MaxInt32), bare("nftables_ifindex"), bare("nftables_counters"),
	{name: "nftables_ipvs", form: "[TABLE]", max: 1},
	whole("nftables_ipvs_priority", math.MinInt32, math.MaxInt32),
	whole("nftables_ipvs_start_fwmark", 1, math.MaxUint32),

	whole("checker_priority", -20, 19), bare("checker_no_swap"), whole("checker_rt_priority", 1, 99),
	affinity("vrrp_cpu_affinity"), affinity("checker_cpu_affinity"), affinity("bfd_cpu_affinity"),
	exactly(text("snmp_socket", "ADDRESS")),
	bare("enable_snmp_vrrp"), bare("enable_snmp_checker"), bare("enable_snmp_rfc"), bare("enable_snmp_rfcv2"),
	bare("enable_snmp_rfcv3"), bare("enable_traps"), bare("enable_snmp_keepalived"),
	bare("enable_dbus"), text("dbus_service_name", "NAME"),
	{name: "vrrp_rx_bufs_policy", form: "MTU|ADVERT|SIZE", min: 1, max: 1, check: func(c *converter, s *Statement) {
		if word := s.Arguments()[0]; word != "MTU" && word != "ADVERT" {
			c.integer(s, s.Keyword(), word, 0, math.MaxInt32)
		}
	}},
	exactly(whole("vrrp_rx_bufs_multiplier", 1, math.MaxUint32)),
	bare("log_unknown_vrids"),
	text("vmac_prefix", "PREFIX"), text("vmac_addr_prefix", "PREFIX"),
	whole("random_seed", 0, math.MaxUint32),
	{name: "reload_check_config", form: "[LOGFILE]", max: 1},
	exactly(text("reload_time_file", "PATH")), bare("reload_repeat"), perhaps(text("reload_file", "PATH")),
	text("config_save_dir", "PATH"), text("tmp_config_directory", "PATH"),

	// keepalived 2.3 and 2.4 have these.
	delay("vrrp_delay_after_boot", true), onOff("vrrp_owner_ignore_adverts"), bare("use_symlink_paths"),
	bare("set_supplementary_groups"), whole("snmp_vs_stats_update_interval", 0, math.MaxUint32),
	whole("snmp_rs_stats_update_interval", 0, math.MaxUint32), text("dbus_no_interface_name", "NAME"),
	whole("json_version", 1, 2), text("iproute_usr_dir", "PATH"), text("iproute_etc_dir", "PATH"),
	text("state_dump_file", "PATH"), text("stats_dump_file", "PATH"), text("json_dump_file", "PATH"),
},
	extraAnnouncements("vrrp_garp_extra_if", "vrrp_vmac_garp_intvl"),
	as(perhaps(oneOf("lvs_flush_on_stop", "VS")), "lvs_flush_onstop"),
	as(whole("checker_rlimit_rttime", 1, math.MaxUint32), "checker_rlimit_rtime", "vrrp_rlimit_rtime", "bfd_rlimit_rtime"),
	as(whole("vrrp_netlink_cmd_rcv_bufs", 0, math.MaxUint32),
		"vrrp_netlink_monitor_rcv_bufs", "process_monitor_rcv_bufs", "lvs_netlink_cmd_rcv_bufs", "lvs_netlink_monitor_rcv_bufs"),
	as(onOff("vrrp_netlink_cmd_rcv_bufs_force"), "vrrp_netlink_monitor_rcv_bufs_force", "process_monitor_rcv_bufs_force",
		"lvs_netlink_cmd_rcv_bufs_force", "lvs_netlink_monitor_rcv_bufs_force"),
)

// extraAnnouncements are [all] [SECONDS], and an old name of that.
func extraAnnouncements(name, old string) []known {
	row := known{name: name, form: "[all] SECONDS", max: 2, check: func(c *converter, s *Statement) {
		seconds := slices.DeleteFunc(slices.Clone(s.Arguments()), func(word string) bool { return word == "all" })
		if len(seconds) == 0 {
			c.fail(s.Position, "%s has no time", s.Keyword())
			return
		}
		c.integer(s, s.Keyword(), seconds[0], 1, 86400)
	}}
	former := row
	former.name = old
	return []known{row, deprecated(former, name)}
}

func checkAnnouncementGroup(c *converter, s *Statement) {
	found := garpGroupKnown.apply(c, &struct{}{}, s.Block.Nodes)
	if found["garp_interval"].Line == 0 && found["gna_interval"].Line == 0 {
		c.warn(s.Position, "garp_group has no interval")
	}
}

// checkTimeouts reads pairs of a protocol and whole seconds, at most 31 days
// (IP_VS_TIMEOUT_MAX in net/netfilter/ipvs/ip_vs_ctl.c).
func checkTimeouts(c *converter, s *Statement) {
	const most = 86400 * 31
	for pair := range slices.Chunk(s.Arguments(), 2) {
		switch {
		case !slices.Contains([]string{"tcp", "tcpfin", "udp"}, pair[0]):
			c.fail(s.Position, "unknown timeout %q; it may be tcp, tcpfin or udp", pair[0])
		case len(pair) == 1:
			c.fail(s.Position, "%s lacks its value", pair[0])
		default:
			c.integer(s, pair[0], pair[1], 1, most)
		}
	}
}

// knownInstance are those of vrrp_instance.
var knownInstance = slices.Concat([]known{
	{
		name:    "use_vmac_addr",
		refused: "the addresses would answer with another MAC address than the other routers'",
	},
	{name: "use_ipvlan", form: "[ADDRESS] [NAME] [MODE]", max: 3},
	{name: "vrf", form: "NAME", min: 1, max: 1, refused: "the router would advertise outside of it"},
	routeLines("virtual_routes", false), ruleLines("virtual_rules"),
	onOff("smtp_alert"),
	exactly(whole("kernel_rx_buf_size", 0, math.MaxUint32)), bare("linkbeat_use_polling"), bare("promote_secondaries"), whole("debug", 0, 4),
	deprecated(text("lvs_sync_daemon_interface", "NAME"), "lvs_sync_daemon in global_defs"),

	// keepalived 2.3 and 2.4 have these.
	onOff("owner_ignore_adverts"), bare("no_virtual_ipaddress"), words("timer_expired_backup", "", 0),
	words("thread_timer_expired", "", 0),
},
	extraAnnouncements("garp_extra_if", "vmac_garp_intvl"),
)

// knownGroup are those of vrrp_sync_group.
var knownGroup = []known{
	onOff("smtp_alert"),
}

// serverAddress reads the address and the port of a server. A port of zeroes
// is none.
func (c *converter) serverAddress(s *Statement, words []string) (netip.AddrPort, bool) {
	address, err := netip.ParseAddr(words[0])
	if err != nil {
		c.fail(s.Position, "%s: %q is not an address", s.Keyword(), words[0])
		return netip.AddrPort{}, false
	}
	port := 0
	if len(words) > 1 && strings.Trim(words[1], "0") != "" {
		if port, err = strconv.Atoi(words[1]); err != nil || port < 1 || port > math.MaxUint16 {
			c.failWithHint(s.Position, "it may be 1 to 65535", "%s: %q is not a port", s.Keyword(), words[1])
			return netip.AddrPort{}, false
		}
	}
	return netip.AddrPortFrom(address, uint16(port)), true
}
