package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

func (p Plan) fault() fault.Fault {
	f, err := fault.DrillNamed(p.Fault)
	if err != nil {
		panic(err) // Validate came first
	}
	return f
}

// injection is a fault made ready for a host: all that takes time is done, and
// what undoes it is known before it is applied. undo must restore the exact
// state before, also when what it struck is gone, and after apply failed half
// way.
type injection struct {
	apply func() error
	undo  func() error
}

// Force is a fault in force.
type Force struct {
	ID    int // 1 for the Stand's first
	Fault fault.Fault
	Host  string
	Since time.Duration
	undo  func() error
}

// ErrNotBuilt says that a Stand can't inject a kind of fault.
var ErrNotBuilt = errors.New("this fault is not built here")

// Apply injects a fault in a host and returns what it has become. The undo is
// in the history before the fault is. The same fault is in force in a host once
// at most.
func (s *Stand) Apply(_ context.Context, f fault.Fault, host string) (Force, error) {
	fail := func(err error) (Force, error) {
		return Force{}, fmt.Errorf("fault %s on %s: %w", f.Name(), host, err)
	}
	s.striking.Lock()
	defer s.striking.Unlock()
	if s.lab.Host(host) == nil {
		return fail(errors.New("there is no such host"))
	}
	if i := s.inForce(f, host); i >= 0 {
		return fail(fmt.Errorf("it is in force since %s", s.forces[i].Since))
	}
	prepared, err := s.prepare(f, host)
	if err != nil {
		return fail(err)
	}
	s.beSettled()
	s.lastForce++
	force := Force{ID: s.lastForce, Fault: f, Host: host, undo: prepared.undo}
	s.log.Append(s.clock.Now(), host, history.FaultArmed{ID: force.ID, Fault: f.String(), Undo: f.Undo()})
	last := s.picture.lastAdvert(host)
	force.Since = s.clock.Now()
	err = prepared.apply()
	s.log.Append(force.Since, host, history.FaultStart{
		ID: force.ID, Fault: f.Name(), Undo: f.Undo(), Phase: force.Since - last, Took: s.clock.Now() - force.Since,
	})
	if err != nil {
		return fail(errors.Join(err, prepared.undo()))
	}
	s.forces = append(s.forces, force)
	return force, nil
}

// Clear undoes a fault in force.
func (s *Stand) Clear(_ context.Context, id int) error {
	s.striking.Lock()
	defer s.striking.Unlock()
	i := slices.IndexFunc(s.forces, func(f Force) bool { return f.ID == id })
	if i < 0 {
		return fmt.Errorf("no fault %d is in force", id)
	}
	force := s.forces[i]
	start := s.clock.Now()
	err := force.undo()
	end := s.clock.Now()
	s.log.Append(end, force.Host, history.FaultEnd{ID: id, Fault: force.Fault.Name(), Took: end - start})
	if err != nil {
		return fmt.Errorf("undo fault %s on %s: %w", force.Fault.Name(), force.Host, err)
	}
	s.forces = slices.Delete(s.forces, i, i+1)
	return nil
}

// ClearAll undoes every fault, the latest first. It goes on after an error.
func (s *Stand) ClearAll(ctx context.Context) error {
	var errs []error
	for _, force := range slices.Backward(s.InForce()) {
		errs = append(errs, s.Clear(ctx, force.ID))
	}
	return errors.Join(errs...)
}

// InForce are the faults in force, the first first.
func (s *Stand) InForce() []Force {
	s.striking.Lock()
	defer s.striking.Unlock()
	return slices.Clone(s.forces)
}

// inForce finds what strikes a host already as f would: a fault of that kind, or
// of traffic the same one, for those add up.
func (s *Stand) inForce(f fault.Fault, host string) int {
	return slices.IndexFunc(s.forces, func(other Force) bool {
		return other.Host == host && other.Fault.Kind == f.Kind &&
			(f.Family() != fault.FamilyTraffic || other.Fault.String() == f.String())
	})
}

// Inject implements scenarios.World.
func (s *Stand) Inject(ctx context.Context, f fault.Fault, host string) (time.Duration, error) {
	force, err := s.Apply(ctx, f, host)
	return force.Since, err
}

// Heal implements scenarios.World.
func (s *Stand) Heal(ctx context.Context, f fault.Fault, host string) error {
	for _, force := range s.InForce() {
		if force.Fault.Kind == f.Kind && force.Host == host {
			return s.Clear(ctx, force.ID)
		}
	}
	return nil
}

// prepare makes a fault ready for a host.
func (s *Stand) prepare(f fault.Fault, host string) (injection, error) {
	switch f.Family() {
	case fault.FamilyProcess:
		return s.prepareProcess(f, host)
	case fault.FamilyLink, fault.FamilyTraffic:
		return s.prepareLink(f, host)
	case fault.FamilyAddress:
		return s.prepareAddress(f, host)
	case fault.FamilyTime:
		return s.prepareTime(f, host)
	case fault.FamilyInterface:
		return s.prepareInterface(f, host)
	default:
		return injection{}, ErrNotBuilt
	}
}

// nothing is an undo where nothing is left to undo.
func nothing() error { return nil }

// going is what a fault does by itself as long as it is in force.
type going struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error // to be read when ended is closed
}

// goOn begins it; f returns when its context ends.
func goOn(f func(ctx context.Context) error) *going {
	ctx, cancel := context.WithCancel(context.Background())
	g := &going{cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(g.ended)
		g.err = f(ctx)
	}()
	return g
}

// passes waits; false when the context ended before.
func passes(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// later calls f when so much time has passed, unless it ends before.
func later(wait time.Duration, f func() error) *going {
	return goOn(func(ctx context.Context) error {
		if !passes(ctx, wait) {
			return nil
		}
		return f()
	})
}

// times calls f so many times, once a period; 0: until the end. The first was
// before.
func times(count int, period time.Duration, f func() error) *going {
	return goOn(func(ctx context.Context) error {
		for n := 1; (count == 0 || n < count) && passes(ctx, period); n++ {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	})
}

// wait waits until it ends by itself, and returns what failed.
func (g *going) wait() error {
	if g == nil {
		return nil
	}
	<-g.ended
	return g.err
}

// end ends it, waits, and returns what failed. A nil one never began.
func (g *going) end() error {
	if g == nil {
		return nil
	}
	g.cancel()
	<-g.ended
	return g.err
}
