//go:build linux

package probe

import (
	"bufio"
	"context"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"takeover/scenarios/history"
)

// addConnecting adds the streams over TCP beside plain HTTP.
func addConnecting(ctx context.Context, work *errgroup.Group, s *schedule, o ClientOptions, r *reporter) {
	if o.TCPPeriod > 0 {
		c := &connector{ClientOptions: o, clock: s.clock, report: r}
		s.add(o.TCPPeriod, func(seq int) error {
			work.Go(func() error { c.probe(ctx, seq); return nil })
			return nil
		})
	}
	if o.KeepAlivePeriod > 0 {
		k := &keeper{ClientOptions: o, clock: s.clock, report: r}
		s.add(o.KeepAlivePeriod, func(seq int) error {
			k.step(ctx, work, seq)
			return nil
		})
	}
	if o.Connections > 0 {
		h := &holder{ClientOptions: o, clock: s.clock, report: r}
		for range o.Connections {
			work.Go(func() error { h.hold(ctx); return nil })
		}
	}
}

// connector is the stream of connects to the echo server.
type connector struct {
	ClientOptions
	clock  Clock
	report *reporter
}

// probe connects once, waits for the server's name, and reports it, unless ctx
// ended meanwhile.
func (c *connector) probe(ctx context.Context, seq int) {
	deadline, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	at := c.clock.Now()
	connection, _, name, err := dialEcho(deadline, c.VIP)
	rtt := c.clock.Now() - at
	probe := history.Probe{Stream: history.StreamTCP, Seq: seq}
	switch {
	case err == nil:
		_ = connection.SetLinger(0) // no port is kept waiting for its like
		_ = connection.Close()
		probe.RTT, probe.By = max(rtt, 1), name
	case ctx.Err() != nil:
		return
	default:
		probe.Error = reason(err)
	}
	c.report.add(at, probe)
}

// dialEcho connects to the echo server and reads its name.
func dialEcho(ctx context.Context, host netip.Addr) (connection *net.TCPConn, answers *bufio.Reader, name string, err error) {
	dialer := net.Dialer{KeepAlive: -1}
	opened, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(host, EchoPort).String())
	if err != nil {
		return nil, nil, "", err
	}
	connection = opened.(*net.TCPConn) // a dialer of tcp has no other
	stop := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answers = bufio.NewReaderSize(connection, bodyMax)
	name, err = answers.ReadString('\n')
	if err != nil {
		_ = connection.SetLinger(0)
		_ = connection.Close()
		return nil, nil, "", err
	}
	return connection, answers, strings.TrimSpace(name), nil
}
