//go:build linux

package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"takeover/scenarios/history"
)

// echoMain is the echo server as a program: its name is in the environment.
func echoMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var name string
	err := json.Unmarshal([]byte(os.Getenv("PROBE_TEST_ARGUMENT")), &name)
	if err == nil {
		err = ServeEcho(ctx, name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	return 0
}

// echo runs the echo server in the host.
func (h *host) echo() {
	h.t.Helper()
	h.program("echo", fmt.Sprintf("%q", h.name), func(*exec.Cmd) {})
}

// move takes the VIP from one host to the other.
func move(from, to *host) {
	from.t.Helper()
	from.removeAddress(vip, 32)
	to.addAddress(vip, 32)
	to.announce(vip)
}

func TestLoadSeesWhoAnswers(t *testing.T) {
	for _, stream := range []string{history.StreamUDP, history.StreamTCP, history.StreamKeepAlive} {
		t.Run(stream, func(t *testing.T) {
			n := newNetwork(t, "node1", "node2", "client")
			node1, node2 := n.hosts["node1"], n.hosts["node2"]
			for _, h := range []*host{node1, node2} {
				h.echo()
				h.serve(http.StatusOK)
			}
			log := history.NewLog(nil)
			o := clientOptions(n)
			periods := map[string]*time.Duration{
				history.StreamUDP: &o.UDPPeriod, history.StreamTCP: &o.TCPPeriod, history.StreamKeepAlive: &o.KeepAlivePeriod,
			}
			*periods[stream] = 5 * time.Millisecond
			stop := startClient(t, n.hosts["client"], log, o)
			lost := body(func(p history.Probe) bool { return p.Stream == stream && p.Lost() && p.Error != "" })
			seen := await(t, log, 0, "a lost probe", lost).ID
			node1.addAddress(vip, 32)
			node1.announce(vip)
			seen = await(t, log, seen, "an answer of node1", answeredBy(stream, "node1")).ID
			node1.removeAddress(vip, 32)
			seen = await(t, log, seen, "a lost probe", lost).ID
			node2.addAddress(vip, 32)
			node2.announce(vip)
			seen = await(t, log, seen, "an answer of node2", answeredBy(stream, "node2")).ID
			stop()
			numbers := map[int]int{}
			for _, event := range log.Events() {
				p := event.Body.(history.Probe)
				numbers[p.Seq]++
				if (p.Error == "") == p.Lost() || p.By == "node1" && event.ID > seen {
					t.Errorf("probe %+v at %s", p, event.At)
				}
			}
			for seq, times := range numbers {
				if times != 1 {
					t.Errorf("probe %d was reported %d times", seq, times)
				}
			}
		})
	}
}

// TestKeptConnectionIsKept: all requests come over one connection, and over
// another when the server is done with that.
func TestKeptConnectionIsKept(t *testing.T) {
	n := newNetwork(t, "node1", "client")
	node1 := n.hosts["node1"]
	node1.addAddress(vip, 32)
	opened := make(chan net.Conn, 100)
	node1.serveWith(http.StatusServiceUnavailable, func(s *http.Server) {
		s.ConnState = func(c net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened <- c
			}
		}
	})
	log := history.NewLog(nil)
	o := clientOptions(n)
	o.KeepAlivePeriod = 2 * time.Millisecond
	stop := startClient(t, n.hosts["client"], log, o)
	said := lostBecause(history.StreamKeepAlive, "status 503")
	seen := 0
	for range 50 {
		seen = await(t, log, seen, "an answer", said).ID
	}
	if len(opened) != 1 {
		t.Errorf("%d connections for 50 requests", len(opened))
	}
	_ = (<-opened).Close()
	<-opened
	await(t, log, last(log), "an answer over another", said)
	stop()
}

func TestConnectionsHaveAFate(t *testing.T) {
	n := newNetwork(t, "node1", "node2", "client")
	node1, node2 := n.hosts["node1"], n.hosts["node2"]
	node1.addAddress(vip, 32)
	node1.echo()
	node2.echo()
	log := history.NewLog(nil)
	o := clientOptions(n)
	o.Connections, o.HeartbeatPeriod = 3, 10*time.Millisecond
	stop := startClient(t, n.hosts["client"], log, o)
	turn := func(number int, fate history.Fate, by string) func(history.Event) bool {
		return body(func(c history.Connection) bool { return c.Number == number && c.Fate == fate && c.By == by })
	}
	for number := 1; number <= 3; number++ {
		await(t, log, 0, "a connection", turn(number, history.FateOpened, "node1"))
	}
	move(node1, node2)
	for number := 1; number <= 3; number++ {
		await(t, log, 0, "a reset", turn(number, history.FateReset, "node1"))
		await(t, log, 0, "another connection", turn(number+3, history.FateOpened, "node2"))
	}
	stop()
	for number := 4; number <= 6; number++ {
		await(t, log, 0, "a connection that survived", turn(number, history.FateSurvived, "node2"))
	}
}
