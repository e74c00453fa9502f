package bfdrun

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"
)

// The live tests run sessions between network namespaces of their own. They
// need root.

// bound is how long a test waits for what should happen soon.
const bound = 20 * time.Second

// labNumber makes the names of namespaces differ within this process.
var labNumber atomic.Int32

// lab is two hosts, 1 and 2, on a link with the addresses 10.8.0.N, fd08::N
// and fe80::N; and behind it a router, by which each is also 10.8.N.1 and
// fd08:N::1.
type lab struct {
	t     testing.TB
	dir   string
	names string // prefix of the namespaces' names
}

func newLab(t testing.TB) *lab {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("skipped: root is needed to make network namespaces")
	}
	if testing.Short() {
		t.Skip("skipped: live tests take seconds of real time")
	}
	dir, err := os.MkdirTemp("", "bfd-test-") //nolint:usetesting // FRR gives up root: t.TempDir is closed to it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	l := &lab{t: t, dir: dir, names: fmt.Sprintf("bfd-%d-%d-", os.Getpid(), labNumber.Add(1))}
	for _, host := range []string{"1", "2", "r"} {
		l.ip("netns", "add", l.names+host)
		t.Cleanup(func() { l.ip("netns", "del", l.names+host) })
		l.ip("-n", l.names+host, "link", "set", "lo", "up")
	}
	for _, key := range []string{"net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"} {
		l.ip("netns", "exec", l.names+"r", "sysctl", "-qw", key)
	}
	l.ip("link", "add", "eth0", "netns", l.names+"1", "type", "veth", "peer", "name", "eth0", "netns", l.names+"2")
	for _, n := range []string{"1", "2"} {
		host := l.names + n
		l.ip("link", "add", "eth1", "netns", host, "type", "veth", "peer", "name", "p"+n, "netns", l.names+"r")
		l.up(host, "eth0", "10.8.0."+n+"/24", "fd08::"+n+"/64", "fe80::"+n+"/64")
		l.up(host, "eth1", "10.8."+n+".1/24", "fd08:"+n+"::1/64")
		l.up(l.names+"r", "p"+n, "10.8."+n+".254/24", "fd08:"+n+"::fe/64")
		l.ip("-n", host, "route", "add", "default", "via", "10.8."+n+".254")
		l.ip("-n", host, "-6", "route", "add", "default", "via", "fd08:"+n+"::fe")
	}
	for _, n := range []string{"1", "2"} {
		l.await("the links are up", func() bool {
			return strings.Count(l.ip("-n", l.names+n, "link"), "state UP") == 2
		})
	}
	return l
}

// up gives a link its addresses, usable at once.
func (l *lab) up(host, link string, addresses ...string) {
	for _, address := range addresses {
		arguments := []string{"-n", host, "addr", "add", address, "dev", link}
		if strings.Contains(address, ":") {
			arguments = append(arguments, "nodad")
		}
		l.ip(arguments...)
	}
	l.ip("-n", host, "link", "set", link, "up")
}

func (l *lab) ip(arguments ...string) string {
	l.t.Helper()
	return l.command("ip", arguments...)
}

func (l *lab) command(name string, arguments ...string) string {
	l.t.Helper()
	out, err := exec.Command(name, arguments...).CombinedOutput()
	if err != nil {
		l.t.Fatalf("%s %s: %v\n%s", name, strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// await polls what has no event to wait for.
func (l *lab) await(what string, f func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(bound); !f(); {
		if time.Now().After(deadline) {
			l.t.Fatalf("after %s, not yet: %s", bound, what)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// runner is a Run in a host.
type runner struct {
	l      *lab
	events chan Event
	done   chan error
	cancel context.CancelFunc
}

// run runs sessions in the host, until stop or the end of the test.
func (l *lab) run(host int, neighbors ...Neighbor) *runner {
	l.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &runner{l: l, events: make(chan Event), done: make(chan error, 1), cancel: cancel}
	logger := slog.New(slog.NewTextHandler(l.t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	if _, ok := l.t.(*testing.B); ok {
		logger = slog.New(slog.DiscardHandler)
	}
	go func() {
		runtime.LockOSThread() // for ever: the thread ends with the goroutine
		namespace, err := netns.GetFromName(l.names + strconv.Itoa(host))
		if err == nil {
			err = netns.Set(namespace)
			_ = namespace.Close()
		}
		if err == nil {
			err = Run(ctx, neighbors, nil, r.events, logger.With("host", host))
		}
		r.done <- err
	}()
	l.t.Cleanup(r.stop)
	return r
}

// stop ends Run and awaits its end. It may be called again.
func (r *runner) stop() {
	r.cancel()
	select {
	case err := <-r.done:
		if err != nil {
			r.l.t.Errorf("run: %v", err)
		}
		r.done <- nil
	case <-time.After(bound):
		r.l.t.Error("run did not end")
	}
}

// await waits for an event, which must be the next.
func (r *runner) await(name string, up bool) Event {
	r.l.t.Helper()
	select {
	case e := <-r.events:
		if e.Name != name || e.Up != up {
			r.l.t.Fatalf("event %+v, want %s, up %t", e, name, up)
		}
		return e
	case err := <-r.done:
		r.done <- err
		r.l.t.Fatalf("run ended: %v", err)
	case <-time.After(bound):
		r.l.t.Fatalf("no event of %s", name)
	}
	return Event{}
}

// subject is another BFD daemon in host 2.
type subject struct {
	l       *lab
	process *exec.Cmd
	log     string
	ended   chan struct{}
}

func (l *lab) start(name string, arguments ...string) *subject {
	l.t.Helper()
	s := &subject{l: l, ended: make(chan struct{}), log: filepath.Join(l.dir, filepath.Base(name)+".log")}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	s.process = exec.Command("ip", append([]string{"netns", "exec", l.names + "2", name}, arguments...)...)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		l.t.Fatal(err)
	}
	go func() {
		_ = s.process.Wait() // its exit is judged by what it did
		close(s.ended)
	}()
	l.t.Cleanup(s.cleanup)
	return s
}

// kill kills all of the subject at once: what lives in host 2.
func (s *subject) kill() {
	for field := range strings.FieldsSeq(s.l.ip("netns", "pids", s.l.names+"2")) {
		if pid, err := strconv.Atoi(field); err == nil && pid != os.Getpid() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

func (s *subject) cleanup() {
	s.l.await("the subject has ended", func() bool {
		s.kill()
		select {
		case <-s.ended:
			return true
		default:
			return false
		}
	})
	if s.l.t.Failed() {
		text, _ := os.ReadFile(s.log)
		s.l.t.Logf("log of %s:\n%s", s.process.Path, text)
	}
}

// logs reports whether the subject has logged the text so many times.
func (s *subject) logs(text string, times int) bool {
	log, err := os.ReadFile(s.log)
	return err == nil && strings.Count(string(log), text) >= times
}

func between(name, local, remote string) Neighbor {
	return Neighbor{
		Name: name, Local: netip.MustParseAddr(local), Remote: netip.MustParseAddr(remote),
		DesiredMinTx: 50 * time.Millisecond, RequiredMinRx: 50 * time.Millisecond, Multiplier: 5,
	}
}
