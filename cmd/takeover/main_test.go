package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"takeover/topology/sandbox"
)

// cliRole is this test program as takeover itself.
const cliRole = "cli"

// vipdVariable leads to the vipd that the tests have built.
const vipdVariable = "TAKEOVER_TEST_VIPD"

func TestMain(m *testing.M) {
	roles := roles()
	roles[cliRole] = func(args []string) error { os.Exit(run(args)); return nil }
	roles[killRole] = killMachine
	sandbox.Main(roles)
	testscript.Main(withVIPD{m}, map[string]func(){"takeover": main})
}

// withVIPD builds vipd for the time of the tests.
type withVIPD struct{ tests *testing.M }

func (w withVIPD) Run() int {
	directory, err := os.MkdirTemp("", "takeover-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(directory) //nolint:errcheck // best effort
	path := filepath.Join(directory, "vipd")
	if out, err := exec.Command("go", "build", "-o", path, "takeover/cmd/vipd").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build vipd: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv(vipdVariable, path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return w.tests.Run()
}

// TestScripts runs the scripts in testdata/script. They may say
// "exits CODE[,CODE...] takeover ARGUMENT...", for the exit code matters.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("VIPD", os.Getenv(vipdVariable))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// exits runs a program and wants an exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM [ARGUMENT...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		// testscript gives the error as text only.
		if _, scanErr := fmt.Sscanf(err.Error(), "exit status %d", &got); scanErr != nil {
			ts.Fatalf("%v", err)
		}
	}
	if !slices.Contains(strings.Split(args[0], ","), strconv.Itoa(got)) {
		ts.Fatalf("exit code %d, want %s", got, args[0])
	}
}
