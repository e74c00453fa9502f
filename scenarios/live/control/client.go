package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// SocketName is the socket in a lab's directory.
const SocketName = "control.sock"

// Client talks to a lab.
type Client struct{ http http.Client }

// ErrGone means that nobody answers at the socket.
var ErrGone = errors.New("the lab does not answer")

// answerTimeout bounds how long the head of an answer may take: some faults
// take seconds to apply or to undo.
const answerTimeout = time.Minute

// NewClient returns a client of the lab in the directory. It connects with the
// first request.
func NewClient(directory string) *Client {
	return &Client{http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial(ctx, directory)
		},
		ResponseHeaderTimeout: answerTimeout,
	}}}
}

// dial connects by way of the directory's descriptor, for a socket's address
// has 107 bytes at most (unix(7)) and a directory's path may be longer.
func dial(ctx context.Context, directory string) (net.Conn, error) {
	fd, err := unix.Open(directory, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: directory, Err: err}
	}
	defer unix.Close(fd)
	var d net.Dialer
	return d.DialContext(ctx, "unix", filepath.Join("/proc/self/fd", strconv.Itoa(fd), SocketName))
}

// Status asks how the lab stands.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var status Status
	return status, c.ask(ctx, http.MethodGet, "/status", nil, &status)
}

// Strike applies a fault.
func (c *Client) Strike(ctx context.Context, strike Strike) ([]Fault, error) {
	var applied []Fault
	return applied, c.ask(ctx, http.MethodPost, "/faults", strike, &applied)
}

// Clear undoes a fault in force.
func (c *Client) Clear(ctx context.Context, id int) error {
	return c.ask(ctx, http.MethodDelete, "/faults/"+strconv.Itoa(id), nil, nil)
}

// ClearAll undoes every fault in force.
func (c *Client) ClearAll(ctx context.Context) error {
	return c.ask(ctx, http.MethodDelete, "/faults", nil, nil)
}

// Enter makes a host ready to be entered and returns its first process, as the
// sandbox sees it.
func (c *Client) Enter(ctx context.Context, host string) (pid int, err error) {
	return pid, c.ask(ctx, http.MethodPost, "/hosts/"+url.PathEscape(host)+"/enter", nil, &pid)
}

// Events streams the history as JSON lines from behind an event, to the end or,
// with follow, until ctx ends.
func (c *Client) Events(ctx context.Context, after int, follow bool) (io.ReadCloser, error) {
	query := url.Values{"after": {strconv.Itoa(after)}}
	if follow {
		query.Set("follow", "1")
	}
	return c.stream(ctx, "/events?"+query.Encode())
}

// Capture streams the frames of a place, see [Lab], as pcapng until ctx ends.
func (c *Client) Capture(ctx context.Context, place string) (io.ReadCloser, error) {
	return c.stream(ctx, "/capture?"+url.Values{"place": {place}}.Encode())
}

func (c *Client) stream(ctx context.Context, path string) (io.ReadCloser, error) {
	response, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}

// ask sends a request and reads the answer into a value unless it is nil.
func (c *Client) ask(ctx context.Context, method, path string, body, value any) error {
	response, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if value == nil {
		return nil
	}
	if err := json.NewDecoder(response.Body).Decode(value); err != nil {
		return fmt.Errorf("%w: read its answer: %w", ErrGone, err)
	}
	return nil
}

// do sends a request and turns a refusal into its error.
func (c *Client) do(ctx context.Context, method, path string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://lab"+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", ErrGone, errors.Unwrap(err))
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	var problem Problem
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil {
		return nil, fmt.Errorf("%w: %s %s: %s", ErrGone, method, path, response.Status)
	}
	if problem.Usage {
		return nil, Usage(errors.New(problem.Error))
	}
	return nil, errors.New(problem.Error)
}
