package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"takeover/scenarios/sim"
)

// simResult is what a simulation came to.
type simResult struct {
	Seed       uint64
	Schedules  uint64
	Faults     uint64
	Statistics sim.Statistics
	Took       time.Duration // of real time
	Violation  *sim.Violation
	Found      *sim.Violation // before it was shrunk
}

// violated takes in a violation, and makes it small.
func (r *simResult) violated(v *sim.Violation) {
	r.Found, r.Violation = v, v.Shrink()
}

func (r *simResult) speed() float64 {
	return r.Statistics.Virtual.Seconds() / max(r.Took.Seconds(), 1e-9)
}

func (r *simResult) print(out io.Writer, format string) error {
	if format == formatJSON {
		return r.printJSON(out)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	s := &r.Statistics
	fmt.Fprintf(w, "seed\t%d\n", r.Seed)
	if r.Schedules != 1 {
		fmt.Fprintf(w, "schedules\t%d\n", r.Schedules)
	}
	fmt.Fprintf(w, "faults\t%d\n", r.Faults)
	fmt.Fprintf(w, "virtual time\t%.2f h\n", s.Virtual.Hours())
	fmt.Fprintf(w, "real time\t%.2f s\n", r.Took.Seconds())
	fmt.Fprintf(w, "speed\t%.0f x real time\n", r.speed())
	fmt.Fprintf(w, "advertisements\t%d sent, %d read, %d lost\n", s.Adverts, s.Delivered, s.Lost)
	fmt.Fprintf(w, "transitions\t%d, of them %d to Active\n", s.Transitions, s.Takeovers)
	if r.Schedules == 1 {
		printDistribution(w, "no owner", s.Outages)
		printDistribution(w, "two owners", s.Overlaps)
	}
	if r.Violation == nil {
		fmt.Fprintf(w, "violations\tnone\n")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	r.printViolation(out)
	return nil
}

// quantiles are what is shown of a distribution.
var quantiles = [...]struct {
	name  string
	share float64
}{{"min", 0}, {"median", 0.5}, {"90%", 0.9}, {"99%", 0.99}, {"max", 1}}

func printDistribution(w io.Writer, name string, durations []time.Duration) {
	fmt.Fprintf(w, "%s\t%d times", name, len(durations))
	if len(durations) > 0 {
		for _, q := range quantiles {
			fmt.Fprintf(w, ", %s %s", q.name, sim.Quantile(durations, q.share))
		}
	}
	fmt.Fprintln(w)
}

func (r *simResult) printViolation(out io.Writer) {
	v := r.Violation
	if v == nil {
		return
	}
	fmt.Fprintf(out, "\n# violation: %s\n", v.Finding)
	if r.Found != nil {
		fmt.Fprintf(out, "# found with seed %d, with %d faults: %s\n", r.Found.Schedule.Seed, len(r.Found.Schedule.Faults), r.Found.Finding)
	}
	fmt.Fprintf(out, "# To run it again: takeover sim --schedule FILE, with these lines.\n%s", v.Schedule)
}

// simJSON is the result on disk; see docs/simulator.md.
type simJSON struct {
	Format      int             `json:"format"` // now 1
	Seed        uint64          `json:"seed"`
	Schedules   uint64          `json:"schedules"`
	Faults      uint64          `json:"faults"`
	Virtual     time.Duration   `json:"virtual_ns"`
	Took        time.Duration   `json:"took_ns"`
	Speed       float64         `json:"speed"`
	Sent        uint64          `json:"sent"`
	Read        uint64          `json:"read"`
	Lost        uint64          `json:"lost"`
	Transitions uint64          `json:"transitions"`
	Takeovers   uint64          `json:"takeovers"`
	Outages     []time.Duration `json:"outages_ns,omitempty"`
	Overlaps    []time.Duration `json:"overlaps_ns,omitempty"`
	Violation   *violationJSON  `json:"violation,omitempty"`
}

type violationJSON struct {
	Rule     string        `json:"rule"`
	At       time.Duration `json:"at_ns"`
	Text     string        `json:"text"`
	Seed     uint64        `json:"seed"`
	Schedule string        `json:"schedule"`
}

func (r *simResult) printJSON(out io.Writer) error {
	s := &r.Statistics
	j := simJSON{
		Format: 1, Seed: r.Seed, Schedules: r.Schedules, Faults: r.Faults, Virtual: s.Virtual, Took: r.Took,
		Speed: r.speed(), Sent: s.Adverts, Read: s.Delivered, Lost: s.Lost,
		Transitions: s.Transitions, Takeovers: s.Takeovers, Outages: s.Outages, Overlaps: s.Overlaps,
	}
	if v := r.Violation; v != nil {
		j.Violation = &violationJSON{string(v.Finding.Rule), v.Finding.At, v.Finding.Text, v.Schedule.Seed, v.Schedule.String()}
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(j)
}

// simProgress shows on a terminal how many schedules were run.
type simProgress struct {
	out   io.Writer
	live  bool
	total uint64

	mu          sync.Mutex
	most        uint64
	start, last time.Time
}

func newSimProgress(out *os.File, total uint64) *simProgress {
	return &simProgress{out: out, live: term.IsTerminal(int(out.Fd())), total: total, start: time.Now()}
}

func (p *simProgress) ran(count uint64) {
	if !p.live {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.most = max(p.most, count)
	if now := time.Now(); now.Sub(p.last) > repaint {
		p.last = now
		fmt.Fprintf(p.out, "\r\x1b[K  %d of %d schedules, %.0f s", p.most, p.total, now.Sub(p.start).Seconds())
	}
}

// close takes the line off the screen.
func (p *simProgress) close() {
	if p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
