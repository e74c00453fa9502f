package daemon

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// guardedOf is what is told of an Active.
func guardedOf(name string) guardedInstance {
	return guardedInstance{
		Name: name, Active: true, Interval: time.Second,
		Farewells: []guardedMessage{{
			Index: 2, Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("224.0.0.18"),
			TTL: 255, Payload: []byte{0x21, 7, 0},
		}},
		Addresses: []guardedAddress{{Index: 2, Prefix: netip.MustParsePrefix(vip)}},
	}
}

func toldOf(instances ...guardedInstance) guardianMessage {
	return guardianMessage{Instances: instances}
}

// hearAll is what a guardian knows at the end.
func hearAll(pipe io.Reader, now time.Time) (h heard, err error) {
	err = listenTo(pipe, func(m guardianMessage) { h.hear(now, m) })
	return h, err
}

func messages(t *testing.T, all ...guardianMessage) *bytes.Buffer {
	t.Helper()
	var b bytes.Buffer
	for _, m := range all {
		if err := writeMessage(&b, m); err != nil {
			t.Fatal(err)
		}
	}
	return &b
}

func TestGuardianKnowsTheLatestOfEachInstance(t *testing.T) {
	now := time.Unix(1000, 0)
	was := guardedOf("VI")
	was.Active, was.Seal = false, &guardedSeal{Key: &[8]byte{1, 2, 3}, Lead: time.Minute}
	is, other, sealed := guardedOf("VI"), guardedOf("VJ"), guardedOf("VK")
	sealed.Seal = was.Seal
	h, err := hearAll(messages(t,
		guardianMessage{},
		toldOf(was, other),
		guardianMessage{Instances: []guardedInstance{is, sealed}, Worker: 77, Uptime: 10 * time.Second},
	), now)
	if err != nil {
		t.Fatal(err)
	}
	if h.worker != 77 || h.goodbye || !h.started.Equal(now.Add(-10*time.Second)) {
		t.Errorf("heard %+v", h)
	}
	if wanted := []guardedInstance{is, other, sealed}; !reflect.DeepEqual(h.state.instances, wanted) {
		t.Errorf("knows %+v, want %+v", h.state.instances, wanted)
	}
}

func TestGuardianHearsGoodbye(t *testing.T) {
	h, err := hearAll(messages(t, toldOf(guardedOf("VI")), guardianMessage{Goodbye: true}), time.Now())
	if err != nil || !h.goodbye {
		t.Errorf("heard %+v, error %v", h, err)
	}
}

// A worker that is killed while it writes leaves half a line.
func TestGuardianIgnoresAMessageThatWasCutOff(t *testing.T) {
	b := messages(t, toldOf(guardedOf("VI")), toldOf(guardedOf("VJ")))
	b.Truncate(b.Len() - 1)
	h, err := hearAll(b, time.Now())
	if err != nil || !reflect.DeepEqual(h.state.instances, []guardedInstance{guardedOf("VI")}) {
		t.Errorf("heard %+v, error %v", h, err)
	}
}

func FuzzListenTo(f *testing.F) {
	f.Add([]byte(`{"goodbye":true}` + "\n"))
	f.Add([]byte(`{"instances":[{"name":"VI","farewells":[{"source":"10.0.0.1"}]}],"uptime_ns":5}` + "\n"))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := hearAll(bytes.NewReader(b), time.Now())
		if err == nil && h.goodbye && !strings.Contains(strings.ToLower(string(b)), "oodbye") {
			t.Errorf("heard goodbye in %q", b)
		}
	})
}

func TestRestartDelay(t *testing.T) {
	tests := map[int]time.Duration{
		0: 0, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 6: 32 * time.Second,
		7: time.Minute, 8: time.Minute, 1 << 30: time.Minute,
	}
	for restarts, want := range tests {
		if got := restartDelay(restarts); got != want {
			t.Errorf("after %d restarts %s, want %s", restarts, got, want)
		}
	}
}

