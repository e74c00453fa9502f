package config

import (
	"errors"
	"strings"
	"testing"
)

// faultTests are texts that are refused, and what is said of them.
var faultTests = []struct{ name, text, want string }{
	{"misspelt keyword", instance("advert_intt 1"), `k.conf:4: unknown keyword "advert_intt" in vrrp_instance; did you mean "advert_int"?`},
	{"unknown keyword", instance("zzzzzz 1"), `k.conf:4: unknown keyword "zzzzzz" in vrrp_instance`},
	{"empty keyword", instance(`"" 1`), `k.conf:4: unknown keyword "" in vrrp_instance`},
	{"keyword of another block", "router_id x\n" + instance(""), `k.conf:1: unknown keyword "router_id" in the top level`},
	{"variable as address", strings.Replace(instance(""), "10.0.0.200", "${VIP}", 1), `k.conf:5: variable VIP is not defined`},

	{"no word", instance("priority"), `k.conf:4: priority lacks a word; the form is: priority 1-255`},
	{"no name", "vrrp_instance {\n}", `k.conf:1: vrrp_instance lacks a word; the form is: vrrp_instance NAME { ... }`},
	{"no block", "vrrp_instance X\n", `k.conf:1: vrrp_instance lacks its block; the form is: vrrp_instance NAME { ... }`},
	{"surplus block", instance("priority 5 {\n}"), `k.conf:4: priority takes no block; the form is: priority 1-255`},

	{"priority too high", instance("priority 256"), `k.conf:4: priority 256 is out of range; it may be 1 to 255`},
	{"priority zero", instance("priority 0"), `k.conf:4: priority 0 is out of range; it may be 1 to 255`},
	{"priority huge", instance("priority 99999999999999999999"), `k.conf:4: priority 99999999999999999999 is out of range; it may be 1 to 255`},
	{"priority no number", instance("priority high"), `k.conf:4: priority "high" is not a whole number`},
	{"VRID", strings.Replace(instance(""), "51", "256", 1), `k.conf:3: virtual_router_id 256 is out of range; it may be 1 to 255`},
	{"state", instance("state Active"), `k.conf:4: unknown state "Active"; it may be MASTER or BACKUP`},
	{"interval fraction", instance("advert_int 0.5"), `k.conf:4: advert_int 0.5: version 2 counts whole seconds; keepalived would round it; fractions need version 3`},
	{"interval zero", instance("advert_int 0"), `k.conf:4: advert_int 0 is out of range; it may be more than 0, up to 4294 seconds`},
	{"interval long", instance("advert_int 256"), `k.conf:4: advert_int 256 is out of range; it may be 1 to 255 seconds in version 2`},
	{"interval no number", instance("advert_int 1s"), `k.conf:4: advert_int "1s" is not a number of seconds; fractions go down to the microsecond: 0.25`},
	{"version 4", instance("version 4"), `k.conf:4: version 4 is out of range; it may be 2 to 3`},
	{"interface long", strings.Replace(instance(""), "eth0", "averylongname0123", 1), `k.conf:2: interface "averylongname0123" is longer than 15 bytes`},
	{"interface bad", strings.Replace(instance(""), "eth0", "a/b", 1), `k.conf:2: interface "a/b" cannot be the name of an interface`},
	{"announcement repeat", instance("garp_master_repeat 0"), `k.conf:4: garp_master_repeat 0 is out of range; it may be 1 to 1000`},
	{"announcement delay", instance("garp_master_delay -1"), `k.conf:4: garp_master_delay -1 is out of range; it may be 0 to 4294`},

	{"authentication kind", instance("authentication {\nauth_type MD5\nauth_pass x\n}"), `k.conf:5: unknown auth_type "MD5"; it may be PASS or AH`},
	{"authentication no pass", instance("authentication {\nauth_type PASS\n}"), `k.conf:5: auth_type without auth_pass`},
	{"authentication empty", instance("authentication {\nauth_type PASS\nauth_pass \"\"\n}"), `k.conf:6: auth_pass is empty`},

	{"address none", instance("virtual_ipaddress {\n}"), `k.conf:4: virtual_ipaddress is empty`},
	{"address bad", instance("virtual_ipaddress {\n10.0.0\n}"), `k.conf:5: virtual address "10.0.0" is not an address; the form is: ADDRESS[/LENGTH]`},
	{"address length", instance("virtual_ipaddress {\n10.0.0.1/33\n}"), `k.conf:5: virtual address "10.0.0.1/33" is not an address; the form is: ADDRESS[/LENGTH]`},
	{"address multicast", instance("virtual_ipaddress {\n224.0.0.18\n}"), `k.conf:5: virtual address 224.0.0.18 cannot be the address of a host`},
	{"address option", instance("virtual_ipaddress {\n10.0.0.1 lable x\n}"), `k.conf:5: unknown option "lable" after a virtual address; did you mean "label"?`},
	{"address option later", instance("virtual_ipaddress {\n10.0.0.1 peer 10.0.0.2\n}"), `k.conf:5: "peer" after a virtual address is not implemented`},
	{"address option value", instance("virtual_ipaddress {\n10.0.0.1 dev\n}"), `k.conf:5: dev lacks its value`},
	{"address scope", instance("virtual_ipaddress {\n10.0.0.1 scope world\n}"), `k.conf:5: unknown scope "world"; it may be global, site, link, host or nowhere`},
	{"address broadcast", instance("virtual_ipaddress {\n10.0.0.1 brd ::1\n}"), `k.conf:5: brd "::1" is not an IPv4 address`},
	{"address label", instance("virtual_ipaddress {\n10.0.0.1 label 0123456789abcdef\n}"), `k.conf:5: label "0123456789abcdef" is longer than 15 bytes`},
	{"address block", instance("virtual_ipaddress {\n10.0.0.1 {\n}\n}"), `k.conf:5: unexpected block after "10.0.0.1"`},

	{"script missing", instance("track_script {\nchk\n}"), `k.conf:5: track_script: no vrrp_script "chk"`},
	{"script misspelt", script("") + strings.NewReplacer("VI_1", "VI_2", "51", "52", "200", "201").Replace(instance("track_script {\nchkk\n}")), `k.conf:15: track_script: no vrrp_script "chkk"; did you mean "chk"?`},
	{"script tracked twice", instance("track_script {\nchk\nchk\n}") + "vrrp_script chk {\nscript /x\n}", `k.conf:6: script "chk" is tracked on line 5 already`},
	{"script defined twice", script("") + "vrrp_script chk {\nscript /x\n}", `k.conf:11: vrrp_script "chk" was defined on line 1 already`},
	{"script without program", "vrrp_script a {\n}\n" + instance(""), `k.conf:1: vrrp_script "a" has no script; add: script "PROGRAM [ARGUMENT ...]"`},
	{"script empty", "vrrp_script a {\nscript \"\"\n}\n" + instance(""), `k.conf:2: script: names no program`},
	{"script quote", "vrrp_script a {\nscript '/x #'\n}\n" + instance(""), `k.conf:2: script: missing closing ' (between single quotes, # and ! start a comment)`},
	{"script zero byte", "vrrp_script a {\nscript \"/x \\\\x00\"\n}\n" + instance(""), `k.conf:2: script: a word holds a zero byte`},
	{"script interval", script("interval 0"), `k.conf:3: interval 0 is out of range; it may be more than 0, up to 4294 seconds`},
	{"script timeout", script("timeout 1.0000001"), `k.conf:3: timeout "1.0000001" is not a number of seconds; fractions go down to the microsecond: 0.25`},
	{"script weight", script("weight 254"), `k.conf:3: weight 254 is out of range; it may be -253 to 253`},
	{"script weight option", script("weight 2 noreverse"), `k.conf:3: unexpected "noreverse" after the weight; only "reverse" may follow`},
	{"script rise", script("rise 0"), `k.conf:3: rise 0 is out of range; it may be 1 to 1073741823`},
	{"script fall", script("fall x"), `k.conf:3: fall "x" is not a whole number`},

	{"track option", instance("track_interface {\neth1 wieght 3\n}"), `k.conf:5: unexpected "wieght" after "eth1"; the form is: NAME [weight N [reverse]]`},
	{"track weight", instance("track_interface {\neth1 weight\n}"), `k.conf:5: weight lacks its value`},
	{"track words", instance("track_interface {\neth1 weight 3 reverse now\n}"), `k.conf:5: unexpected "now" after the weight`},
	{"track block", instance("track_interface {\neth1 {\n}\n}"), `k.conf:5: unexpected block after "eth1"`},
	{"track interface twice", instance("track_interface {\neth1\neth1\n}"), `k.conf:6: interface "eth1" is tracked on line 5 already`},

	{"interval of version 3 too short", instance("version 3\nadvert_int 0.001"), `k.conf:5: advert_int 0.001 is out of range; it may be 0.01 to 40.95 seconds in version 3`},
	{"interval of version 3 too long", instance("advert_int 40.96\nversion 3"), `k.conf:4: advert_int 40.96 is out of range; it may be 0.01 to 40.95 seconds in version 3`},
	{"interval of version 3 between", instance("version 3\nadvert_int 0.015"), `k.conf:5: advert_int 0.015: version 3 counts hundredths of a second; keepalived would round it`},
	{"interval of version 2 that keepalived makes 0", instance("advert_int 0.4"), `k.conf:4: advert_int 0.4: version 2 counts whole seconds; keepalived would round it; fractions need version 3`},
	{"interval of global version 3", "global_defs {\nvrrp_version 3\n}\n" + instance("advert_int 41"), `k.conf:7: advert_int 41 is out of range; it may be 0.01 to 40.95 seconds in version 3`},
	{"version 2 of IPv6", instance6("version 2"), `k.conf:4: version 2, but line 5 makes vrrp_instance "VI_6" IPv6; IPv6 needs version 3`},
	{"preempt delay", instance("preempt_delay 1000.1"), `k.conf:4: preempt_delay 1000.1 is out of range; it may be 0 to 1000 seconds`},
	{"down timer", instance("down_timer_adverts 101"), `k.conf:4: down_timer_adverts 101 is out of range; it may be 1 to 100`},
	{"flag", instance("strict_mode maybe"), `k.conf:4: strict_mode "maybe" is no yes or no; it may be true, on, yes, false, off or no`},
	{"refresh repeat", instance("garp_master_refresh_repeat 0"), `k.conf:4: garp_master_refresh_repeat 0 is out of range; it may be 1 to 1000`},
	{"startup delay", "global_defs {\nvrrp_startup_delay 0\n}\n" + instance(""), `k.conf:2: vrrp_startup_delay 0 is out of range; it may be more than 0, up to 4294 seconds`},
	{"announcement interval", "global_defs {\nvrrp_garp_interval x\n}\n" + instance(""), `k.conf:2: vrrp_garp_interval "x" is not a number of seconds; fractions go down to the microsecond: 0.25`},
	{"group 4 of the wrong family", "global_defs {\nvrrp_mcast_group4 ff02::1\n}\n" + instance(""), `k.conf:2: vrrp_mcast_group4 "ff02::1" is not an IPv4 address`},
	{"group 4 that is none", "global_defs {\nvrrp_mcast_group4 10.0.0.1\n}\n" + instance(""), `k.conf:2: vrrp_mcast_group4 10.0.0.1 is not a multicast group`},
	{"group 6 of the wrong family", "global_defs {\nvrrp_mcast_group6 224.0.0.18\n}\n" + instance(""), `k.conf:2: vrrp_mcast_group6 "224.0.0.18" is not an IPv6 address`},
	{"group 6 that is not local", "global_defs {\nvrrp_mcast_group6 ff05::12\n}\n" + instance(""), `k.conf:2: vrrp_mcast_group6 ff05::12 is not a link-local group`},
	{"group of an instance", instance("mcast_dst_ip 10.0.0.1"), `k.conf:4: mcast_dst_ip 10.0.0.1 is not a multicast group`},

	{"family of an address", instance("virtual_ipaddress {\n2001:db8::1/64\n}"), `k.conf:7: virtual address 10.0.0.200 is IPv4, but line 5 makes vrrp_instance "VI_1" IPv6`},
	{"native_ipv6 with IPv4", instance("native_ipv6"), `k.conf:5: virtual address 10.0.0.200 is IPv4, but line 4 makes vrrp_instance "VI_1" IPv6`},
	{"native_ipv6 after IPv4", instance("virtual_ipaddress {\n10.0.0.1\n}\nnative_ipv6"), `k.conf:7: native_ipv6 is IPv6, but line 5 makes vrrp_instance "VI_1" IPv4`},
	{"source of the other family", instance("mcast_src_ip fe80::1"), `k.conf:5: virtual address 10.0.0.200 is IPv4, but line 4 makes vrrp_instance "VI_1" IPv6`},
	{"peer of the other family", instance("unicast_peer {\n10.0.0.2\nfe80::1\n}"), `k.conf:6: unicast_peer fe80::1 is IPv6, but line 5 makes vrrp_instance "VI_1" IPv4`},
	{"address mapped", instance("virtual_ipaddress {\n::ffff:10.0.0.1\n}"), `k.conf:5: virtual address ::ffff:10.0.0.1 cannot be the address of a host`},
	{"address of IPv6 with a zone", instance6("virtual_ipaddress {\nfe80::2%eth0\n}"), `k.conf:5: virtual address "fe80::2%eth0" is not an address; the form is: ADDRESS[/LENGTH]`},
	{"address of IPv6 with a broadcast", instance6("virtual_ipaddress {\nfe80::2 brd +\n}"), `k.conf:5: brd is for IPv4 only`},
	{"address of IPv6 with a label", instance6("virtual_ipaddress {\nfe80::2 label eth0:1\n}"), `k.conf:5: label is for IPv4 only`},
	{"address of IPv6 with a scope", instance6("virtual_ipaddress {\nfe80::2 scope link\n}"), `k.conf:5: scope is for IPv4 only`},
	{"address without a broadcast address", instance("virtual_ipaddress {\n10.0.0.1 brd +\n}"), `k.conf:5: brd +: the prefix length 32 leaves no broadcast address`},
	{"address lifetime", instance("virtual_ipaddress {\n10.0.0.1 preferred_lft never\n}"), `k.conf:5: preferred_lft "never" is not a whole number`},

	{"peers none", instance("unicast_peer {\n}"), `k.conf:4: unicast_peer is empty; keepalived would use multicast`},
	{"peer no address", instance("unicast_peer {\nnode2\n}"), `k.conf:5: unicast_peer "node2" is not an address`},
	{"peer no host", instance("unicast_peer {\n224.0.0.18\n}"), `k.conf:5: unicast_peer 224.0.0.18 cannot be the address of a host`},
	{"peer variable", instance("unicast_peer {\n$PEER\n}"), `k.conf:5: unicast_peer "$PEER" is not an address`},
	{"peer option", instance("unicast_peer {\n10.0.0.2 ttl 3\n}"), `k.conf:5: unexpected "ttl" after a peer; the form is: ADDRESS [min_ttl N] [max_ttl N]`},
	{"peer option value", instance("unicast_peer {\n10.0.0.2 min_ttl\n}"), `k.conf:5: min_ttl lacks its value`},
	{"peer TTL", instance("unicast_peer {\n10.0.0.2 min_ttl 256\n}"), `k.conf:5: min_ttl 256 is out of range; it may be 0 to 255`},
	{"peer TTLs", instance("unicast_peer {\n10.0.0.2 min_ttl 4 max_ttl 3\n}"), `k.conf:5: min_ttl 4 is above max_ttl 3`},
	{"source in unicast without peers", instance("unicast_src_ip 10.0.0.2"), `k.conf:4: unicast_src_ip without unicast_peer; keepalived would use multicast`},
	{"TTL without peers", instance("unicast_ttl 3"), `k.conf:4: unicast_ttl without unicast_peer; keepalived would use multicast`},
	{"TTL zero", instance("unicast_peer { 10.0.0.2 }\nunicast_ttl 0"), `k.conf:5: unicast_ttl 0 is out of range; it may be 1 to 255`},
	{"check without peers", instance("check_unicast_src"), `k.conf:4: check_unicast_src without unicast_peer; keepalived would use multicast`},
	{"fault without peers", instance("unicast_fault_no_peer"), `k.conf:4: unicast_fault_no_peer without unicast_peer; the router could never start`},
	{"old checksum", instance("unicast_peer { 10.0.0.2 }\nold_unicast_checksum"), `k.conf:5: old_unicast_checksum is not implemented`},
	{"old checksum word", instance("unicast_peer { 10.0.0.2 }\nold_unicast_checksum always"), `k.conf:5: unexpected "always" after old_unicast_checksum`},
	{"peers in strict mode", instance("strict_mode\nunicast_peer { 10.0.0.2 }"), `k.conf:5: unicast_peer is not allowed with strict_mode on line 4`},
	{"source no host", instance("mcast_src_ip 0.0.0.0"), `k.conf:4: mcast_src_ip 0.0.0.0 cannot be the address of a host`},

	{"VMAC in unicast", instance("use_vmac\nunicast_peer { 10.0.0.2 }"), `k.conf:4: use_vmac with unicast_peer on line 5 needs vmac_xmit_base; add: vmac_xmit_base`},
	{"VMAC addresses", instance("use_vmac_addr"), `k.conf:4: use_vmac_addr in vrrp_instance is not implemented, and going on without it would do harm; the addresses would answer with another MAC address than the other routers'`},
	{"VMAC option", instance("use_vmac netlink_notify_msg"), `k.conf:4: "netlink_notify_msg" after use_vmac is not implemented`},
	{"VMAC names", instance("use_vmac a b"), `k.conf:4: unexpected "b" after use_vmac`},
	{"VMAC name", instance("use_vmac averylongname0123"), `k.conf:4: use_vmac "averylongname0123" is longer than 15 bytes`},
	{"VMAC name of the interface", instance("use_vmac eth0"), `k.conf:4: use_vmac eth0 is the name of the interface itself`},
	{"VMAC name twice", instance("use_vmac a") + strings.NewReplacer("VI_1", "VI_2", "51", "52", "200", "201").Replace(instance("use_vmac a")), `k.conf:7: vrrp_instance "VI_2" has use_vmac a, as "VI_1" on line 1 has`},
	{"VMAC address", instance("use_vmac 02:00:00:00"), `k.conf:4: use_vmac: "02:00:00:00" is not a MAC address; 6 bytes, or 5 that the VRID follows`},
	{"VMAC address of many", instance("use_vmac 03:00:00:00:00:01"), `k.conf:4: use_vmac: 03:00:00:00:00:01 is a multicast address`},
	{"VMAC address of a VRID", instance("use_vmac 00:00:5e:00:01:09"), `k.conf:4: use_vmac: 00:00:5e:00:01:09 is the address of some VRID; leave it out for the VRID's own`},

	{"authentication AH of IPv6", instance6("authentication {\nauth_type AH\nauth_pass x\n}"), `k.conf:4: auth_type AH is for IPv4 only, and line 8 makes vrrp_instance "VI_6" IPv6`},
	{"HMAC beside authentication", instance("auth_hmac {\nkey 1 " + key + "\nactive_key 1\n}\nauthentication {\nauth_type PASS\nauth_pass x\n}"), `k.conf:8: authentication beside auth_hmac on line 4; keepalived would drop authentication`},
	{"HMAC without a key in use", instance("auth_hmac {\nkey 1 " + key + "\n}"), `k.conf:4: auth_hmac has no active_key; add: active_key ID`},
	{"HMAC with another key in use", instance("auth_hmac {\nkey 1 " + key + "\nactive_key 2\n}"), `k.conf:6: active_key 2: auth_hmac has no such key`},
	{"HMAC key too short", instance("auth_hmac {\nkey 1 secret\nactive_key 1\n}"), `k.conf:5: key 1: 6 bytes are not 32 to 64; write the bytes themselves, hex:DIGITS, or file:PATH`},
	{"HMAC key no digits", instance("auth_hmac {\nkey 1 hex:xy\nactive_key 1\n}"), `k.conf:5: key 1: what follows hex: is not pairs of hexadecimal digits; write the bytes themselves, hex:DIGITS, or file:PATH`},
	{"HMAC key twice", instance("auth_hmac {\nkey 1 " + key + "\nkey 1 file:/x\nactive_key 1\n}"), `k.conf:6: key 1 was defined on line 5 already`},
	{"HMAC key no file", instance("auth_hmac {\nkey 1 file:\nactive_key 1\n}"), `k.conf:5: key 1 names no file`},
	{"HMAC key id", instance("auth_hmac {\nkey 0 x\nkey 1 " + key + "\nactive_key 1\n}"), `k.conf:5: key 0 is out of range; it may be 1 to 255`},
	{"HMAC window", instance("auth_hmac {\nkey 1 " + key + "\nactive_key 1\ntime_window 301\n}"), `k.conf:7: time_window 301 is out of range; it may be 1 to 300`},
	{"HMAC mode", instance("auth_hmac {\nkey 1 " + key + "\nactive_key 1\nmode lax\n}"), `k.conf:7: unknown mode "lax"; it may be enforce, permissive or receive-only`},
	{"HMAC replay", instance("auth_hmac {\nkey 1 " + key + "\nactive_key 1\nanti_replay none\n}"), `k.conf:7: unknown anti_replay "none"; it may be time or monotonic`},

	{"process missing", instance("track_process {\nweb\n}"), `k.conf:5: track_process: no vrrp_track_process "web"`},
	{"process weight", process("") + strings.NewReplacer("VI_1", "VI_2").Replace(instance("track_process {\nweb weight 255\n}")), `k.conf:9: weight 255 is out of range; it may be -254 to 254`},
	{"process without a program", "vrrp_track_process web {\n}\n" + instance(""), `k.conf:1: vrrp_track_process "web" has no process; add: process PROGRAM`},
	{"process quorum", process("quorum 0") + instance(""), `k.conf:3: quorum 0 is out of range; it may be 1 to 65535`},
	{"process quorums", process("quorum 3\nquorum_max 2") + instance(""), `k.conf:4: quorum_max 2 is below the quorum 3 on line 3`},
	{"process delay", process("delay 0") + instance(""), `k.conf:3: delay 0 is out of range; it may be more than 0, up to 3600 seconds`},
	{"process delay long", process("fork_delay 3601") + instance(""), `k.conf:3: fork_delay 3601 is out of range; it may be more than 0, up to 3600 seconds`},
	{"process match", process("param_match exact") + instance(""), `k.conf:3: unknown param_match "exact"; it may be initial or partial`},
	{"process twice", process("") + process("") + instance(""), `k.conf:5: vrrp_track_process "web" was defined on line 1 already`},
	{"file missing", instance("track_file {\nload\n}"), `k.conf:5: track_file: no track_file "load"`},
	{"file without a path", "vrrp_track_file load {\n}\n" + instance(""), `k.conf:1: vrrp_track_file "load" has no file; add: file PATH`},
	{"file weight", "track_file load {\nfile /tmp/x\nweight 300\n}\n" + instance(""), `k.conf:3: weight 300 is out of range; it may be -254 to 254`},
	{"file init", "track_file load {\nfile /tmp/x\ninit_file now\n}\n" + instance(""), `k.conf:3: unexpected "now" after init_file; the form is: init_file [NUMBER] [overwrite]`},
	{"file twice", "track_file a {\nfile /tmp/x\n}\nvrrp_track_file a {\nfile /tmp/y\n}\n" + instance(""), `k.conf:4: vrrp_track_file "a" was defined on line 1 already`},

	{"session missing", instance("track_bfd {\npeer\n}"), `k.conf:5: track_bfd: no bfd_instance "peer"`},
	{"session weight", session("weight 254") + instance(""), `k.conf:3: weight 254 is out of range; it may be -253 to 253`},
	{"session without neighbor", "bfd_instance peer {\n}\n" + instance(""), `k.conf:1: bfd_instance "peer" has no neighbor_ip; add: neighbor_ip ADDRESS`},
	{"session neighbor", "bfd_instance peer {\nneighbor_ip x\n}\n" + instance(""), `k.conf:2: neighbor_ip "x" is not an address`},
	{"session families", session("source_ip fe80::1") + instance(""), `k.conf:3: source_ip fe80::1 is not of the family of the neighbor 10.0.0.3`},
	{"session interval", session("min_rx 0.5") + instance(""), `k.conf:3: min_rx "0.5" is out of range; it may be 1 to 4294967 milliseconds, with three decimals`},
	{"session interval long", session("min_tx 4294968") + instance(""), `k.conf:3: min_tx "4294968" is out of range; it may be 1 to 4294967 milliseconds, with three decimals`},
	{"session interval idle", session("idle_tx 999") + instance(""), `k.conf:3: idle_tx "999" is out of range; it may be 1000 to 4294967 milliseconds, with three decimals`},
	{"session interval fine", session("min_rx 1.0001") + instance(""), `k.conf:3: min_rx "1.0001" is out of range; it may be 1 to 4294967 milliseconds, with three decimals`},
	{"session multiplier", session("multiplier 256") + instance(""), `k.conf:3: multiplier 256 is out of range; it may be 1 to 255`},
	{"session hops", session("ttl 3\nmax_hops 4") + instance(""), `k.conf:4: max_hops 4 is above the TTL 3`},
	{"session of the same addresses", session("") + "bfd_instance b {\nneighbor_ip 10.0.0.3\n}\n" + instance(""), `k.conf:5: bfd_instance "b" has the addresses of "peer" on line 1`},
	{"session twice", session("") + "bfd_instance peer {\nneighbor_ip 10.0.0.4\n}\n" + instance(""), `k.conf:5: bfd_instance "peer" was defined on line 1 already`},
	{"session name", "bfd_instance a123456789012345678901234567890x {\nneighbor_ip 10.0.0.3\n}\n" + instance(""), `k.conf:1: bfd_instance "a123456789012345678901234567890x": the name is longer than 31 bytes`},
	{"session for checkers", session("checker") + instance("track_bfd {\npeer\n}"), `k.conf:9: track_bfd: bfd_instance "peer" is for checkers only; add there: vrrp`},

	{"group without members", instance("") + "vrrp_sync_group g {\ngroup {\n}\n}\n", `k.conf:7: vrrp_sync_group "g" has no members; add: group { NAME ... }`},
	{"group member missing", instance("") + "vrrp_sync_group g {\ngroup {\nVI_1 VI_2\n}\n}\n", `k.conf:9: vrrp_sync_group "g": no vrrp_instance "VI_2"; did you mean "VI_1"?`},
	{"group member of two", instance("") + "vrrp_sync_group g {\ngroup { VI_1 }\n}\nvrrp_sync_group h {\ngroup { VI_1 }\n}\n", `k.conf:11: vrrp_instance "VI_1" is in a vrrp_sync_group on line 8 already`},
	{"group twice", instance("") + instance6("") + "vrrp_sync_group g {\ngroup { VI_1 }\n}\nvrrp_sync_group g {\ngroup { VI_6 }\n}\n", `k.conf:16: vrrp_sync_group "g" was defined on line 13 already`},
	{"group tracks what is missing", instance("") + "vrrp_sync_group g {\ngroup { VI_1 }\ntrack_script { chk }\n}\n", `k.conf:9: track_script: no vrrp_script "chk"`},

	{"lease", instance("vip_lease 0"), `k.conf:4: vip_lease 0 is out of range; it may be 1 to 86400`},
	{"fast preemption", instance("#vipd: fast_preempt on"), `k.conf:4: unknown fast_preempt "on"; it may be off, resign or advert`},
	{"directive without words", instance("#vipd: bfd_expire"), `k.conf:4: bfd_expire lacks a word; the form is: bfd_expire off|on|skew`},
	{"directive empty", instance("#vipd:"), `k.conf:4: #vipd: lacks its keyword`},
	{"directive with a block", instance("#vipd: vip_lease 2 {"), `k.conf:4: #vipd: takes no block`},
	{"directive with a quote", instance(`#vipd: vip_lease "2`), `k.conf:4: missing closing " on this line`},
	{"directive of keepalived's", instance("#vipd: priority 5"), `k.conf:4: "priority" is no extension of vipd; write it without #vipd:`},
	{"directive unknown", instance("#vipd: vip_leese 5"), `k.conf:4: vrrp_instance has no extension "vip_leese"; did you mean "vip_lease"?`},
	{"directive at the top", "#vipd: vip_lease 2\n" + instance(""), `k.conf:1: the top level has no extension "vip_lease"`},
	{"directive in a list", instance("unicast_peer {\n10.0.0.2\n#vipd: vip_lease 2\n}"), `k.conf:6: #vipd: vip_lease does not belong here; write it in the block around this one`},

	{"instance twice", instance("") + strings.NewReplacer("51", "52", "200", "201").Replace(instance("")), `k.conf:7: vrrp_instance "VI_1" was defined on line 1 already`},
	{"address of two", instance("") + strings.NewReplacer("VI_1", "VI_2", "51", "52").Replace(instance("")), `k.conf:11: virtual address 10.0.0.200 was given to eth0 on line 5 already; both routers may be Active: give it to one of them`},
	{"VRID twice", instance("") + strings.NewReplacer("VI_1", "VI_2", "200", "201").Replace(instance("")), `k.conf:7: vrrp_instance "VI_2" has virtual_router_id 51 on eth0, as "VI_1" on line 1 has; give it another one, or another interface`},

	{"binary", "vrrp_instance\n\x7fELF\x01", `k.conf:2: byte 0x01: not a text file`},
	{"line too long", "\n#" + strings.Repeat("x", 4096), `k.conf:2: line longer than 4096 bytes`},
	{"block not closed", "vrrp_instance VI_1 {\ninterface eth0\ntrack_script {\nchk\n}\n", `k.conf:1: the block "vrrp_instance VI_1" that begins here is never closed; add the missing "}"`},
	{"surplus brace", instance("") + "}\n", `k.conf:7: "}" closes no block; "vrrp_instance VI_1", which began on line 1, was closed on line 6`},
	{"block without keyword", "{\n}\n", `k.conf:1: "{" without a keyword before it`},
	{"quote not closed", instance(`auth_pass "x`), `k.conf:4: missing closing " on this line`},
	{"joined lines with CRLF", strings.ReplaceAll(instance("priority \\\n5"), "\n", "\r\n"), `k.conf:4: a backslash at the end of a line joins no lines`},
	{"joined lines", instance("priority \\\n5"), `k.conf:4: a backslash at the end of a line joins no lines`},
}

