package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// served is a server of a made-up daemon with so many instances.
type served struct {
	path   string
	hub    *Hub
	server *Server
	log    *lockedBuffer
	failed error // what Reload returns
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mutex sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.Buffer.String()
}

func serve(t *testing.T, instances int) *served {
	t.Helper()
	s := &served{path: filepath.Join(t.TempDir(), "vipd.sock"), hub: NewHub(), log: new(lockedBuffer)}
	l, err := Listen(s.path)
	if err != nil {
		t.Fatal(err)
	}
	s.server = NewServer(Daemon{
		Program: "vipd test",
		Status: func(context.Context) (Status, iter.Seq[Instance], error) {
			return Status{PID: 7}, func(yield func(Instance) bool) {
				for n := range instances {
					if !yield(Instance{Name: fmt.Sprintf("VI_%d", n), Fault: strings.Repeat("x", 1000)}) {
						return
					}
				}
			}, nil
		},
		Reload: func(context.Context) error { return s.failed },
		Hub:    s.hub, Logger: slog.New(slog.NewTextHandler(s.log, nil)),
	})
	s.server.timeout = 100 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { s.hub.Run(ctx) })
	parts.Go(func() { s.server.Serve(ctx, l) })
	t.Cleanup(func() {
		cancel()
		parts.Wait()
	})
	return s
}

func (s *served) dial(t *testing.T) *Client {
	t.Helper()
	c, err := Dial(t.Context(), s.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 20 s", what)
		}
	}
}

func TestStatusComesWhole(t *testing.T) {
	s := serve(t, 100)
	c := s.dial(t)
	for range 2 { // a connection serves many requests
		status, err := c.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if status.PID != 7 || status.Program != "vipd test" || status.Clients != 1 || len(status.Instances) != 100 ||
			status.Instances[99].Name != "VI_99" {
			t.Errorf("process %d of %q, %d clients, %d instances", status.PID, status.Program, status.Clients, len(status.Instances))
		}
	}
	program, err := c.Program(t.Context())
	if err != nil || program != "vipd test" {
		t.Errorf("program %q, error %v", program, err)
	}
}

func TestReloadTellsWhyNot(t *testing.T) {
	s := serve(t, 1)
	c := s.dial(t)
	if err := c.Reload(t.Context()); err != nil {
		t.Error(err)
	}
	s.failed = errors.New("a.conf:3: unknown keyword")
	refused, is := errors.AsType[*RefusedError](c.Reload(t.Context()))
	if !is || refused.Reason != s.failed.Error() {
		t.Errorf("error %v", refused)
	}
	if want := fmt.Sprintf("pid=%d uid=%d", os.Getpid(), os.Getuid()); !strings.Contains(s.log.String(), want) {
		t.Errorf("the log does not tell who asked (%s):\n%s", want, s.log)
	}
}

