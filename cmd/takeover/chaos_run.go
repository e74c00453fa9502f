package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"takeover/scenarios/chaos"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
	"takeover/scenarios/scene"
)

// chaosRun is a call of the chaos command that was found sound.
type chaosRun struct {
	*chaosFlags
	facts   chaos.Facts
	options chaos.Options
	stand   live.StandPlan
	version string

	directory string
	began     time.Time
	progress  io.Writer

	mu    sync.Mutex
	tried int // trials that shrinking began: their directories' names
}

// chaosTrial is a schedule that was drawn, and what became of it.
type chaosTrial struct {
	Seed      uint64            `json:"seed"`
	Faults    []string          `json:"faults"`   // kind by kind, as they were injected
	LeftOut   int               `json:"left_out"` // those that found nothing to strike
	Error     string            `json:"error,omitempty"`
	Judgement history.Judgement `json:"judgement"`
	scene     scene.Scene
	struck    []chaos.Struck
	err       error
}

// violation is what the trial fails; false when it does not.
func (t *chaosTrial) violation() (history.Finding, bool) {
	i := slices.IndexFunc(t.Judgement.Findings, func(f history.Finding) bool { return f.Verdict == history.Fail })
	if t.err != nil || i < 0 {
		return history.Finding{}, false
	}
	return t.Judgement.Findings[i], true
}

// chaosMeasured is how many trials measure how often a violation recurs, at most
// a third of all, and chaosAttempts how often a smaller schedule is tried.
const (
	chaosMeasured = 10
	chaosAttempts = 2
)

func (f *chaosFlags) run(command *cobra.Command) error {
	r, err := f.prepare(command.Context())
	if err != nil {
		return err
	}
	r.began, r.progress = time.Now(), command.ErrOrStderr()
	if r.directory, err = runDirectory(f.out, r.began); err != nil {
		return couldNotRun(err)
	}
	if err := manifestOf(r.stand.Programs, sortedOnce(strings.Split(f.subject, "+")), f.seed, r.began).write(r.directory); err != nil {
		return couldNotRun(err)
	}
	trials := r.hunt(command.Context())
	report := r.report(trials)
	report.Interrupted = command.Context().Err() != nil
	for i := range report.Violations {
		if f.shrink > 0 && command.Context().Err() == nil {
			if err := r.shrinkTo(command.Context(), &report.Violations[i]); err != nil {
				return couldNotRun(err)
			}
		}
	}
	return report.conclude(r, command.OutOrStdout())
}

// plan is a scene's trial. The seed decides what the scene leaves open.
func (r *chaosRun) plan(seed uint64, s scene.Scene) live.ScenePlan {
	return live.ScenePlan{Scene: s, Stand: r.stand, Seed: seed}
}

// hunt plays drawn schedules until the time or the trials are over, or one is
// violated. It returns those that were carried out to the end, by their seeds.
func (r *chaosRun) hunt(parent context.Context) []*chaosTrial {
	ctx, end := context.WithCancel(parent)
	defer end()
	var (
		all     []*chaosTrial
		mu      sync.Mutex
		running sync.WaitGroup
		free    = make(chan struct{}, r.parallel)
	)
	for n := uint64(0); r.goesOn(n); n++ {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil || !r.goesOn(n) {
			break
		}
		running.Go(func() {
			defer func() { <-free }()
			t := r.trial(ctx, r.seed+n)
			if ctx.Err() != nil && t.Judgement.Verdict != history.Fail {
				return // it was cut short
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, t)
			if _, violated := t.violation(); violated && !r.keepGoing {
				end()
			}
		})
	}
	running.Wait()
	slices.SortFunc(all, func(a, b *chaosTrial) int { return int(int64(a.Seed - b.Seed)) })
	return all
}

// goesOn says whether the n-th trial, from 0, is to begin.
func (r *chaosRun) goesOn(n uint64) bool {
	return (r.trials == 0 || n < uint64(r.trials)) && (r.minutes == 0 || time.Since(r.began).Minutes() < r.minutes)
}

// trial draws a schedule and plays it. What a trial that passes leaves is removed.
func (r *chaosRun) trial(ctx context.Context, seed uint64) *chaosTrial {
	t := &chaosTrial{Seed: seed, scene: chaos.Draw(seed, r.facts, r.options)}
	directory := filepath.Join(r.directory, t.scene.Name)
	played := &sceneTrial{Subject: r.subject, version: r.version, plan: r.plan(seed, t.scene)}
	for _, event := range played.carryOut(ctx, directory, quietly) {
		switch body := event.Body.(type) { //nolint:gochecksumtype // the others say nothing of what was injected
		case history.FaultArmed:
			t.struck = append(t.struck, chaos.Struck{Fault: body.Fault, Host: event.Host})
		case history.FaultStart:
			t.Faults = append(t.Faults, body.Fault)
		case history.Note:
			if strings.HasPrefix(body.Text, live.LeftOut) {
				t.LeftOut++
			}
		}
	}
	t.Judgement, t.err, t.Error = played.Judgement, played.err, played.Error
	if ctx.Err() != nil && t.Judgement.Verdict != history.Fail {
		return t
	}
	if t.Judgement.Verdict == history.Pass {
		_ = os.RemoveAll(directory) // nobody misses it, or looks into it
	}
	r.say("%s", t.line())
	return t
}

