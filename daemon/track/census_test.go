package track

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

// bothWays runs a test with the kernel's events, where it tells them, and with
// scans.
func bothWays(t *testing.T, test func(t *testing.T, open func() (*connector, error))) {
	t.Helper()
	t.Run("events", func(t *testing.T) {
		c, err := openConnector()
		if err != nil {
			t.Skipf("skipped: %v", err)
		}
		c.close()
		test(t, openConnector)
	})
	t.Run("scans", func(t *testing.T) {
		test(t, func() (*connector, error) { return nil, errors.New("as the test wants it") })
	})
}

var programNumber atomic.Int32

// aProgram makes a program with a name that no other process has. Its
// parameter is how many seconds it runs.
func aProgram(t *testing.T) string {
	t.Helper()
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), fmt.Sprintf("p%d-%d", os.Getpid(), programNumber.Add(1)))
	if err := os.Symlink(sleep, path); err != nil {
		t.Fatal(err)
	}
	return path
}

func launch(t *testing.T, command ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(cmd) })
	return cmd
}

func end(cmd *exec.Cmd) {
	// The errors are that it was killed, or has ended before.
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// count counts until the test ends.
func count(t *testing.T, open func() (*connector, error), all ...*Processes) <-chan Result {
	t.Helper()
	return watching(t, func(ctx context.Context, results chan<- Result) error {
		return watchProcesses(ctx, all, results, func(error) {}, open)
	})
}

// watching runs a watch until the test ends.
func watching(t *testing.T, watch func(context.Context, chan<- Result) error) <-chan Result {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	results, ended := make(chan Result), make(chan error, 1)
	go func() { ended <- watch(ctx, results) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(bound):
			t.Error("the watch did not end")
		}
	})
	return results
}

func expect(t *testing.T, results <-chan Result, up bool, number int) {
	t.Helper()
	if got := receive(t, results); got.Kind != KindProcesses || got.Up != up || got.Number != number {
		t.Errorf("got %+v, want up %t with %d", got, up, number)
	}
}

func TestProcessesAreCounted(t *testing.T) {
	bothWays(t, func(t *testing.T, open func() (*connector, error)) {
		path := aProgram(t)
		first := launch(t, path, "60")
		results := count(t, open, &Processes{Name: "p", Command: filepath.Base(path), Quorum: 1, QuorumMax: 1})
		if got := receive(t, results); !got.Up || !got.First || got.Name != "p" || got.Status != "1 running, 1 wanted" {
			t.Errorf("there at the start: %+v", got)
		}
		second := launch(t, path, "60")
		expect(t, results, false, 2)
		end(second)
		expect(t, results, true, 1)
		end(first)
		expect(t, results, false, 0)
	})
}

func TestZombiesDoNotCount(t *testing.T) {
	bothWays(t, func(t *testing.T, open func() (*connector, error)) {
		path := aProgram(t)
		process := launch(t, path, "60")
		processes := &Processes{Command: filepath.Base(path), Quorum: 1, QuorumMax: Unlimited}
		results := count(t, open, processes)
		expect(t, results, true, 1)
		if err := process.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		expect(t, results, false, 0) // nobody has waited for it
		expect(t, count(t, open, processes), false, 0)
	})
}

// The loop ends while an event is being handed to it.
func TestWatchEndsAmidEvents(t *testing.T) {
	bothWays(t, func(t *testing.T, open func() (*connector, error)) {
		path := aProgram(t)
		for range 10 {
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan error, 1)
			processes := []*Processes{{Command: filepath.Base(path), Quorum: 1, QuorumMax: Unlimited}}
			go func() { ended <- watchProcesses(ctx, processes, make(chan Result), func(error) {}, open) }()
			for range 5 { // nobody takes the first result, nor an event thereafter
				end(launch(t, path, "60"))
			}
			cancel()
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(bound):
				t.Fatal("the watch did not end")
			}
		}
	})
}

func TestChangedNameIsNoticed(t *testing.T) {
	bothWays(t, func(t *testing.T, open func() (*connector, error)) {
		path := aProgram(t)
		results := count(t, open, &Processes{Command: filepath.Base(path), Quorum: 1, QuorumMax: Unlimited})
		expect(t, results, false, 0)
		launch(t, "sh", "-c", "sleep 0.3; exec "+path+" 60")
		expect(t, results, true, 1)
	})
}

func TestCommandLineIsCounted(t *testing.T) {
	bothWays(t, func(t *testing.T, open func() (*connector, error)) {
		path := aProgram(t)
		launch(t, path, "61")
		results := count(t, open,
			&Processes{
				Name: "60", Command: path, FullCommand: true, Match: MatchExact, Parameters: []string{"60"},
				Quorum: 1, QuorumMax: Unlimited,
			},
			&Processes{Name: "any", Command: path, FullCommand: true, Quorum: 2, QuorumMax: Unlimited},
		)
		expect(t, results, false, 0)
		expect(t, results, false, 1)
		launch(t, path, "60")
		for range 2 {
			if got := receive(t, results); !got.Up || got.Number != map[string]int{"60": 1, "any": 2}[got.Name] {
				t.Errorf("got %+v", got)
			}
		}
	})
}

func TestForkedChildrenCount(t *testing.T) {
	bothWays(t, func(t *testing.T, open func() (*connector, error)) {
		shell, err := exec.LookPath("sh")
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "f"+strconv.Itoa(os.Getpid()))
		if err := os.Symlink(shell, path); err != nil {
			t.Fatal(err)
		}
		results := count(t, open, &Processes{Command: filepath.Base(path), Quorum: 2, QuorumMax: Unlimited})
		expect(t, results, false, 0)
		// The shell in brackets is a fork that starts no other program.
		parent := exec.Command(path, "-c", "(read line) <&3 & wait")
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer reader.Close()
		defer writer.Close()
		parent.ExtraFiles = []*os.File{reader}
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { end(parent) })
		expect(t, results, true, 2)
		if err := writer.Close(); err != nil {
			t.Fatal(err)
		}
		expect(t, results, false, 1)
	})
}

func TestFewerThanWantedIsBelievedAfterTerminateDelay(t *testing.T) {
	bothWays(t, func(t *testing.T, open func() (*connector, error)) {
		const delay = 300 * time.Millisecond
		path := aProgram(t)
		process := launch(t, path, "60")
		results := count(t, open, &Processes{
			Command: filepath.Base(path), Quorum: 1, QuorumMax: Unlimited, TerminateDelay: delay,
		})
		expect(t, results, true, 1)
		began := time.Now()
		end(process)
		expect(t, results, false, 0)
		if took := time.Since(began); took < delay {
			t.Errorf("down after %s", took)
		}
	})
}

// BenchmarkScan shows what it costs to look for processes; b.N scans.
func BenchmarkScan(b *testing.B) {
	for _, whole := range []bool{false, true} {
		b.Run(fmt.Sprintf("whole=%t", whole), func(b *testing.B) {
			c := &census{members: make(map[int]*member), ages: make(map[int]int), note: func(error) {}}
			c.tallies = []*tally{newTally(&Processes{Command: "no such name", Quorum: 1, QuorumMax: Unlimited})}
			for range scansYoung {
				if err := c.scan(true); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				if err := c.scan(whole); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(c.ages)), "processes")
		})
	}
}
