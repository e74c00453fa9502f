package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// manager is the service manager's end.
func manager(t *testing.T) func() string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	return func() string {
		t.Helper()
		buffer := make([]byte, 4096)
		if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := conn.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
}

// loop is pinged; while it hangs nobody comes by.
type loop struct{ hangs atomic.Bool }

func (l *loop) Ping(ctx context.Context) error {
	if l.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func TestServiceManagerIsTold(t *testing.T) {
	next := manager(t)
	n := newNotifier(slog.New(slog.DiscardHandler), new(loop))
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { n.run(ctx) })
	n.ready(3)
	if want := fmt.Sprintf("READY=1\nMAINPID=%d\nSTATUS=3 virtual routers", os.Getpid()); next() != want {
		t.Errorf("want %q", want)
	}
	n.reloading()
	if got := next(); !strings.HasPrefix(got, "RELOADING=1\nMONOTONIC_USEC=") {
		t.Errorf("got %q", got)
	}
	n.reloaded(errors.New("a.conf:3: wrong\na.conf:4: wrong"))
	if got := next(); got != "READY=1\nSTATUS=Reload refused: a.conf:3: wrong" {
		t.Errorf("got %q", got)
	}
	n.stopping() // and ends at once
	cancel()
	run.Wait()
	if got := next(); got != "STOPPING=1" {
		t.Errorf("got %q", got)
	}
}

// The watchdog is served as long as the loop comes by.
func TestServiceManagersWatchdog(t *testing.T) {
	next := manager(t)
	t.Setenv("WATCHDOG_USEC", "20000")
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	l, log := new(loop), new(record)
	n := newNotifier(slog.New(slog.NewTextHandler(log, nil)), l)
	ctx, cancel := context.WithCancel(t.Context())
	var run sync.WaitGroup
	run.Go(func() { n.run(ctx) })
	for range 3 {
		if got := next(); got != "WATCHDOG=1" {
			t.Errorf("got %q", got)
		}
	}
	l.hangs.Store(true)
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(log.text(), "watchdog is not served"); {
		if time.Now().After(deadline) {
			t.Fatal("nothing is logged of a loop that hangs")
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	run.Wait()
}

// Without a manager nobody is told, and nobody waits.
func TestNoServiceManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	n := newNotifier(slog.New(slog.DiscardHandler), new(loop))
	for range notificationsMax + 1 {
		n.ready(1)
	}
	n.run(t.Context())
}
