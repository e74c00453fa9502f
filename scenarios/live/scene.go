package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"takeover/scenarios"
	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/scenarios/probe"
	"takeover/scenarios/scene"
)

// sceneRole is process 1 of the sandbox of a scenario with a schedule.
const sceneRole = "scene"

// ScenePlan is everything about one trial of a scenario with a schedule. It goes
// to the sandbox as JSON.
type ScenePlan struct {
	Scene scene.Scene
	Stand StandPlan
	Seed  uint64
}

// Validate says whether the plan can be carried out at all.
func (p ScenePlan) Validate() error {
	if _, _, err := p.Stand.arrange(); err != nil {
		return err
	}
	return p.ValidateScene()
}

// ValidateScene is Validate without the question whether all programs are there.
func (p ScenePlan) ValidateScene() error {
	clusters, err := ReadTopology(p.Stand.Spec)
	switch {
	case err != nil:
		return err
	case len(clusters) == 0:
		return fmt.Errorf("topology %s has no virtual router", p.Stand.Spec.Name)
	case !clusters[0].Client.IsValid():
		return fmt.Errorf("topology %s has no client beside %s", p.Stand.Spec.Name, clusters[0].VIPs[0].Addr())
	}
	moments, _, err := p.Scene.Plan(p.Seed)
	if err != nil {
		return err
	}
	var hosts []string
	for _, host := range p.Stand.Spec.Hosts {
		hosts = append(hosts, host.Name)
	}
	for _, m := range moments {
		if !slices.Contains(fault.Targets(), m.Target) && !slices.Contains(hosts, string(m.Target)) {
			return fmt.Errorf("target %q is no host of %s and none of %v", m.Target, p.Stand.Spec.Name, fault.Targets())
		}
	}
	return nil
}

// StartScene runs the plan in a sandbox, with its files in directory: see Start.
// scene.Judge reads from the history how it went.
func StartScene(plan ScenePlan, directory string, progress func(Progress)) (*Trial, error) {
	if err := plan.Validate(); err != nil {
		return nil, err
	}
	return start(sceneRole, plan, directory, progress)
}

// PlayScene is StartScene to the end; it returns what was stored of it.
func PlayScene(ctx context.Context, plan ScenePlan, directory string, progress func(Progress)) ([]history.Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	trial, err := StartScene(plan, directory, progress)
	if err != nil {
		return nil, err
	}
	err = trial.Wait(ctx)
	trial.End()
	if err != nil {
		return nil, err
	}
	stored, err := os.Open(filepath.Join(directory, HistoryFile))
	if err != nil {
		return nil, err
	}
	defer stored.Close()
	return history.Read(stored)
}

// runScene is process 1 of the sandbox.
func runScene(args []string) error {
	var plan ScenePlan
	ctx, log, done, err := enter(args, &plan)
	if err != nil {
		return broken(err)
	}
	defer done()
	world, err := newScene(plan, log)
	if err != nil {
		err = errors.Join(err, world.Close(), log.Flush())
		return broken(err)
	}
	stop := followPhases(log)
	err = world.play(ctx, plan)
	switch {
	case ctx.Err() != nil:
		world.phase(history.PhaseInterrupted)
		err = nil // the history says so
	case err != nil:
		world.phase(history.PhaseFailed)
	default:
		world.phase(history.PhaseDone)
	}
	stop()
	if closing := errors.Join(world.Close(), log.Flush()); closing != nil {
		return broken(errors.Join(err, closing))
	}
	if err != nil {
		return say(Progress{Error: err.Error()}, err)
	}
	return say(Progress{}, nil)
}

