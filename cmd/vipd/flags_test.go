package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestFlagsFollowGetopt(t *testing.T) {
	for _, one := range []struct{ arguments, long string }{
		{"-nlD", "--dont-fork --log-console --log-detail"},
		{"-DD -f a.conf", "--log-detail --log-detail --use-file=a.conf"},
		{"-fa.conf -pb.pid", "--use-file=a.conf --pid=b.pid"},
		{"-nf a.conf", "--dont-fork --use-file=a.conf"},
		{"-t", "--config-test"},
		{"-tlog", "--config-test=log"},
		{"-g -n", "--log-file --dont-fork"},
		{"-g/var/log/x", "--log-file=/var/log/x"},
		{"-M -m", "--core-dump-pattern --core-dump"},
		{"--pid=x -- -n", "--pid=x -- -n"},
		{"-f", "--use-file"},
		{"-nZl", "--dont-fork -Zl"},
	} {
		got := strings.Join(asLong(flags(new(options)), strings.Fields(one.arguments)), " ")
		if got != one.long {
			t.Errorf("%s: %s, want %s", one.arguments, got, one.long)
		}
	}
}

// flagsOfKeepalived are those of keepalived(8) 2.2.7, each with its letter.
const flagsOfKeepalived = `f use-file
P vrrp
C check
B no_bfd
- all
l log-console
D log-detail
S log-facility
g log-file
- flush-log-file
G no-syslog
X release-vips
V dont-release-vrrp
I dont-release-ipvs
R dont-respawn
n dont-fork
d dump-conf
p pid
r vrrp_pid
T genhash
c checkers_pid
a address-monitoring
b bfd_pid
s namespace
e all-config
i config-id
x snmp
A snmp-agent-socket
u umask
m core-dump
M core-dump-pattern
- signum
t config-test
- perf
- debug
- no-mem-check
v version`

// Every flag of keepalived(8) is known: done, accepted or refused.
func TestFlagsOfKeepalivedAreKnown(t *testing.T) {
	for line := range strings.Lines(flagsOfKeepalived) {
		short, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		short = strings.TrimPrefix(short, "-")
		f := flags(new(options)).Lookup(name)
		if f == nil || f.Shorthand != short {
			t.Errorf("-%s, --%s: %+v", short, name, f)
		}
	}
}

func TestFlagsThatHaveNoEffectAreTold(t *testing.T) {
	o, err := parse(strings.Fields("run -n -P -x -X -i node1 --perf=end"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, flag := range o.accepted {
		name, _, _ := strings.Cut(flag, ":")
		names = append(names, name)
	}
	if want := []string{"--release-vips", "--snmp", "--perf"}; !slices.Equal(names, want) {
		t.Errorf("told of %v, want %v", names, want)
	}
}

func TestPathsFollowFromOthers(t *testing.T) {
	for _, one := range []struct{ arguments, pid, control string }{
		{"", "/run/vipd.pid", "/run/vipd.sock"},
		{"-s blue", "/run/vipd_blue.pid", "/run/vipd_blue.sock"},
		{"-p /run/keepalived.pid", "/run/keepalived.pid", "/run/keepalived.sock"},
		{"-p /tmp/x", "/tmp/x", "/tmp/x.sock"},
		{"--control none", "/run/vipd.pid", ""},
		{"--control /tmp/c", "/run/vipd.pid", "/tmp/c"},
	} {
		o, err := parse(strings.Fields(one.arguments))
		if err != nil || o.pidPath() != one.pid || o.controlPath() != one.control {
			t.Errorf("%s: pid file %s, control %s, error %v", one.arguments, o.pidPath(), o.controlPath(), err)
		}
	}
}

func TestFlagsThatAreRefused(t *testing.T) {
	for arguments, want := range map[string]string{
		"-C":             "no health checkers",
		"-T":             "not part of vipd",
		"-S local9":      "--log-facility",
		"-u 01000":       "--umask",
		"-u x":           "--umask",
		"--log-format x": "--log-format",
		"-f":             "needs an argument",
		"-Z":             "unknown shorthand flag",
		"again":          "unexpected argument",
	} {
		if _, err := parse(strings.Fields(arguments)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %s", arguments, err, want)
		}
	}
}

// The manual page names every flag and every command.
func TestManualIsComplete(t *testing.T) {
	text, err := os.ReadFile("vipd.8")
	if err != nil {
		t.Fatal(err)
	}
	manual := strings.ReplaceAll(string(text), `\-`, "-")
	flags(new(options)).VisitAll(func(f *pflag.Flag) {
		if !strings.Contains(manual, "--"+f.Name) {
			t.Errorf("--%s is not in vipd.8", f.Name)
		}
		if f.Shorthand != "" && !strings.Contains(manual, "-"+f.Shorthand+" \", \" --"+f.Name) {
			t.Errorf("-%s does not stand beside --%s in vipd.8", f.Shorthand, f.Name)
		}
	})
	for name := range commands {
		if !strings.Contains(manual, `vipd `+name) {
			t.Errorf("the command %s is not in vipd.8", name)
		}
	}
}
