package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// lineBytesMax bounds a reply: the status of an instance with a thousand
// addresses is a tenth of it.
const lineBytesMax = 4 << 20

// Client is a connection to a daemon. It is for one goroutine.
type Client struct {
	conn  net.Conn
	lines *bufio.Scanner
}

// Dial connects to the daemon whose socket is at path.
func Dial(ctx context.Context, path string) (*Client, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("connect to vipd: %w", err)
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(nil, lineBytesMax)
	return &Client{conn: conn, lines: lines}, nil
}

// Close ends the connection.
func (c *Client) Close() { _ = c.conn.Close() } // nothing is left unsent

// RefusedError is the daemon's own word on why it does not do as asked.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// ask sends a request and gives each line of the answer to take, but for the
// last one, which it returns. When ctx is done the connection is closed.
func (c *Client) ask(ctx context.Context, r Request, take func(Reply) error) (Reply, error) {
	defer context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Now()) })()
	r.Version = Version
	line, err := json.Marshal(r)
	if err != nil {
		return Reply{}, err
	}
	if _, err := c.conn.Write(append(line, '\n')); err != nil {
		return Reply{}, c.failed(ctx, err)
	}
	for c.lines.Scan() {
		var reply Reply
		if err := json.Unmarshal(c.lines.Bytes(), &reply); err != nil {
			return Reply{}, fmt.Errorf("read from vipd: %w", err)
		}
		switch {
		case reply.Version != Version:
			return Reply{}, fmt.Errorf("read from vipd: protocol version %d is not %d", reply.Version, Version)
		case reply.Error != "":
			return Reply{}, &RefusedError{Reason: reply.Error}
		case reply.Done:
			return reply, nil
		}
		if err := take(reply); err != nil {
			return Reply{}, err
		}
	}
	err = c.lines.Err()
	if err == nil {
		err = errors.New("it has closed the connection")
	}
	return Reply{}, c.failed(ctx, err)
}

func (c *Client) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("ask vipd: %w", err)
}

// Status asks for the status.
func (c *Client) Status(ctx context.Context) (Status, error) {
	status := Status{Instances: []Instance{}}
	_, err := c.ask(ctx, Request{Request: RequestStatus}, func(r Reply) error {
		switch {
		case r.Status != nil:
			status = *r.Status
			status.Instances = []Instance{}
		case r.Instance != nil:
			status.Instances = append(status.Instances, *r.Instance)
		}
		return nil
	})
	return status, err
}

// Events gives take the latest events, and with follow all that come, until
// ctx is done or take returns an error.
func (c *Client) Events(ctx context.Context, follow bool, take func(Event) error) error {
	_, err := c.ask(ctx, Request{Request: RequestEvents, Follow: follow}, func(r Reply) error {
		if r.Event == nil {
			return nil
		}
		return take(*r.Event)
	})
	return err
}

// Reload has the daemon read its configuration again. A RefusedError says that
// it goes on with the one it has, and why.
func (c *Client) Reload(ctx context.Context) error {
	_, err := c.ask(ctx, Request{Request: RequestReload}, func(Reply) error { return nil })
	return err
}

// Program asks for the name and version of the daemon.
func (c *Client) Program(ctx context.Context) (string, error) {
	r, err := c.ask(ctx, Request{Request: RequestVersion}, func(Reply) error { return nil })
	return r.Program, err
}
