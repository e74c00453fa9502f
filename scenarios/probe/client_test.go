//go:build linux

package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"takeover/scenarios/history"
)

// clientMain is the client as a program: its options are in the environment.
func clientMain() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var o ClientOptions
	err := json.Unmarshal([]byte(os.Getenv("PROBE_TEST_ARGUMENT")), &o)
	if err == nil {
		err = RunClient(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		return 1
	}
	return 0
}

// startClient runs a client in the host; the returned call ends it and waits
// until all that it wrote is in the log.
func startClient(t *testing.T, h *host, log *history.Log, o ClientOptions) (stop func() *os.ProcessState) {
	t.Helper()
	argument, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	command := h.program("client", string(argument), func(c *exec.Cmd) { c.Stdout = writer })
	_ = writer.Close()
	read := make(chan error, 1)
	go func() { read <- ReadClient(reader, log) }()
	return func() *os.ProcessState {
		t.Helper()
		err := errors.Join(command.Process.Signal(syscall.SIGTERM), <-read, command.Wait())
		if err != nil {
			t.Fatal(err)
		}
		return command.ProcessState
	}
}

// serve answers HTTP on every address of the host with a status and its name.
func (h *host) serve(status int) { h.serveWith(status, func(*http.Server) {}) }

// serveWith is serve by a server that was changed.
func (h *host) serveWith(status int, change func(*http.Server)) {
	h.t.Helper()
	var listener net.Listener
	h.do(func() error {
		var err error
		listener, err = net.Listen("tcp4", ":80")
		return err
	})
	server := &http.Server{
		ReadHeaderTimeout: bound,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = fmt.Fprintln(w, h.address)
		}),
	}
	change(server)
	go func() { _ = server.Serve(listener) }()
	h.t.Cleanup(func() { _ = server.Close() })
}

func clientOptions(n *network) ClientOptions {
	o := ClientOptions{
		Host: "client", VIP: vip, Timeout: 300 * time.Millisecond,
		Origin: NewClock().Origin(), MACs: n.macs(), Bodies: map[string]string{},
	}
	for name, h := range n.hosts {
		o.Bodies[h.address.String()] = name
	}
	return o
}

func answeredBy(stream, host string) func(history.Event) bool {
	return body(func(p history.Probe) bool { return p.Stream == stream && p.By == host && !p.Lost() })
}

func lostBecause(stream, reason string) func(history.Event) bool {
	return body(func(p history.Probe) bool { return p.Stream == stream && p.Error == reason && p.Lost() })
}

func TestClientSeesWhoAnswersAfterAnAnnouncement(t *testing.T) {
	t.Run("IPv4", func(t *testing.T) { seesWhoAnswers(t, newNetwork(t, "node1", "node2", "client"), vip) })
	t.Run("IPv6", func(t *testing.T) {
		n := newNetwork(t, "node1", "node2", "client")
		for _, h := range n.hosts {
			h.addAddress(netip.MustParseAddr("fd00::"+h.mac.String()[9:]), 64)
		}
		seesWhoAnswers(t, n, vip6)
	})
}

func seesWhoAnswers(t *testing.T, n *network, vip netip.Addr) {
	node1, node2, bits := n.hosts["node1"], n.hosts["node2"], vip.BitLen()
	node1.addAddress(vip, bits)
	log := history.NewLog(nil)
	o := clientOptions(n)
	o.VIP = vip
	o.ICMPPeriod = time.Millisecond
	stop := startClient(t, n.hosts["client"], log, o)

	seen := await(t, log, 0, "an answer of node1", answeredBy(history.StreamICMP, "node1")).ID
	node2.addAddress(vip, bits) // two owners: the client's neighbour entry decides
	node1.removeAddress(vip, bits)
	seen = await(t, log, seen, "a lost probe", lostBecause(history.StreamICMP, "timeout")).ID
	node2.announce(vip)
	seen = await(t, log, seen, "an answer of node2", answeredBy(history.StreamICMP, "node2")).ID
	stop()

	numbers := map[int]int{}
	for _, event := range log.Events() {
		p := event.Body.(history.Probe)
		numbers[p.Seq]++
		if p.RTT > o.Timeout || event.Host != "client" || (p.Error == "") == p.Lost() {
			t.Errorf("probe %+v at %s of %s", p, event.At, event.Host)
		}
	}
	for seq, times := range numbers {
		if times != 1 {
			t.Errorf("probe %d was reported %d times", seq, times)
		}
	}
	for _, event := range log.Since(seen) {
		if p := event.Body.(history.Probe); p.By == "node1" {
			t.Errorf("node1 answered probe %d, which it does not own", p.Seq)
		}
	}
}

