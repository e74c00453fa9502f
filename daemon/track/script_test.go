package track

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bound is how long a test waits for what must happen.
const bound = 10 * time.Second

// program writes an executable shell script.
func program(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "script.sh")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// run runs the script until stop is called, which waits for its end. The
// test's end stops it too.
func run(t *testing.T, s *Script) (results <-chan Result, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	sent, ended := make(chan Result), make(chan struct{})
	go func() {
		s.Run(ctx, sent)
		close(ended)
	}()
	stop = func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(bound):
			t.Error("Run did not return")
		}
	}
	t.Cleanup(stop)
	return sent, stop
}

func receive(t *testing.T, results <-chan Result) Result {
	t.Helper()
	select {
	case r := <-results:
		return r
	case <-time.After(bound):
		t.Fatal("no result came")
		return Result{}
	}
}

func TestFirstResultComesAtOnceAndSaysWhatHappened(t *testing.T) {
	tests := []struct {
		name    string
		command []string
		up      bool
		status  string
	}{
		{"success", []string{program(t, "exit 0")}, true, "succeeded"},
		{"failure", []string{program(t, "exit 3")}, false, "exited with status 3"},
		{"signal", []string{program(t, "kill -9 $$")}, false, "killed by SIGKILL"},
		{"no such program", []string{"/nowhere/x"}, false, "cannot run: fork/exec /nowhere/x: no such file or directory"},
		{"not in PATH", []string{"no-such-program-here"}, false, `cannot run: exec: "no-such-program-here": executable file not found in $PATH`},
		{"no program", nil, false, "cannot run: no program given"},
		{"found in PATH", []string{"true"}, true, "succeeded"},
		{"no shell", []string{program(t, `[ "$#" = 2 ] && [ "$1" = '$HOME *' ] && [ "$2" = "" ]`), "$HOME *", ""}, true, "succeeded"},
		{"nothing to read", []string{program(t, `! read line`)}, true, "succeeded"},
		{"output is discarded", []string{program(t, `[ "$(readlink /proc/$$/fd/1)" = /dev/null ] && [ "$(readlink /proc/$$/fd/2)" = /dev/null ]`)}, true, "succeeded"},
		{"group of its own", []string{program(t, `[ "$(cut -d' ' -f5 /proc/$$/stat)" = $$ ]`)}, true, "succeeded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			results, _ := run(t, &Script{Name: "chk", Command: test.command, Interval: time.Hour, Timeout: bound})
			got := receive(t, results)
			if got.Name != "chk" || got.Up != test.up || !got.First || got.Status != test.status || got.Took <= 0 {
				t.Errorf("got %+v, want up %v, status %q", got, test.up, test.status)
			}
		})
	}
}

func TestOnlyChangesAreReported(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "well")
	count := filepath.Join(t.TempDir(), "count")
	results, stop := run(t, &Script{
		Name: "chk", Command: []string{program(t, `echo >> `+count+`; test -e `+marker)},
		Interval: 10 * time.Millisecond, Timeout: bound, Rise: 2, Fall: 3,
	})
	if got := receive(t, results); got.Up || !got.First {
		t.Errorf("first: %+v", got)
	}
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, results); !got.Up || got.First {
		t.Errorf("after the success: %+v", got)
	}
	before := lines(t, count)
	if err := os.Remove(marker); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, results); got.Up || got.First {
		t.Errorf("after the failure: %+v", got)
	}
	if runs := lines(t, count) - before; runs < 3 {
		t.Errorf("down after %d runs, with fall 3", runs)
	}
	stop()
}

