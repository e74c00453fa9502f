package history

import (
	"fmt"
	"strings"
	"time"
)

// Observed is what was noticed of a trial that speaks neither for nor against it
// unless a bound was set. It stands here for the reason that Judgement does.
type Observed struct {
	// Near are the near failovers.
	Near []NearFailover `json:"near_failovers,omitempty"`
	// Flapping is about the owner's changes from the first fault to the end.
	Flapping Flapping `json:"flapping"`
	// Stale are the times in which a table led to another than the owner.
	Stale []Stale `json:"stale,omitempty"`
	// Shares say which host answered how many of a stream's probes.
	Shares []Share `json:"shares,omitempty"`
	// Connections is the fate of long-lived connections; nil: there were none.
	Connections *ConnectionFates `json:"connections,omitempty"`
	// Growth is what each daemon used more in the end.
	Growth []Growth `json:"growth,omitempty"`
}

// Flapping counts how often a node takes the address.
type Flapping struct {
	Changes int `json:"changes"`
	// Unexplained are those that no fault, nor its end, stands behind.
	Unexplained int           `json:"unexplained"`
	Events      []int         `json:"events"` // the unexplained ones
	Window      time.Duration `json:"window_ns"`
}

// Stale is a time in which the table of a host or a bridge led to a host that was
// not the owner, though there was one.
type Stale struct {
	Table  string        `json:"table"` // the host, or the bridge
	LedTo  string        `json:"led_to"`
	Owner  string        `json:"owner"`
	From   time.Duration `json:"from_ns"`
	Length time.Duration `json:"length_ns"`
	Open   bool          `json:"open"`   // it lasted until the end
	Events []int         `json:"events"` // the entry's, and that by which it became stale
}

// Share is how many of a stream's probes a host answered.
type Share struct {
	Stream   string  `json:"stream"`
	Host     string  `json:"host"`
	Answered int     `json:"answered"`
	Fraction float64 `json:"fraction"` // of all that were answered
}

// ConnectionFates is what became of the long-lived connections.
type ConnectionFates struct {
	Fates
	// Changes are the takeovers, with those that were open when the owner before
	// gave the address up, by what became of them until the next one.
	Changes []ChangeFates `json:"changes"`
}

// Fates counts connections.
type Fates struct {
	Opened   int `json:"opened"`
	Survived int `json:"survived"`
	Reset    int `json:"reset"`
	TimedOut int `json:"timed_out"`
}

// ChangeFates are the connections that a takeover met.
type ChangeFates struct {
	Event int    `json:"event"` // the address's
	Owner string `json:"owner"`
	Fates
}

// Growth is by how much more of something the same daemon used in the last quarter
// of its life than in the first: the least of each, so that what comes and goes
// does not count.
type Growth struct {
	Host        string        `json:"host"`
	Name        string        `json:"name"`
	PID         int           `json:"pid"`
	Window      time.Duration `json:"window_ns"` // its life as far as it was observed
	Changes     int           `json:"changes"`   // of the address's owner meanwhile
	Processes   int           `json:"processes"`
	Threads     int           `json:"threads"`
	Descriptors int           `json:"descriptors"`
	AnonKiB     int           `json:"anon_kib"`
	Events      []int         `json:"events"` // the two samples with the least memory
}

// Lines say in words what is worth a word, but for the near failovers: see
// NearLines.
func (o *Observed) Lines() []string {
	if o == nil {
		return nil
	}
	var lines []string
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if f := o.Flapping; f.Unexplained > 0 {
		add("flapping: %d changes of the owner in %s, of which no fault explains %d", f.Changes, rounded(f.Window), f.Unexplained)
	}
	for _, s := range o.Stale {
		until := ""
		if s.Open {
			until = ", until the end"
		}
		add("stale: the table of %s led to %s for %s%s, but the owner was %s", s.Table, s.LedTo, rounded(s.Length), until, s.Owner)
	}
	if c := o.Connections; c != nil {
		add("connections: %d opened, %d survived, %d reset, %d timed out", c.Opened, c.Survived, c.Reset, c.TimedOut)
		for _, change := range c.Changes {
			if change.Opened > 0 {
				add("  of %d open when %s took over %d survived, %d were reset, %d timed out",
					change.Opened, change.Owner, change.Survived, change.Reset, change.TimedOut)
			}
		}
	}
	lines = append(lines, o.shareLines()...)
	for _, g := range o.Growth {
		if g.Processes > 0 || g.Threads > threadsShown || g.Descriptors > 0 || g.AnonKiB > growthShown {
			add("growth: %s on %s in %s: %+d processes, %+d threads, %+d descriptors, %+d KiB",
				g.Name, g.Host, rounded(g.Window), g.Processes, g.Threads, g.Descriptors, g.AnonKiB)
		}
	}
	return lines
}

// shareLines have a line for each stream that several hosts answered; echo
// requests are left out, which say no more than HTTP.
func (o *Observed) shareLines() []string {
	var lines []string
	var hosts []string
	for i, s := range o.Shares {
		if s.Stream == StreamICMP || s.Fraction == 1 {
			continue
		}
		hosts = append(hosts, fmt.Sprintf("%s %d (%.1f%%)", s.Host, s.Answered, 100*s.Fraction))
		if i+1 == len(o.Shares) || o.Shares[i+1].Stream != s.Stream {
			lines = append(lines, fmt.Sprintf("answers of stream %s: %s", s.Stream, strings.Join(hosts, ", ")))
			hosts = nil
		}
	}
	return lines
}

const (
	// growthShown is how much more memory is worth a word, in KiB.
	growthShown = 1024
	// threadsShown is how many more threads are: a few are a runtime's own.
	threadsShown = 4
)

// NearLines say the near failovers in words.
func (o *Observed) NearLines() []string {
	if o == nil {
		return nil
	}
	var lines []string
	for _, n := range o.Near {
		lines = append(lines, fmt.Sprintf("near failover: %s heard nothing for %s, %s before its timer's end (#%d to #%d)",
			n.Host, rounded(n.Gap), rounded(n.Left), n.From, n.To))
	}
	return lines
}

func rounded(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }
