package catalog_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"takeover/scenarios/catalog"
)

// TestKeepalivedAcceptsEveryVariant: its configuration test must have neither
// an error nor a warning to tell, in a namespace with the interface.
func TestKeepalivedAcceptsEveryVariant(t *testing.T) {
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("keepalived is not installed")
	}
	directory, seen := t.TempDir(), map[string]bool{}
	for _, v := range catalog.Variants() {
		for _, file := range v.Files() {
			text := string(file.Text)
			if seen[text] || strings.Contains(text, "no value") {
				t.Errorf("%s %s is another's, or lacks a value:\n%s", v, file.Name, text)
			}
			seen[text] = true
			if err := os.WriteFile(filepath.Join(directory, v.String()+"-"+file.Name), file.Text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	const script = `ip link add eth0 type veth peer name eth1; ip link set eth0 up
		for file in "$1"/*; do keepalived --config-test --use-file "$file"; done`
	command := exec.CommandContext(t.Context(), "unshare", "--net", "--map-root-user", "sh", "-ec", script, "sh", directory)
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, output)
	}
}
