package config

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/fstest"
	"time"
)

// FuzzParse: no text makes Parse panic; a text is accepted or refused with
// faults that are inside of it; what is accepted obeys the ranges that the
// rest of the daemon relies on.
func FuzzParse(f *testing.F) {
	samples, _ := filepath.Glob("testdata/[gc]o*/*.conf") // good and corpus
	for _, sample := range samples {
		text, err := os.ReadFile(sample)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, test := range slices.Concat(faultTests, warningTests, noteTests) {
		f.Add([]byte(test.text))
	}
	for _, text := range []string{
		"$A= \\\n$A\n\n$A", "~SEQ(i,1,2) ~LST({a,b},{1,$i}) x ${a}", "@id include b\n@^id include a\nincludea {b,?}\n", "include loop",
	} {
		f.Add([]byte(text))
	}
	for _, text := range []string{"", "{", "}", `"`, `\`, "a {\n\"", "${", "vrrp_script a {\nscript '\\x4\\c\\777'\n}", `"" ""`} {
		f.Add([]byte(text))
	}
	f.Add([]byte("~SEQ(i, 1, 1000000) vrrp_instance $i {}\n"))
	f.Add([]byte("~SEQ(i, 1, 1000000) wrong$i\n"))
	f.Add([]byte("~SEQ(i, 1, 1000000) vrrp_track_process a {}\n"))
	o := Options{ID: "id", Directory: "/", Files: fstest.MapFS{
		"b": {Data: []byte("vrrp_instance b {\n$A= \\\npriority 300 \\\n$A\n"), Mode: 0o644}, "loop": {Data: []byte("include loop"), Mode: 0o644},
	}}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := bytes.Count(text, []byte("\n")) + 1
		got, err := o.Parse("f", text)
		if err != nil {
			faults := List(err)
			if len(faults) == 0 {
				t.Fatalf("refused without a fault: %v", err)
			}
			checkInside(t, faults, lines)
			return
		}
		checkInside(t, slices.Concat(got.Warnings, got.Notes, got.Unimplemented), lines)
		for _, i := range got.Instances {
			if fault := faultOf(&i); fault != "" {
				t.Fatalf("accepted with %s: %+v", fault, i)
			}
		}
		checkExplained(t, o, string(text))
		for _, s := range got.Scripts {
			if len(s.Command) == 0 || s.Interval <= 0 || s.Timeout <= 0 || s.Rise < 1 || s.Fall < 1 {
				t.Fatalf("accepted: %+v", s)
			}
		}
	})
}

// faultOf says what the rest of the daemon could not live with.
func faultOf(i *Instance) string {
	unit, most := time.Second, 255*time.Second
	if i.Version == 3 {
		unit, most = 10*time.Millisecond, 40950*time.Millisecond
	}
	other := func(address netip.Addr) bool { return address.IsValid() && address.Is6() != i.IPv6 }
	switch {
	case i.VRID == 0 || i.Priority == 0 || i.Interface == "":
		return "no VRID, priority or interface"
	case i.Version != 2 && i.Version != 3 || i.IPv6 && i.Version == 2:
		return "another version"
	case i.AdvertInterval < unit || i.AdvertInterval > most || i.AdvertInterval%unit != 0:
		return "another interval"
	case len(i.VirtualAddresses) == 0 || len(i.VirtualAddresses) > 255:
		return "no or many addresses"
	case slices.ContainsFunc(i.VirtualAddresses, func(v VirtualAddress) bool { return other(v.Prefix.Addr()) || v.Device == "" }):
		return "an address of the other family"
	case slices.ContainsFunc(i.UnicastPeers, func(p UnicastPeer) bool { return other(p.Address) || p.MinTTL > p.MaxTTL }):
		return "a peer of the other family"
	case other(i.Source) || other(i.Group) || i.Group.IsValid() == (len(i.UnicastPeers) > 0) || i.UnicastTTL == 0:
		return "multicast and unicast mixed"
	case i.GARPRepeat < 1 || i.GARPRefreshRepeat < 1 || i.GARPDelay < 0 || i.GARPLowerPrioDelay < 0 || i.GARPLowerPrioRepeat < 0:
		return "negative announcements"
	case len(i.AuthPass) > 8 || (i.AuthType == AuthNone) != (i.AuthPass == "") || i.Version == 3 && i.AuthType != AuthNone:
		return "half an authentication"
	case i.HMAC != nil && (len(i.HMAC.Keys) == 0 || i.HMAC.Window < 0 || i.AuthType != AuthNone):
		return "half an auth_hmac"
	case i.DownTimerAdverts < 1 || i.PreemptDelay < 0 || i.VIPLease < LeaseOff:
		return "another timer"
	case i.VMAC != nil && i.VMAC.Hardware != nil && len(i.VMAC.Hardware) != 6:
		return "another MAC address"
	}
	return ""
}

func checkInside(t *testing.T, faults []*Error, lines int) {
	t.Helper()
	for _, fault := range faults {
		if fault.Position.File == "f" && (fault.Position.Line < 1 || fault.Position.Line > lines) {
			t.Fatalf("position outside of the %d lines: %v", lines, fault)
		}
	}
}
