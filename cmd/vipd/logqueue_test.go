package main

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// record is a writer that keeps lines, and fails while it is full.
type record struct {
	mutex sync.Mutex
	lines []string
	full  bool
}

func (r *record) Write(line []byte) (int, error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.full {
		return 0, errors.New("no space left on device")
	}
	r.lines = append(r.lines, string(line))
	return len(line), nil
}

func (r *record) text() string {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return strings.Join(r.lines, "")
}

func TestLogQueueKeepsTheOrder(t *testing.T) {
	q := newLogQueue(func(uint64) {})
	var r record
	w := q.to(&r)
	for _, line := range []string{"a\n", "b\n", "c\n"} {
		if _, err := io.WriteString(w, line); err != nil {
			t.Fatal(err)
		}
	}
	q.flush()
	if got := r.text(); got != "a\nb\nc\n" {
		t.Errorf("written %q", got)
	}
}

// Who logs into a pipe that nobody reads does not wait, and an end waits only
// so long.
func TestLogQueueOfAPipeThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader, writer := io.Pipe()
		q := newLogQueue(func(uint64) {})
		w := q.to(writer)
		line := []byte(strings.Repeat("x", 1000))
		for range 2 * logLinesMax {
			if _, err := w.Write(line); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		if q.flush(); time.Since(began) != logFlushTimeout {
			t.Errorf("flush took %s", time.Since(began))
		}
		synctest.Wait()
		lost := q.lost.Load()
		if lost < 2*logLinesMax-logBytesMax/1000 || lost > 2*logLinesMax-logBytesMax/1000+1 {
			t.Errorf("%d lines lost of %d", lost, 2*logLinesMax)
		}
		_ = reader.Close()
		close(q.lines)
	})
}

// A full disk costs lines, which are counted, and told of when there is space
// again: at once, and then once a minute.
func TestLogQueueOfAFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []uint64
		q := newLogQueue(func(lost uint64) { told = append(told, lost) })
		defer close(q.lines)
		r := record{full: true}
		w := q.to(&r)
		lose := func(lines int) {
			r.full = true
			for range lines {
				_, _ = w.Write([]byte("lost\n"))
			}
			synctest.Wait()
			r.full = false
			_, _ = w.Write([]byte("kept\n"))
			synctest.Wait()
		}
		lose(3)
		lose(2)
		time.Sleep(logTellInterval) // virtual
		lose(1)
		if q.lost.Load() != 6 || len(told) != 2 || told[0] != 3 || told[1] != 3 {
			t.Errorf("%d lost, told of %v", q.lost.Load(), told)
		}
		if got := r.text(); got != "kept\nkept\nkept\n" {
			t.Errorf("written %q", got)
		}
	})
}