// newScene builds the topology with its observers, its programs and the client's
// probes.
func newScene(plan ScenePlan, log *history.Log) (*World, error) {
	plan.Stand.Seed = plan.Seed
	plan.Stand.Echo = plan.Scene.Load.Echo()
	stand, err := newStand(plan.Stand, probe.NewClock(), log)
	w := &World{Stand: stand, load: plan.Scene.Load}
	if err != nil {
		return w, err
	}
	w.plan = Plan{Cluster: stand.clusters[0], Periods: DefaultPeriods()}
	w.plan.Periods.ICMP = cmp.Or(time.Duration(plan.Scene.Load.ICMP), w.plan.Periods.ICMP)
	w.plan.Periods.HTTP = cmp.Or(time.Duration(plan.Scene.Load.HTTP), w.plan.Periods.HTTP)
	w.cluster = w.describe(w.plan.Cluster)
	if err := w.awaitAddresses(); err != nil {
		return w, err
	}
	log.Append(0, "", history.Trial{
		Format: history.Format, Scenario: plan.Scene.Name, Subject: plan.Stand.Subject, Run: 1, Seed: plan.Seed,
		Started: time.Now().UTC(), Cluster: w.cluster,
		ProbePeriods: w.probePeriods(),
	})
	if err := errors.Join(w.observe(), w.observeMore()); err != nil {
		return w, err
	}
	if err := w.start(); err != nil {
		return w, err
	}
	return w, w.startClient()
}

// deed is something that is due: a fault, or, with its force, the undoing of one.
type deed struct {
	at     time.Duration
	moment scene.Moment
	force  int
}

// play settles the cluster, plays the schedule, undoes all, and waits until one
// node has the address for good.
func (w *World) play(ctx context.Context, plan ScenePlan) error {
	moments, length, err := plan.Scene.Plan(plan.Seed)
	if err != nil {
		return err
	}
	w.phase(history.PhaseSettling)
	if err := w.settle(ctx); err != nil {
		return err
	}
	if err := w.awaitOwner(ctx, answered, &answering{log: w.log}, 0, ""); err != nil {
		return err
	}
	w.beSettled()
	w.phase(history.PhaseSettled)
	begin := w.clock.Now()
	var due []deed
	for _, m := range moments {
		due = append(due, deed{at: begin + m.At, moment: m})
	}
	draw := rand.New(rand.NewPCG(plan.Seed, 1))
	for len(due) > 0 {
		next := due[0]
		due = due[1:]
		if err := w.await(ctx, next.at); err != nil {
			return errors.Join(err, w.ClearAll(context.WithoutCancel(ctx)))
		}
		more, err := w.do(ctx, next, draw)
		if err != nil {
			return errors.Join(err, w.ClearAll(context.WithoutCancel(ctx)))
		}
		due = append(due, more...)
		slices.SortStableFunc(due, func(a, b deed) int { return cmp.Compare(a.at, b.at) })
	}
	w.phase(history.PhaseFaulted)
	err = w.await(ctx, begin+length)
	if err := errors.Join(err, w.ClearAll(context.WithoutCancel(ctx))); err != nil {
		return err
	}
	w.phase(history.PhaseHealed)
	return w.awaitEnd(ctx, plan.Scene.Expect.Active)
}

// await lets the time pass until t.
func (w *World) await(ctx context.Context, t time.Duration) error {
	err := w.Await(ctx, t, func() bool { return w.clock.Now() >= t })
	if errors.Is(err, scenarios.ErrDeadline) {
		return nil
	}
	return err
}

// do does what is due and returns what that makes due later.
func (w *World) do(ctx context.Context, d deed, draw *rand.Rand) ([]deed, error) {
	if d.force != 0 {
		return nil, w.Clear(ctx, d.force)
	}
	situation := w.situation()
	if d.moment.Phase != nil {
		phase := *d.moment.Phase
		d.moment.Phase = nil
		d.at = w.atPhase(situation.Active, phase)
		return []deed{d}, nil
	}
	hosts, err := d.moment.Target.Resolve(situation, draw)
	if err != nil {
		return nil, w.leaveOut(d.moment, fmt.Errorf("fault %s: %w", d.moment.Fault.Name(), err))
	}
	var more []deed
	for _, host := range hosts {
		force, err := w.Apply(ctx, d.moment.Fault, host)
		if err != nil {
			if err = w.leaveOut(d.moment, err); err != nil {
				return nil, err
			}
			continue
		}
		if d.moment.For > 0 {
			more = append(more, deed{at: force.Since + d.moment.For, force: force.ID})
		}
	}
	return more, nil
}

