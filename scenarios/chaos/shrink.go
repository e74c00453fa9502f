package chaos

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/scene"
)

// Answer is how a violation fared in a trial of a scene.
type Answer int

// The answers. Unclear is neither: the trial was inconclusive, or could not be
// carried out.
const (
	Unclear Answer = iota
	Held           // what must hold held
	Recurred
)

// Trials carries a scene out so many times and says how the violation fared in
// each. An error ends the shrinking with what is known; it may come with fewer
// answers.
type Trials func(s scene.Scene, times int) ([]Answer, error)

// Budget bounds what is spent on shrinking.
type Budget struct {
	Trials int // in all, the measurement at the end among them
	// Attempts is how often a smaller schedule is tried before it is given up: a
	// violation that comes in one of two trials recurs in one of Attempts more
	// often than not.
	Attempts int
	AtOnce   int // of them; none of the rest is made once the violation has recurred
	Measured int // trials that measure the rate of the smallest
}

// Rate is how often a violation recurred. Unclear trials say nothing of it.
type Rate struct {
	Recurred int `json:"recurred"`
	Held     int `json:"held"`
	Unclear  int `json:"unclear"`
}

func (r *Rate) add(answers []Answer) {
	for _, answer := range answers {
		switch answer {
		case Recurred:
			r.Recurred++
		case Held:
			r.Held++
		case Unclear:
			r.Unclear++
		}
	}
}

// Smallest is what shrinking came to.
type Smallest struct {
	Scene  scene.Scene
	Rate   Rate // of Scene, in trials after it was found
	Trials int  // that were spent in all
}

// Shrink makes a scene that showed a violation in a trial, in which those were
// struck, smaller, as long as the violation
// recurs: with fewer steps, shorter, simpler and earlier ones. Then it measures
// how often the smallest shows it. One that does not show it any more was luck:
// the one before it is measured then, up to the scene itself. The same answers
// lead to the same result.
func Shrink(s scene.Scene, struck []Struck, trials Trials, b Budget) (Smallest, error) {
	r := &shrinker{struck: struck, trials: trials, budget: b, left: b.Trials - b.Measured, best: []scene.Scene{s}, tried: map[string]bool{}}
	r.tried[key(s)] = true
	if len(struck) > 0 {
		r.try(func(s *scene.Scene) { *s = Concrete(*s, struck) })
	}
	for smaller := true; smaller && r.left > 0 && r.err == nil; {
		smaller = r.dropSteps()
		smaller = r.simplify() || smaller
	}
	return r.measure(), r.err
}

// shrinker is at work on one scene.
type shrinker struct {
	struck []Struck
	trials Trials
	budget Budget
	left   int
	spent  int
	best   []scene.Scene // each smaller than the one before
	tried  map[string]bool
	err    error
}

func (r *shrinker) smallest() scene.Scene { return r.best[len(r.best)-1] }

// try changes a copy of the smallest, and keeps it if the violation recurs.
// Unclear trials are made up for while the budget lasts, up to as many again.
func (r *shrinker) try(change func(*scene.Scene)) bool {
	s := r.smallest()
	s.Schedule = slices.Clone(s.Schedule)
	change(&s)
	s = refit(s)
	if r.err != nil || r.tried[key(s)] || len(s.Problems()) > 0 {
		return false
	}
	r.tried[key(s)] = true
	var rate Rate
	for range 2 * r.budget.Attempts {
		times := min(r.budget.Attempts-rate.Held, 2*r.budget.Attempts-rate.Held-rate.Unclear, max(1, r.budget.AtOnce), r.left)
		if times <= 0 || rate.Recurred > 0 || r.err != nil {
			break
		}
		rate.add(r.run(s, times))
	}
	if rate.Recurred == 0 {
		return false
	}
	r.best = append(r.best, s)
	return true
}

func (r *shrinker) run(s scene.Scene, times int) []Answer {
	var answers []Answer
	answers, r.err = r.trials(s, times)
	r.left -= times
	r.spent += len(answers)
	return answers
}

