//go:build linux

package probe

import (
	"errors"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	command := exec.Command("sleep", "1000")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return command
}

func TestWatchProcessSeesTheExit(t *testing.T) {
	clock, log := NewClock(), history.NewLog(nil)
	other := sleeper(t) // lives on
	w, err := WatchProcess(clock, log, ProcessOptions{Name: "other", PID: other.Process.Pid})
	closing(t, w, err)
	command := sleeper(t)
	w, err = WatchProcess(clock, log, ProcessOptions{
		Host: "node1", Name: "sleep", PID: command.Process.Pid,
		Status: func() string {
			_ = command.Wait()
			return command.ProcessState.String()
		},
	})
	closing(t, w, err)
	killed := clock.Now()
	if err := command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	event := await(t, log, 0, "an exit", body(func(history.ProcessExit) bool { return true }))
	if len(log.Events()) != 1 {
		t.Errorf("events %+v", log.Events())
	}
	want := history.ProcessExit{Name: "sleep", PID: command.Process.Pid, Status: "signal: killed"}
	if event.Body != want || event.Host != "node1" {
		t.Errorf("got %+v of %s", event.Body, event.Host)
	}
	late := event.At - killed
	t.Logf("seen %s after the kill", late)
	if late < 0 || late > near {
		t.Errorf("seen %s after the kill", late)
	}
}

func TestWatchProcessIsClosedWithoutAnExit(t *testing.T) {
	log := history.NewLog(nil)
	w, err := WatchProcess(NewClock(), log, ProcessOptions{Name: "sleep", PID: sleeper(t).Process.Pid})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil || len(log.Events()) > 0 {
		t.Errorf("%v, events %v", err, log.Events())
	}
}

func TestWatchProcessNeedsAProcess(t *testing.T) {
	command := exec.Command("true")
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	_, err := WatchProcess(NewClock(), history.NewLog(nil), ProcessOptions{PID: command.Process.Pid})
	if !errors.Is(err, unix.ESRCH) {
		t.Errorf("error %v", err)
	}
}

func TestCanaryReportsTenTimesASecond(t *testing.T) {
	clock, log := NewClock(), history.NewLog(nil)
	start := clock.Now()
	closing(t, StartCanary(clock, log), nil)
	tenth := await(t, log, 9, "the tenth report", body(func(c history.Canary) bool { return c.DelayMax > 0 }))
	if took := tenth.At - start; took < 10*canaryReport || took > 20*canaryReport {
		t.Errorf("ten reports took %s", took)
	}
	for _, event := range log.Events() {
		if delay := event.Body.(history.Canary).DelayMax; delay <= 0 || delay > time.Second {
			t.Errorf("delay %s", delay)
		}
	}
}
