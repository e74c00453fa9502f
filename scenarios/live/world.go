package live

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"takeover/scenarios"
	"takeover/scenarios/history"
	"takeover/scenarios/probe"
	"takeover/topology"
	"takeover/topology/impair"
	"takeover/topology/lab"
)

// The names of the hosts beside the nodes, and of the one segment.
const (
	clientName   = "client"
	observerName = "observer"
	segmentName  = "lan"
	clientDevice = "eth0"
)

// World is a cluster of real subjects in the sandbox that it runs in.
type World struct {
	plan  Plan
	clock probe.Clock
	log   *history.Log
	lab   *lab.Lab
	drops *impair.Tree
	nodes map[string]*node
	// subjects are those of the seats, in their order.
	subjects []subject

	forces    []Force // in force
	lastForce int     // its ID

	observers []*probe.Watch
	client    func() error // ends the client's probes
	closers   []func() error

	mu      sync.Mutex
	settled bool  // from then on a process may end without failing the trial
	closing bool  // whatever ends now is our doing
	broken  error // what ended the trial's meaning
	wake    chan struct{}
}

var _ scenarios.World = (*World)(nil)

// specOf is the topology of a plan: the client, the nodes and the observer,
// all on one bridge.
func specOf(p Plan) topology.Spec {
	link := func(device string) []topology.Link {
		return []topology.Link{{Interface: device, Segment: segmentName}}
	}
	spec := topology.Spec{Name: p.Scenario, Segments: []topology.Segment{{Name: segmentName}}}
	client := topology.Host{Name: clientName, Role: topology.RoleClient, Links: link(clientDevice)}
	client.Links[0].Addresses = append(client.Links[0].Addresses, p.Cluster.Client)
	spec.Hosts = append(spec.Hosts, client)
	for _, seat := range p.Cluster.Seats {
		host := topology.Host{Name: seat.Name, Role: topology.RoleNode, Links: link(seat.Interface)}
		host.Links[0].Addresses = append(host.Links[0].Addresses, seat.Address)
		spec.Hosts = append(spec.Hosts, host)
	}
	spec.Hosts = append(spec.Hosts, topology.Host{
		Name: observerName, Role: topology.RoleObserver, Links: link(clientDevice),
	})
	return spec
}

// newWorld builds the lab, starts every observer, then Nginx and the subject
// in every seat, then the client's probes. Close takes down what stands, also
// after an error.
func newWorld(plan Plan, clock probe.Clock, log *history.Log) (*World, error) {
	w := &World{plan: plan, clock: clock, log: log, nodes: map[string]*node{}, wake: make(chan struct{}, 1)}
	var err error
	if w.subjects, err = seatSubjects(plan.Subject, len(plan.Cluster.Seats)); err != nil {
		return w, err
	}
	if w.lab, err = lab.Up(specOf(plan)); err != nil {
		return w, err
	}
	log.Append(0, "", w.trial())
	if w.drops, err = impair.Install(w.lab.Switch()); err != nil {
		return w, err
	}
	if err := w.observe(); err != nil {
		return w, err
	}
	if err := w.startNodes(); err != nil {
		return w, err
	}
	return w, w.startClient()
}

