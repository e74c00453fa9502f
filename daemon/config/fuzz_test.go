package config

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// FuzzParse: no text makes Parse panic; a text is accepted or refused with
// faults that are inside of it; what is accepted obeys the ranges that the
// rest of the daemon relies on.
func FuzzParse(f *testing.F) {
	samples, _ := filepath.Glob("testdata/good/*.conf")
	for _, sample := range samples {
		text, err := os.ReadFile(sample)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{"", "{", "}", `"`, `\`, "a {\n\"", "${", "vrrp_script a {\nscript '\\x4\\c\\777'\n}", `"" ""`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := bytes.Count(text, []byte("\n")) + 1
		got, err := Parse("f", text)
		if err != nil {
			faults := List(err)
			if len(faults) == 0 {
				t.Fatalf("refused without a fault: %v", err)
			}
			checkInside(t, faults, lines)
			return
		}
		checkInside(t, got.Warnings, lines)
		if len(got.Instances) == 0 {
			t.Fatal("accepted without an instance")
		}
		for _, i := range got.Instances {
			if i.VRID == 0 || i.Priority == 0 || i.Interface == "" || len(i.VirtualAddresses) == 0 ||
				i.GARPRepeat < 1 || i.GARPDelay < 0 || i.AdvertInterval <= 0 || len(i.AuthPass) > 8 {
				t.Fatalf("accepted: %+v", i)
			}
		}
		for _, s := range got.Scripts {
			if len(s.Command) == 0 || s.Interval <= 0 || s.Timeout <= 0 || s.Rise < 1 || s.Fall < 1 {
				t.Fatalf("accepted: %+v", s)
			}
		}
	})
}

func checkInside(t *testing.T, faults []*Error, lines int) {
	t.Helper()
	for _, fault := range faults {
		if fault.Position.File != "f" || fault.Position.Line < 1 || fault.Position.Line > lines {
			t.Fatalf("position outside of the %d lines: %v", lines, fault)
		}
	}
}
