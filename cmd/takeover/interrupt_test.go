package main

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestInterruptEndsInOrder presses Ctrl-C while two of three trials run: the
// drill ends soon, reports what it has as inconclusive, and leaves no process.
func TestInterruptEndsInOrder(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	path, argv := "/proc/self/exe", []string{
		"takeover:" + cliRole, "drill", "--vipd", os.Getenv(vipdVariable),
		"--fault", "link-loss", "--runs", "3", "--parallel", "2", "--out", out,
	}
	var stdout bytes.Buffer
	command := &exec.Cmd{Path: path, Args: argv, Stdout: &stdout}
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(time.Minute, func() { command.Process.Kill() }) //nolint:errcheck // it may have ended
	defer late.Stop()
	var said strings.Builder
	settling := 0
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), "namespaces are not permitted") {
			t.Skip(lines.Text())
		}
		if strings.HasSuffix(lines.Text(), "settling") {
			if settling++; settling == 2 {
				if err := command.Process.Signal(os.Interrupt); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	command.Wait() //nolint:errcheck // the exit code is looked at below
	if code := command.ProcessState.ExitCode(); code != exitInconclusive {
		t.Errorf("exit code %d, want %d\n%s%s", code, exitInconclusive, said.String(), stdout.String())
	}
	for _, want := range []string{"2 trials with vipd: 2 inconclusive", "the trial was interrupted", "run directory: " + out} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the report lacks %q:\n%s%s", want, said.String(), stdout.String())
		}
	}
}
