package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"takeover/scenarios"
	"takeover/scenarios/history"
	"takeover/scenarios/live/control"
	"takeover/scenarios/probe"
	"takeover/topology/sandbox"
)

// standRole is process 1 of a lab's sandbox.
const standRole = "stand"

// HarnessLog is where the harness itself writes what goes wrong.
const HarnessLog = harnessLog

// StartLab builds the topology in a sandbox, with its files in directory, where
// its control socket is too: see package control. The lab stands until Trial.End
// is called or this process dies. progress is called for each phase, from
// another goroutine; the lab is of use from PhaseSettled on. When a program ends
// before that, or the virtual routers do not settle, Wait returns ErrFailed.
func StartLab(plan StandPlan, directory string, progress func(Progress)) (*Trial, error) {
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	return start(standRole, plan, directory, progress)
}

// start runs a role in a sandbox: see Start.
func start(role string, plan any, directory string, progress func(Progress)) (*Trial, error) {
	input, err := json.MarshalIndent(plan, "", "  ")
	if err != nil {
		return nil, err
	}
	if directory, err = filepath.Abs(directory); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(directory, PlanFile), append(input, '\n'), 0o644); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(directory, harnessLog))
	if err != nil {
		return nil, err
	}
	reader, writer := io.Pipe()
	box, err := sandbox.Start(sandbox.Options{
		Role: role, Dir: directory, Input: bytes.NewReader(input), Output: writer, Errors: log,
	})
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	t := &Trial{box: box, finished: make(chan struct{}), done: make(chan struct{})}
	go t.follow(reader, progress)
	go func() {
		<-box.Done()
		_ = writer.Close()
		_ = log.Close()
	}()
	return t, nil
}

const (
	// labEvents is how many events of a lab's history stay in memory.
	labEvents = 50_000
	// flushPeriod is how often its file is written.
	flushPeriod = time.Second
)

// runStand is process 1 of a lab's sandbox.
func runStand(args []string) error {
	var plan StandPlan
	ctx, log, done, err := enter(args, &plan)
	if err != nil {
		return broken(err)
	}
	defer done()
	log.Keep(labEvents)
	stand, err := newStand(plan, probe.NewClock(), log)
	if err != nil {
		err = errors.Join(err, stand.Close(), log.Flush())
		return broken(err)
	}
	err = stand.live(ctx)
	if ctx.Err() != nil {
		err = nil // it was told to end
	}
	closing := errors.Join(stand.Close(), log.Flush())
	switch {
	case err != nil:
		return say(Progress{Error: err.Error()}, errors.Join(err, closing))
	case closing != nil:
		return broken(closing)
	default:
		return say(Progress{}, nil)
	}
}

// live observes, starts all processes, waits until all is settled, and stands
// until ctx ends.
func (s *Stand) live(ctx context.Context) error {
	s.begun = time.Now().UTC()
	s.log.Append(0, "", s.trial())
	if err := s.observe(); err != nil {
		return err
	}
	stop := followPhases(s.log)
	defer stop()
	listener, err := net.Listen("unix", filepath.Join(sandbox.Dir, control.SocketName))
	if err != nil {
		return err
	}
	serving, end := context.WithCancel(ctx)
	defer end()
	go func() {
		if err := control.Serve(serving, listener, controlled{s}); err != nil {
			s.note("%v", err)
		}
	}()
	s.phase(history.PhaseSettling)
	if err := s.start(); err != nil {
		return err
	}
	if err := s.settle(ctx); err != nil {
		s.phase(history.PhaseFailed)
		return err
	}
	s.beSettled()
	s.phase(history.PhaseSettled)
	return s.keepUp(ctx)
}

// keepUp writes the history out and takes it in until ctx ends.
func (s *Stand) keepUp(ctx context.Context) error {
	ticker := time.NewTicker(flushPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		s.picture.refresh()
		if err := s.log.Flush(); err != nil {
			return fmt.Errorf("write the history: %w", err)
		}
	}
}

func (s *Stand) phase(name history.PhaseName) {
	s.log.Append(s.clock.Now(), "", history.Phase{Name: name})
}

// trial is the first event of a lab's history; a lab with more virtual routers
// than one tells of the first.
func (s *Stand) trial() history.Trial {
	t := history.Trial{Format: 1, Scenario: s.plan.Spec.Name, Subject: s.plan.Subject, Run: 1, Started: s.begun}
	if len(s.clusters) > 0 {
		t.Cluster = s.describe(s.clusters[0])
	}
	return t
}

const (
	// standing is how long the preferred node must have had the VIP.
	standing = 500 * time.Millisecond
	// settleSlack is for the programs to start, beyond what the timers need.
	settleSlack = 10 * time.Second
	// settleSlackEach is for each process.
	settleSlackEach = 200 * time.Millisecond
)

// settle waits until every virtual router is.
func (s *Stand) settle(ctx context.Context) error {
	bound := settleSlack + time.Duration(len(s.services))*settleSlackEach
	for _, c := range s.clusters {
		described := s.describe(c)
		bound = max(bound, settleSlack+2*(described.LongestDownInterval()+described.LongestCheck()))
	}
	err := s.Await(ctx, s.clock.Now()+bound, func() bool { return s.unsettled() == "" })
	if errors.Is(err, scenarios.ErrDeadline) {
		err = fmt.Errorf("it did not settle within %s: %s", bound.Round(time.Second/10), s.unsettled())
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	if diagnosis := s.Diagnosis(); diagnosis != "" {
		return fmt.Errorf("%w\n%s", err, diagnosis)
	}
	return err
}

// unsettled says what a virtual router lacks to be settled; empty: nothing. One
// node alone has its first address, and it is the preferred one, or none that is
// better took over in the time that this needs.
func (s *Stand) unsettled() string {
	for _, cluster := range s.clusters {
		c := s.describe(cluster)
		vip := c.VIPs[0]
		holders, since := s.picture.holders(vip)
		held := s.clock.Now() - since
		switch {
		case len(holders) == 0:
			return fmt.Sprintf("nobody holds %s", vip)
		case len(holders) > 1:
			return fmt.Sprintf("%s hold %s", strings.Join(holders, " and "), vip)
		case holders[0] == c.Preferred().Name && held >= standing:
		case held >= c.LongestDownInterval()+c.LongestCheck():
		default:
			return fmt.Sprintf("%s holds %s since %s", holders[0], vip, held.Round(time.Second/10))
		}
	}
	return ""
}