// startNodes starts all nodes at the same time, as after a power cut.
func (w *World) startNodes() error {
	errs := make([]error, len(w.plan.Cluster.Seats))
	for i, seat := range w.plan.Cluster.Seats {
		n, err := newNode(w.plan, seat, w.lab.Host(seat.Name), w.subjects[i])
		if err != nil {
			return err
		}
		w.nodes[seat.Name] = n
		errs[i] = w.nodes[seat.Name].startWeb(w)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var starting sync.WaitGroup
	for i, seat := range w.plan.Cluster.Seats {
		starting.Go(func() { errs[i] = w.nodes[seat.Name].startDaemon(w) })
	}
	starting.Wait()
	return errors.Join(errs...)
}

// trial is the first event of the history.
func (w *World) trial() history.Trial {
	p := w.plan
	f := p.fault()
	return history.Trial{
		Format: 1, Scenario: p.Scenario, Fault: f.Name(), Subject: p.Subject,
		Run: p.Run, Seed: p.Seed, Started: time.Now().UTC(),
		Cluster: w.cluster(), Expect: scenarios.Expect(f),
		ProbePeriods: map[string]time.Duration{
			history.StreamICMP: p.Periods.ICMP, history.StreamHTTP: p.Periods.HTTP,
			history.StreamOwners: p.Periods.Owners,
		},
	}
}

func (w *World) cluster() history.Cluster {
	p := w.plan
	c := history.Cluster{
		Version: p.Cluster.Version, VRID: p.Cluster.VRID, AdvertInterval: p.Cluster.Interval,
		Check: p.Cluster.Check, WebServer: "nginx",
		Client: history.Peer{Name: clientName, Address: p.Cluster.Client.Addr(), MAC: w.mac(clientName)},
	}
	if p.Programs.Nginx == "" {
		c.WebServer = standInName
	}
	for _, vip := range p.Cluster.VIPs {
		c.VIPs = append(c.VIPs, vip.Addr())
	}
	for i, seat := range p.Cluster.Seats {
		node := history.Node{
			Name: seat.Name, Address: seat.Address.Addr(), MAC: w.mac(seat.Name),
			Priority: seat.Priority, Preempt: seat.Preempt, Options: seat.Options, Subject: w.subjects[i].name,
		}
		if node.Address.Is6() {
			node.LinkLocal = w.lab.Host(seat.Name).Links[0].LinkLocal()
		}
		c.Nodes = append(c.Nodes, node)
	}
	return c
}

func (w *World) mac(host string) string { return w.lab.Host(host).Links[0].MAC.String() }

// Log implements scenarios.World.
func (w *World) Log() *history.Log { return w.log }

// Now implements scenarios.World.
func (w *World) Now() time.Duration { return w.clock.Now() }

const (
	// askAgain is how often a condition is looked at when nothing happens.
	askAgain = 50 * time.Millisecond
	// askRest is how long it is left alone while much happens: a thousand
	// probes a second are no reason to ask a thousand times.
	askRest = 5 * time.Millisecond
)

// Await implements scenarios.World.
func (w *World) Await(ctx context.Context, deadline time.Duration, condition func() bool) error {
	appended, end := w.log.Notify()
	defer end()
	for {
		if err := w.trouble(); err != nil {
			return err
		}
		if condition() {
			return nil
		}
		left := deadline - w.clock.Now()
		if left <= 0 {
			return scenarios.ErrDeadline
		}
		if err := w.rest(ctx, min(left, askRest), nil); err != nil {
			return err
		}
		if err := w.rest(ctx, min(left, askAgain)-askRest, appended); err != nil {
			return err
		}
	}
}

// rest waits for a time, or until an append or trouble ends it.
func (w *World) rest(ctx context.Context, d time.Duration, appended <-chan struct{}) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-appended:
	case <-w.wake:
	case <-timer.C:
	}
	return nil
}

func (w *World) trouble() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.broken
}

// processEnded ends a trial whose cluster is still settling: a program that
// dies at once will not come back.
func (w *World) processEnded(err error) {
	w.mu.Lock()
	settled := w.settled || w.closing
	w.mu.Unlock()
	if !settled { // later the history shows it, and the judge decides
		w.fail(err)
	}
}

// fail ends the trial: what it needs is gone.
func (w *World) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = errors.Join(w.broken, err)
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (w *World) note(format string, args ...any) {
	w.log.Append(w.clock.Now(), "", history.Note{Text: fmt.Sprintf(format, args...)})
}

// Diagnosis implements scenarios.World.
func (w *World) Diagnosis() string {
	var parts []string
	for _, seat := range w.plan.Cluster.Seats {
		if n := w.nodes[seat.Name]; n != nil {
			if text := n.diagnosis(); text != "" {
				parts = append(parts, text)
			}
		}
	}
	return strings.Join(parts, "\n")
}

// Close ends the probes, the observers and the lab, in this order.
func (w *World) Close() error {
	w.mu.Lock()
	w.closing = true
	w.mu.Unlock()
	var errs []error
	if w.client != nil {
		errs = append(errs, w.client())
	}
	for _, observer := range w.observers {
		errs = append(errs, observer.Close())
	}
	if w.lab != nil {
		errs = append(errs, w.lab.Down())
	}
	for _, closer := range w.closers {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}