func TestClientKeepsItsScheduleWithoutAnswers(t *testing.T) {
	n := newNetwork(t, "client")
	log := history.NewLog(nil)
	o := clientOptions(n)
	o.ICMPPeriod = time.Millisecond
	stop := startClient(t, n.hosts["client"], log, o)
	// Nobody has the address: no probe may hold up another, nor fail to be
	// sent because those before it still wait for the neighbour.
	end := await(t, log, 0, "probe 2000", body(func(p history.Probe) bool { return p.Seq == 2000 }))
	stop()
	first := log.Events()[0]
	if took := end.At - first.At; took < 1990*time.Millisecond || took > 2500*time.Millisecond {
		t.Errorf("2000 probes took %s", took)
	}
	for _, event := range log.Events() {
		if p := event.Body.(history.Probe); p.Error != "timeout" {
			t.Fatalf("probe %+v", p)
		}
	}
}

func TestClientReportsWhyAProbeWasNotSent(t *testing.T) {
	n := newNetwork(t, "node1", "client")
	n.hosts["node1"].addAddress(vip, 32)
	log := history.NewLog(nil)
	o := clientOptions(n)
	o.ICMPPeriod, o.HTTPPeriod = time.Millisecond, 10*time.Millisecond
	stop := startClient(t, n.hosts["client"], log, o)
	seen := await(t, log, 0, "an answer", answeredBy(history.StreamICMP, "node1")).ID
	n.hosts["client"].setLink(false)
	seen = await(t, log, seen, "no route", lostBecause(history.StreamICMP, "send: network is unreachable")).ID
	seen = await(t, log, seen, "no route", lostBecause(history.StreamHTTP, "network is unreachable")).ID
	n.hosts["client"].setLink(true)
	await(t, log, seen, "an answer again", answeredBy(history.StreamICMP, "node1"))
	stop()
}

func TestClientFetchesPages(t *testing.T) {
	n := newNetwork(t, "node1", "node2", "client")
	node1, node2 := n.hosts["node1"], n.hosts["node2"]
	node1.addAddress(vip, 32)
	log := history.NewLog(nil)
	o := clientOptions(n)
	o.HTTPPeriod = 10 * time.Millisecond
	stop := startClient(t, n.hosts["client"], log, o)
	seen := await(t, log, 0, "a refusal", lostBecause(history.StreamHTTP, "connection refused")).ID
	node1.serve(http.StatusOK)
	seen = await(t, log, seen, "a page of node1", answeredBy(history.StreamHTTP, "node1")).ID
	node2.serve(http.StatusServiceUnavailable)
	node1.removeAddress(vip, 32)
	seen = await(t, log, seen, "a timeout", lostBecause(history.StreamHTTP, "timeout")).ID
	node2.addAddress(vip, 32)
	node2.announce(vip)
	await(t, log, seen, "a page of node2", lostBecause(history.StreamHTTP, "status 503"))
	stop()
}

func TestReadClientDropsALineThatWasCutOff(t *testing.T) {
	var lines bytes.Buffer
	r := &reporter{host: "client"}
	r.add(5, history.Probe{Stream: history.StreamICMP, Seq: 1, RTT: 3})
	r.add(6, history.Probe{Stream: history.StreamICMP, Seq: 2, RTT: 3})
	if err := r.flush(&lines); err != nil {
		t.Fatal(err)
	}
	log := history.NewLog(nil)
	if err := ReadClient(bytes.NewReader(lines.Bytes()[:lines.Len()-3]), log); err != nil {
		t.Fatal(err)
	}
	events := log.Events()
	if len(events) != 1 || events[0].At != 5 || events[0].Host != "client" || events[0].ID != 1 {
		t.Errorf("read %+v", events)
	}
}

func TestReadClientNamesTheLineAtFault(t *testing.T) {
	err := ReadClient(strings.NewReader("{\"kind\":\"note\",\"body\":{}}\nnonsense\n"), history.NewLog(nil))
	if err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("error %v", err)
	}
}

func TestClientRefusesWhatItCannotAsk(t *testing.T) {
	for name, change := range map[string]func(*ClientOptions){
		"no address":      func(o *ClientOptions) { o.VIP = history.Node{}.Address },
		"no timeout":      func(o *ClientOptions) { o.Timeout = 0 },
		"negative period": func(o *ClientOptions) { o.HTTPPeriod = -1 },
		"nothing to do":   func(o *ClientOptions) { o.ICMPPeriod = 0 },
		"too many":        func(o *ClientOptions) { o.ICMPPeriod = time.Microsecond },
	} {
		o := ClientOptions{VIP: vip, Timeout: time.Second, ICMPPeriod: time.Millisecond}
		change(&o)
		if err := RunClient(t.Context(), o, &bytes.Buffer{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
