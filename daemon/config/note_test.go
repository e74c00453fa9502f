package config

import (
	"slices"
	"strings"
	"testing"
)

// noteTests are texts that are accepted, of which keepalived has nothing to
// say, and what is noted of them.
var noteTests = []struct{ name, text, want string }{
	{"surplus word", instance("priority 5 6"), `k.conf:4: "6" after priority is not read; the form is: priority 1-255`},
	{"twice", instance("priority 4\npriority 5"), `k.conf:5: priority was set on line 4 already; the last one counts`},
	{"nothing", "", `k.conf:1: no vrrp_instance is defined`},
	{"only comments", "# nothing\n! here\n", `k.conf:1: no vrrp_instance is defined`},
	{"undefined variable", "global_defs {\nrouter_id $NAME\n}\n" + instance(""), `k.conf:2: $NAME stays as it is written: no such variable is defined`},
	{"included file missing", "include none.conf\n" + instance(""), `k.conf:1: there is no file "none.conf"; includea would refuse it`},
	{"authentication no type", instance("authentication {\nauth_pass x\n}"), `k.conf:5: auth_pass without auth_type: nothing is authenticated; add: auth_type PASS`},
	{"authentication nothing", instance("authentication {\n}"), `k.conf:4: authentication is empty: nothing is authenticated; it needs auth_type and auth_pass`},
	{"address twice", instance("virtual_ipaddress {\n10.0.0.200/24\n}"), `k.conf:7: virtual address 10.0.0.200 was given to eth0 on line 5 already; the first one counts`},
	{"address twice, once excluded", instance("virtual_ipaddress_excluded {\n10.0.0.200/24\n}"), `k.conf:5: virtual address 10.0.0.200 was given to eth0 on line 7 already; the first one counts`},
	{"peer twice", instance("unicast_peer {\n10.0.0.2\n10.0.0.2\n}"), `k.conf:6: unicast_peer 10.0.0.2 is on line 5 already`},
	{"not used yet", "global_defs {\nvrrp_priority -10\nvrrp_no_swap\n}\n" + instance("debug 3"), "k.conf:2: vrrp_priority in global_defs is accepted, not implemented\nk.conf:3: vrrp_no_swap in global_defs is accepted, not implemented\nk.conf:8: debug in vrrp_instance is accepted, not implemented"},
	{"first address of IPv6", strings.Replace(instance6(""), "fe80::1", "2001:db8::1", 1), `k.conf:5: the first virtual address 2001:db8::1 is not link-local, as RFC 9568 section 5.2.9 has it`},
	{"source of IPv6", instance6("mcast_src_ip 2001:db8::1"), `k.conf:4: mcast_src_ip 2001:db8::1 is not link-local, as RFC 9568 section 5.1.2.1 has it`},
	{"tracked source", instance("track_src_ip"), `k.conf:4: track_src_ip has no effect without mcast_src_ip or unicast_src_ip`},
	{"source with a length", instance("mcast_src_ip 10.0.0.2/24"), `k.conf:4: /24 after 10.0.0.2 has no effect`},
	{"peer itself", instance("unicast_src_ip 10.0.0.2\nunicast_peer { 10.0.0.2 }"), `k.conf:5: unicast_peer 10.0.0.2 is this router itself`},
	{"group with an owner", instance("priority 255") + instance6("") + "vrrp_sync_group g {\ngroup { VI_1 VI_6 }\n}\n", `k.conf:13: vrrp_sync_group "g" has members at priority 255 and others: they will not change together`},
	{"almost a directive", instance("# vipd: vip_lease 2"), `k.conf:4: this is a comment without effect; a directive begins with #vipd:`},
}

func TestNotes(t *testing.T) {
	for _, test := range noteTests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse("k.conf", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Warnings) > 0 {
				t.Errorf("warnings: %v", got.Warnings)
			}
			var notes []string
			for _, note := range slices.Concat(got.Notes, got.Unimplemented) {
				notes = append(notes, note.Error())
			}
			if text := strings.Join(notes, "\n"); text != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", text, test.want)
			}
		})
	}
}
