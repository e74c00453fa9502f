package live

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"takeover/scenarios"
	"takeover/scenarios/history"
	"takeover/scenarios/probe"
	"takeover/topology/sandbox"
)

// The roles of this program in a live trial.
const (
	trialRole = "trial"
	probeRole = "probe"
)

// Roles returns the parts that this program plays in processes of its own,
// for sandbox.Main.
func Roles() map[string]sandbox.Role {
	return map[string]sandbox.Role{
		trialRole: runInside, standRole: runStand, calibrationRole: runCalibration,
		probeRole: runProbe, webRole: serveWeb, echoRole: serveEcho, puppetRole: runPuppet,
		sceneRole:    runScene,
		wrongWebRole: serveWrongly, hogRole: hog, mountRole: runMount,
	}
}

// The files of a trial's directory.
const (
	HistoryFile = "history.jsonl"
	CaptureFile = "capture.pcapng"
	PlanFile    = "scenario.json"
	harnessLog  = "harness.log"
)

// Progress is what a trial says of itself while it runs.
type Progress struct {
	Phase history.PhaseName `json:"phase,omitempty"`
	Error string            `json:"error,omitempty"`
	// Broken says that the Error is the sandbox's or the lab's and not the
	// cluster's: nothing was learnt about the subject.
	Broken bool `json:"broken,omitempty"`
}

// Trial is a running trial seen from outside.
type Trial struct {
	box      *sandbox.Sandbox
	finished chan struct{} // the history is complete
	done     chan struct{} // the sandbox is gone
	err      error
}

// What a trial may end with besides a complete history. The text behind it is
// the trial's own.
var (
	// ErrBroken: the sandbox or the lab could not be built.
	ErrBroken = errors.New("could not run the trial")
	// ErrFailed: the cluster did not get to where a fault means anything.
	ErrFailed = errors.New("the trial failed")
)

// Start runs the plan in a sandbox, with its files in directory. progress is
// called for each phase, from another goroutine.
func Start(plan Plan, directory string, progress func(Progress)) (*Trial, error) {
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	return start(trialRole, plan, directory, progress)
}

// follow reads the trial's progress until its end.
func (t *Trial) follow(reader io.Reader, progress func(Progress)) {
	defer close(t.done)
	var said error
	finished := false
	lines := bufio.NewScanner(reader)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var p Progress
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			continue // not ours: a library's stray print
		}
		if said == nil {
			said = p.err()
		}
		progress(p)
		if p.Phase == "" && !finished {
			finished = true
			t.err = said
			close(t.finished)
		}
	}
	err := t.box.Wait(context.Background())
	if !finished {
		t.err = fmt.Errorf("%w: its process ended early: %w: see %s in its directory", ErrBroken, orSilent(err), harnessLog)
		close(t.finished)
	}
}

func orSilent(err error) error {
	if err == nil {
		return errors.New("it said nothing")
	}
	return err
}

func (p Progress) err() error {
	switch {
	case p.Error == "":
		return nil
	case p.Broken:
		return fmt.Errorf("%w: %s", ErrBroken, p.Error)
	default:
		return fmt.Errorf("%w: %s", ErrFailed, p.Error)
	}
}

// Wait waits until the trial's history is complete and returns how it went.
// When ctx ends first the trial is told to end in order, and is given time to.
func (t *Trial) Wait(ctx context.Context) error {
	select {
	case <-t.finished:
	case <-ctx.Done():
		t.box.Stop()
		<-t.finished
	}
	return t.err
}

// PID is the sandbox's first process: the way in for nsenter.
func (t *Trial) PID() int { return t.box.PID() }

// End takes a kept lab down and waits until everything is gone.
func (t *Trial) End() {
	t.box.Stop()
	<-t.done
}

// runInside is process 1 of the sandbox.
func runInside(args []string) error {
	var plan Plan
	ctx, log, done, err := enter(args, &plan)
	if err != nil {
		return broken(err)
	}
	defer done()
	return carryOut(ctx, plan, log)
}

// carryOut builds the world, runs the scenario in it and takes it down. It
// always tells the outside how that ended.
func carryOut(ctx context.Context, plan Plan, log *history.Log) error {
	world, err := newWorld(plan, probe.NewClock(), log)
	if err != nil {
		err = errors.Join(err, world.Close(), log.Flush())
		return broken(err)
	}
	stop := followPhases(log)
	err = scenarios.Run(ctx, world, plan.scenario(world.cluster))
	stop()
	if plan.Keep && err == nil {
		err = errors.Join(log.Flush(), say(Progress{}, nil))
		<-ctx.Done()
		return errors.Join(err, world.Close())
	}
	if ctx.Err() != nil {
		err = nil // the history says that it was interrupted
	}
	closing := errors.Join(world.Close(), log.Flush())
	switch {
	case err != nil:
		return say(Progress{Error: err.Error()}, errors.Join(err, closing))
	case closing != nil:
		return broken(closing)
	default:
		return say(Progress{}, nil)
	}
}

// enter is what process 1 of a sandbox does first: it reads the plan, and opens
// the history. done closes that.
func enter(args []string, plan any) (ctx context.Context, log *history.Log, done func(), err error) {
	if ctx, _, err = sandbox.Enter(args); err != nil {
		return nil, nil, nil, err
	}
	if err := json.NewDecoder(os.Stdin).Decode(plan); err != nil {
		return nil, nil, nil, err
	}
	file, err := os.Create(filepath.Join(sandbox.Dir, HistoryFile))
	if err != nil {
		return nil, nil, nil, err
	}
	return ctx, history.NewLog(file), func() { _ = file.Close() }, nil
}

// broken tells the outside that there is no trial, or none that can be judged.
func broken(err error) error { return say(Progress{Error: err.Error(), Broken: true}, err) }

// say tells the outside; one without a phase means that the history is
// complete.
func say(p Progress, err error) error {
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(p))
}

// phaseDelay is how late the outside may hear of a phase.
const phaseDelay = 20 * time.Millisecond

// followPhases tells the outside of each phase until stop is called.
func followPhases(log *history.Log) (stop func()) {
	quit, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		ticker := time.NewTicker(phaseDelay)
		defer ticker.Stop()
		read := 0
		for open := true; open; {
			select {
			case <-ticker.C:
			case <-quit:
				open = false
			}
			for _, event := range log.Since(read) {
				read = event.ID
				if phase, ok := event.Body.(history.Phase); ok {
					say(Progress{Phase: phase.Name}, nil) //nolint:errcheck // the outside went away, and we with it
				}
			}
		}
	}()
	return func() {
		close(quit)
		<-finished
	}
}

func (p Plan) scenario(cluster history.Cluster) scenarios.Scenario {
	return scenarios.Scenario{
		Name: p.Scenario, Cluster: cluster, Fault: p.fault(),
		PhaseFraction: p.PhaseFraction, AnnounceDelay: p.Cluster.AnnounceDelay,
	}
}
