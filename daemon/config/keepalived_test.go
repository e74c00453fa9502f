package config

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// verdict is the end of keepalived's configuration test.
type verdict struct {
	code   int    // 0 clean, 5 errors or warnings; others: no start
	output string // what it says
}

// askKeepalived runs the real program's configuration test over the texts, in
// a network namespace with the interfaces eth0 and eth1.
func askKeepalived(t *testing.T, texts []string) []verdict {
	t.Helper()
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("keepalived is not installed")
	}
	dir := t.TempDir()
	for i, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.conf", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(len(texts))*time.Second)
	defer cancel()
	const script = `ip link add eth0 type veth peer name eth1; ip link set eth0 up
		for file in "$1"/*.conf; do
			code=0; keepalived --config-test --use-file "$file" >"$file.out" 2>&1 || code=$?
			echo "$code" >"$file.code"
		done`
	if output, err := exec.CommandContext(ctx, "unshare", "--net", "--map-root-user", "sh", "-ec", script, "sh", dir).CombinedOutput(); err != nil {
		t.Fatalf("run keepalived: %v\n%s", err, output)
	}
	verdicts := make([]verdict, len(texts))
	for i := range texts {
		name := filepath.Join(dir, fmt.Sprintf("%03d.conf", i))
		output, _ := os.ReadFile(name + ".out")
		code, err := os.ReadFile(name + ".code")
		if err != nil {
			t.Fatal(err)
		}
		verdicts[i].output = string(output)
		if verdicts[i].code, err = strconv.Atoi(strings.TrimSpace(string(code))); err != nil {
			t.Fatal(err)
		}
	}
	return verdicts
}

// TestKeepalivedAcceptsTheSamplesToo holds both programs to the good samples,
// without a warning of either.
func TestKeepalivedAcceptsTheSamplesToo(t *testing.T) {
	samples, err := filepath.Glob("testdata/good/*.conf")
	if err != nil || len(samples) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	var names, texts []string
	for _, sample := range samples {
		text, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, filepath.Base(sample), filepath.Base(sample)+" with CRLF")
		texts = append(texts, string(text), strings.ReplaceAll(string(text), "\n", "\r\n"))
	}
	for i, verdict := range askKeepalived(t, texts) {
		t.Run(names[i], func(t *testing.T) {
			got, err := Parse(names[i], []byte(texts[i]))
			if err != nil {
				t.Errorf("not accepted here: %v", err)
			} else if len(got.Warnings) > 0 {
				t.Errorf("warnings here: %v", got.Warnings)
			}
			if verdict.code != 0 {
				t.Errorf("not accepted by keepalived: exit code %d\n%s", verdict.code, verdict.output)
			}
		})
	}
}

// TestKeepalivedRefusesWhatIsRefusedHere asks keepalived about every text that
// is refused here, or accepted with a warning. It has something to say of each
// of them, too, but for the known differences, and for what is refused by name
// because it is not supported yet.
func TestKeepalivedRefusesWhatIsRefusedHere(t *testing.T) {
	if testing.Short() {
		t.Skip("runs keepalived 200 times")
	}
	var names, texts, wants []string
	for _, tests := range [][]struct{ name, text, want string }{faultTests, warningTests} {
		for _, test := range tests {
			if !strings.Contains(test.want, "not implemented") {
				names, texts, wants = append(names, test.name), append(texts, test.text), append(wants, test.want)
			}
		}
	}
	seen := map[string]bool{}
	for i, verdict := range askKeepalived(t, texts) {
		_, differs := keepalivedIsContent[names[i]]
		seen[names[i]] = true
		switch {
		case verdict.code == 0 && !differs:
			t.Errorf("%s: keepalived is content; here: %s", names[i], wants[i])
		case verdict.code != 0 && differs:
			t.Errorf("%s: is no difference: keepalived says\n%s", names[i], verdict.output)
		}
	}
	for name := range keepalivedIsContent {
		if !seen[name] {
			t.Errorf("%s: there is no such test", name)
		}
	}
}

// keepalivedIsContent are the texts of which keepalived 2.2.7 has nothing to
// say, and why something is said here.
var keepalivedIsContent = map[string]string{
	"track words":               "it drops surplus words",
	"process twice":             "it takes the last of two, or the first",
	"file twice":                "it takes the last of two, or the first",
	"address of two":            "it sets the address for both",
	"peers in strict mode":      "it starts no instance then",
	"address none":              "it advertises no addresses then",
	"address multicast":         "the kernel refuses it later",
	"peer no host":              "the kernel refuses it later",
	"source no host":            "the kernel refuses it later",
	"TTL zero":                  "the kernel refuses it later",
	"fault without peers":       "it is in FAULT then, for ever",
	"version 2 of IPv6":         "it speaks version 2 over IPv6, which RFC 3768 does not have",
	"fast preemption":           "a comment to it",
	"lease of all too long":     "a comment to it",
	"directive without words":   "a comment to it",
	"directive empty":           "a comment to it",
	"directive with a block":    "a comment to it",
	"directive with a quote":    "a comment to it",
	"directive of keepalived's": "a comment to it",
	"directive unknown":         "a comment to it",
	"directive at the top":      "a comment to it",
	"directive in a list":       "a comment to it",
}

// TestKeepalivedRefusesWhatIsOnlyAcceptedHere: these texts are accepted here
// without a warning, and keepalived 2.2.7 complains of each.
func TestKeepalivedRefusesWhatIsOnlyAcceptedHere(t *testing.T) {
	tests := []struct{ why, text string }{
		{"an interface takes no noreverse", instance("track_interface {\neth1 weight 3 noreverse\n}")},
		{"scripts take no no_reverse", "vrrp_script chk {\nscript /bin/true\n}\n" + instance("track_script {\nchk weight 3 no_reverse\n}")},
		{"an unused script", "vrrp_script chk {\nscript /bin/true\n}\n" + instance("")},
		{"2.4 has it", instance("v3_checksum_as_v2")},
		{"2.4 has it", session("multihop") + instance("")},
		{"2.4 has it", instance("auth_hmac {\nkey 1 " + key + "\nkey 2 hex:" + key + key + "\nactive_key 1\nmode receive-only\n}")},
		{"not in a comment", instance("vip_lease 2")},
		{"not in a comment", instance("fast_preempt resign")},
		{"interfaces that are not there", strings.Replace(instance(""), "eth0", "eth7", 1)},
	}
	var texts []string
	for _, test := range tests {
		got, err := Parse("k.conf", []byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", test.why, err)
		} else if len(got.Warnings) > 0 {
			t.Errorf("%s: %v", test.why, got.Warnings)
		}
		texts = append(texts, test.text)
	}
	for i, verdict := range askKeepalived(t, texts) {
		if verdict.code == 0 {
			t.Errorf("%s: keepalived is content with:\n%s", tests[i].why, texts[i])
		}
	}
}

// TestKeepalivedHasNothingToSayOfNotes: what is only noted here is clean there.
func TestKeepalivedHasNothingToSayOfNotes(t *testing.T) {
	if testing.Short() {
		t.Skip("runs keepalived many times")
	}
	var texts []string
	for _, test := range noteTests {
		texts = append(texts, test.text)
	}
	for i, verdict := range askKeepalived(t, texts) {
		if verdict.code != 0 {
			t.Errorf("%s: keepalived says\n%s", noteTests[i].name, verdict.output)
		}
	}
}
