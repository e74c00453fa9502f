package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the verdicts of the corpus anew")

const corpus = "../../daemon/config/testdata/corpus"

// knownDifferences are files of the corpus on which vipd and keepalived 2.2.7
// do not agree, and why.
var knownDifferences = map[string]string{
	"interval_script_fraction.conf": "later versions have fractions",
	"checksum_as_v2.conf":           "later versions have it",
	"address_of_two.conf":           "keepalived sets it for both",
}

// inNamespace runs a script of sh with arguments where eth0 to eth3 are.
func inNamespace(t *testing.T, script string, arguments ...string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("root is needed to make a network namespace")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(len(arguments))*time.Second)
	defer cancel()
	const interfaces = `ip link add eth0 type veth peer name eth1; ip link add eth2 type veth peer name eth3
		ip link set eth0 up; ip link set eth1 up; ip link set lo up
		vipd() { ` + beVipd + `=1 "$VIPD" "$@"; }
		`
	command := exec.CommandContext(ctx, "unshare", slices.Concat([]string{"--net", "sh", "-c", interfaces + script, "sh"}, arguments)...)
	command.Env = append(os.Environ(), "VIPD="+self)
	var stderr strings.Builder
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	return string(output)
}

// verdicts are the exit codes of a configuration test, by the file's name.
func verdicts(t *testing.T, program string, files []string) map[string]string {
	t.Helper()
	script := `for file in "$@"; do
			code=0; ` + program + ` "$file" >/dev/null 2>&1 || code=$?
			echo "$(basename "$file") $code"
		done`
	codes := map[string]string{}
	for line := range strings.Lines(inNamespace(t, script, files...)) {
		name, code, _ := strings.Cut(strings.TrimSpace(line), " ")
		codes[name] = code
	}
	return codes
}

const (
	checkOfVipd       = `vipd check -i node1`
	checkOfKeepalived = `timeout 20 keepalived -i node1 --config-test --use-file`
)

func needKeepalived(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs keepalived many times")
	}
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("keepalived is not installed")
	}
}

func corpusFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(corpus + "/*.conf")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files in the corpus: %v", len(files), err)
	}
	return files
}

// TestVerdictsOfTheCorpus holds vipd to the verdicts that are stored beside the
// corpus: keepalived's, but for the known differences.
func TestVerdictsOfTheCorpus(t *testing.T) {
	got := verdicts(t, checkOfVipd, corpusFiles(t))
	var b strings.Builder
	for _, file := range corpusFiles(t) {
		name := filepath.Base(file)
		fmt.Fprintf(&b, "%s %s\n", name, got[name])
	}
	stored := filepath.Join(corpus, "verdicts")
	if *update {
		if err := os.WriteFile(stored, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(stored)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

func TestKeepalivedHasTheSameVerdictOfTheCorpus(t *testing.T) {
	needKeepalived(t)
	files := corpusFiles(t)
	compare(t, files, knownDifferences)
}

// TestKeepalivedHasTheSameVerdictOfItsSamples: the package's own files.
func TestKeepalivedHasTheSameVerdictOfItsSamples(t *testing.T) {
	needKeepalived(t)
	var files []string
	for _, pattern := range []string{"/usr/share/doc/keepalived/samples/*.conf*", "/usr/share/doc/keepalived/*.conf*", "/etc/keepalived/*.conf*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	if len(files) == 0 {
		t.Skip("the documentation of keepalived is not installed")
	}
	compare(t, files, nil)
}

func compare(t *testing.T, files []string, differences map[string]string) {
	t.Helper()
	ours, theirs := verdicts(t, checkOfVipd, files), verdicts(t, checkOfKeepalived, files)
	for _, file := range files {
		name := filepath.Base(file)
		_, differs := differences[name]
		switch {
		case ours[name] != theirs[name] && !differs:
			t.Errorf("%s: vipd has %s, keepalived %s", name, ours[name], theirs[name])
		case ours[name] == theirs[name] && differs:
			t.Errorf("%s: no difference: both have %s", name, ours[name])
		}
	}
}
