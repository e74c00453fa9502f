package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestFullConfigurationIsUnderstood(t *testing.T) {
	path := filepath.Join("testdata", "good", "full.conf")
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	at := func(line int) Position { return Position{File: path, Line: line} }
	five := 5
	want := &Config{
		File: path,
		Global: Global{
			RouterID: "node1", ScriptUser: "root", ScriptGroup: "root",
			EnableScriptSecurity: true, GARPDelay: 2 * time.Second, GARPRepeat: 3,
			StartupTimeout: 10 * time.Second, ShutdownTimeout: 10 * time.Second,
		},
		Scripts: []Script{
			{
				Name: "chk_web", Command: []string{"/usr/bin/test", "-e", "/run/web ready"},
				Interval: 2 * time.Second, Timeout: time.Second, Weight: -20, Rise: 2, Fall: 3,
				InitFail: true, User: "root", Group: "root", Position: at(11),
			},
			{
				Name: "chk_disk", Command: []string{"/bin/true"}, Interval: time.Second, Timeout: time.Second,
				Weight: 10, Reverse: true, Rise: 1, Fall: 1, Position: at(22),
			},
		},
		Instances: []Instance{{
			Name: "VI_1", Interface: "eth0", VRID: 51, Priority: 150, Version: 2,
			AdvertInterval: time.Second, AuthType: AuthPassword, AuthPass: "se cret", NoPreempt: true,
			Accept: true, DownTimerAdverts: 3, Group: netip.MustParseAddr("224.0.0.18"), UnicastTTL: 255,
			VirtualAddresses: []VirtualAddress{
				{
					Prefix: netip.MustParsePrefix("10.0.0.200/24"), Device: "eth1",
					Broadcast: netip.MustParseAddr("10.0.0.255"), Label: "eth1:vip", Position: at(40),
				},
				{Prefix: netip.MustParsePrefix("10.0.0.201/32"), Device: "eth0", Position: at(41)},
			},
			TrackScripts: []TrackScript{
				{Name: "chk_web", Position: at(43)},
				{Name: "chk_disk", Weight: &five, Position: at(45)},
			},
			TrackInterfaces: []TrackInterface{{Name: "eth1", Weight: -30, Position: at(48)}},
			GARPRepeat:      1, GARPRefreshRepeat: 1, GARPLowerPrioDelay: 2 * time.Second, GARPLowerPrioRepeat: 3,
			DontTrackPrimary: true,
			Position:         at(27),
		}},
		Programs: []Program{
			{Path: "/usr/bin/test", User: "root", Check: true, Position: at(12)},
			{Path: "/bin/true", Check: true, Position: at(23)},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
		t.Errorf("full.conf (-want +got):\n%s", diff)
	}
}

// instance is a file with one valid vrrp_instance, whose line 4 and following
// are the given text.
func instance(text string) string {
	return "vrrp_instance VI_1 {\ninterface eth0\nvirtual_router_id 51\n" + text +
		"\nvirtual_ipaddress { 10.0.0.200 }\n}\n"
}

// instance6 is the same in IPv6.
func instance6(text string) string {
	return "vrrp_instance VI_6 {\ninterface eth0\nvirtual_router_id 51\n" + text +
		"\nvirtual_ipaddress { fe80::1 }\n}\n"
}

// process is a valid vrrp_track_process, whose line 3 and following are the
// given text.
func process(text string) string {
	return "vrrp_track_process web {\nprocess nginx\n" + text + "\n}\n"
}

// session is a valid bfd_instance, whose line 3 and following are the given
// text.
func session(text string) string {
	return "bfd_instance peer {\nneighbor_ip 10.0.0.3\n" + text + "\n}\n"
}

// key is one for auth_hmac.
const key = "0123456789abcdef0123456789abcdef"

// script is a file with one valid vrrp_script, whose line 3 and following are
// the given text.
func script(text string) string {
	return "vrrp_script chk {\nscript \"/bin/true\"\n" + text + "\n}\n" + instance("track_script { chk }")
}

func TestDefaults(t *testing.T) {
	got, err := Parse("k.conf", []byte(instance("")))
	if err != nil {
		t.Fatal(err)
	}
	i := got.Instances[0]
	if i.Priority != 100 || i.Version != 2 || i.AdvertInterval != time.Second || i.InitialState != InitialBackup ||
		i.GARPDelay != 5*time.Second || i.GARPRepeat != 5 || i.NoPreempt || i.AuthPass != "" {
		t.Errorf("defaults: %+v", i)
	}
	got, err = Parse("k.conf", []byte(instance("state MASTER")))
	if err != nil {
		t.Fatal(err)
	}
	if i := got.Instances[0]; i.Priority != 255 {
		t.Errorf("priority with state MASTER and none set: got %d, want 255", i.Priority)
	}
}

func TestScriptValues(t *testing.T) {
	tests := []struct {
		name, text string
		check      func(Script) bool
	}{
		{"fraction of a second", "interval 0.25", func(s Script) bool { return s.Interval == 250*time.Millisecond }},
		{"timeout follows interval", "interval 3", func(s Script) bool { return s.Timeout == 3*time.Second }},
		{"microsecond", "interval 1.000001", func(s Script) bool { return s.Interval == time.Second+time.Microsecond }},
		{"reverse weight", "weight -7 reverse", func(s Script) bool { return s.Weight == -7 && s.Reverse }},
		{"user alone", "user nobody", func(s Script) bool { return s.User == "nobody" && s.Group == "" }},
		{"last of two", "rise 2\nrise 3", func(s Script) bool { return s.Rise == 3 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse("k.conf", []byte(script(test.text)))
			if err != nil {
				t.Fatal(err)
			}
			if !test.check(got.Scripts[0]) {
				t.Errorf("%q: got %+v", test.text, got.Scripts[0])
			}
		})
	}
}

// The expected arguments are those that keepalived 2.2.7 gave a program that
// prints them, except where a word after the first is kept.
func TestScriptCommandIsSplitAsKeepalivedSplitsIt(t *testing.T) {
	tests := []struct{ text, want string }{
		{`script "/bin/x b 'a b' \"c d\" e\ f \x41"`, "/bin/x|b|a b|c d|e|f|A"},
		{`script '/bin/x c "a b"'`, "/bin/x|c|a b"},
		{`script /bin/x`, "/bin/x"},
		{`script "/bin/x" d`, "/bin/x|d"},
		{`script /bin/x a "b c"`, "/bin/x|a|b c"},
		{`script "/bin/x a#b!c"`, "/bin/x|a#b!c"},
		{`script "/bin/x {a}"`, "/bin/x|{a}"},
		{`script "/bin/x '' \\101\\x4a\\cA\\n\\q"`, "/bin/x||AJ\x01\nq"},
	}
	for _, test := range tests {
		t.Run(test.text, func(t *testing.T) {
			got, err := Parse("k.conf", []byte("vrrp_script chk {\n"+test.text+"\n}\n"+instance("")))
			if err != nil {
				t.Fatal(err)
			}
			if joined := strings.Join(got.Scripts[0].Command, "|"); joined != test.want {
				t.Errorf("got %q, want %q", joined, test.want)
			}
		})
	}
}

// The names were read back from keepalived 2.2.7's dump of its data.
func TestPlainWordsAreReadAsKeepalivedReadsThem(t *testing.T) {
	tests := []struct{ written, want string }{
		{`ab\#cd`, "ab#cd"},
		{`"ab#cd"`, "ab#cd"},
		{`a'b\c`, `a'b\c`},
		{`ab#cd`, "ab"},
		{`ab!cd`, "ab"},
		{`"a b"`, "a b"},
		{"ab\r", "ab"},
	}
	for _, test := range tests {
		t.Run(test.written, func(t *testing.T) {
			got, err := Parse("k.conf", []byte("global_defs {\nrouter_id "+test.written+"\n}\n"+instance("")))
			if err != nil {
				t.Fatal(err)
			}
			if got.Global.RouterID != test.want {
				t.Errorf("got %q, want %q", got.Global.RouterID, test.want)
			}
		})
	}
}

func TestTrackedWeightKeepsTheScriptsDirectionUnlessToldOtherwise(t *testing.T) {
	tests := []struct {
		line    string
		reverse bool
		weight  string
	}{
		{"chk", true, ""},
		{"chk weight 3", true, "3"},
		{"chk weight 3 noreverse", false, "3"},
		{"chk weight 3 no_reverse", false, "3"},
		{"chk weight 3 reverse", true, "3"},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			text := instance("track_script { "+test.line+" }") + "vrrp_script chk {\nscript /bin/true\nweight 9 reverse\n}\n"
			got, err := Parse("k.conf", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			tracked := got.Instances[0].TrackScripts[0]
			if tracked.Reverse != test.reverse || (tracked.Weight == nil) != (test.weight == "") {
				t.Errorf("got %+v", tracked)
			}
		})
	}
}