func TestEventsComeInTheirOrder(t *testing.T) {
	s := serve(t, 1)
	s.hub.Publish(Event{Kind: KindState, Instance: "VI", To: "Backup"})
	await(t, "the event", func() bool { return len(s.hub.Recent()) == 1 })
	var heard []Event
	if err := s.dial(t).Events(t.Context(), false, func(e Event) error {
		heard = append(heard, e)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(heard) != 1 || heard[0].Sequence != 1 || heard[0].Instance != "VI" || heard[0].Time.IsZero() {
		t.Errorf("heard %+v", heard)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var sequences []uint64
	err := s.dial(t).Events(ctx, true, func(e Event) error {
		if sequences = append(sequences, e.Sequence); len(sequences) == 1 {
			for range 20 {
				s.hub.Publish(Event{Kind: KindState})
			}
		}
		if len(sequences) == 21 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || !slices.IsSorted(sequences) || sequences[20] != 21 {
		t.Errorf("heard %d, error %v", sequences, err)
	}
}

// A client that asks and never reads is dropped and counted, and others are
// served meanwhile.
func TestClientThatNeverReadsIsDropped(t *testing.T) {
	s := serve(t, 20000)
	deaf, err := net.Dial("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if _, err := fmt.Fprintln(deaf, `{"version":1,"request":"status"}`); err != nil {
		t.Fatal(err)
	}
	if _, err := s.dial(t).Program(t.Context()); err != nil {
		t.Error(err)
	}
	await(t, "the client is dropped", func() bool { return s.server.dropped.Load() == 1 })
	if !strings.Contains(s.log.String(), "control client dropped") {
		t.Errorf("log %s", s.log)
	}
}

// A follower that does not keep up is left, whatever the hub is told: Publish
// does not wait.
func TestFollowerThatDoesNotReadIsLeft(t *testing.T) {
	s := serve(t, 1)
	deaf, err := net.Dial("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	if _, err := fmt.Fprintln(deaf, `{"version":1,"request":"events","follow":true}`); err != nil {
		t.Fatal(err)
	}
	await(t, "it listens", func() bool {
		s.hub.mutex.Lock()
		defer s.hub.mutex.Unlock()
		return len(s.hub.listeners) == 1
	})
	reason := strings.Repeat("x", 1000)
	await(t, "it is dropped", func() bool {
		for range 100 {
			s.hub.Publish(Event{Kind: KindState, Reason: reason})
		}
		return s.server.dropped.Load() == 1
	})
	await(t, "nobody listens", func() bool {
		s.hub.mutex.Lock()
		defer s.hub.mutex.Unlock()
		return len(s.hub.listeners) == 0
	})
}

func TestLostEventsAreTold(t *testing.T) {
	h := NewHub() // which does not run yet
	for range incomingMax + 5 {
		h.Publish(Event{Kind: KindState})
	}
	if h.Lost() != 5 {
		t.Errorf("%d lost", h.Lost())
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { h.Run(ctx) })
	await(t, "all are passed on", func() bool {
		return slices.ContainsFunc(h.Recent(), func(e *Event) bool { return e.Sequence == incomingMax+1 })
	})
	cancel()
	run.Wait()
	if len(h.Recent()) != recentMax {
		t.Errorf("%d events are kept", len(h.Recent()))
	}
	var none *Hub
	none.Publish(Event{}) // tells nobody
}

func TestWrongRequests(t *testing.T) {
	s := serve(t, 1)
	for request, want := range map[string]string{
		"hello":                                "a request is a line of JSON",
		`{"version":2,"request":"status"}`:     "protocol version 2 is not 1",
		`{"version":1,"request":"nonsense"}`:   `unknown request "nonsense"`,
		strings.Repeat("x", requestBytesMax*2): "a request has at most 4096 bytes",
	} {
		conn, err := net.Dial("unix", s.path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fprintln(conn, request); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadBytes('\n')
		var reply Reply
		if err := errors.Join(err, json.Unmarshal(line, &reply)); err != nil {
			t.Errorf("%.40s: %v", request, err)
		}
		if !strings.Contains(reply.Error, want) || !reply.Done {
			t.Errorf("%.40s: error %q, want %q", request, reply.Error, want)
		}
		_ = conn.Close()
	}
}

func TestTooManyClientsAreTurnedAway(t *testing.T) {
	s := serve(t, 1)
	for range clientsMax {
		if _, err := s.dial(t).Program(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := net.Dial("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "16 clients are connected already") {
		t.Errorf("line %q, error %v", line, err)
	}
}

func TestSocketIsForItsOwnerAndGroup(t *testing.T) {
	old := syscall.Umask(0)
	t.Cleanup(func() { syscall.Umask(old) })
	s := serve(t, 1)
	info, err := os.Stat(s.path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != fs.ModeSocket|socketMode {
		t.Errorf("mode %v", got)
	}
}

// A socket that nobody listens at any more is taken over; anything else is
// not.
func TestListenTakesOverWhatIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vipd.sock")
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil {
		t.Error("listened twice")
	} else if inUse, is := errors.AsType[*InUseError](err); !is || inUse.Path != path {
		t.Errorf("error %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(file); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("error %v", err)
	}
}
