package live

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	"takeover/scenarios/fault"
)

// Campaign is many trials: each fault with each subject, Runs times.
type Campaign struct {
	Scenario string
	Cluster  Cluster
	Programs Programs
	Subjects []string
	Faults   []fault.Fault
	Runs     int
	Seed     uint64
	Parallel int // trials at the same time, at least 1
	Periods  Periods
	Pcap     bool
	Keep     bool
}

// DefaultParallel is how many trials this machine bears at the same time
// without disturbing each other's figures; the canary of each trial says when
// it is too many.
func DefaultParallel() int { return max(2, runtime.NumCPU()*5/2) }

// Entry is one trial of a campaign: its plan, and its directory's name below
// the campaign's own.
type Entry struct {
	Plan Plan
	Name string
}

// Entries lays all trials out: the runs of all pairs in turn, so that a
// machine that gets slower does so for all of them. The phase of each run is
// drawn from its own stratum of the advertisement interval, in an order that
// the seed decides; both subjects get the same phases.
func (c Campaign) Entries() []Entry {
	phases := map[string][]float64{}
	for _, f := range c.Faults {
		phases[f.Name()] = stratified(c.Seed, f.Name(), c.Runs)
	}
	var entries []Entry
	for run := 1; run <= c.Runs; run++ {
		for _, f := range c.Faults {
			for _, subject := range c.Subjects {
				name := subject + "-" + f.Name()
				if c.Runs > 1 {
					name = fmt.Sprintf("%s-%d", name, run)
				}
				entries = append(entries, Entry{Name: name, Plan: Plan{
					Scenario: c.Scenario, Fault: f.Name(), Subject: subject, Run: run, Seed: c.Seed,
					PhaseFraction: phases[f.Name()][run-1], Cluster: c.Cluster, Programs: c.Programs,
					Periods: c.Periods, Pcap: c.Pcap, Keep: c.Keep,
				}})
			}
		}
	}
	return entries
}

// stratified draws one number from each of n equal parts of [0, 1), in random
// order.
func stratified(seed uint64, name string, n int) []float64 {
	hash := fnv.New64a()
	hash.Write([]byte(name))
	random := rand.New(rand.NewPCG(seed, hash.Sum64()))
	drawn := make([]float64, n)
	for i, part := range random.Perm(n) {
		drawn[i] = (float64(part) + random.Float64()) / float64(n)
	}
	return drawn
}

// Watcher is told how the trials of a campaign go. Its calls come from many
// goroutines.
type Watcher interface {
	Started(entry Entry, trial *Trial)
	Progressed(entry Entry, p Progress)
	Ended(entry Entry, err error)
}

// Outcome is how a trial of a campaign ended.
type Outcome struct {
	Entry     Entry
	Directory string
	Err       error // ErrBroken, ErrFailed, ctx's, or nil for a complete history
	trial     *Trial
}

// Run carries the campaign out below directory. When ctx ends, the trials
// that run are ended in order and those that wait are left out. Outcomes come
// in the order of Entries. With Keep, call End of each outcome.
func (c Campaign) Run(ctx context.Context, directory string, watcher Watcher) []Outcome {
	entries := c.Entries()
	outcomes := make([]Outcome, len(entries))
	places := make(chan struct{}, max(c.Parallel, 1))
	var running sync.WaitGroup
	for i, entry := range entries {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			defer func() { <-places }()
			outcomes[i] = c.runOne(ctx, entry, filepath.Join(directory, entry.Name), watcher)
		})
	}
	running.Wait()
	return slices.DeleteFunc(outcomes, func(o Outcome) bool { return o.Entry.Name == "" })
}

func (c Campaign) runOne(ctx context.Context, entry Entry, directory string, watcher Watcher) Outcome {
	outcome := Outcome{Entry: entry, Directory: directory}
	outcome.trial, outcome.Err = Start(entry.Plan, directory, func(p Progress) { watcher.Progressed(entry, p) })
	if outcome.Err != nil {
		outcome.Err = fmt.Errorf("%w: %w", ErrBroken, outcome.Err)
	} else {
		watcher.Started(entry, outcome.trial)
		outcome.Err = outcome.trial.Wait(ctx)
		if !c.Keep || outcome.Err != nil {
			outcome.trial.End()
		}
	}
	watcher.Ended(entry, outcome.Err)
	return outcome
}

// Alive says whether the trial's lab was kept and still stands, and gives its
// sandbox's first process.
func (o Outcome) Alive() (pid int, ok bool) {
	if o.trial == nil || !o.Entry.Plan.Keep || o.Err != nil {
		return 0, false
	}
	return o.trial.PID(), true
}

// End takes a kept lab down.
func (o Outcome) End() {
	if o.trial != nil {
		o.trial.End()
	}
}
