package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"takeover/scenarios"
	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

// World is a cluster in virtual time that a scenario runs in. Every observer
// is exact: probes are answered by whoever the client's neighbour entry names,
// if that has the address and a link.
type World struct {
	fault   fault.Fault
	phase   float64
	cluster *Cluster
	log     *history.Log
	client  client
	faults  map[string]*Fault // in force, by the host
}

var _ scenarios.World = (*World)(nil)

// NewWorld builds the world for one fault of package fault, that strikes at a
// phase of the advertisement interval from 0 to below 1. Processes start and
// web servers answer at once. Where all processes of a daemon are killed no
// guardian is left either.
func NewWorld(o Options, f fault.Fault, phase float64, seed uint64) (*World, error) {
	if _, err := simulated(f); err != nil {
		return nil, err
	}
	if o.Segments > 1 {
		return nil, errors.New("a world has one segment")
	}
	if f.Kind == fault.DaemonKilled {
		o.Guardian = false
	}
	w := &World{fault: f, phase: phase, log: history.NewLog(nil), faults: map[string]*Fault{}}
	schedule := &Schedule{Seed: seed, Options: o}
	w.client = newClient(w)
	w.log.Append(0, "", history.Trial{
		Format: history.Format, Scenario: scenarioName, Fault: f.Name(), Subject: subject, Run: 1, Seed: seed,
		Cluster: w.describe(&schedule.Options), ProbePeriods: w.client.periods(), Expect: scenarios.Expect(f),
	})
	var err error
	if w.cluster, err = prepare(schedule, realMachine); err != nil {
		return nil, err
	}
	w.cluster.recorder = &recorder{log: w.log, cluster: w.cluster, world: w}
	return w, w.cluster.begin()
}

const scenarioName = "simulated failover"

// simulated is the kind of fault that stands for f.
func simulated(f fault.Fault) (Kind, error) {
	switch f.Kind { //nolint:exhaustive // the rest is not simulated
	case fault.AdvertsDropped:
		return Cut, nil
	case fault.LinkLoss:
		return Unplug, nil
	case fault.DaemonStopped:
		return Stop, nil
	case fault.DaemonKilled, fault.WorkerKilled:
		return Crash, nil
	case fault.DaemonPaused:
		return Pause, nil
	}
	return "", fmt.Errorf("fault %s is not simulated", f.Name())
}

func (w *World) describe(o *Options) history.Cluster {
	c := o.history()
	c.Client = history.Peer{Name: clientName, Address: o.on(0, 10, 0x10), MAC: "02:00:00:00:00:fe"}
	c.WebServer = "simulated"
	return c
}

// Scenario is what Run takes the world through.
func (w *World) Scenario() scenarios.Scenario {
	return scenarios.Scenario{
		Name: scenarioName, Cluster: w.describe(w.cluster.options), Fault: w.fault, PhaseFraction: w.phase,
	}
}

// Log implements scenarios.World.
func (w *World) Log() *history.Log { return w.log }

// Now implements scenarios.World.
func (w *World) Now() time.Duration { return w.cluster.now }

// Await implements scenarios.World. It is where the time passes.
func (w *World) Await(ctx context.Context, deadline time.Duration, condition func() bool) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		if finding := w.cluster.Finding(); finding != nil {
			return fmt.Errorf("a rule was broken: %s", finding)
		}
		if condition() {
			return nil
		}
		if w.Now() >= deadline {
			return scenarios.ErrDeadline
		}
		w.cluster.Advance(min(deadline, w.client.next()))
		w.client.ask(w.Now())
	}
}

// Inject implements scenarios.World.
func (w *World) Inject(_ context.Context, f fault.Fault, host string) (time.Duration, error) {
	n := w.node(host)
	if n == nil || w.faults[host] != nil {
		return 0, fmt.Errorf("%s is no node, or has a fault already", host)
	}
	kind, err := simulated(f)
	if err != nil {
		return 0, err
	}
	imposed := &Fault{Kind: kind, Router: n.index, From: SetOf(n.index)}
	imposed.To = everybody(len(w.cluster.nodes)) &^ imposed.From
	w.faults[host] = imposed
	now := w.Now()
	w.log.Append(now, host, history.FaultStart{Fault: f.Name(), Undo: f.Undo(), Phase: now - w.client.adverts[n.index]})
	w.link(n, kind, false)
	w.cluster.impose(imposed)
	return now, nil
}

// Heal implements scenarios.World.
func (w *World) Heal(_ context.Context, f fault.Fault, host string) error {
	imposed := w.faults[host]
	if imposed == nil {
		return fmt.Errorf("%s has no fault", host)
	}
	delete(w.faults, host)
	w.link(w.node(host), imposed.Kind, true)
	w.cluster.lift(imposed)
	w.log.Append(w.Now(), host, history.FaultEnd{Fault: f.Name()})
	return nil
}

// link tells of a carrier that goes or comes.
func (w *World) link(n *node, kind Kind, carrier bool) {
	if kind == Unplug {
		w.cluster.recorder.append(n, history.Link{Interface: device, Up: true, Carrier: carrier})
	}
}

func (w *World) node(host string) *node {
	for i := range w.cluster.nodes {
		if routerName(i) == host {
			return &w.cluster.nodes[i]
		}
	}
	return nil
}

// Diagnosis implements scenarios.World.
func (w *World) Diagnosis() string {
	var states []string
	for i := range w.cluster.nodes {
		states = append(states, fmt.Sprintf("  %s is %s", routerName(i), w.cluster.nodes[i].state))
	}
	return strings.Join(states, "\n")
}
