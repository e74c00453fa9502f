package main

import (
	"io"
	"sync/atomic"
	"time"
)

const (
	// logLinesMax and logBytesMax bound what waits to be written.
	logLinesMax = 2048
	logBytesMax = 1 << 20
	// logTellInterval is how often lost lines are told of: the word of that may
	// be lost as well, where there are several logs.
	logTellInterval = time.Minute
	// logFlushTimeout is how long an end waits for lines to be written.
	logFlushTimeout = time.Second
)

// logQueue writes lines in a goroutine of its own, so that who logs never
// waits: neither for a full disk nor for a pipe that nobody reads. What does
// not fit, or cannot be written, is lost and counted.
type logQueue struct {
	lines chan logLine
	bytes atomic.Int64
	lost  atomic.Uint64 // since the start
	told  uint64        // how many lost lines tell was told of
	at    time.Time     // when it was told last
	tell  func(lost uint64)
}

// logLine is a line and where it goes; without text it asks to close reached.
type logLine struct {
	to      io.Writer
	text    []byte
	reached chan struct{}
}

// newLogQueue returns a queue that writes. tell is called when lines were lost
// and one could be written again, once a minute; it may log.
func newLogQueue(tell func(lost uint64)) *logQueue {
	q := &logQueue{lines: make(chan logLine, logLinesMax), tell: tell}
	go q.run()
	return q
}

func (q *logQueue) run() {
	for line := range q.lines {
		if line.reached != nil {
			close(line.reached)
			continue
		}
		_, err := line.to.Write(line.text)
		q.bytes.Add(-int64(len(line.text)))
		if err != nil {
			q.lost.Add(1)
			continue
		}
		lost, now := q.lost.Load(), time.Now()
		if lost > q.told && now.Sub(q.at) >= logTellInterval {
			newly := lost - q.told
			q.told, q.at = lost, now
			q.tell(newly)
		}
	}
}

// to is a writer to w through the queue. Each Write is one line.
func (q *logQueue) to(w io.Writer) io.Writer { return queuedWriter{queue: q, to: w} }

type queuedWriter struct {
	queue *logQueue
	to    io.Writer
}

// Write is part of io.Writer. It never fails.
func (w queuedWriter) Write(text []byte) (int, error) {
	q := w.queue
	if q.bytes.Add(int64(len(text))) <= logBytesMax {
		line := logLine{to: w.to, text: append([]byte(nil), text...)}
		select {
		case q.lines <- line:
			return len(text), nil
		default:
		}
	}
	q.bytes.Add(-int64(len(text)))
	q.lost.Add(1)
	return len(text), nil
}

// flush waits until all lines so far are written, but not for long.
func (q *logQueue) flush() {
	timeout := time.After(logFlushTimeout)
	reached := make(chan struct{})
	select {
	case q.lines <- logLine{reached: reached}:
	case <-timeout:
		return
	}
	select {
	case <-reached:
	case <-timeout:
	}
}