func TestFaultsAreReportedWithTheirLine(t *testing.T) {
	for _, test := range faultTests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("k.conf", []byte(test.text))
			if err == nil {
				t.Fatalf("accepted; want %s", test.want)
			}
			if err.Error() != test.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}

func TestAllFaultsAreReportedInOrder(t *testing.T) {
	_, err := Parse("k.conf", []byte("vrrp_instance VI_1 {\ninterface a/b\npriority x\nzzzzzzz\n}\n"))
	want := `k.conf:1: vrrp_instance "VI_1" has no virtual_router_id
k.conf:1: vrrp_instance "VI_1" has no virtual_ipaddress
k.conf:2: interface "a/b" cannot be the name of an interface
k.conf:3: priority "x" is not a whole number
k.conf:4: unknown keyword "zzzzzzz" in vrrp_instance`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	if got := len(List(err)); got != 5 {
		t.Errorf("List found %d faults, want 5", got)
	}
	if got := List(errors.New("other")); got != nil {
		t.Errorf("List of another error: %v", got)
	}
}

// warningTests are texts that are accepted, and what is said of them.
var warningTests = []struct{ name, text, want string }{
	{"long password", instance("authentication {\nauth_type PASS\nauth_pass 123456789\n}"), `k.conf:6: auth_pass is longer than 8 bytes; the rest is not used`},
	{"nopreempt", instance("state MASTER\npriority 100\nnopreempt"), `k.conf:6: nopreempt has no effect with state MASTER; use state BACKUP on every router`},
	{"words after a command", "vrrp_script chk {\nscript /bin/x a\n}\n" + instance(""), `k.conf:2: keepalived drops the words after "/bin/x" here; they are kept as arguments; put the whole command in quotes`},
	{"weight at an owner", strings.Replace(script("weight 5"), "interface", "priority 255\ninterface", 1), `k.conf:9: the weight of script "chk" has no effect at priority 255`},
	{"own weight at an owner", instance("priority 255\ntrack_interface {\neth1\neth2 weight 2\n}"), `k.conf:7: the weight of interface "eth2" has no effect at priority 255`},
	{"nopreempt of an owner", instance("priority 255\nnopreempt"), `k.conf:5: nopreempt has no effect at priority 255`},
	{"preempt delay of a master", instance("state MASTER\npriority 9\npreempt_delay 3"), `k.conf:6: preempt_delay has no effect with state MASTER; use state BACKUP on every router`},
	{"preempt delay with nopreempt", instance("nopreempt\npreempt_delay 3"), `k.conf:5: preempt_delay has no effect with nopreempt`},
	{"authentication in version 3", instance("version 3\nauthentication {\nauth_type PASS\nauth_pass x\n}"), `k.conf:5: authentication has no effect: version 3 has none (RFC 9568 section 9)`},
	{"authentication in strict mode", instance("strict_mode\nauthentication {\nauth_type PASS\nauth_pass x\n}"), `k.conf:5: authentication has no effect with strict_mode (RFC 3768 has none)`},
	{"AH of a master", instance("state MASTER\npriority 9\nauthentication {\nauth_type AH\nauth_pass x\n}"), `k.conf:6: state MASTER has no effect with auth_type AH: the sequence number must be heard first`},
	{"HMAC window of no use", instance("auth_hmac {\nkey 1 " + key + "\nactive_key 1\nanti_replay monotonic\ntime_window 5\n}"), `k.conf:8: time_window has no effect with anti_replay monotonic`},
	{"HMAC mode in strict mode", instance("strict_mode\nauth_hmac {\nkey 1 " + key + "\nactive_key 1\nmode permissive\n}"), `k.conf:5: auth_hmac's mode is enforce with strict_mode`},
	{"strict state", instance("strict_mode\nstate MASTER\npriority 9"), `k.conf:5: what state says has no effect with strict_mode on line 4`},
	{"strict timers", instance("preempt_delay 3\ndown_timer_adverts 5\nstrict_mode"), "k.conf:4: what preempt_delay says has no effect with strict_mode on line 6\nk.conf:5: what down_timer_adverts says has no effect with strict_mode on line 6"},
	{"strict announcements", "global_defs {\nvrrp_strict\n}\n" + instance("garp_lower_prio_repeat 3\nlower_prio_no_advert no\nhigher_prio_send_advert"), "k.conf:7: what garp_lower_prio_repeat says has no effect with strict_mode on line 2\nk.conf:8: what lower_prio_no_advert says has no effect with strict_mode on line 2\nk.conf:9: what higher_prio_send_advert says has no effect with strict_mode on line 2"},
	{"strict accept", instance("strict_mode\naccept"), `k.conf:5: accept has no effect with strict_mode on line 4: version 2 has it for the owner only`},
	{"group in unicast", instance("mcast_dst_ip 224.0.0.5\nunicast_peer { 10.0.0.2 }"), `k.conf:4: mcast_dst_ip has no effect with unicast_peer`},
	{"base of no VMAC", instance("vmac_xmit_base"), `k.conf:4: vmac_xmit_base has no effect without use_vmac`},
	{"group of one", instance("") + "vrrp_sync_group g {\ngroup { VI_1 }\n}\n", `k.conf:8: vrrp_sync_group "g" has one member only`},
	{"group of old", instance("") + instance6("") + "vrrp_sync_group g {\ngroup { VI_1 VI_6 }\nglobal_tracking\n}\n", `k.conf:15: global_tracking is an old name; write sync_group_tracking_weight`},
	{"tracked twice", "vrrp_script chk {\nscript /bin/true\n}\n" + instance("track_script { chk }") + instance6("") + "vrrp_sync_group g {\ngroup { VI_1 VI_6 }\ntrack_script { chk }\n}\n", `k.conf:7: script "chk" is tracked by vrrp_sync_group "g" on line 18 too; this line counts`},
	{"lease too long", instance("vip_lease 4"), `k.conf:4: vip_lease is not shorter than Active_Down_Interval (3.609s); only a shorter one ends before a Backup takes over`},
	{"lease of all too long", "global_defs {\n#vipd: vip_lease 1\nvrrp_version 3\n}\n" + instance("advert_int 0.2"), `k.conf:2: vip_lease is not shorter than Active_Down_Interval (722ms); only a shorter one ends before a Backup takes over`},
	{"script defined too late", instance("track_script { chk }") + "vrrp_script chk {\nscript /bin/true\n}\n", `k.conf:4: script "chk" is defined on line 7 only, which is too late for keepalived; move it before`},
	{"file defined too late", instance("track_file { load }") + "track_file load {\nfile /tmp/load\n}\n", `k.conf:4: file "load" is defined on line 7 only, which is too late for keepalived; move it before`},
	{"expiry of nothing", instance("bfd_expire on"), `k.conf:4: bfd_expire has no effect without track_bfd`},
}

func TestWarnings(t *testing.T) {
	for _, test := range warningTests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse("k.conf", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			var warnings []string
			for _, w := range got.Warnings {
				warnings = append(warnings, w.Error())
			}
			if text := strings.Join(warnings, "\n"); text != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", text, test.want)
			}
		})
	}
}
