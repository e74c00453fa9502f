package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// clientsMax is how many clients may be connected at once.
	clientsMax = 16
	// requestBytesMax bounds a request.
	requestBytesMax = 4096
	// idleTimeout is how long a client may be silent between two requests.
	idleTimeout = time.Minute
	// writeTimeout is how long a client may leave what it is sent.
	writeTimeout = 5 * time.Second
	// statusTimeout bounds how long the daemon may take to tell its status.
	statusTimeout = 5 * time.Second
	// reloadTimeout bounds how long a reload may take.
	reloadTimeout = time.Minute
	// Between batches of lines the server rests: the daemon may run on one
	// processor, and its timers go first.
	batchLines = 16
	batchRest  = 50 * time.Microsecond
)

// Daemon is what the server asks. Its functions may be called by several
// goroutines at once.
type Daemon struct {
	Program string // what RequestVersion tells
	// Status is the status without instances, and these one by one.
	Status func(context.Context) (Status, iter.Seq[Instance], error)
	Reload func(context.Context) error
	Hub    *Hub
	Logger *slog.Logger
}

// Server answers clients.
type Server struct {
	daemon  Daemon
	timeout time.Duration // writeTimeout, but for tests
	clients atomic.Int64
	dropped atomic.Uint64
}

// NewServer returns a server for d. Serve it.
func NewServer(d Daemon) *Server { return &Server{daemon: d, timeout: writeTimeout} }

// Serve answers all who connect to l until ctx is done; it then closes l and
// all connections.
func (s *Server) Serve(ctx context.Context, l *net.UnixListener) {
	var all sync.WaitGroup
	defer all.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer l.Close()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for ctx.Err() == nil {
		conn, err := l.AcceptUnix()
		switch {
		case ctx.Err() != nil || errors.Is(err, net.ErrClosed):
			return
		case err != nil: // too many files are open
			s.daemon.Logger.Warn("control client not accepted", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
			continue
		}
		if s.clients.Add(1) > clientsMax {
			s.refuse(conn)
			continue
		}
		all.Go(func() {
			defer s.clients.Add(-1)
			s.attend(ctx, conn)
		})
	}
}

// refuse turns one client too many away.
func (s *Server) refuse(conn *net.UnixConn) {
	defer conn.Close()
	defer s.clients.Add(-1)
	c := client{conn: conn, timeout: s.timeout}
	// An empty socket takes a line at once; a client that is gone needs none.
	_ = c.send(Reply{Error: fmt.Sprintf("%d clients are connected already", clientsMax), Done: true})
}

// client is one connection.
type client struct {
	conn    *net.UnixConn
	timeout time.Duration
	line    bytes.Buffer // reused
	lines   int
}

// send writes one line. The error says that the client does not read, or is
// gone.
func (c *client) send(r Reply) error {
	r.Version = Version
	c.line.Reset()
	if err := json.NewEncoder(&c.line).Encode(r); err != nil {
		return err
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return err
	}
	if _, err := c.conn.Write(c.line.Bytes()); err != nil {
		return err
	}
	if c.lines++; c.lines%batchLines == 0 {
		time.Sleep(batchRest)
	}
	return nil
}

// errSlow says that events came faster than the client took them.
var errSlow = errors.New("the client does not read")

// attend answers one client until it leaves, does not read, or ctx is done.
func (s *Server) attend(ctx context.Context, conn *net.UnixConn) {
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	c := &client{conn: conn, timeout: s.timeout}
	reader := bufio.NewReaderSize(conn, requestBytesMax)
	for {
		if err := conn.SetReadDeadline(time.Now().Add(idleTimeout)); err != nil {
			return
		}
		line, err := reader.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			_ = c.send(Reply{Error: fmt.Sprintf("a request has at most %d bytes", requestBytesMax), Done: true})
			return
		}
		if err != nil { // it has left
			return
		}
		err = s.answer(ctx, c, line)
		if timeout, is := errors.AsType[net.Error](err); errors.Is(err, errSlow) || is && timeout.Timeout() {
			s.dropped.Add(1)
			s.daemon.Logger.Warn("control client dropped", "reason", errSlow, "dropped", s.dropped.Load())
		}
		if err != nil {
			return
		}
	}
}

// answer answers one request. An error ends the connection.
func (s *Server) answer(ctx context.Context, c *client, line []byte) error {
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		return c.send(Reply{Error: "a request is a line of JSON: " + err.Error(), Done: true})
	}
	if r.Version != Version {
		return c.send(Reply{Error: fmt.Sprintf("protocol version %d is not %d", r.Version, Version), Done: true})
	}
	switch r.Request {
	case RequestStatus:
		return s.sendStatus(ctx, c)
	case RequestEvents:
		return s.sendEvents(ctx, c, r.Follow)
	case RequestReload:
		return c.send(outcome(s.reload(ctx, c.conn)))
	case RequestVersion:
		return c.send(Reply{Program: s.daemon.Program, Done: true})
	}
	return c.send(Reply{Error: fmt.Sprintf("unknown request %q", r.Request), Done: true})
}

// outcome is the last line of an answer.
func outcome(err error) Reply {
	if err != nil {
		return Reply{Error: err.Error(), Done: true}
	}
	return Reply{Done: true}
}

func (s *Server) sendStatus(ctx context.Context, c *client) error {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	status, instances, err := s.daemon.Status(ctx)
	if err != nil {
		return c.send(outcome(err))
	}
	status.Program = s.daemon.Program
	status.Clients, status.ClientsDropped = int(s.clients.Load()), s.dropped.Load()
	status.EventsLost = s.daemon.Hub.Lost()
	if err := c.send(Reply{Status: &status}); err != nil {
		return err
	}
	for instance := range instances {
		if err := c.send(Reply{Instance: &instance}); err != nil {
			return err
		}
	}
	return c.send(Reply{Done: true})
}

// sendEvents sends the latest events, and those that come if the client
// follows them.
func (s *Server) sendEvents(ctx context.Context, c *client, follow bool) error {
	if !follow {
		for _, e := range s.daemon.Hub.Recent() {
			if err := c.send(Reply{Event: e}); err != nil {
				return err
			}
		}
		return c.send(Reply{Done: true})
	}
	latest, l := s.daemon.Hub.listen()
	defer s.daemon.Hub.leave(l)
	for _, e := range latest {
		if err := c.send(Reply{Event: e}); err != nil {
			return err
		}
	}
	left := hungUp(c.conn)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-left:
			return net.ErrClosed
		case e, ok := <-l.queue:
			if !ok {
				return errSlow
			}
			if err := c.send(Reply{Event: e}); err != nil {
				return err
			}
		}
	}
}

// hungUp is closed when a client that only listens leaves, or says anything.
func hungUp(conn *net.UnixConn) <-chan struct{} {
	left := make(chan struct{})
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		close(left)
		return left
	}
	go func() {
		defer close(left)
		var one [1]byte
		_, _ = conn.Read(one[:]) // whatever it says, or that it is gone
	}()
	return left
}

// reload has the daemon reload, and logs who asked.
func (s *Server) reload(ctx context.Context, conn *net.UnixConn) error {
	of, err := peer(conn)
	if err != nil {
		return err
	}
	s.daemon.Logger.Info("reload asked for", "pid", of.Pid, "uid", of.Uid)
	ctx, cancel := context.WithTimeout(ctx, reloadTimeout)
	defer cancel()
	return s.daemon.Reload(ctx)
}