func TestRestartsBefore(t *testing.T) {
	for text, want := range map[string]int{"": 0, "3": 3, "-1": 0, "x": 0} {
		if got := restartsBefore(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestRestIsEndedBySignals(t *testing.T) {
	tests := []struct {
		name   string
		before []os.Signal
		during []os.Signal
		delay  time.Duration
		ended  bool
	}{
		{"none", nil, nil, time.Second, false},
		{"none, no delay", nil, nil, 0, false},
		{"SIGTERM before, no delay", []os.Signal{syscall.SIGTERM}, nil, 0, true},
		{"SIGHUP before, no delay", []os.Signal{syscall.SIGHUP}, nil, 0, false},
		{"SIGHUP and SIGINT before, no delay", []os.Signal{syscall.SIGHUP, syscall.SIGINT}, nil, 0, true},
		{"SIGTERM meanwhile", nil, []os.Signal{syscall.SIGTERM}, time.Minute, true},
		{"SIGHUP meanwhile", nil, []os.Signal{syscall.SIGHUP}, time.Minute, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for range 20 { // which of two ready channels is taken is random
				synctest.Test(t, func(t *testing.T) {
					signals := make(chan os.Signal, 4)
					for _, s := range test.before {
						signals <- s
					}
					go func() {
						time.Sleep(test.delay / 2) // virtual
						for _, s := range test.during {
							signals <- s
						}
					}()
					if ended := rest(signals, test.delay); ended != test.ended {
						t.Errorf("ended %t, want %t", ended, test.ended)
					}
				})
			}
		})
	}
}

// aWorker is a process that sleeps for so many seconds.
func aWorker(t *testing.T, seconds string) (*exec.Cmd, *workerProcess) {
	t.Helper()
	process := exec.Command("sleep", seconds)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	handle, err := unix.PidfdOpen(process.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(handle) })
	return process, &workerProcess{pid: process.Process.Pid, handle: handle}
}

func TestAwaitEndWaitsForAProcess(t *testing.T) {
	process, worker := aWorker(t, "0.1")
	if err := worker.awaitEnd(0); err == nil {
		t.Error("it has ended at once")
	}
	began := time.Now()
	if err := worker.awaitEnd(endTimeout); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("returned after %s", took)
	}
	if err := process.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(worker.awaitEnd(0), worker.kill()); err != nil {
		t.Errorf("of a process that is gone: %v", err)
	}
}

func TestWorkerIsKilledThoughItIsStopped(t *testing.T) {
	process, worker := aWorker(t, "60")
	if err := process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := worker.kill(); err != nil {
		t.Fatal(err)
	}
	if err := worker.awaitEnd(endTimeout); err != nil {
		t.Error(err)
	}
	_ = process.Wait() // it was killed
}

func TestOnlyTheParentIsTakenForTheWorker(t *testing.T) {
	if worker, err := openWorker(os.Getpid()); err == nil {
		t.Errorf("opened %+v", worker)
	}
	worker, err := openWorker(os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(worker.handle)
	var none *workerProcess
	if err := errors.Join(none.kill(), none.awaitEnd(0)); err != nil {
		t.Errorf("of no worker: %v", err)
	}
}

func TestToleranceIsTheShortestIntervalInBounds(t *testing.T) {
	active := func(interval time.Duration) guardedInstance {
		return guardedInstance{Active: true, Interval: interval}
	}
	tests := []struct {
		name      string
		instances []guardedInstance
		want      time.Duration
	}{
		{"none", nil, time.Second},
		{"a Backup", []guardedInstance{{Interval: 10 * time.Millisecond}}, time.Second},
		{"one", []guardedInstance{active(300 * time.Millisecond)}, 300 * time.Millisecond},
		{"the shortest", []guardedInstance{active(time.Second), active(200 * time.Millisecond)}, 200 * time.Millisecond},
		{"short", []guardedInstance{active(10 * time.Millisecond)}, 100 * time.Millisecond},
		{"long", []guardedInstance{active(40 * time.Second)}, time.Second},
	}
	for _, test := range tests {
		if got := (guardedState{instances: test.instances}).tolerance(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}
