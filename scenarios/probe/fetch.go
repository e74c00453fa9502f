//go:build linux

package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"takeover/scenarios/history"
)

const (
	// bodyMax is as much of a body as is read, in bytes.
	bodyMax = 4096
	// bodyShown is as much of an unknown body as is reported, in bytes.
	bodyShown = 64
	// errorTimeout is the error of a probe that got no answer in time.
	errorTimeout = "timeout"
)

// fetcher is the stream of HTTP requests, each on a connection of its own.
type fetcher struct {
	ClientOptions
	clock  Clock
	report *reporter
}

// probe asks once and reports it, unless ctx ended meanwhile.
func (f *fetcher) probe(ctx context.Context, seq int) {
	deadline, cancel := context.WithTimeout(ctx, f.Timeout)
	defer cancel()
	at := f.clock.Now()
	body, err := get(deadline, netip.AddrPortFrom(f.VIP, 80))
	rtt := f.clock.Now() - at
	probe := history.Probe{Stream: history.StreamHTTP, Seq: seq}
	switch {
	case err == nil:
		probe.RTT, probe.By = max(rtt, 1), hostOf(f.Bodies, body)
	case ctx.Err() != nil:
		return
	default:
		probe.Error = reason(err)
	}
	f.report.add(at, probe)
}

// hostOf is the host that answers with a body.
func hostOf(bodies map[string]string, body string) string {
	body = strings.TrimSpace(body)
	if host, ok := bodies[body]; ok {
		return host
	}
	return strings.ToValidUTF8(body[:min(len(body), bodyShown)], "")
}

// get fetches / from a server on a new connection and returns the body. A
// connection that fails is reset, so that nothing of it is sent again later.
func get(ctx context.Context, server netip.AddrPort) (string, error) {
	dialer := net.Dialer{KeepAlive: -1} // none: a connection lives for one answer
	connection, err := dialer.DialContext(ctx, "tcp", server.String())
	if err != nil {
		return "", err
	}
	defer func() { _ = connection.Close() }()
	body, err := exchange(ctx, connection, server.Addr())
	if tcp, ok := connection.(*net.TCPConn); ok && err != nil {
		_ = tcp.SetLinger(0)
	}
	return body, err
}

func exchange(ctx context.Context, connection net.Conn, host netip.Addr) (string, error) {
	// At the end of ctx reading ends too, be it by time or by cancelling.
	stop := context.AfterFunc(ctx, func() { _ = connection.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	request := "GET / HTTP/1.1\r\nHost: " + hostHeader(host) + "\r\nUser-Agent: takeover\r\nConnection: close\r\n\r\n"
	if _, err := io.WriteString(connection, request); err != nil {
		return "", err
	}
	response, err := http.ReadResponse(bufio.NewReaderSize(connection, bodyMax), nil)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, bodyMax))
	if err != nil {
		return "", err
	}
	if response.StatusCode != http.StatusOK {
		return "", statusError(response.StatusCode)
	}
	return string(body), nil
}

// statusError is a status that is no success.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// hostHeader is an address as a URI has it: RFC 3986, section 3.2.2.
func hostHeader(host netip.Addr) string {
	if host.Is6() {
		return "[" + host.String() + "]"
	}
	return host.String()
}

// reason is an error without the addresses, which are the same in every probe.
func reason(err error) string {
	var timeout net.Error
	var errno syscall.Errno
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return errorTimeout
	case errors.As(err, &errno):
		return errno.Error()
	default:
		return err.Error()
	}
}
