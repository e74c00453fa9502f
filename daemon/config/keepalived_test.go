package config

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestKeepalivedAcceptsTheSamplesToo runs the real program's configuration
// test over the good samples, in a network namespace that has the interfaces
// they name.
func TestKeepalivedAcceptsTheSamplesToo(t *testing.T) {
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("keepalived is not installed")
	}
	samples, err := filepath.Glob("testdata/good/*.conf")
	if err != nil || len(samples) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, sample := range samples {
		text, err := os.ReadFile(sample)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(sample)
		t.Run(name, func(t *testing.T) { bothAccept(t, string(text)) })
		t.Run(name+" with CRLF", func(t *testing.T) {
			bothAccept(t, strings.ReplaceAll(string(text), "\n", "\r\n"))
		})
	}
}

func bothAccept(t *testing.T, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Errorf("not accepted here: %v", err)
	} else if len(got.Warnings) > 0 {
		t.Errorf("warnings here: %v", got.Warnings)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	command := exec.CommandContext(ctx, "unshare", "--net", "--map-root-user", "sh", "-ec",
		`ip link add eth0 type veth peer name eth1; ip link set eth0 up; exec keepalived --config-test --use-file "$1"`, "sh", path)
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("not accepted by keepalived: %v\n%s", err, output)
	}
}