func TestPasswordIsCutToWhatAnAdvertisementHolds(t *testing.T) {
	got, err := Parse("k.conf", []byte(instance("authentication {\nauth_type PASS\nauth_pass 123456789\n}")))
	if err != nil {
		t.Fatal(err)
	}
	if pass := got.Instances[0].AuthPass; pass != "12345678" {
		t.Errorf("got %q", pass)
	}
}

func TestBroadcast(t *testing.T) {
	tests := []struct{ option, want string }{
		{"brd +", "10.0.3.255"}, {"brd -", "10.0.0.0"}, {"broadcast 10.0.0.9", "10.0.0.9"}, {"", "invalid IP"},
	}
	for _, test := range tests {
		text := strings.Replace(instance(""), "10.0.0.200", "10.0.1.7/22 "+test.option, 1)
		got, err := Parse("k.conf", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if b := got.Instances[0].VirtualAddresses[0].Broadcast.String(); b != test.want {
			t.Errorf("%q: got %s, want %s", test.option, b, test.want)
		}
	}
}

func TestLoadRefusesWhatIsNoReadableFile(t *testing.T) {
	dir := t.TempDir()
	long := filepath.Join(dir, "long.conf")
	if err := os.WriteFile(long, []byte(strings.Repeat("#\n", maxFileSize)), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ path, want string }{
		{filepath.Join(dir, "none.conf"), "no such file or directory"},
		{dir, "is a directory"},
		{long, long + ":1: file longer than 1048576 bytes, which no configuration is"},
	}
	for _, test := range tests {
		_, err := Load(test.path)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("Load(%s): got %v, want ...%s", test.path, err, test.want)
		}
	}
}
