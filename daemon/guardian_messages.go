package daemon

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// guardianMessage is a line of JSON that the worker sends its guardian.
type guardianMessage struct {
	State   *guardedState `json:"state,omitempty"`
	Goodbye bool          `json:"goodbye,omitempty"`
	Worker  int           `json:"worker"` // its pid
	// Uptime is how long the worker has run.
	Uptime time.Duration `json:"uptime_ns"`
}

// heard is what a guardian knows when its worker has ended.
type heard struct {
	state   guardedState
	goodbye bool
	hangs   bool
	worker  int       // its pid; 0 when nothing was heard
	started time.Time // of the worker
}

// listenTo reads messages until the pipe ends, which it does when the worker
// ends in whatever way, and tells what it knows after each. A last line that
// was cut off counts for nothing. now is the clock.
func listenTo(pipe io.Reader, now func() time.Time, tell func(heard)) (heard, error) {
	h := heard{started: now()}
	reader := bufio.NewReader(pipe)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return h, nil
		}
		if err != nil {
			return h, fmt.Errorf("read from the worker: %w", err)
		}
		var m guardianMessage
		if err := json.Unmarshal(line, &m); err != nil {
			return h, fmt.Errorf("read from the worker: %w", err)
		}
		h.worker = m.Worker
		h.started = now().Add(-m.Uptime)
		if m.State != nil {
			h.state = *m.State
		}
		if m.Goodbye {
			h.goodbye = true
			return h, nil
		}
		tell(h)
	}
}

// writeMessage writes one message as one write.
func writeMessage(w io.Writer, m guardianMessage) error {
	line, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write to the guardian: %w", err)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("write to the guardian: %w", err)
	}
	return nil
}
