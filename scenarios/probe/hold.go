//go:build linux

package probe

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

const (
	// silenceMax is how long a connection may go without an answer to any
	// heartbeat: longer than any failover with the usual timers.
	silenceMax = 10 * time.Second
	// beatLength is a heartbeat: its number.
	beatLength = 8
)

// holder holds long-lived connections to the echo server.
type holder struct {
	ClientOptions
	clock  Clock
	report *reporter
	opened atomic.Int64 // connections, which numbers them
}

// hold opens a connection, and another whenever that is lost, until ctx ends.
func (h *holder) hold(ctx context.Context) {
	for ctx.Err() == nil {
		begun := h.clock.Now()
		deadline, cancel := context.WithTimeout(ctx, h.Timeout)
		connection, answers, name, err := dialEcho(deadline, h.VIP)
		cancel()
		if err == nil {
			l := &held{holder: h, connection: connection, answers: answers}
			l.state = history.Connection{Number: int(h.opened.Add(1)), By: name}
			l.live(ctx)
		}
		rest := time.NewTimer(h.HeartbeatPeriod - min(h.clock.Now()-begun, h.HeartbeatPeriod))
		select {
		case <-ctx.Done():
		case <-rest.C:
		}
		rest.Stop()
	}
}

// held is one connection.
type held struct {
	*holder
	connection *net.TCPConn
	answers    *bufio.Reader

	mu    sync.Mutex
	state history.Connection
	heard time.Duration // the last answer
}

// live beats until the connection is lost or ctx ends, and reports both turns.
func (l *held) live(ctx context.Context) {
	l.heard = l.clock.Now()
	l.tell(history.FateOpened, l.heard, nil)
	lost := make(chan error, 1)
	go func() { lost <- l.hear() }()
	ticker := time.NewTicker(l.HeartbeatPeriod)
	defer ticker.Stop()
	fate, err := history.FateSurvived, error(nil)
	for seq := uint64(0); fate == history.FateSurvived && ctx.Err() == nil; seq++ {
		// What can't be written waits in the socket; hear tells what is wrong.
		_ = l.connection.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = l.connection.Write(binary.BigEndian.AppendUint64(nil, seq))
		select {
		case <-ctx.Done():
		case err = <-lost:
			fate = fateOf(err)
		case <-ticker.C:
			if l.silence(l.clock.Now()) > silenceMax {
				fate, err = history.FateTimedOut, errors.New("no answer for "+silenceMax.String())
			}
		}
	}
	at := l.clock.Now()
	_ = l.connection.SetLinger(0)
	_ = l.connection.Close()
	l.tell(fate, at, err)
}

// hear reads answers until there are no more.
func (l *held) hear() error {
	beat := make([]byte, beatLength)
	for {
		if _, err := io.ReadFull(l.answers, beat); err != nil {
			return err
		}
		now := l.clock.Now()
		l.mu.Lock()
		l.state.Heartbeats++
		l.state.SilenceMax = max(l.state.SilenceMax, now-l.heard)
		l.heard = now
		l.mu.Unlock()
	}
}

// silence is how long there was no answer.
func (l *held) silence(now time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return now - l.heard
}

func (l *held) tell(fate history.Fate, at time.Duration, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state.Fate = fate
	if why != nil {
		l.state.Error = reason(why)
	}
	l.state.SilenceMax = max(l.state.SilenceMax, at-l.heard)
	l.report.add(at, l.state)
}

// fateOf is what the end of a connection means. All but the other end's doing is a
// timeout: the kernel gives up too, or knows no way any more.
func fateOf(err error) history.Fate {
	for _, other := range []error{io.EOF, io.ErrUnexpectedEOF, unix.ECONNRESET, unix.EPIPE} {
		if errors.Is(err, other) {
			return history.FateReset
		}
	}
	return history.FateTimedOut
}
