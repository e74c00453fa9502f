package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"takeover/scenarios/live"
	"takeover/topology/sandbox"
)

// cliRole is this test program as takeover itself.
const cliRole = "cli"

// vipdVariable leads to the vipd that the tests have built.
const vipdVariable = "TAKEOVER_TEST_VIPD"

func TestMain(m *testing.M) {
	roles := live.Roles()
	roles[cliRole] = func(args []string) error { os.Exit(run(args)); return nil }
	roles[killRole] = killMachine
	sandbox.Main(roles)
	code, err := withVIPD(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withVIPD builds vipd for the time of the tests.
func withVIPD(tests func() int) (int, error) {
	directory, err := os.MkdirTemp("", "takeover-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(directory) //nolint:errcheck // best effort
	path := filepath.Join(directory, "vipd")
	if out, err := exec.Command("go", "build", "-o", path, "takeover/cmd/vipd").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build vipd: %w\n%s", err, out)
	}
	if err := os.Setenv(vipdVariable, path); err != nil {
		return 1, err
	}
	return tests(), nil
}
