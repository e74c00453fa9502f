package live

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"takeover/scenarios"
	"takeover/scenarios/history"
	"takeover/scenarios/probe"
	"takeover/scenarios/scene"
)

// The names of the hosts beside the nodes, and of the one segment.
const (
	clientName   = "client"
	observerName = "observer"
	segmentName  = "lan"
	clientDevice = "eth0"
)

// World is a Stand with one cluster on one segment, a client that asks it, and
// an observer that asks who owns the VIP.
type World struct {
	*Stand
	plan    Plan
	cluster history.Cluster
	load    scene.Load   // beside echo requests and HTTP
	client  func() error // ends the client's probes
}

var _ scenarios.World = (*World)(nil)

// newWorld builds the lab, starts every observer, then Nginx and the subject
// in every seat, then the client's probes. Close takes down what stands, also
// after an error.
func newWorld(plan Plan, clock probe.Clock, log *history.Log) (*World, error) {
	stand, err := newStand(plan.stand(), clock, log)
	w := &World{Stand: stand, plan: plan}
	if err != nil {
		return w, err
	}
	w.cluster = w.describe(plan.Cluster)
	if err := w.awaitAddresses(); err != nil {
		return w, err
	}
	log.Append(0, "", w.trial())
	if err := w.observe(); err != nil {
		return w, err
	}
	if err := w.observeMore(); err != nil {
		return w, err
	}
	if err := w.observeOwners(); err != nil {
		return w, err
	}
	if err := w.start(); err != nil {
		return w, err
	}
	return w, w.startClient()
}

// trial is the first event of the history.
func (w *World) trial() history.Trial {
	p := w.plan
	f := p.fault()
	return history.Trial{
		Format: 1, Scenario: p.Scenario, Fault: f.Name(), Subject: p.Subject,
		Run: p.Run, Seed: p.Seed, Started: time.Now().UTC(),
		Cluster: w.cluster, Expect: scenarios.Expect(f),
		ProbePeriods: map[string]time.Duration{
			history.StreamICMP: p.Periods.ICMP, history.StreamHTTP: p.Periods.HTTP,
			history.StreamOwners: p.Periods.Owners,
		},
	}
}

// describe is a cluster as the history has it.
func (s *Stand) describe(of Cluster) history.Cluster {
	c := history.Cluster{
		Version: of.Version, VRID: of.VRID, AdvertInterval: of.Interval, Check: of.Check, WebServer: "nginx",
	}
	if of.Client.IsValid() {
		c.Client = s.peer(of.Client.Addr())
	}
	if s.plan.Programs.Nginx == "" {
		c.WebServer = standInName
	}
	for _, vip := range of.VIPs {
		c.VIPs = append(c.VIPs, vip.Addr())
	}
	for _, seat := range of.Seats {
		node := history.Node{
			Name: seat.Name, Address: seat.Address.Addr(),
			Priority: seat.Priority, Preempt: seat.Preempt, Options: seat.Options,
		}
		if v := s.daemon(seat.Name); v != nil {
			node.Subject = v.subject.name
		}
		for _, link := range s.lab.Host(seat.Name).Links {
			if link.Interface == seat.Interface {
				node.MAC = link.MAC.String()
				if node.Address.Is6() {
					node.LinkLocal = link.LinkLocal()
				}
			}
		}
		c.Nodes = append(c.Nodes, node)
	}
	return c
}

// peer is the host that has an address.
func (s *Stand) peer(address netip.Addr) history.Peer {
	for _, host := range s.plan.Spec.Hosts {
		for _, link := range s.lab.Host(host.Name).Links {
			for _, prefix := range link.Addresses {
				if prefix.Addr() == address {
					return history.Peer{Name: host.Name, Address: address, MAC: link.MAC.String()}
				}
			}
		}
	}
	return history.Peer{}
}

// Log is the history that all observers append to.
func (s *Stand) Log() *history.Log { return s.log }

// Now is the time on the history's clock.
func (s *Stand) Now() time.Duration { return s.clock.Now() }

const (
	// askAgain is how often a condition is looked at when nothing happens.
	askAgain = 50 * time.Millisecond
	// askRest is how long it is left alone while much happens: a thousand
	// probes a second are no reason to ask a thousand times.
	askRest = 5 * time.Millisecond
)

// Await is that of scenarios.World.
func (s *Stand) Await(ctx context.Context, deadline time.Duration, condition func() bool) error {
	appended, end := s.log.Notify()
	defer end()
	for {
		if err := s.trouble(); err != nil {
			return err
		}
		if condition() {
			return nil
		}
		left := deadline - s.clock.Now()
		if left <= 0 {
			return scenarios.ErrDeadline
		}
		if err := s.rest(ctx, min(left, askRest), nil); err != nil {
			return err
		}
		if err := s.rest(ctx, min(left, askAgain)-askRest, appended); err != nil {
			return err
		}
	}
}

// rest waits for a time, or until an append or trouble ends it.
func (s *Stand) rest(ctx context.Context, d time.Duration, appended <-chan struct{}) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-appended:
	case <-s.wake:
	case <-timer.C:
	}
	return nil
}

// Close ends the probes, the observers and the lab, in this order.
func (w *World) Close() error {
	w.beClosing()
	var err error
	if w.client != nil {
		err = w.client()
	}
	return errors.Join(err, w.Stand.Close())
}
