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
	ID    int // 1 for the World's first
	Fault fault.Fault
	Host  string
	Since time.Duration
	undo  func() error
}

// ErrNotBuilt says that a World can't inject a kind of fault.
var ErrNotBuilt = errors.New("this fault is not built here")

// Apply injects a fault in a host and returns what it has become. The undo is
// in the history before the fault is. The same fault is in force in a host once
// at most.
func (w *World) Apply(_ context.Context, f fault.Fault, host string) (Force, error) {
	fail := func(err error) (Force, error) {
		return Force{}, fmt.Errorf("fault %s on %s: %w", f.Name(), host, err)
	}
	if w.lab.Host(host) == nil {
		return fail(errors.New("there is no such host"))
	}
	if i := w.inForce(f.Kind, host); i >= 0 {
		return fail(fmt.Errorf("it is in force since %s", w.forces[i].Since))
	}
	prepared, err := w.prepare(f, host)
	if err != nil {
		return fail(err)
	}
	w.mu.Lock()
	w.settled = true
	w.mu.Unlock()
	w.lastForce++
	force := Force{ID: w.lastForce, Fault: f, Host: host, undo: prepared.undo}
	w.log.Append(w.clock.Now(), host, history.FaultArmed{ID: force.ID, Fault: f.String(), Undo: f.Undo()})
	last := w.lastAdvert(host)
	force.Since = w.clock.Now()
	err = prepared.apply()
	w.log.Append(force.Since, host, history.FaultStart{
		ID: force.ID, Fault: f.Name(), Undo: f.Undo(), Phase: force.Since - last, Took: w.clock.Now() - force.Since,
	})
	if err != nil {
		return fail(errors.Join(err, prepared.undo()))
	}
	w.forces = append(w.forces, force)
	return force, nil
}

// Clear undoes a fault in force.
func (w *World) Clear(_ context.Context, id int) error {
	i := slices.IndexFunc(w.forces, func(f Force) bool { return f.ID == id })
	if i < 0 {
		return fmt.Errorf("no fault %d is in force", id)
	}
	force := w.forces[i]
	start := w.clock.Now()
	err := force.undo()
	end := w.clock.Now()
	w.log.Append(end, force.Host, history.FaultEnd{ID: id, Fault: force.Fault.Name(), Took: end - start})
	if err != nil {
		return fmt.Errorf("undo fault %s on %s: %w", force.Fault.Name(), force.Host, err)
	}
	w.forces = slices.Delete(w.forces, i, i+1)
	return nil
}

// ClearAll undoes every fault, the latest first. It goes on after an error.
func (w *World) ClearAll(ctx context.Context) error {
	var errs []error
	for _, force := range slices.Backward(w.InForce()) {
		errs = append(errs, w.Clear(ctx, force.ID))
	}
	return errors.Join(errs...)
}

// InForce are the faults in force, the first first.
func (w *World) InForce() []Force { return slices.Clone(w.forces) }

func (w *World) inForce(kind fault.Kind, host string) int {
	return slices.IndexFunc(w.forces, func(f Force) bool { return f.Fault.Kind == kind && f.Host == host })
}

// Inject implements scenarios.World.
func (w *World) Inject(ctx context.Context, f fault.Fault, host string) (time.Duration, error) {
	force, err := w.Apply(ctx, f, host)
	return force.Since, err
}

// Heal implements scenarios.World.
func (w *World) Heal(ctx context.Context, f fault.Fault, host string) error {
	i := w.inForce(f.Kind, host)
	if i < 0 {
		return nil
	}
	return w.Clear(ctx, w.forces[i].ID)
}

// prepare makes a fault ready for a host.
func (w *World) prepare(f fault.Fault, host string) (injection, error) {
	switch f.Family() {
	case fault.FamilyProcess:
		return w.prepareProcess(f, host)
	case fault.FamilyLink, fault.FamilyTraffic:
		return w.prepareLink(f, host)
	case fault.FamilyAddress, fault.FamilyTime, fault.FamilyInterface:
		return injection{}, ErrNotBuilt
	default:
		return injection{}, ErrNotBuilt
	}
}

// lastAdvert is when host last sent an advertisement.
func (w *World) lastAdvert(host string) time.Duration {
	var last time.Duration
	for _, event := range w.log.Events() {
		if advert, ok := event.Body.(history.Advert); ok && advert.Direction == history.FromHost && event.Host == host {
			last = max(last, event.At)
		}
	}
	return last
}