// quietly is told how a trial goes.
func quietly(live.Progress) {}

// say prints a line of progress.
func (r *chaosRun) say(format string, args ...any) {
	fmt.Fprintf(r.progress, "%6.1f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// line says of a trial what became of it.
func (t *chaosTrial) line() string {
	text := fmt.Sprintf("%-32s %s, %s", t.scene.Name, t.Judgement.Verdict, counted(len(t.Faults), "fault"))
	if t.err != nil {
		first, _, _ := strings.Cut(t.err.Error(), "\n")
		text = fmt.Sprintf("%-32s not run: %s", t.scene.Name, first)
	}
	for _, finding := range t.Judgement.Findings {
		text += fmt.Sprintf("; %s: %s", finding.Check, finding.Text)
	}
	return text
}

// shrinkTo makes a violation's schedule smaller and writes the smallest.
func (r *chaosRun) shrinkTo(ctx context.Context, v *chaosViolation) error {
	r.say("%-32s is made smaller: %s", v.scene.Name, v.Check)
	attempts := func(s scene.Scene, times int) ([]chaos.Answer, error) { return r.attempts(ctx, v, s, times) }
	found, err := chaos.Shrink(v.scene, v.struck, attempts, chaos.Budget{
		Trials: r.shrink, Attempts: chaosAttempts, AtOnce: r.parallel, Measured: min(chaosMeasured, (r.shrink+2)/3),
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	v.Smallest = &chaosSmallest{Rate: found.Rate, Trials: found.Trials, File: filepath.Join(r.directory, v.scene.Name+scene.Suffix), scene: found.Scene}
	for _, step := range found.Scene.Schedule {
		v.Smallest.Steps = append(v.Smallest.Steps, stepText(step))
	}
	text, err := found.Scene.Text(
		fmt.Sprintf("Made by takeover chaos from seed %d, with %s %s: %s", v.Seed, r.subject, r.version, v.Text),
		fmt.Sprintf("It recurred in %s: takeover run %s --seed %d", rateText(found.Rate), filepath.Base(v.Smallest.File), v.Seed),
	)
	if err != nil {
		return err
	}
	return os.WriteFile(v.Smallest.File, text, 0o644)
}

// attempts plays a scene so many times. The last trial in which the violation
// recurs is kept beside the scene that it came from.
func (r *chaosRun) attempts(ctx context.Context, v *chaosViolation, s scene.Scene, times int) ([]chaos.Answer, error) {
	answers := make([]chaos.Answer, times)
	free := make(chan struct{}, r.parallel)
	var running sync.WaitGroup
	for i := range answers {
		free <- struct{}{}
		running.Go(func() {
			defer func() { <-free }()
			answers[i] = r.attempt(ctx, v, s)
		})
	}
	running.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var rate []string
	for _, answer := range answers {
		rate = append(rate, map[chaos.Answer]string{chaos.Recurred: "recurred", chaos.Held: "held", chaos.Unclear: "unclear"}[answer])
	}
	r.say("%-32s %s: %s", s.Name, counted(len(s.Schedule), "step"), strings.Join(rate, ", "))
	return answers, nil
}

func (r *chaosRun) attempt(ctx context.Context, v *chaosViolation, s scene.Scene) chaos.Answer {
	r.mu.Lock()
	r.tried++
	directory := filepath.Join(r.directory, fmt.Sprintf("%s-smaller-%d", s.Name, r.tried))
	r.mu.Unlock()
	t := &sceneTrial{Subject: r.subject, version: r.version, plan: r.plan(v.Seed, s)}
	t.carryOut(ctx, directory, quietly)
	recurred := t.err == nil && slices.ContainsFunc(t.Judgement.Findings, func(f history.Finding) bool {
		return f.Check == v.Check && f.Verdict == history.Fail
	})
	if recurred {
		kept := filepath.Join(r.directory, s.Name+"-smallest")
		r.mu.Lock()
		defer r.mu.Unlock()
		_ = errors.Join(os.RemoveAll(kept), os.Rename(directory, kept)) // it is for the reader only
		return chaos.Recurred
	}
	_ = os.RemoveAll(directory)
	if t.err != nil || t.Judgement.Verdict == history.Inconclusive {
		return chaos.Unclear
	}
	return chaos.Held
}