func lines(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func TestInitFailIsReportedBeforeTheFirstRun(t *testing.T) {
	results, _ := run(t, &Script{Name: "chk", Command: []string{"true"}, Interval: 10 * time.Millisecond, Timeout: bound, Rise: 2, InitFail: true})
	if got := receive(t, results); got.Up || !got.First || got.Took != 0 {
		t.Errorf("at the start: %+v", got)
	}
	if got := receive(t, results); !got.Up || got.First {
		t.Errorf("after two successes: %+v", got)
	}
}

// stubborn is a script with two children, of which none heeds SIGTERM; it
// writes its own number, which is that of its group, to a file.
func stubborn(t *testing.T) (path, pidFile string) {
	t.Helper()
	pidFile = filepath.Join(t.TempDir(), "pid")
	path = program(t, `trap '' TERM
sleep 1000 &
(trap '' TERM; sleep 1000; sleep 1000) &
echo $$ > `+pidFile+`.new
mv `+pidFile+`.new `+pidFile+`
while :; do sleep 1000; done`)
	return path, pidFile
}

func TestTimeoutIsReportedAtOnceAndEndsTheWholeGroup(t *testing.T) {
	path, pidFile := stubborn(t)
	results, stop := run(t, &Script{Name: "chk", Command: []string{path}, Interval: time.Hour, Timeout: 300 * time.Millisecond})
	got := receive(t, results)
	if got.Up || got.Status != "timed out after 300ms" {
		t.Errorf("got %+v", got)
	}
	if got.Took > timeoutGrace {
		t.Errorf("judged after %v: waited for the end of the group", got.Took)
	}
	group := readNumber(t, pidFile)
	if len(members(t, group)) == 0 {
		t.Error("the group was gone at once; the script heeded SIGTERM and tests nothing")
	}
	waitGone(t, group)
	stop()
}

func TestTimeoutEndsChildrenWhoseLeaderHeedsSIGTERM(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	path := program(t, `(trap '' TERM; while :; do sleep 1000; done) &
echo $$ > `+pidFile+`
wait`)
	results, _ := run(t, &Script{Name: "chk", Command: []string{path}, Interval: time.Hour, Timeout: 300 * time.Millisecond})
	receive(t, results)
	waitGone(t, readNumber(t, pidFile))
}

func TestEndOfTheContextEndsTheRunningGroup(t *testing.T) {
	path, pidFile := stubborn(t)
	before := runtime.NumGoroutine()
	_, stop := run(t, &Script{Name: "chk", Command: []string{path}, Interval: time.Hour, Timeout: time.Hour})
	group := readNumber(t, pidFile)
	begin := time.Now()
	stop()
	if took := time.Since(begin); took > timeoutGrace {
		t.Errorf("Run took %v to return", took)
	}
	waitGone(t, group)
	eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func TestRunsDoNotOverlap(t *testing.T) {
	busy := filepath.Join(t.TempDir(), "busy")
	log := filepath.Join(t.TempDir(), "log")
	path := program(t, `mkdir `+busy+` || { echo overlap >> `+log+`; exit 0; }
sleep 0.05
rmdir `+busy+`
echo run >> `+log)
	results, stop := run(t, &Script{Name: "chk", Command: []string{path}, Interval: 5 * time.Millisecond, Timeout: bound})
	receive(t, results) // the only one: every run succeeds
	eventually(t, "three runs", func() bool { return lines(t, log) >= 3 })
	stop()
	if text, err := os.ReadFile(log); err != nil || strings.Contains(string(text), "overlap") {
		t.Errorf("two runs at once: %v\n%s", err, text)
	}
}

func TestCredentialIsTakenOn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("not root: no other user can be taken on")
	}
	results, _ := run(t, &Script{
		Name: "chk", Command: []string{"sh", "-c", `[ "$(id -u):$(id -g):$(id -G)" = 65534:65533:65533 ]`},
		Interval: time.Hour, Timeout: bound, Credential: &syscall.Credential{Uid: 65534, Gid: 65533},
	})
	if got := receive(t, results); !got.Up {
		t.Errorf("got %+v", got)
	}
}

func TestEnvironmentIsTheDaemonsLessWhatChangesPrograms(t *testing.T) {
	got := environment([]string{"A=1", "IFS=x", "LD_PRELOAD=/x", "LD_LIBRARY_PATH=/y", "PATH=/bin"})
	want := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=1", "PATH=/bin"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// readNumber waits for a file that holds a number.
func readNumber(t *testing.T, path string) int {
	t.Helper()
	number := 0
	eventually(t, path+" is written", func() bool {
		text, err := os.ReadFile(path)
		if err != nil {
			return false
		}
		_, err = fmt.Sscan(string(text), &number)
		return err == nil
	})
	return number
}

func waitGone(t *testing.T, group int) {
	t.Helper()
	eventually(t, fmt.Sprintf("group %d ends", group), func() bool { return len(members(t, group)) == 0 })
}

// members lists the processes of a group that are not zombies.
func members(t *testing.T, group int) []string {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		var state string
		var parent, of int
		rest := string(text[strings.LastIndexByte(string(text), ')')+1:])
		if _, err := fmt.Sscan(rest, &state, &parent, &of); err == nil && of == group && state != "Z" && state != "X" {
			found = append(found, path)
		}
	}
	return found
}

// eventually polls for what no channel tells of, with a bound.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(bound)
	for !done() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within %v", what, bound)
		}
	}
}
