package scenarios

import (
	"context"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

// World is what a Runner works on: a cluster with its observers running.
type World interface {
	// Log is the history that all observers append to.
	Log() *history.Log
	// Now is the time on the history's clock.
	Now() time.Duration
	// Await returns nil as soon as condition holds. It asks after every event
	// and from time to time. When the clock reaches deadline first it returns
	// ErrDeadline; it returns ctx's error, or the World's own when something
	// broke that the trial needs, as early as it knows.
	Await(ctx context.Context, deadline time.Duration, condition func() bool) error
	// Inject applies a fault to a host. It returns the time just before the
	// fault took effect.
	Inject(ctx context.Context, f fault.Fault, host string) (time.Duration, error)
	// Heal undoes the fault. It does nothing where the subject already did.
	Heal(ctx context.Context, f fault.Fault, host string) error
	// Diagnosis is what a reader should see when the cluster did not do what
	// it should: the last lines of the logs.
	Diagnosis() string
}
