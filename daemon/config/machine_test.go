package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestCheckMachine: what the machine lacks, or has in an unsafe way, on one
// with eth0, the user root, and the programs of a directory.
func TestCheckMachine(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("programs of root are needed")
	}
	directory := t.TempDir()
	for name, mode := range map[string]fs.FileMode{"tight": 0o755, "loose": 0o777} {
		path := filepath.Join(directory, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	machine := Machine{
		HasInterface: func(name string) bool { return name == "eth0" },
		HasUser:      func(name string) bool { return name == "root" },
		IsRoot:       func(string) bool { return true },
		Lstat:        os.Lstat, Stat: os.Stat, Path: []string{directory},
		Readlink: func(path string) (string, error) {
			if _, err := os.Stat(path); err != nil {
				return "", errors.New("not there")
			}
			return path, nil
		},
	}
	safe := "global_defs {\nscript_user root\nenable_script_security\n}\n"
	runs := func(program string) string {
		return "vrrp_script chk {\nscript " + program + "\n}\n" + instance("track_script { chk }")
	}
	tests := []struct {
		name, text, want string
		kind             Kind
	}{
		{name: "all is well", text: safe + runs(directory+"/tight")},
		{name: "searched", text: safe + runs("tight")},
		{name: "interface", text: strings.Replace(instance(""), "eth0", "eth9", 1), want: "k.conf:1: interface eth9 does not exist"},
		{name: "device", text: strings.Replace(instance(""), "10.0.0.200", "10.0.0.200 dev eth9", 1), want: "k.conf:5: interface eth9 does not exist"},
		{name: "tracked interface", text: instance("track_interface { eth9 }"), want: "k.conf:4: interface eth9 does not exist"},
		{name: "dynamic interface", text: "global_defs {\ndynamic_interfaces\n}\n" + strings.Replace(instance(""), "eth0", "eth9", 1)},
		{name: "user", text: "global_defs {\nscript_user who\n}\n" + instance(""), want: `there is no user "who"`},
		{name: "program missing", text: safe + runs("/none"), want: "k.conf:6: program /none: not there"},
		{name: "program nowhere", text: safe + runs("none"), want: "k.conf:6: program none: no such program in PATH"},
		{name: "program of anybody", text: safe + runs(directory+"/loose"), want: "others than root can change " + directory + "/loose"},
		{name: "no security", text: runs(directory + "/tight"), want: "without enable_script_security", kind: FaultOfSafety},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Parse("k.conf", []byte(test.text))
			if err != nil {
				t.Fatal(err)
			}
			c.CheckMachine(machine)
			switch {
			case test.want == "" && len(c.Warnings) > 0:
				t.Errorf("warnings: %v", c.Warnings)
			case test.want != "" && !slices.ContainsFunc(c.Warnings, func(e *Error) bool {
				return strings.Contains(e.Error(), test.want) && e.Kind == test.kind
			}):
				t.Errorf("got %v; want ...%s", c.Warnings, test.want)
			}
		})
	}
}
