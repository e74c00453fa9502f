package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"takeover/daemon/control"
)

const (
	// metricsAddress is where metrics are served: for this host only.
	metricsAddress = "127.0.0.1:9165"
	metricsPath    = "/metrics"
	// metricsTimeout bounds a whole exchange with whoever collects.
	metricsTimeout = 20 * time.Second
	// metricsClientsMax is how many may collect at once.
	metricsClientsMax = 8
	// metricsRequestMax bounds a request with its header, in bytes.
	metricsRequestMax = 16 << 10
	// metricsType is the text format of Prometheus.
	metricsType = "text/plain; version=0.0.4; charset=utf-8"
)

// metrics is the command of that name: a process of its own, which asks the
// daemon whenever it is asked. What it needs of HTTP is one file, so that the
// daemon, which is the same program, does not carry package net/http: that
// alone makes each of its processes 2 MiB larger.
func metrics(arguments []string, stdout, stderr io.Writer) int {
	a := newAsking("metrics")
	var address string
	var once bool
	a.StringVar(&address, "listen", metricsAddress, "serve them at `ADDRESS:PORT`/metrics")
	a.BoolVar(&once, "once", false, "print them and end")
	return a.parsed(arguments, stdout, stderr, func() error {
		if !once {
			return a.serveMetrics(address, stdout)
		}
		return a.connect(func(ctx context.Context, c *control.Client) error {
			status, err := c.Status(ctx)
			if err != nil {
				return err
			}
			return writeMetrics(stdout, &status)
		})
	})
}

// serveMetrics serves until Ctrl-C, whether or not there is a daemon.
func (a *asking) serveMetrics(address string, stdout io.Writer) error {
	ctx, stop := untilInterrupted()
	defer stop()
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("serve metrics: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	fmt.Fprintf(stdout, "http://%s%s\n", l.Addr(), metricsPath)
	clients := make(chan struct{}, metricsClientsMax)
	for {
		clients <- struct{}{}
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("serve metrics: %w", err)
		}
		go func() {
			defer func() { <-clients }()
			a.answerHTTP(ctx, conn)
		}()
	}
}

// answerHTTP answers one request (RFC 9112) and closes the connection.
func (a *asking) answerHTTP(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(metricsTimeout)); err != nil {
		return
	}
	path, err := readRequest(bufio.NewReader(io.LimitReader(conn, metricsRequestMax)))
	status, body := "200 OK", new(bytes.Buffer)
	switch {
	case errors.Is(err, errMethod):
		status = "405 Method Not Allowed"
	case err != nil:
		status = "400 Bad Request"
	case path != metricsPath:
		status = "404 Not Found"
	default:
		// Nothing fails in memory.
		_ = writeMetrics(body, a.statusNow(ctx))
	}
	// An error is that the collector has gone.
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		status, metricsType, body.Len(), body)
}

// errMethod says that the request is another than GET.
var errMethod = errors.New("only GET is answered")

// readRequest reads a request and its header, and returns the path without a
// query.
func readRequest(r *bufio.Reader) (path string, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	words := strings.Fields(line)
	if len(words) != 3 || !strings.HasPrefix(words[2], "HTTP/1.") {
		return "", fmt.Errorf("read a request: %q is none", line)
	}
	for header := "?"; strings.TrimRight(header, "\r\n") != ""; {
		if header, err = r.ReadString('\n'); err != nil {
			return "", err
		}
	}
	if words[0] != "GET" {
		return "", errMethod
	}
	path, _, _ = strings.Cut(words[1], "?")
	return path, nil
}

// statusNow asks the daemon; nil: it does not answer.
func (a *asking) statusNow(ctx context.Context) *control.Status {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	c, err := control.Dial(ctx, a.options.controlPath())
	if err != nil {
		return nil
	}
	defer c.Close()
	status, err := c.Status(ctx)
	if err != nil {
		return nil
	}
	return &status
}
