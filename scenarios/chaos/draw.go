package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/scene"
)

// Facts are what there is to know of the cluster that a schedule is drawn for.
type Facts struct {
	Topology string
	Nodes    []string // the best first, at least two
	Client   string
	Daemon   string        // the process of a node that is the VRRP daemon
	Interval time.Duration // between advertisements
	Down     time.Duration // the longest Active_Down_Interval
	Web      bool          // the nodes have web servers
	Script   bool          // their daemons have check scripts
	IPv4     bool
	// Best is who must be Active in the end; empty where that is open.
	Best string
}

func (f Facts) hosts() []string {
	if f.Client == "" {
		return f.Nodes
	}
	return append([]string{f.Client}, f.Nodes...)
}

// Options say how schedules are drawn.
type Options struct {
	Kinds []fault.Kind // to draw from; those that do not fit are left out
	// Length is within which time the faults are in force.
	Length time.Duration
	// Density is how many are in force at a time, on average.
	Density float64
	Subject string
}

// The bounds of Options.
const (
	LengthMin, LengthMax   = time.Second, 5 * time.Minute
	DensityMin, DensityMax = 0.1, 10.0
)

const (
	// quiet is without faults, at the end of a schedule.
	quiet = 2 * time.Second
	// grain is what times are multiples of.
	grain = 10 * time.Millisecond
	// briefly is how long a fault that is over at once counts as in force.
	briefly = 100 * time.Millisecond
	// redraws bounds how often a step is drawn anew that clashes with another.
	redraws = 20
	// phaseShare and shortShare are how often a step waits for a moment between
	// two advertisements, and how often it is shorter than their interval.
	phaseShare, shortShare = 0.3, 0.25
)

// Load of a schedule: chaos asks whether the address answers, not how soon.
var load = scene.Load{ICMP: fault.Duration(10 * time.Millisecond), HTTP: fault.Duration(100 * time.Millisecond)}

// drawing is a schedule that is being drawn.
type drawing struct {
	*rand.Rand
	Facts
	Options
	scene scene.Scene
}

// Draw draws the schedule of a seed. There is always a fault in it, and faults
// that the harness could not undo beside each other are not. A schedule that
// finds nothing to strike goes on without. It panics when no kind fits.
func Draw(seed uint64, facts Facts, options Options) scene.Scene {
	options.Kinds = slices.DeleteFunc(slices.Clone(options.Kinds), func(k fault.Kind) bool { return !facts.Fits(k) })
	if len(options.Kinds) == 0 || len(facts.Nodes) < 2 {
		panic("chaos: no kind of fault fits the cluster")
	}
	d := &drawing{Rand: rand.New(rand.NewPCG(seed, 2)), Facts: facts, Options: options}
	d.scene = scene.Scene{
		Name: fmt.Sprintf("chaos-%d", seed), Topology: facts.Topology, Load: load,
		Why:    "docs/chaos.md: no two owners and no daemon's end but what faults explain, and all well when they are undone",
		Expect: scene.Expect{Explained: &scene.Explained{}, Active: facts.Best},
	}
	if options.Subject != "" {
		d.scene.Subjects = []string{options.Subject}
	}
	total := time.Duration(options.Density * float64(options.Length))
	for sum := time.Duration(0); sum < total || len(d.scene.Schedule) == 0; {
		step, ok := d.fitting()
		if !ok {
			break
		}
		d.scene.Schedule = append(d.scene.Schedule, step)
		sum += time.Duration(step.For)
	}
	slices.SortStableFunc(d.scene.Schedule, func(a, b scene.Step) int { return int(a.At - b.At) })
	return refit(d.scene)
}

// fitting draws a step that does not clash with any before.
func (d *drawing) fitting() (scene.Step, bool) {
	for range redraws {
		if step := d.step(); !slices.ContainsFunc(d.scene.Schedule, func(other scene.Step) bool { return clash(step, other) }) {
			return step, true
		}
	}
	return scene.Step{}, false
}

func (d *drawing) step() scene.Step {
	kind := d.kind()
	r := recipes[kind]
	var p fault.Parameters
	if r.set != nil {
		r.set(d, &p)
	}
	f, err := fault.New(kind, p)
	if err != nil {
		panic(fmt.Sprintf("chaos: %v", err)) // the recipe is wrong
	}
	step := scene.Step{Fault: f.String(), Target: d.target(r.where), Optional: true}
	switch {
	case r.brief:
		step.For = fault.Duration(briefly)
	case d.happens(shortShare):
		step.For = d.duration(grain, d.Interval)
	default:
		step.For = d.duration(d.Interval, max(d.Interval, min(2*d.Down, d.Length/2)))
	}
	step.For = min(step.For, fault.Duration(d.Length))
	step.At = d.duration(0, d.Length-time.Duration(step.For))
	if d.happens(phaseShare) {
		phase := fault.Ratio(d.IntN(20)) / 20
		step.Phase = &phase
	}
	return step
}

// kind draws one by the weights.
func (d *drawing) kind() fault.Kind {
	sum := 0
	for _, kind := range d.Kinds {
		sum += recipes[kind].weight
	}
	at := d.IntN(sum)
	for _, kind := range d.Kinds {
		if at -= recipes[kind].weight; at < 0 {
			return kind
		}
	}
	panic("chaos: the weights do not add up")
}

// target draws who is struck: the Active rather than others.
func (d *drawing) target(w where) fault.Target {
	if w == onClient || w == onEndings && d.Client != "" && d.happens(0.15) {
		return fault.Target(d.Client)
	}
	switch n := d.IntN(20); {
	case n < 7:
		return fault.TargetActive
	case n < 10:
		return fault.TargetBackup
	case n == 10:
		return fault.TargetAll
	case n == 11:
		return fault.TargetMajority
	default:
		return fault.Target(pick(d, d.Nodes...))
	}
}

func (d *drawing) happens(probability float64) bool { return d.Float64() < probability }

// between is a number from low to high.
func (d *drawing) between(low, high int) int { return low + d.IntN(high-low+1) }

// duration is one from low to high, in grains.
func (d *drawing) duration(low, high time.Duration) fault.Duration {
	steps := max(0, int(high/grain)-int(low/grain))
	return fault.Duration(low.Truncate(grain) + time.Duration(d.IntN(steps+1))*grain)
}

// share is a probability of 5% to 95%, in whole twentieths.
func (d *drawing) share() fault.Ratio { return fault.Ratio(d.between(1, 19)) / 20 }

// refit makes what follows from the schedule fit it.
func refit(s scene.Scene) scene.Scene {
	var end fault.Duration
	for _, step := range s.Schedule {
		end = max(end, step.At+step.For)
	}
	s.Length = end + fault.Duration(quiet)
	s.Summary = fmt.Sprintf("%d faults of chaos", len(s.Schedule))
	if len(s.Schedule) == 1 {
		s.Summary = "1 fault of chaos"
	}
	return s
}
