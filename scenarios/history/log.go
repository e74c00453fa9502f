package history

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Log is a history while it is being written. It is safe for use by many
// goroutines.
type Log struct {
	mu     sync.Mutex
	events []Event
	gone   int // events before the first of those
	keep   int // how many are kept at least; 0: all
	out    *bufio.Writer
	err    error
	// waiters are woken by every append.
	waiters map[chan struct{}]struct{}
}

// NewLog returns an empty log that also writes each event to out as JSON
// lines; out may be nil.
func NewLog(out io.Writer) *Log {
	l := &Log{waiters: map[chan struct{}]struct{}{}}
	if out != nil {
		l.out = bufio.NewWriterSize(out, 1<<16)
	}
	return l
}

// Keep bounds how many events stay in memory: n at least and 2n at most, the
// latest; for histories without an end. What is written out is whole.
func (l *Log) Keep(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.keep = n
}

// Append adds an event and returns its ID.
func (l *Log) Append(at time.Duration, host string, body Body) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	event := Event{ID: l.gone + len(l.events) + 1, At: at, Host: host, Body: body}
	if l.keep > 0 && len(l.events) >= 2*l.keep {
		drop := len(l.events) - l.keep
		l.gone += drop
		l.events = append(make([]Event, 0, 2*l.keep), l.events[drop:]...)
	}
	l.events = append(l.events, event)
	if l.out != nil && l.err == nil {
		l.err = writeLine(l.out, event)
	}
	for w := range l.waiters {
		select {
		case w <- struct{}{}:
		default:
		}
	}
	return event.ID
}

// Events is a copy of what was appended so far and is in memory.
func (l *Log) Events() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

// Since returns the events with an ID above after that are in memory.
func (l *Log) Since(after int) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := max(after-l.gone, 0)
	if first >= len(l.events) {
		return nil
	}
	return slices.Clone(l.events[first:])
}

// Notify returns a channel that becomes readable after appends, and the call
// that ends it. Read Since to see what came.
func (l *Log) Notify() (<-chan struct{}, func()) {
	w := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiters[w] = struct{}{}
	return w, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.waiters, w)
	}
}

// Flush writes out what is buffered and returns the first error of writing.
func (l *Log) Flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil {
		return nil
	}
	return errors.Join(l.err, l.out.Flush())
}

func writeLine(w io.Writer, event Event) error {
	data, err := json.Marshal(event)
	if err != nil {
		return err
	}
	_, err = w.Write(append(data, '\n'))
	return err
}

// Write writes events as JSON lines.
func Write(w io.Writer, events []Event) error {
	for _, event := range events {
		if err := writeLine(w, event); err != nil {
			return err
		}
	}
	return nil
}

// Read reads JSON lines. A last line that was cut off, as a killed writer
// leaves it, is dropped; any other fault is an error with its line number.
func Read(r io.Reader) ([]Event, error) {
	var events []Event
	reader := bufio.NewReaderSize(r, 1<<16)
	for number := 1; ; number++ {
		data, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return events, nil // what follows the last newline was cut off
		}
		if err != nil {
			return events, fmt.Errorf("history line %d: %w", number, err)
		}
		var event Event
		if err := json.Unmarshal(data, &event); err != nil {
			return events, fmt.Errorf("history line %d: %w", number, err)
		}
		events = append(events, event)
	}
}

// Sorted returns the events in the order of time; those of one moment stay in
// the order in which they were appended.
func Sorted(events []Event) []Event {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	return sorted
}
