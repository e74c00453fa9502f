package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"takeover/scenarios/live/labs"
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
	roles[killLabRole] = killLabMachine
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
			env.Setenv("TAKEOVER_VIPD", os.Getenv(vipdVariable))
			home := filepath.Join(env.WorkDir, "labs")
			env.Setenv("TAKEOVER_DIR", home)
			env.Defer(func() { downAll(home) })
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "eventually": eventually, "kill-holder": killHolder,
		},
	})
}

// downAll takes down what a script left.
func downAll(home string) {
	all, _ := labs.List(home)
	for _, lab := range all {
		if err := lab.Down(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}

// eventuallyBound is how long something may take to come about.
const eventuallyBound = 30 * time.Second

// eventually runs a program until it prints what a pattern matches.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: eventually PATTERN PROGRAM [ARGUMENT...]")
	}
	pattern := regexp.MustCompile("(?m)" + args[0])
	for deadline := time.Now().Add(eventuallyBound); time.Now().Before(deadline); {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
	}
	ts.Fatalf("%s never printed %q, but\n%s%s", args[1:], args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
}

// killHolder kills the holder of a lab and waits until it is dead.
func killHolder(ts *testscript.TestScript, _ bool, args []string) {
	home := ts.Getenv("TAKEOVER_DIR")
	lab, err := labs.Open(home, args[0])
	ts.Check(err)
	ts.Check(unix.Kill(lab.Record.Holder, unix.SIGKILL))
	for deadline := time.Now().Add(eventuallyBound); lab.StillAlive(); {
		if time.Now().After(deadline) {
			ts.Fatalf("the holder of %s is still there", args[0])
		}
	}
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

// TestExamplesAreExecuted: what --help shows of labs stands in a script.
func TestExamplesAreExecuted(t *testing.T) {
	var executed strings.Builder
	scripts, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		executed.Write(text)
	}
	var visit func(*cobra.Command)
	visit = func(command *cobra.Command) {
		for line := range strings.Lines(command.Example) {
			// What follows a pipe is another program's, and needs a screen.
			line, _, piped := strings.Cut(strings.TrimSpace(line), " | ")
			if _, drills := elsewhere[command.Name()]; !drills && !piped && !strings.Contains(executed.String(), line) {
				t.Errorf("%s: no script has %q", command.CommandPath(), line)
			}
		}
		for _, sub := range command.Commands() {
			visit(sub)
		}
	}
	visit(newRoot())
}

// elsewhere are the commands whose examples take too long for a script: Go tests
// and make drill execute them.
var elsewhere = map[string]struct{}{"calibrate": {}, "chaos": {}, "drill": {}, "report": {}, "sim": {}, "validate": {}}
