package config

import (
	"errors"
	"strings"
	"testing"
)

func TestFaultsAreReportedWithTheirLine(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"misspelt keyword", instance("advert_intt 1"), `k.conf:4: unknown keyword "advert_intt" in vrrp_instance; did you mean "advert_int"?`},
		{"unknown keyword", instance("zzzzzz 1"), `k.conf:4: unknown keyword "zzzzzz" in vrrp_instance`},
		{"empty keyword", instance(`"" 1`), `k.conf:4: unknown keyword "" in vrrp_instance`},
		{"keyword of another block", "router_id x\n" + instance(""), `k.conf:1: unknown keyword "router_id" in the top level`},
		{"keyword for later", instance("notify_master /x"), `k.conf:4: "notify_master" in vrrp_instance is known to keepalived, not supported here yet`},
		{"block for later", "virtual_server 10.0.0.1 80 {\nreal_server 10.0.0.2 80 {\n}\n}\n" + instance(""), `k.conf:1: "virtual_server" in the top level is known to keepalived, not supported here yet`},
		{"include", "include x.conf\n" + instance(""), `k.conf:1: including files ("include") is known to keepalived, not supported here yet`},
		{"variable", "$VIP=10.0.0.1\n" + instance(""), `k.conf:1: a variable ("$VIP=10.0.0.1") is known to keepalived, not supported here yet`},
		{"variable as address", strings.Replace(instance(""), "10.0.0.200", "${VIP}", 1), `k.conf:5: a variable ("${VIP}") is known to keepalived, not supported here yet`},
		{"condition", instance("@one priority 5"), `k.conf:4: conditional configuration ("@one") is known to keepalived, not supported here yet`},
		{"sequence", "~SEQ(x,1,2) y\n" + instance(""), `k.conf:1: a sequence ("~SEQ(x,1,2)") is known to keepalived, not supported here yet`},

		{"no word", instance("priority"), `k.conf:4: priority lacks a word; the form is: priority 1-255`},
		{"surplus word", instance("priority 5 6"), `k.conf:4: unexpected "6" after priority; the form is: priority 1-255`},
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
		{"interval long", instance("advert_int 256"), `k.conf:4: advert_int 256 is out of range; it may be 1 to 255`},
		{"interval no number", instance("advert_int 1s"), `k.conf:4: advert_int "1s" is not a number of seconds; fractions go down to the microsecond: 0.25`},
		{"version 3", instance("version 3"), `k.conf:4: version 3 is not supported yet; version 2 is`},
		{"version 4", instance("version 4"), `k.conf:4: version 4 is out of range; it may be 2 to 3`},
		{"global version 3", "global_defs {\nvrrp_version 3\n}\n" + instance(""), `k.conf:2: vrrp_version 3 is not supported yet; version 2 is`},
		{"interface long", strings.Replace(instance(""), "eth0", "averylongname0123", 1), `k.conf:2: interface "averylongname0123" is longer than 15 bytes`},
		{"interface bad", strings.Replace(instance(""), "eth0", "a/b", 1), `k.conf:2: interface "a/b" cannot be the name of an interface`},
		{"announcement repeat", instance("garp_master_repeat 0"), `k.conf:4: garp_master_repeat 0 is out of range; it may be 1 to 1000`},
		{"announcement delay", instance("garp_master_delay -1"), `k.conf:4: garp_master_delay -1 is out of range; it may be 0 to 4294`},

		{"authentication AH", instance("authentication {\nauth_type AH\nauth_pass x\n}"), `k.conf:5: auth_type AH is known to keepalived, not supported here yet`},
		{"authentication kind", instance("authentication {\nauth_type MD5\nauth_pass x\n}"), `k.conf:5: unknown auth_type "MD5"; it may be PASS`},
		{"authentication no pass", instance("authentication {\nauth_type PASS\n}"), `k.conf:5: auth_type without auth_pass`},
		{"authentication no type", instance("authentication {\nauth_pass x\n}"), `k.conf:5: auth_pass without auth_type; add: auth_type PASS`},
		{"authentication nothing", instance("authentication {\n}"), `k.conf:4: authentication is empty; it needs auth_type PASS and auth_pass`},
		{"authentication empty", instance("authentication {\nauth_type PASS\nauth_pass \"\"\n}"), `k.conf:6: auth_pass is empty`},

		{"address none", instance("virtual_ipaddress {\n}"), `k.conf:4: virtual_ipaddress is empty`},
		{"address bad", instance("virtual_ipaddress {\n10.0.0\n}"), `k.conf:5: virtual address "10.0.0" is not an address; the form is: A.B.C.D[/LENGTH]`},
		{"address length", instance("virtual_ipaddress {\n10.0.0.1/33\n}"), `k.conf:5: virtual address "10.0.0.1/33" is not an address; the form is: A.B.C.D[/LENGTH]`},
		{"address multicast", instance("virtual_ipaddress {\n224.0.0.18\n}"), `k.conf:5: virtual address 224.0.0.18 cannot be the address of a host`},
		{"address version 6", instance("virtual_ipaddress {\n2001:db8::1/64\n}"), `k.conf:5: virtual address 2001:db8::1/64: IPv6 is not supported yet`},
		{"address option", instance("virtual_ipaddress {\n10.0.0.1 lable x\n}"), `k.conf:5: unknown option "lable" after a virtual address; did you mean "label"?`},
		{"address option later", instance("virtual_ipaddress {\n10.0.0.1 no_track\n}"), `k.conf:5: "no_track" after a virtual address is known to keepalived, not supported here yet`},
		{"address option value", instance("virtual_ipaddress {\n10.0.0.1 dev\n}"), `k.conf:5: dev lacks its value`},
		{"address scope", instance("virtual_ipaddress {\n10.0.0.1 scope world\n}"), `k.conf:5: unknown scope "world"; it may be global, site, link, host or nowhere`},
		{"address broadcast", instance("virtual_ipaddress {\n10.0.0.1 brd ::1\n}"), `k.conf:5: brd "::1" is not an IPv4 address`},
		{"address label", instance("virtual_ipaddress {\n10.0.0.1 label 0123456789abcdef\n}"), `k.conf:5: label "0123456789abcdef" is longer than 15 bytes`},
		{"address block", instance("virtual_ipaddress {\n10.0.0.1 {\n}\n}"), `k.conf:5: unexpected block after "10.0.0.1"`},
		{"address twice", instance("virtual_ipaddress {\n10.0.0.200/24\n}"), `k.conf:7: virtual address 10.0.0.200 was given to eth0 on line 5 already`},

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

		{"instance twice", instance("") + strings.NewReplacer("51", "52", "200", "201").Replace(instance("")), `k.conf:7: vrrp_instance "VI_1" was defined on line 1 already`},
		{"VRID twice", instance("") + strings.NewReplacer("VI_1", "VI_2", "200", "201").Replace(instance("")), `k.conf:7: vrrp_instance "VI_2" has virtual_router_id 51 on eth0, as "VI_1" on line 1 has`},
		{"nothing", "", `k.conf:1: no vrrp_instance is defined`},
		{"only comments", "# nothing\n! here\n", `k.conf:1: no vrrp_instance is defined`},

		{"binary", "vrrp_instance\n\x7fELF\x01", `k.conf:2: byte 0x01: not a text file`},
		{"line too long", "\n#" + strings.Repeat("x", 4096), `k.conf:2: line longer than 4096 bytes`},
		{"block not closed", "vrrp_instance VI_1 {\ninterface eth0\ntrack_script {\nchk\n}\n", `k.conf:1: the block "vrrp_instance VI_1" that begins here is never closed; add the missing "}"`},
		{"surplus brace", instance("") + "}\n", `k.conf:7: "}" closes no block; "vrrp_instance VI_1", which began on line 1, was closed on line 6`},
		{"block without keyword", "{\n}\n", `k.conf:1: "{" without a keyword before it`},
		{"quote not closed", instance(`auth_pass "x`), `k.conf:4: missing closing " on this line`},
		{"joined lines with CRLF", strings.ReplaceAll(instance("priority \\\n5"), "\n", "\r\n"), `k.conf:4: a backslash at the end of a line joins no lines`},
		{"joined lines", instance("priority \\\n5"), `k.conf:4: a backslash at the end of a line joins no lines`},
	}
	for _, test := range tests {
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

func TestWarnings(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"long password", instance("authentication {\nauth_type PASS\nauth_pass 123456789\n}"), `k.conf:6: auth_pass is longer than 8 bytes; the rest is not used`},
		{"nopreempt", instance("state MASTER\npriority 100\nnopreempt"), `k.conf:6: nopreempt has no effect with state MASTER; use state BACKUP on every router`},
		{"twice", instance("priority 4\npriority 5"), `k.conf:5: priority was set on line 4 already; the last one counts`},
		{"words after a command", "vrrp_script chk {\nscript /bin/x a\n}\n" + instance(""), `k.conf:2: keepalived drops the words after "/bin/x" here; they are kept as arguments; put the whole command in quotes`},
		{"weight at an owner", strings.Replace(script("weight 5"), "interface", "priority 255\ninterface", 1), `k.conf:9: the weight of script "chk" has no effect at priority 255`},
		{"own weight at an owner", instance("priority 255\ntrack_interface {\neth1\neth2 weight 2\n}"), `k.conf:7: the weight of interface "eth2" has no effect at priority 255`},
	}
	for _, test := range tests {
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
