package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"takeover/scenarios"
	"takeover/scenarios/history"
	"takeover/scenarios/probe"
	"takeover/topology/sandbox"
)

// calibrationRole is process 1 of a calibration's sandbox.
const calibrationRole = "calibration"

// CalibrationPlan is everything about a calibration: a trial in whose nodes
// puppets hand the VIP to each other, Cycles times, at moments that are drawn
// from Seed and that they tell. It goes to the sandbox as JSON.
type CalibrationPlan struct {
	Cluster Cluster
	Periods Periods // HTTP is not asked: 0
	Seed    uint64
	Cycles  int
	Pcap    bool
}

// CalibrationTime is how long so many cycles take.
func CalibrationTime(cycles int) time.Duration {
	return calibrationBegin + time.Duration(cycles)*cyclePeriod + probeTimeout + calibrationSettle
}

const (
	// calibrationBegin is when the first cycle begins: by then all is started.
	calibrationBegin = 2 * time.Second
	// calibrationSettle is for the last observations to come in.
	calibrationSettle = 200 * time.Millisecond
	// calibrationSlack is for the puppets to end.
	calibrationSlack = 10 * time.Second
)

// StartCalibration runs the plan in a sandbox, with its files in directory: see
// Start. What it measured check.Calibrate reads from the history.
func StartCalibration(plan CalibrationPlan, directory string, progress func(Progress)) (*Trial, error) {
	if len(plan.Cluster.Seats) < len(puppetHosts) {
		return nil, fmt.Errorf("a calibration needs %d nodes", len(puppetHosts))
	}
	return start(calibrationRole, plan, directory, progress)
}

// runCalibration is process 1 of the sandbox.
func runCalibration(args []string) error {
	var plan CalibrationPlan
	ctx, log, done, err := enter(args, &plan)
	if err != nil {
		return broken(err)
	}
	defer done()
	world, err := newCalibration(plan, log)
	stop := followPhases(log)
	if err == nil {
		err = world.calibrate(ctx, plan)
	}
	stop()
	err = errors.Join(err, world.Close(), log.Flush())
	if ctx.Err() != nil {
		err = nil // the history says that it was interrupted
	}
	if err != nil {
		return broken(err)
	}
	return say(Progress{}, nil)
}

// newCalibration builds the cluster without any of its programs, and starts the
// observers and the client's probes as a drill does.
func newCalibration(plan CalibrationPlan, log *history.Log) (*World, error) {
	spec := plan.Cluster.Spec("calibration")
	for i := range spec.Hosts {
		spec.Hosts[i].Processes = nil
	}
	stand, err := newStand(StandPlan{Spec: spec, Pcap: plan.Pcap}, probe.NewClock(), log)
	w := &World{Stand: stand, plan: Plan{Cluster: plan.Cluster, Periods: plan.Periods}}
	if err != nil {
		return w, err
	}
	w.cluster = w.describe(plan.Cluster)
	log.Append(0, "", history.Trial{
		Format: history.Format, Scenario: "calibration", Subject: puppetRole, Run: 1, Seed: plan.Seed,
		Started: time.Now().UTC(), Cluster: w.cluster,
		ProbePeriods: map[string]time.Duration{
			history.StreamICMP: plan.Periods.ICMP, history.StreamOwners: plan.Periods.Owners,
		},
	})
	if err := w.observe(); err != nil {
		return w, err
	}
	if err := w.observeOwners(); err != nil {
		return w, err
	}
	return w, w.startClient()
}

// calibrate lets the puppets do their cycles, and takes what they say they did
// into the history.
func (w *World) calibrate(ctx context.Context, plan CalibrationPlan) error {
	w.phase(history.PhaseSettling)
	begin := w.clock.Now() + calibrationBegin
	var puppets []*sandbox.Process
	var said []*bytes.Buffer
	for i, host := range puppetHosts {
		seat := plan.Cluster.Seats[i]
		process, output, err := w.startPuppet(Puppet{
			Host: host, Interface: seat.Interface, VIP: plan.Cluster.VIPs[0], VRID: plan.Cluster.VRID,
			Priority: seat.Priority, Address: seat.Address.Addr(),
			Origin: w.clock.Origin(), Begin: begin, Seed: plan.Seed, Cycles: plan.Cycles,
		})
		if err != nil {
			return err
		}
		puppets, said = append(puppets, process), append(said, output)
	}
	w.phase(history.PhaseSettled)
	late := time.After(CalibrationTime(plan.Cycles) + calibrationSlack)
	for i, puppet := range puppets {
		select {
		case <-ctx.Done():
			w.phase(history.PhaseInterrupted)
			return ctx.Err()
		case <-late:
			return fmt.Errorf("the puppet on %s did not end", puppetHosts[i])
		case <-puppet.Done():
		}
		if puppet.Status() != exitedWell {
			return fmt.Errorf("the puppet on %s: %s: see %s", puppetHosts[i], puppet.Status(), harnessLog)
		}
	}
	// What the client still waits for would be left out.
	if err := w.Await(ctx, w.clock.Now()+probeTimeout+calibrationSettle, func() bool { return false }); !errors.Is(err, scenarios.ErrDeadline) {
		return err
	}
	for _, text := range said {
		events, err := history.Read(text)
		if err != nil {
			return err
		}
		for _, event := range events {
			w.log.Append(event.At, event.Host, event.Body)
		}
	}
	w.phase(history.PhaseDone)
	return nil
}

// startPuppet starts a puppet; the buffer is to be read when it has ended.
func (w *World) startPuppet(p Puppet) (*sandbox.Process, *bytes.Buffer, error) {
	options, err := json.Marshal(p)
	if err != nil {
		return nil, nil, err
	}
	machine, err := w.lab.Host(p.Host).Machine()
	if err != nil {
		return nil, nil, err
	}
	var output bytes.Buffer
	command := sandbox.Command{Name: "the puppet", Output: os.Stderr, Stdout: &output, Env: environment()}
	command.Path, command.Args = sandbox.RoleCommand(puppetRole, string(options))
	process, err := machine.Start(command)
	return process, &output, err
}
