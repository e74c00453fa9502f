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
	// Instances are those that are new or have changed.
	Instances []guardedInstance `json:"instances,omitempty"`
	Goodbye   bool              `json:"goodbye,omitempty"`
	Worker    int               `json:"worker"` // its pid
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

// hear adds what a message says that came at now.
func (h *heard) hear(now time.Time, m guardianMessage) {
	h.worker = m.Worker
	h.started = now.Add(-m.Uptime)
	for _, i := range m.Instances {
		h.state.set(i)
	}
	h.goodbye = h.goodbye || m.Goodbye
}

// listenTo reads messages until a goodbye, or until the pipe ends, which it
// does when the worker ends in whatever way. A last line that was cut off
// counts for nothing.
func listenTo(pipe io.Reader, tell func(guardianMessage)) error {
	reader := bufio.NewReader(pipe)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read from the worker: %w", err)
		}
		var m guardianMessage
		if err := json.Unmarshal(line, &m); err != nil {
			return fmt.Errorf("read from the worker: %w", err)
		}
		tell(m)
		if m.Goodbye {
			return nil
		}
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
