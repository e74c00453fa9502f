package scenarios

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// ErrDeadline is Await's answer when its deadline passed.
var ErrDeadline = errors.New("the deadline passed")

// Run takes the world through the scenario. A cluster that does not fail over
// or does not come back is no error: the history shows it and a judge says
// so. An error is what keeps the trial from meaning anything: a cluster that
// never settles, a fault that can't be injected, the end of ctx.
func Run(ctx context.Context, world World, s Scenario) error {
	r := &run{world: world, scenario: s, view: newView(world.Log(), s.Cluster.VIPs[0])}
	err := r.all(ctx)
	switch {
	case err == nil:
		r.phase(history.PhaseDone)
	case ctx.Err() != nil:
		r.phase(history.PhaseInterrupted)
	default:
		world.Log().Append(world.Now(), "", history.Note{Text: err.Error()})
		r.phase(history.PhaseFailed)
	}
	return err
}

type run struct {
	world    World
	scenario Scenario
	view     *view
}

func (r *run) all(ctx context.Context) error {
	r.phase(history.PhaseSettling)
	active := r.scenario.Cluster.Preferred().Name
	if err := r.settle(ctx, active); err != nil {
		return err
	}
	r.phase(history.PhaseSettled)
	fault, err := r.inject(ctx, active)
	if err != nil {
		return err
	}
	r.phase(history.PhaseFaulted)
	if err := r.awaitFailover(ctx, active, fault); err != nil {
		return errors.Join(err, r.healBriefly(active))
	}
	if err := r.heal(ctx, active); err != nil {
		return err
	}
	r.phase(history.PhaseHealed)
	return r.awaitReversion(ctx, active)
}

func (r *run) phase(name history.PhaseName) {
	r.world.Log().Append(r.world.Now(), "", history.Phase{Name: name})
}

// settle waits until the preferred node alone has the VIP, all streams are
// answered by it, and the second round of announcements is over.
func (r *run) settle(ctx context.Context, active string) error {
	c := r.scenario.Cluster
	bound := c.LongestDownInterval() + c.LongestCheck() + r.scenario.AnnounceDelay + settleSlack
	err := r.world.Await(ctx, r.world.Now()+bound, func() bool {
		r.view.update()
		host, since, ok := r.view.soleHolder()
		now := r.world.Now()
		return ok && host == active && now-since > r.scenario.AnnounceDelay+holdHealed/2 &&
			r.view.answersFrom(host, now-holdHealed/2)
	})
	if errors.Is(err, ErrDeadline) {
		err = fmt.Errorf("the cluster did not settle within %s: %s", bound.Round(time.Second/10), r.describe(active))
	}
	return r.explain(ctx, err)
}

// describe says how the cluster stands, in a sentence.
func (r *run) describe(active string) string {
	held := "nobody holds"
	if names := r.view.holderNames(); len(names) > 0 {
		held = strings.Join(names, " and ") + " hold"
		if len(names) == 1 {
			held += "s"
		}
	}
	var heard []string
	for _, stream := range streams {
		if last, ok := r.view.answers[stream]; ok {
			heard = append(heard, fmt.Sprintf("%s last answered by %s %s ago",
				stream, last.by, (r.world.Now()-last.sent).Round(time.Millisecond)))
		} else {
			heard = append(heard, stream+" never answered")
		}
	}
	return fmt.Sprintf("%s %s (expected: %s); %s", held, r.scenario.Cluster.VIPs[0], active, strings.Join(heard, ", "))
}

// explain adds the logs to an error that is not the user's interruption.
func (r *run) explain(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if diagnosis := r.world.Diagnosis(); diagnosis != "" {
		return fmt.Errorf("%w\n%s", err, diagnosis)
	}
	return err
}

// inject waits for the Active's next advertisement and then for the phase.
func (r *run) inject(ctx context.Context, active string) (time.Duration, error) {
	interval := r.scenario.Cluster.AdvertInterval
	r.view.update()
	seen := r.view.adverts[active]
	err := r.world.Await(ctx, r.world.Now()+3*interval, func() bool {
		r.view.update()
		return r.view.adverts[active] > seen
	})
	if errors.Is(err, ErrDeadline) {
		err = fmt.Errorf("the Active %s sent no advertisement in %s", active, 3*interval)
	}
	if err != nil {
		return 0, r.explain(ctx, err)
	}
	due := r.view.adverts[active] + time.Duration(r.scenario.PhaseFraction*float64(interval))
	if err := r.pause(ctx, due-r.world.Now()); err != nil {
		return 0, err
	}
	at, err := r.world.Inject(ctx, r.scenario.Fault, active)
	if err != nil {
		return 0, fmt.Errorf("inject %s on %s: %w", r.scenario.Fault.Name(), active, err)
	}
	r.view.update()
	return at, nil
}

// awaitFailover waits until another node answers, or has had the VIP for so
// long that it would have: beside an Active that defends its address it may
// never be asked. Then it lets the fault stand. No failover within the bound
// is an observation, not an error.
func (r *run) awaitFailover(ctx context.Context, active string, fault time.Duration) error {
	c := r.scenario.Cluster
	bound := fault + c.LongestCheck() + c.LongestDownInterval() + faultSlack
	err := r.world.Await(ctx, bound, func() bool {
		r.view.update()
		return r.view.answeredByOther(active, fault) || r.view.heldByOther(active, r.world.Now()-defended)
	})
	if errors.Is(err, ErrDeadline) {
		return nil
	}
	if err != nil {
		return err
	}
	return r.pause(ctx, holdFaulted)
}

func (r *run) heal(ctx context.Context, active string) error {
	if err := r.world.Heal(ctx, r.scenario.Fault, active); err != nil {
		return fmt.Errorf("heal %s on %s: %w", r.scenario.Fault.Name(), active, err)
	}
	return nil
}

// healBriefly heals after an interruption, so that the history ends in order.
func (r *run) healBriefly(active string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return r.heal(ctx, active)
}

// awaitReversion waits until the preferred node alone is back and stays. A
// cluster that does not come back is an observation, not an error.
func (r *run) awaitReversion(ctx context.Context, active string) error {
	c := r.scenario.Cluster
	healed := r.world.Now()
	bound := healed + c.LongestCheck() + c.LongestDownInterval() + healSlack
	err := r.world.Await(ctx, bound, func() bool {
		r.view.update()
		now := r.world.Now()
		host, since, ok := r.view.soleHolder()
		return ok && host == active && now-max(since, healed) > holdHealed &&
			r.view.answersFrom(active, now-holdHealed/4)
	})
	if errors.Is(err, ErrDeadline) {
		return nil
	}
	return err
}

func (r *run) pause(ctx context.Context, d time.Duration) error {
	err := r.world.Await(ctx, r.world.Now()+d, func() bool { return false })
	if errors.Is(err, ErrDeadline) {
		return nil
	}
	return err
}
