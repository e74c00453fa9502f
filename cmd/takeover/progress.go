package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"takeover/scenarios/history"
	"takeover/scenarios/live"
)

// progress shows how the trials of a campaign go: one live line a trial on a
// terminal, a plain line for each step elsewhere.
type progress struct {
	out  io.Writer
	live bool

	mu     sync.Mutex
	start  time.Time
	total  int
	ended  int
	lines  []*progressLine // of the trials that run
	drawn  int             // lines on the screen that belong to us
	ticker *time.Ticker
	quit   chan struct{}
}

type progressLine struct {
	name  string
	steps []string // phases gone through
	since time.Time
}

// repaint is how often the live lines are drawn.
const repaint = 100 * time.Millisecond

func newProgress(out *os.File, total int) *progress {
	p := &progress{out: out, live: term.IsTerminal(int(out.Fd())), start: time.Now(), total: total, quit: make(chan struct{})}
	if p.live {
		p.ticker = time.NewTicker(repaint)
		go p.paint()
	}
	return p
}

func (p *progress) paint() {
	for {
		select {
		case <-p.ticker.C:
			p.mu.Lock()
			p.redraw()
			p.mu.Unlock()
		case <-p.quit:
			return
		}
	}
}

// close takes the live lines off the screen.
func (p *progress) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live {
		p.ticker.Stop()
		close(p.quit)
		p.lines = nil
		p.erase()
	}
}

// erase moves to the first of our lines and clears all below.
func (p *progress) erase() {
	if p.drawn > 0 {
		fmt.Fprintf(p.out, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

func (p *progress) redraw() {
	if !p.live {
		return
	}
	var screen strings.Builder
	if p.drawn > 0 {
		fmt.Fprintf(&screen, "\x1b[%dA\x1b[J", p.drawn)
	}
	for _, line := range p.lines {
		fmt.Fprintf(&screen, "  %-32s %s  %.1f s\n", line.name, strings.Join(line.steps, " > "), time.Since(line.since).Seconds())
	}
	fmt.Fprintf(&screen, "  %d of %d trials done, %.0f s\n", p.ended, p.total, time.Since(p.start).Seconds())
	p.drawn = len(p.lines) + 1
	io.WriteString(p.out, screen.String()) //nolint:errcheck // a terminal that went away
}

func (p *progress) line(name string) *progressLine {
	for _, line := range p.lines {
		if line.name == name {
			return line
		}
	}
	line := &progressLine{name: name, since: time.Now()}
	p.lines = append(p.lines, line)
	return line
}

// Started implements live.Watcher.
func (p *progress) Started(entry live.Entry, _ *live.Trial) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line(entry.Name)
}

// Progressed implements live.Watcher.
func (p *progress) Progressed(entry live.Entry, said live.Progress) {
	if said.Phase == "" || said.Phase == history.PhaseSettled {
		return // settled is followed by faulted within an interval or two
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	line := p.line(entry.Name)
	line.steps = append(line.steps, string(said.Phase))
	line.since = time.Now()
	if !p.live {
		fmt.Fprintf(p.out, "%6.1f s  %-32s %s\n", time.Since(p.start).Seconds(), entry.Name, said.Phase)
	}
}

// Ended implements live.Watcher.
func (p *progress) Ended(entry live.Entry, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended++
	for i, line := range p.lines {
		if line.name == entry.Name {
			p.lines = append(p.lines[:i], p.lines[i+1:]...)
			break
		}
	}
	if err == nil {
		return
	}
	p.erase()
	first, _, _ := strings.Cut(err.Error(), "\n")
	fmt.Fprintf(p.out, "%6.1f s  %-32s %s\n", time.Since(p.start).Seconds(), entry.Name, first)
}
