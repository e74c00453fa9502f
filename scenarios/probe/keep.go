//go:build linux

package probe

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"takeover/scenarios/history"
)

// keeper is the stream of HTTP requests over one connection. A request is sent
// when it is due, whether those before it were answered or not (RFC 9112 §9.3.2).
// When one of them waits for longer than the timeout, or the connection fails,
// all that wait are lost, and the next request opens a new one.
type keeper struct {
	ClientOptions
	clock   Clock
	report  *reporter
	current *kept // of the schedule's thread
}

// kept is a connection with its requests.
type kept struct {
	*keeper
	requests chan keptRequest // to be written; closed never
	cancel   context.CancelFunc

	mu      sync.Mutex
	waiting []keptRequest // in the order in which they were made
	over    bool
}

type keptRequest struct {
	seq int
	at  time.Duration
}

// step makes a request. It never waits.
func (k *keeper) step(ctx context.Context, work *errgroup.Group, seq int) {
	request := keptRequest{seq, k.clock.Now()}
	if k.current != nil && k.current.add(request) {
		return
	}
	inner, cancel := context.WithCancel(ctx)
	c := &kept{keeper: k, requests: make(chan keptRequest, outstandingMax), cancel: cancel}
	k.current = c
	c.add(request)
	work.Go(func() error { c.run(ctx, inner); return nil })
}

// add hands a request over; false when the connection is over, or is so now.
func (c *kept) add(request keptRequest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over && len(c.waiting) > 0 && request.at-c.waiting[0].at > c.Timeout {
		c.fail(errorTimeout)
	}
	if c.over {
		return false
	}
	select {
	case c.requests <- request:
		c.waiting = append(c.waiting, request)
		return true
	default: // more than may be under way
		c.fail(errorTimeout)
		return false
	}
}

// fail reports all that wait as lost. The caller holds mu.
func (c *kept) fail(why string) {
	for _, request := range c.waiting {
		c.report.add(request.at, history.Probe{Stream: history.StreamKeepAlive, Seq: request.seq, Error: why})
	}
	c.waiting, c.over = nil, true
	c.cancel()
}

// run opens the connection and writes requests to it until it is over. What is
// under way when the client ends is left out.
func (c *kept) run(ctx, inner context.Context) {
	defer c.cancel()
	err := c.exchange(inner)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	if ctx.Err() != nil {
		c.over = true
		return
	}
	c.fail(reason(err))
}

func (c *kept) exchange(ctx context.Context) error {
	dialer := net.Dialer{KeepAlive: -1}
	connection, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(c.VIP, 80).String())
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	defer func() {
		if tcp, ok := connection.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // nothing of it is sent again later
		}
		_ = connection.Close()
	}()
	var reading sync.WaitGroup
	defer reading.Wait()
	read := make(chan error, 1)
	reading.Go(func() { read <- c.read(connection) })
	text := "GET / HTTP/1.1\r\nHost: " + hostHeader(c.VIP) + "\r\nUser-Agent: takeover\r\n\r\n"
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-read:
			return err
		case <-c.requests:
			if _, err := io.WriteString(connection, text); err != nil {
				_ = connection.SetDeadline(time.Unix(1, 0))
				return err
			}
		}
	}
}

// errClosing means that the server will answer no more on this connection.
var errClosing = errors.New("closed by the server")

// read reports the answers, each of which is for the oldest request that waits.
func (c *kept) read(connection io.Reader) error {
	answers := bufio.NewReaderSize(connection, bodyMax)
	for {
		response, err := http.ReadResponse(answers, nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(io.LimitReader(response.Body, bodyMax))
		came := c.clock.Now()
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		c.answered(response.StatusCode, string(body), came)
		if response.Close {
			return errClosing
		}
	}
}

func (c *kept) answered(status int, body string, came time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return // it was given up
	}
	request := c.waiting[0]
	c.waiting = c.waiting[1:]
	probe := history.Probe{Stream: history.StreamKeepAlive, Seq: request.seq}
	if status == http.StatusOK {
		probe.RTT, probe.By = max(came-request.at, 1), hostOf(c.Bodies, body)
	} else {
		probe.Error = statusError(status).Error()
	}
	c.report.add(request.at, probe)
}
