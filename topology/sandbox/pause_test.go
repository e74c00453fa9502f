package sandbox

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestPauseProgramsAreExecutablesOfOnePage(t *testing.T) {
	for machine, code := range pauseCode {
		path := filepath.Join(t.TempDir(), machine)
		if err := os.WriteFile(path, pauseProgram(machine), 0o755); err != nil {
			t.Fatal(err)
		}
		file, err := elf.Open(path)
		if err != nil {
			t.Fatalf("%s: %v", machine, err)
		}
		defer file.Close()
		if len(file.Progs) != 1 || file.Progs[0].Filesz > 4096 || file.Type != elf.ET_EXEC {
			t.Errorf("%s: %+v", machine, file)
		}
		begin := make([]byte, len(code))
		if _, err := file.Progs[0].ReadAt(begin, int64(file.Entry-file.Progs[0].Vaddr)); err != nil || string(begin) != string(code) {
			t.Errorf("%s begins with % x, %v", machine, begin, err)
		}
	}
	if len(elfMachines) != len(pauseCode) || pauseProgram("z80") != nil {
		t.Error("a machine has code and no number, or a number and no code")
	}
}

func TestPauseProgramWaitsUntilKilled(t *testing.T) {
	program := pauseProgram(runtime.GOARCH)
	if program == nil {
		t.Skipf("no program that waits is known for %s", runtime.GOARCH)
	}
	path := filepath.Join(t.TempDir(), "pause")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	var status []byte
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		if status, _ = os.ReadFile(fmt.Sprintf("/proc/%d/status", command.Process.Pid)); strings.Contains(string(status), "State:\tS") {
			break
		}
	}
	if !strings.Contains(string(status), "State:\tS") || !strings.Contains(string(status), "Threads:\t1\n") {
		t.Errorf("it does not wait:\n%s", status)
	}
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	command.Wait() //nolint:errcheck // its state says more
	if got := command.ProcessState.Sys().(syscall.WaitStatus); !got.Signaled() {
		t.Errorf("it ended by itself: %v", command.ProcessState)
	}
}