// key tells scenes apart by what is done in them.
func key(s scene.Scene) string {
	text, _ := json.Marshal(s.Schedule) // what steps are made of can be written
	return string(text)
}

// dropSteps leaves out half of the steps, a quarter, ... and each one.
func (r *shrinker) dropSteps() bool {
	smaller := false
	for size := max(1, len(r.smallest().Schedule)/2); ; size /= 2 {
		for at := 0; at < len(r.smallest().Schedule) && len(r.smallest().Schedule) > 1; {
			end := min(at+size, len(r.smallest().Schedule))
			if r.try(func(s *scene.Scene) { s.Schedule = slices.Delete(s.Schedule, at, end) }) {
				smaller = true // what follows has moved here
			} else {
				at = end
			}
		}
		if size <= 1 {
			return smaller
		}
	}
}

// simplify tries at each step what makes it simpler, the greatest change first.
func (r *shrinker) simplify() bool {
	smaller := r.try(func(s *scene.Scene) { shift(s.Schedule) })
	for i := range r.smallest().Schedule {
		smaller = r.simplifyStep(i) || smaller
	}
	return smaller
}

// shift lets the first step begin at once, and all others as much earlier.
func shift(schedule []scene.Step) {
	first := slices.MinFunc(schedule, func(a, b scene.Step) int { return cmp.Compare(a.At, b.At) }).At
	for i := range schedule {
		schedule[i].At -= first
	}
}

func (r *shrinker) simplifyStep(i int) bool {
	smaller := false
	change := func(f func(*scene.Step)) bool {
		done := r.try(func(s *scene.Scene) { f(&s.Schedule[i]) })
		smaller = smaller || done
		return done
	}
	change(func(s *scene.Step) { s.Phase = nil })
	if step := r.smallest().Schedule[i]; step.Target == fault.TargetAll || step.Target == fault.TargetMajority {
		for _, host := range append(hostsOf(step, r.struck), fault.TargetActive) {
			if change(func(s *scene.Step) { s.Target = host }) {
				break
			}
		}
	}
	for _, name := range parameters(r.smallest().Schedule[i]) {
		change(func(s *scene.Step) { s.Fault = without(s.Fault, name) })
	}
	for change(func(s *scene.Step) { s.For = max(s.For/2, fault.Duration(grain)) }) {
	}
	change(func(s *scene.Step) { s.At = 0 })
	for _, round := range []time.Duration{time.Second, 100 * time.Millisecond} {
		change(func(s *scene.Step) { s.At = rounded(s.At, round) })
		change(func(s *scene.Step) { s.For = max(rounded(s.For, round), fault.Duration(grain)) })
	}
	change(func(s *scene.Step) { s.Optional = false })
	return smaller
}

func rounded(d fault.Duration, to time.Duration) fault.Duration {
	return fault.Duration(time.Duration(d).Round(to))
}

// parameters are the names of those that a step's fault has.
func parameters(s scene.Step) []string {
	var names []string
	for _, setting := range strings.Fields(s.Fault)[1:] {
		name, _, _ := strings.Cut(setting, "=")
		names = append(names, name)
	}
	return names
}

// without is a fault's text without one of its parameters. One that needs it is
// a problem of the scene then, and is not tried.
func without(text, name string) string {
	words := slices.DeleteFunc(strings.Fields(text), func(word string) bool { return strings.HasPrefix(word, name+"=") })
	return strings.Join(words, " ")
}

// measure runs the smallest, and while nothing recurs those that are half as far
// on the way to it, up to the scene itself.
func (r *shrinker) measure() Smallest {
	found := Smallest{Scene: r.smallest()}
	r.left += r.budget.Measured
	for at := len(r.best) - 1; ; at /= 2 {
		times := min(r.budget.Measured, r.left)
		if times <= 0 || r.err != nil {
			break
		}
		found.Scene, found.Rate = r.best[at], Rate{}
		if found.Rate.add(r.run(r.best[at], times)); found.Rate.Recurred > 0 || at == 0 {
			break
		}
	}
	found.Trials = r.spent
	return found
}