// LeftOut begins the note on a fault that found nothing to strike.
const LeftOut = "left out: "

// leaveOut notes that a fault found nothing to strike, where that may be.
func (w *World) leaveOut(m scene.Moment, err error) error {
	if !m.Optional || errors.Is(err, ErrNotBuilt) || errors.Is(err, ErrNotInstalled) {
		return err
	}
	w.note("%s%v", LeftOut, err)
	return nil
}

// atPhase is when the Active's interval is next at a fraction of itself.
func (w *World) atPhase(active string, phase float64) time.Duration {
	interval, now := w.cluster.AdvertInterval, w.clock.Now()
	at := w.picture.lastAdvert(active) + time.Duration(phase*float64(interval))
	for at < now {
		at += interval
	}
	return at
}

// situation is what targets are chosen from, now.
func (w *World) situation() fault.Situation {
	s := fault.Situation{Client: w.cluster.Client.Name}
	nodes := slices.Clone(w.cluster.Nodes)
	slices.SortStableFunc(nodes, func(a, b history.Node) int { return cmp.Compare(b.Priority, a.Priority) })
	for _, node := range nodes {
		s.Nodes = append(s.Nodes, node.Name)
	}
	if holders, _ := w.picture.holders(w.cluster.VIPs[0]); len(holders) == 1 {
		s.Active = holders[0]
	}
	for _, host := range w.Stand.plan.Spec.Hosts {
		if host.Name != s.Client && !slices.Contains(s.Nodes, host.Name) {
			s.Others = append(s.Others, host.Name)
		}
	}
	return s
}

const (
	// endStands is how long the one that is Active in the end must have been.
	endStands = 1200 * time.Millisecond
	// endSlack is beyond the longest reversion that the timers explain.
	endSlack = 4 * time.Second
)

// answered is how long the settled cluster may take to answer the client.
const answered = 5 * time.Second

// answering is who last answered an echo request.
type answering struct {
	log  *history.Log
	read int
	by   string
	sent time.Duration
}

func (a *answering) update() {
	for _, event := range a.log.Since(a.read) {
		a.read = event.ID
		if p, ok := event.Body.(history.Probe); ok && p.Stream == history.StreamICMP && !p.Lost() && event.At >= a.sent {
			a.by, a.sent = p.By, event.At
		}
	}
}

// awaitEnd waits until who is to be Active in the end, or whoever will be where
// that is not said, has been that alone for a while and is who answers.
func (w *World) awaitEnd(ctx context.Context, active string) error {
	timers := w.cluster.LongestDownInterval() + w.cluster.LongestCheck()
	least := endStands
	if active == "" { // a node that preempts may be about to
		least += timers
	}
	return w.awaitOwner(ctx, timers+max(endSlack, w.plan.Cluster.AnnounceDelay+endStands), &answering{log: w.log}, least, active)
}

// awaitOwner waits until a node, or one of that name, alone has the address for
// so long and answers for it. A cluster that does not get there within the bound
// is an observation, not an error.
func (w *World) awaitOwner(ctx context.Context, bound time.Duration, a *answering, least time.Duration, active string) error {
	begin := w.clock.Now()
	err := w.Await(ctx, begin+bound, func() bool {
		a.update()
		holders, since := w.picture.holders(w.cluster.VIPs[0])
		now := w.clock.Now()
		return len(holders) == 1 && (active == "" || holders[0] == active) && now-max(begin, since) >= least &&
			a.by == holders[0] && now-a.sent < endStands/4
	})
	if errors.Is(err, scenarios.ErrDeadline) {
		return nil
	}
	return err
}
