package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// checkExplained explains a text and reads the explanation, which must mean
// the same. It reports what does not.
func checkExplained(t rapid.TB, o Options, text string) {
	t.Helper()
	tree, err := o.ParseTree("k.conf", []byte(text))
	if err != nil {
		return
	}
	want, err := Convert(tree)
	if err != nil {
		return
	}
	explained := Explain(tree, want)
	got, err := o.Parse("k.conf", explained)
	if err != nil {
		t.Fatalf("the explanation is wrong: %v\n%s\nof\n%s", err, explained, text)
	}
	same := cmp.Options{
		cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}), cmpopts.IgnoreTypes(Position{}),
		cmpopts.IgnoreFields(Config{}, "Warnings", "Notes"),
	}
	want.Unimplemented, got.Unimplemented = nil, nil
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Fatalf("the explanation means something else (-want +got):\n%s\n%s\nof\n%s", diff, explained, text)
	}
}

func TestExplanationsOfSamplesMeanTheSame(t *testing.T) {
	samples, _ := filepath.Glob("testdata/*/*.conf")
	for _, sample := range samples {
		text, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		checkExplained(t, Options{Directory: filepath.Dir(sample)}, string(text))
	}
	for _, test := range slices.Concat(warningTests, noteTests) {
		checkExplained(t, Options{}, test.text)
	}
}

func TestExplanationsMeanTheSame(t *testing.T) {
	pool := []string{
		"state MASTER", "state BACKUP", "priority 255", "priority 7", "version 3", "version 2", "advert_int 3", "nopreempt",
		"preempt_delay 2.5", "strict_mode", "strict_mode off", "accept", "no_accept", "garp_master_delay 0", "garp_master_repeat 2",
		"garp_master_refresh 9", "garp_lower_prio_repeat 0", "garp_lower_prio_delay 4", "lower_prio_no_advert",
		"higher_prio_send_advert", "skip_check_adv_addr", "check_unicast_src", "unicast_peer { 10.0.0.3 }", "unicast_ttl 9",
		"mcast_dst_ip 224.0.0.77", "mcast_src_ip 10.0.0.9", "down_timer_adverts 5", "#vipd: vip_lease 2", "vip_lease off",
		"#vipd: fast_preempt resign", "bfd_expire on", "dont_track_primary", "track_interface { eth1 weight -5 }",
		"track_script { chk weight 4 }", "use_vmac", "authentication {\nauth_type PASS\nauth_pass a\\#b\n}", "track_src_ip",
		"v3_checksum_as_v2", "notify_master \"/x \\\"y z\\\" # no\"", "virtual_ipaddress_excluded {\n10.0.1.1 # one\nfe80::9\n}",
	}
	globals := []string{
		"vrrp_strict", "vrrp_version 3", "vrrp_garp_master_delay 1", "vrrp_min_garp", "vrrp_mcast_group4 224.0.0.9",
		"vrrp_lower_prio_no_advert", "#vipd: vip_lease 1", "vrrp_down_timer_adverts 2", "router_id a\\!b",
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(from []string, most int) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(from), 0, most).Draw(t, "lines"), "\n")
		}
		checkExplained(t, Options{}, "global_defs {\n"+draw(globals, 4)+"\n}\nvrrp_script chk {\nscript /bin/true\ninterval 0.5\nweight 3 reverse\n}\n"+
			instance(draw(pool, 8)))
	})
}
