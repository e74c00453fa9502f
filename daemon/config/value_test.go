package config

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// sample is a file of testdata/good.
func sample(t *testing.T, name string) *Config {
	t.Helper()
	got, err := Load(filepath.Join("testdata", "good", name))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// equal compares values without their places in the file.
func equal(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{}), cmpopts.IgnoreTypes(Position{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestInstanceValues(t *testing.T) {
	tests := []struct {
		name, text string
		check      func(Instance) bool
	}{
		{"version 3", instance("version 3\nadvert_int 0.01"), func(i Instance) bool { return i.Version == 3 && i.AdvertInterval == 10*time.Millisecond }},
		{"version 3 slow", instance("version 3\nadvert_int 40.95"), func(i Instance) bool { return i.AdvertInterval == 40950*time.Millisecond }},
		{"version of all", "global_defs {\nvrrp_version 3\n}\n" + instance(""), func(i Instance) bool { return i.Version == 3 }},
		{"version of its own", "global_defs {\nvrrp_version 3\n}\n" + instance("version 2"), func(i Instance) bool { return i.Version == 2 }},
		{"global_defs behind", instance("") + "global_defs {\nvrrp_version 3\n}\n", func(i Instance) bool { return i.Version == 3 }},
		{"version 2 of all, and IPv6", "global_defs {\nvrrp_version 2\n}\n" + instance6(""), func(i Instance) bool { return i.Version == 3 && i.IPv6 }},
		{"group of IPv6", instance6(""), func(i Instance) bool { return i.Group == addr("ff02::12") }},
		{"group of its own", instance("mcast_dst_ip 224.0.0.5"), func(i Instance) bool { return i.Group == addr("224.0.0.5") }},
		{"unicast has no group", instance("unicast_peer { 10.0.0.2 }"), func(i Instance) bool { return !i.Group.IsValid() && !i.CheckUnicastSource }},
		{"a peer's TTL checks all", instance("unicast_peer { 10.0.0.2 min_ttl 0 }"), func(i Instance) bool { return i.CheckUnicastSource }},
		{"check of all", "global_defs {\nvrrp_check_unicast_src\n}\n" + instance(""), func(i Instance) bool { return i.CheckUnicastSource }},
		{"preempt delay", instance("preempt_delay 1000"), func(i Instance) bool { return i.PreemptDelay == 1000*time.Second }},
		{"preempt delay fraction", instance("preempt_delay 0.000001"), func(i Instance) bool { return i.PreemptDelay == time.Microsecond }},
		{"preempt delay with nopreempt", instance("nopreempt\npreempt_delay 3"), func(i Instance) bool { return i.NoPreempt && i.PreemptDelay == 0 }},
		{"preempt delay of a master", instance("state MASTER\npriority 9\npreempt_delay 3"), func(i Instance) bool { return i.PreemptDelay == 0 }},
		{"owner without a state", instance("priority 255"), func(i Instance) bool { return i.InitialState == InitialMaster }},
		{"lower priority follows the globals", "global_defs {\nvrrp_garp_master_delay 7\n}\n" + instance("garp_master_delay 1"), func(i Instance) bool {
			return i.GARPDelay == time.Second && i.GARPLowerPrioDelay == 7*time.Second && i.GARPLowerPrioRepeat == 5
		}},
		{"few announcements", "global_defs {\nvrrp_min_garp\nvrrp_garp_master_repeat 3\n}\n" + instance(""), func(i Instance) bool {
			return i.GARPDelay == 0 && i.GARPRepeat == 3 && i.GARPLowerPrioDelay == 0 && i.GARPLowerPrioRepeat == 3
		}},
		{"few announcements off", "global_defs {\nvrrp_min_garp off\n}\n" + instance(""), func(i Instance) bool { return i.GARPRepeat == 5 }},
		{"flag off again", "global_defs {\nvrrp_lower_prio_no_advert\n}\n" + instance("lower_prio_no_advert off"), func(i Instance) bool { return !i.LowerPrioNoAdvert }},
		{"checksum", instance("v3_checksum_as_v2 yes"), func(i Instance) bool { return i.PlainChecksum }},
		{"accept", instance(""), func(i Instance) bool { return i.Accept }},
		{"no accept", instance("no_accept"), func(i Instance) bool { return !i.Accept }},
		{"strict", instance("strict_mode"), func(i Instance) bool {
			return i.Strict && !i.Accept && i.GARPLowerPrioRepeat == 0 && i.GARPLowerPrioDelay == 0 && i.LowerPrioNoAdvert
		}},
		{"strict owner", instance("strict_mode\npriority 255"), func(i Instance) bool { return i.Accept && i.InitialState == InitialMaster }},
		{"strict accept of version 3", instance("strict_mode\nversion 3\naccept"), func(i Instance) bool { return i.Accept }},
		{"strict takes back", instance("strict_mode\nstate MASTER\npriority 9\npreempt_delay 3\ndown_timer_adverts 9"), func(i Instance) bool {
			return i.InitialState == InitialBackup && i.PreemptDelay == 0 && i.DownTimerAdverts == 3
		}},
		{"authentication of version 3", instance("version 3\nauthentication {\nauth_type PASS\nauth_pass x\n}"), func(i Instance) bool { return i.AuthType == AuthNone && i.AuthPass == "" }},
		{"AH", instance("state MASTER\npriority 9\nauthentication {\nauth_type AH\nauth_pass x\n}"), func(i Instance) bool {
			return i.AuthType == AuthHeader && i.AuthPass == "x" && i.InitialState == InitialBackup
		}},
		{"lease", instance("vip_lease 2"), func(i Instance) bool { return i.VIPLease == 2*time.Second }},
		{"lease by itself", "global_defs {\nvip_lease off\n}\n" + instance("#vipd: vip_lease auto"), func(i Instance) bool { return i.VIPLease == LeaseAutomatic }},
		{"resign", instance("fast_preempt resign"), func(i Instance) bool { return i.FastPreempt == FastPreemptResign }},
		{"comments that are no directives", instance("# vipd: is a daemon\n#vipd\n! vipd:"), func(i Instance) bool { return i.VIPLease == LeaseAutomatic }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse("k.conf", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			if !test.check(got.Instances[0]) {
				t.Errorf("%q: got %+v", test.text, got.Instances[0])
			}
		})
	}
}

func TestGlobalValues(t *testing.T) {
	got := sample(t, "globals.conf")
	equal(t, Global{
		GARPDelay: 7 * time.Second, GARPRepeat: 3, GARPInterval: time.Millisecond,
		GNAInterval: time.Microsecond, StartupDelay: 1500 * time.Millisecond,
		StartupTimeout: 10 * time.Second, ShutdownTimeout: 10 * time.Second,
	}, got.Global)
	every := Instance{
		Interface: "eth0", Priority: 100, Version: 3, AdvertInterval: time.Second, Accept: true, DownTimerAdverts: 5,
		Group: addr("224.0.0.77"), UnicastTTL: 255, CheckUnicastSource: true, SkipCheckAddresses: true,
		GARPDelay: 7 * time.Second, GARPRepeat: 3, GARPRefresh: time.Minute, GARPRefreshRepeat: 2,
		GARPLowerPrioDelay: 4 * time.Second, GARPLowerPrioRepeat: 6, HigherPrioSendAdvert: true,
	}
	first := every
	first.Name, first.VRID, first.VirtualAddresses = "VI_1", 51, got.Instances[0].VirtualAddresses
	first.DownTimerAdverts, first.Group, first.LowerPrioNoAdvert = 4, addr("224.0.0.78"), true
	first.GARPRefresh, first.GARPLowerPrioDelay = 30*time.Second, time.Second
	second := every
	second.Name, second.VRID, second.VirtualAddresses = "VI_2", 52, got.Instances[1].VirtualAddresses
	second.Version, second.AdvertInterval = 2, 2*time.Second
	second.GARPRefreshRepeat, second.GARPLowerPrioRepeat = 4, 0
	equal(t, []Instance{first, second}, got.Instances)
}

func TestAddressesOfBothFamilies(t *testing.T) {
	got := sample(t, "version3.conf")
	second, deprecated := 100*time.Second, time.Duration(0)
	equal(t, []VirtualAddress{
		{Prefix: netip.MustParsePrefix("10.0.1.1/24"), Device: "eth1"},
		{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Device: "eth0", Flags: FlagNoDAD},
	}, got.Instances[0].ExcludedAddresses)
	equal(t, []VirtualAddress{
		{Prefix: netip.MustParsePrefix("fe80::1/64"), Device: "eth0", Flags: FlagNoDAD},
		{Prefix: netip.MustParsePrefix("2001:db8::2/64"), Device: "eth0", PreferredLifetime: &second},
		{Prefix: netip.MustParsePrefix("2001:db8::3/128"), Device: "eth0", Flags: FlagNoDAD | FlagHome | FlagManageTemporary},
		{Prefix: netip.MustParsePrefix("2001:db8::4/64"), Device: "eth0", Flags: FlagNoDAD | FlagNoPrefixRoute | FlagAutoJoin, NoTrack: true},
	}, got.Instances[1].VirtualAddresses)
	bare, err := Parse("k.conf", []byte(instance6("")))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, []VirtualAddress{
		{Prefix: netip.MustParsePrefix("fe80::1/128"), Device: "eth0", Flags: FlagNoDAD, PreferredLifetime: &deprecated},
	}, bare.Instances[0].VirtualAddresses)
}

func TestUnicastValues(t *testing.T) {
	got := sample(t, "unicast.conf").Instances
	equal(t, []UnicastPeer{
		{Address: addr("10.0.0.3"), MaxTTL: 255},
		{Address: addr("10.0.0.4"), MinTTL: 250, MaxTTL: 255},
	}, got[0].UnicastPeers)
	if i := got[0]; i.Source != addr("10.0.0.2") || !i.TrackSource || i.UnicastTTL != 250 || !i.CheckUnicastSource {
		t.Errorf("got %+v", i)
	}
	if i := got[1]; !i.IPv6 || i.UnicastTTL != 255 || i.CheckUnicastSource {
		t.Errorf("got %+v", i)
	}
	if i := got[2]; i.Source != addr("10.0.0.2") || i.UnicastPeers != nil || i.Group != addr("224.0.0.18") {
		t.Errorf("got %+v", i)
	}
}

func TestTrackingValues(t *testing.T) {
	got := sample(t, "tracking.conf")
	five := 5
	equal(t, []Process{
		{
			Name: "web", Command: "/usr/sbin/nginx", Parameters: []string{"-g", "daemon off;"}, FullCommand: true,
			Match: MatchPartial, Weight: 254, Reverse: true, Quorum: 2, QuorumMax: 8,
			TerminateDelay: 500 * time.Millisecond, ForkDelay: time.Microsecond,
		},
		{Name: "none", Command: "sshd", Parameters: []string{}, FullCommand: true},
	}, got.Processes)
	equal(t, []File{
		{Name: "maintenance", Path: "/run/maintenance"},
		{Name: "load", Path: "/run/load", Weight: -2, Reverse: true, Init: &five, Overwrite: true},
	}, got.Files)
	equal(t, []BFD{
		{
			Name: "peer1", Neighbor: addr("10.0.0.3"), Source: addr("10.0.0.2"), MinRx: 3 * time.Millisecond,
			MinTx: 3500 * time.Microsecond, IdleTx: 1500 * time.Millisecond, Multiplier: 3, Passive: true, TTL: 255,
			MaxHops: 1, Weight: -10, VRRP: true,
		},
		{
			Name: "peer2", Neighbor: addr("2001:db8::3"), MinRx: 10 * time.Millisecond, MinTx: 10 * time.Millisecond,
			IdleTx: time.Second, Multiplier: 5, TTL: 255, MaxHops: -1, VRRP: true,
		},
	}, got.BFDs)
	i := got.Instances[0]
	equal(t, []TrackScript{{Name: "chk"}}, i.TrackScripts)
	equal(t, []TrackInterface{{Name: "eth1", Weight: 10, Reverse: true}}, i.TrackInterfaces)
	equal(t, []Tracked{{Name: "web", Weight: 254, Reverse: true}, {Name: "none", Weight: 20, Reverse: true}}, i.TrackProcesses)
	equal(t, []Tracked{{Name: "maintenance"}, {Name: "load", Weight: 254}}, i.TrackFiles)
	equal(t, []Tracked{{Name: "peer1", Weight: 5, Reverse: true}, {Name: "peer2"}}, i.TrackBFDs)
}

func TestProcessParametersAreComparedUnlessToldOtherwise(t *testing.T) {
	tests := []struct {
		text  string
		match ParameterMatch
		full  bool
	}{
		{"process a", MatchAny, false},
		{"process a b", MatchExact, true},
		{"process a\nparam_match", MatchExact, true},
		{"param_match initial\nprocess a b", MatchInitial, true},
	}
	for _, test := range tests {
		got, err := Parse("k.conf", []byte("vrrp_track_process web {\n"+test.text+"\n}\n"+instance("")))
		if err != nil {
			t.Fatal(err)
		}
		if p := got.Processes[0]; p.Match != test.match || p.FullCommand != test.full || p.QuorumMax != NoQuorumMax {
			t.Errorf("%q: got %+v", test.text, p)
		}
	}
}

func TestGroupTracksForItsMembers(t *testing.T) {
	got := sample(t, "group.conf")
	equal(t, []SyncGroup{{Name: "both", Members: []string{"inside", "outside"}, TrackingWeight: true}}, got.Groups)
	minus := -20
	for _, i := range got.Instances {
		equal(t, []TrackScript{{Name: "chk", Weight: &minus}}, i.TrackScripts)
	}
	equal(t, []TrackInterface{{Name: "lo"}}, got.Instances[0].TrackInterfaces)
	equal(t, []TrackInterface{{Name: "eth0", Weight: 3}, {Name: "lo"}}, got.Instances[1].TrackInterfaces)
}

// The members of a group change together: what they track on their own with a
// weight would part them.
func TestWeightsInAGroup(t *testing.T) {
	text := "vrrp_script chk {\nscript /bin/true\nweight 5\n}\n" + process("weight 3") + session("weight 4") +
		"track_file load {\nfile /tmp/x\n}\ntrack_file mode {\nfile /tmp/y\nweight 2\n}\n" +
		instance("track_script { chk }\ntrack_process { web }\ntrack_bfd { peer }\ntrack_file {\nload\nmode\n}\ntrack_interface {\neth1 weight 9\neth2\n}") +
		"vrrp_sync_group g {\ngroup { VI_1 VI_6 }\n}\n" + instance6("")
	got, err := Parse("k.conf", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	i := got.Instances[0]
	equal(t, 0, len(i.TrackScripts)+len(i.TrackBFDs))
	equal(t, []Tracked{{Name: "web", Weight: 3}}, i.TrackProcesses)
	equal(t, []Tracked{{Name: "load"}}, i.TrackFiles)
	equal(t, []TrackInterface{{Name: "eth1"}, {Name: "eth2"}}, i.TrackInterfaces)
	const hint = "; add sync_group_tracking_weight to the group, or track it there"
	want := strings.Join([]string{
		`k.conf:23: script "chk" has a weight and is not tracked in vrrp_sync_group "g"` + hint,
		`k.conf:25: BFD session "peer" has a weight and is not tracked in vrrp_sync_group "g"` + hint,
		`k.conf:27: the weight of file "load" has no effect in vrrp_sync_group "g": its loss is a fault` + hint,
		`k.conf:28: file "mode" has a weight and is not tracked in vrrp_sync_group "g"` + hint,
		`k.conf:31: the weight of interface "eth1" has no effect in vrrp_sync_group "g": its loss is a fault` + hint,
	}, "\n")
	var said []string
	for _, w := range got.Warnings {
		said = append(said, w.Error())
	}
	equal(t, want, strings.Join(said, "\n"))
}

func TestVMACValues(t *testing.T) {
	var got []*VMAC
	for _, i := range sample(t, "vmac.conf").Instances {
		got = append(got, i.VMAC)
	}
	equal(t, []*VMAC{
		{},
		{Name: "vip52", TransmitBase: true},
		{Name: "vip53", Hardware: net.HardwareAddr{2, 0, 0, 0, 1, 53}},
		{Hardware: net.HardwareAddr{2, 0, 0, 0, 1, 2}},
	}, got)
	if i := sample(t, "minimal.conf").Instances[0]; i.VMAC != nil {
		t.Errorf("a VMAC that was not asked for: %+v", i.VMAC)
	}
}

func TestExtensionValues(t *testing.T) {
	got := sample(t, "extensions.conf").Instances
	if i := got[0]; i.VIPLease != 2*time.Second || i.FastPreempt != FastPreemptAdvert || i.BFDExpire != BFDExpireSkew {
		t.Errorf("got %+v", i)
	}
	if i := got[1]; i.VIPLease != LeaseOff || i.FastPreempt != FastPreemptOff || i.BFDExpire != BFDExpireOff {
		t.Errorf("got %+v", i)
	}
}

func TestHMACWindow(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
	}{
		{"", 5 * time.Second},
		{"advert_int 3", 9 * time.Second},
		{"advert_int 200", 300 * time.Second},
		{"version 3\nadvert_int 1.95", 5 * time.Second},
	}
	for _, test := range tests {
		got, err := Parse("k.conf", []byte(instance("auth_hmac {\nkey 1 "+key+"\nactive_key 1\n}\n"+test.text)))
		if err != nil {
			t.Fatal(err)
		}
		if window := got.Instances[0].HMAC.Window; window != test.want {
			t.Errorf("%q: got %s, want %s", test.text, window, test.want)
		}
	}
	got, err := Parse("k.conf", []byte(instance("auth_hmac {\nkey 7 "+key+"\nactive_key 7\nanti_replay monotonic\nmode receive-only\n}")))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, &HMAC{Keys: []HMACKey{{ID: 7, Inline: key}}, ActiveKey: 7, Mode: HMACReceiveOnly}, got.Instances[0].HMAC)
}

func TestHMACSecret(t *testing.T) {
	write := func(name, text string, mode os.FileMode) HMACKey {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return HMACKey{ID: 3, File: path}
	}
	tests := []struct {
		name string
		key  HMACKey
		want string // of the secret, or in the error
		ok   bool
	}{
		{"inline", HMACKey{ID: 3, Inline: key}, key, true},
		{"digits", HMACKey{ID: 3, Inline: "hex:" + strings.Repeat("41", 32)}, strings.Repeat("A", 32), true},
		{"file", write("key", key+"\r\n", 0o600), key, true},
		{"file of digits", write("key", "hex:"+strings.Repeat("42", 64)+"\n", 0o400), strings.Repeat("B", 64), true},
		{"file for others", write("key", key, 0o640), "for its owner only", false},
		{"file too long", write("key", strings.Repeat("x", 200), 0o600), "of at most 134 bytes", false},
		{"file too short", write("key", "secret", 0o600), "6 bytes are not 32 to 64", false},
		{"no file", HMACKey{ID: 3, File: "/nonexistent"}, "no such file", false},
		{"directory", HMACKey{ID: 3, File: t.TempDir()}, "is not a file", false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.key.Secret()
			switch {
			case test.ok && (err != nil || string(got) != test.want):
				t.Errorf("got %q, %v", got, err)
			case !test.ok && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %q, %v; want an error with %q", got, err, test.want)
			case err != nil && strings.Contains(err.Error(), "secret"):
				t.Errorf("the error tells the key: %v", err)
			}
		})
	}
}
