//go:build linux

package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"takeover/scenarios/history"
)

// clientFlush is how often the client hands over what it has.
const clientFlush = 20 * time.Millisecond

// ClientOptions says what a client asks for. It can be handed to another
// process as JSON.
type ClientOptions struct {
	Host string     `json:"host"` // the client's name in the history
	VIP  netip.Addr `json:"vip"`
	// ICMPPeriod and HTTPPeriod are the distances between the probes of a
	// stream, usually 1 ms and 10 ms; 0 leaves the stream out.
	ICMPPeriod time.Duration `json:"icmp_period_ns"`
	HTTPPeriod time.Duration `json:"http_period_ns"`
	// UDPPeriod, TCPPeriod and KeepAlivePeriod are those of datagrams and connects
	// to an echo server (ServeEcho), and of HTTP requests over a kept connection.
	UDPPeriod       time.Duration `json:"udp_period_ns,omitempty"`
	TCPPeriod       time.Duration `json:"tcp_period_ns,omitempty"`
	KeepAlivePeriod time.Duration `json:"keep_alive_period_ns,omitempty"`
	// Connections is how many long-lived connections to the echo server are held,
	// with heartbeats every HeartbeatPeriod.
	Connections     int           `json:"connections,omitempty"`
	HeartbeatPeriod time.Duration `json:"heartbeat_period_ns,omitempty"`
	// Timeout is when a probe is given up; usually 1 s.
	Timeout time.Duration `json:"timeout_ns"`
	// Origin is the trial's: see ClockAt.
	Origin int64 `json:"origin_ns"`
	// MACs leads from a MAC address (lower case, colons) to its host.
	MACs map[string]string `json:"macs"`
	// Bodies leads from what a web server answers, without white space around
	// it, to its host. Other bodies stand for themselves.
	Bodies map[string]string `json:"bodies"`
}

// outstandingMax bounds the probes of a stream that are under way.
const outstandingMax = 1 << 15

func (o ClientOptions) validate() error {
	if !o.VIP.IsValid() || o.VIP.Zone() != "" || o.VIP.IsLinkLocalUnicast() {
		return fmt.Errorf("VIP %s is no address that can be asked without an interface", o.VIP)
	}
	if o.Timeout <= 0 {
		return fmt.Errorf("timeout %s is not positive", o.Timeout)
	}
	periods := []time.Duration{o.ICMPPeriod, o.HTTPPeriod, o.UDPPeriod, o.TCPPeriod, o.KeepAlivePeriod}
	if slices.Max(periods) == 0 && o.Connections == 0 {
		return errors.New("no stream has a period")
	}
	if o.Connections > 0 && o.HeartbeatPeriod <= 0 {
		return fmt.Errorf("heartbeats every %s", o.HeartbeatPeriod)
	}
	for _, period := range periods {
		if period < 0 || (period > 0 && o.Timeout/period >= outstandingMax) {
			return fmt.Errorf("period %s is negative, or too short for timeout %s", period, o.Timeout)
		}
	}
	return nil
}

// RunClient asks the VIP from the network namespace of its process until ctx
// ends, and writes events as JSON lines to out: a [history.Probe] for each
// probe that was answered or given up, a [history.Connection] for each turn in
// the life of a long-lived connection. Those then still under way are left
// out. It returns nil at the end of ctx.
//
// The load is open: probe n is due at the stream's start + n periods, however
// slow the answers are. One that is late is sent at once and keeps its number.
//
// A probe that the client's own kernel refuses to send, for want of a route or
// of a device, is a lost one with that reason. RunClient fails only when it
// cannot observe: no raw socket, or nobody to write to.
//
// It wants a process of its own: the thread that keeps the schedule takes one
// of the Go scheduler's processors for itself, for which GOMAXPROCS is raised
// by one meanwhile.
func RunClient(ctx context.Context, o ClientOptions, out io.Writer) error {
	if err := o.validate(); err != nil {
		return fmt.Errorf("run client: %w", err)
	}
	r := &reporter{host: o.Host}
	clock := ClockAt(o.Origin)
	schedule := &schedule{clock: clock}
	if o.ICMPPeriod > 0 {
		echo, err := openEcho(clock, o, r)
		if err != nil {
			return fmt.Errorf("run client: %w", err)
		}
		defer echo.close()
		schedule.add(o.ICMPPeriod, echo.step)
	}
	work, ctx := errgroup.WithContext(ctx)
	if o.HTTPPeriod > 0 {
		fetch := &fetcher{ClientOptions: o, clock: clock, report: r}
		schedule.add(o.HTTPPeriod, func(seq int) error {
			work.Go(func() error { fetch.probe(ctx, seq); return nil })
			return nil
		})
	}
	if o.UDPPeriod > 0 {
		datagrams, err := openDatagrams(clock, o, r)
		if err != nil {
			return fmt.Errorf("run client: %w", err)
		}
		defer datagrams.close()
		schedule.add(o.UDPPeriod, datagrams.step)
	}
	addConnecting(ctx, work, schedule, o, r)
	processors := runtime.GOMAXPROCS(0)
	runtime.GOMAXPROCS(processors + 1)
	defer runtime.GOMAXPROCS(processors)
	if len(schedule.streams) > 0 {
		work.Go(func() error { return schedule.run(ctx) })
	}
	work.Go(func() error { return r.write(ctx, out) })
	err := work.Wait()
	if err == nil {
		err = r.flush(out)
	}
	if err != nil {
		return fmt.Errorf("run client: %w", err)
	}
	return nil
}

// reporter hands probes from the threads that send them to the one that
// writes, so that a slow reader never delays a probe.
type reporter struct {
	host string

	mu     sync.Mutex
	events []history.Event
}

func (r *reporter) add(at time.Duration, body history.Body) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, history.Event{At: at, Host: r.host, Body: body})
}

// write flushes again and again until ctx ends or writing fails.
func (r *reporter) write(ctx context.Context, out io.Writer) error {
	ticker := time.NewTicker(clientFlush)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			if err := r.flush(out); err != nil {
				return err
			}
		}
	}
}

func (r *reporter) flush(out io.Writer) error {
	r.mu.Lock()
	events := r.events
	r.events = make([]history.Event, 0, len(events))
	r.mu.Unlock()
	if len(events) == 0 {
		return nil
	}
	buffered := bufio.NewWriterSize(out, 1<<16)
	if err := history.Write(buffered, events); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	return nil
}

// ReadClient appends the events that a client writes to the log until r ends.
// A last line that was cut off, as a killed client leaves it, is dropped; any
// other fault is an error with its line number.
func ReadClient(r io.Reader, log *history.Log) error {
	reader := bufio.NewReaderSize(r, 1<<16)
	for number := 1; ; number++ {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read client's line %d: %w", number, err)
		}
		var event history.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return fmt.Errorf("read client's line %d: %w", number, err)
		}
		log.Append(event.At, event.Host, event.Body)
	}
}
