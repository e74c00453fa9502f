package chaos

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/scenarios/fault"
	"takeover/scenarios/scene"
)

// shows answers that the violation recurs where it does.
func shows(where func(scene.Scene) bool) Trials {
	return func(s scene.Scene, times int) ([]Answer, error) {
		answer := Held
		if where(s) {
			answer = Recurred
		}
		return slices.Repeat([]Answer{answer}, times), nil
	}
}

func has(s scene.Scene, kind fault.Kind) bool {
	return slices.ContainsFunc(s.Schedule, func(step scene.Step) bool { return kindOf(step) == kind })
}

// bigScene has all of what the tests look for.
func bigScene() scene.Scene {
	phase := fault.Ratio(0.3)
	step := func(at, length time.Duration, f string, target fault.Target) scene.Step {
		return scene.Step{At: fault.Duration(at), For: fault.Duration(length), Fault: f, Target: target, Optional: true, Phase: &phase}
	}
	const ms = time.Millisecond
	return refit(scene.Scene{
		Name: "chaos-1", Summary: "s", Why: "w", Expect: scene.Expect{Explained: &scene.Explained{}},
		Schedule: []scene.Step{
			step(1230*ms, 3450*ms, "link-loss", "active"), step(2*time.Second, time.Second, "nginx-killed", "all"),
			step(3110*ms, 4320*ms, "traffic-dropped protocol=vrrp direction=from probability=40%", "majority"),
			step(4*time.Second, 2*time.Second, "daemon-killed", "node2"), step(5*time.Second, 900*ms, "host-frozen", "node3"),
			step(6120*ms, 3330*ms, "daemon-paused", "node1"), step(7*time.Second, 100*ms, "vip-deleted", "active"),
		},
	})
}

func brief(s scene.Scene) string {
	var all []string
	for _, step := range s.Schedule {
		all = append(all, strings.Join([]string{step.At.String(), step.Fault, string(step.Target), step.For.String()}, " "))
	}
	return strings.Join(all, "; ")
}

func TestShrink(t *testing.T) {
	dropsLong := func(s scene.Scene) bool {
		return slices.ContainsFunc(s.Schedule, func(step scene.Step) bool {
			return kindOf(step) == fault.TrafficDropped && strings.Contains(step.Fault, "protocol=vrrp") && time.Duration(step.For) >= time.Second
		})
	}
	for _, c := range []struct {
		name   string
		trials Trials
		budget Budget
		want   string
		rate   Rate
	}{
		{"any", shows(func(scene.Scene) bool { return true }), Budget{400, 1, 1, 5}, "0s vip-deleted active 10ms", Rate{Recurred: 5}},
		{"one", shows(func(s scene.Scene) bool { return has(s, fault.HostFrozen) }), Budget{400, 1, 1, 5}, "0s host-frozen node3 10ms", Rate{Recurred: 5}},
		{
			"two", shows(func(s scene.Scene) bool { return has(s, fault.LinkLoss) && has(s, fault.DaemonPaused) }),
			Budget{400, 1, 1, 5},
			"0s link-loss active 10ms; 0s daemon-paused node1 10ms",
			Rate{Recurred: 5},
		},
		{"what it needs", shows(dropsLong), Budget{400, 1, 1, 5}, "0s traffic-dropped protocol=vrrp active 1s", Rate{Recurred: 5}},
		{"none", shows(func(scene.Scene) bool { return false }), Budget{400, 2, 2, 5}, brief(bigScene()), Rate{Held: 5}},
		{"no budget", shows(func(scene.Scene) bool { return true }), Budget{3, 1, 1, 3}, brief(bigScene()), Rate{Recurred: 3}},
		{"unclear", func(_ scene.Scene, times int) ([]Answer, error) { return make([]Answer, times), nil }, Budget{400, 2, 2, 5}, brief(bigScene()), Rate{Unclear: 5}},
	} {
		got, err := Shrink(bigScene(), nil, c.trials, c.budget)
		if err != nil || brief(got.Scene) != c.want || got.Rate != c.rate || got.Trials > c.budget.Trials {
			t.Errorf("%s: %v %s\n%+v after %d trials, want %s %+v", c.name, err, brief(got.Scene), got.Rate, got.Trials, c.want, c.rate)
		}
		for _, step := range got.Scene.Schedule {
			if c.name == "one" && (step.Phase != nil || step.Optional) {
				t.Errorf("%s: %+v could be simpler", c.name, step)
			}
		}
	}
}

// TestShrinkEnds: an error leaves what is known.
func TestShrinkEnds(t *testing.T) {
	over, n := errors.New("over"), 0
	got, err := Shrink(bigScene(), nil, func(s scene.Scene, times int) ([]Answer, error) {
		if n++; n > 2 {
			return nil, over
		}
		return slices.Repeat([]Answer{Recurred}, times), nil
	}, Budget{100, 2, 2, 10})
	if !errors.Is(err, over) || len(got.Scene.Schedule) >= len(bigScene().Schedule) || got.Trials != 4 || got.Rate != (Rate{}) {
		t.Errorf("%v %s %+v %d", err, brief(got.Scene), got.Rate, got.Trials)
	}
}

// flaky shows a violation that needs some kinds, in a share of the trials; other
// trials say nothing.
func flaky(seed uint64, needs []fault.Kind, recurs, unclear float64) Trials {
	draw := rand.New(rand.NewPCG(seed, 1))
	return func(s scene.Scene, times int) (answers []Answer, _ error) {
		for range times {
			answer := Held
			if !slices.ContainsFunc(needs, func(kind fault.Kind) bool { return !has(s, kind) }) && draw.Float64() < recurs {
				answer = Recurred
			}
			if draw.Float64() < unclear {
				answer = Unclear
			}
			answers = append(answers, answer)
		}
		return answers, nil
	}
}

// TestShrinkFlaky: whatever the trials say, what is needed is never left out, the
// budget is kept, the scene stays sound, and the same answers lead to the same
// scene.
func TestShrinkFlaky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Draw(rapid.Uint64().Draw(t, "seed"), failover, Options{Kinds: fault.Kinds(), Length: 15 * time.Second, Density: 2})
		var needs []fault.Kind
		for range rapid.IntRange(1, 2).Draw(t, "needs") {
			needs = append(needs, kindOf(rapid.SampledFrom(s.Schedule).Draw(t, "need")))
		}
		recurs, unclear := rapid.Float64Range(0.2, 1).Draw(t, "recurs"), rapid.Float64Range(0, 0.5).Draw(t, "unclear")
		budget := Budget{rapid.IntRange(10, 500).Draw(t, "trials"), rapid.IntRange(1, 4).Draw(t, "attempts"), rapid.IntRange(0, 5).Draw(t, "at once"), 10}
		got, err := Shrink(s, nil, flaky(7, needs, recurs, unclear), budget)
		if err != nil || got.Trials > budget.Trials || len(got.Scene.Problems()) > 0 || len(got.Scene.Schedule) > len(s.Schedule) {
			t.Fatalf("%v %+v", err, got)
		}
		for _, kind := range needs {
			if !has(got.Scene, kind) {
				t.Fatalf("%s was left out of %s", kind, brief(got.Scene))
			}
		}
		if recurs == 1 && unclear == 0 && budget.Trials > 200 && len(got.Scene.Schedule) > 2 {
			t.Fatalf("not shrunk: %s", brief(got.Scene))
		}
		if got.Rate.Recurred+got.Rate.Held+got.Rate.Unclear > budget.Measured {
			t.Fatalf("%+v", got.Rate)
		}
		again, _ := Shrink(s, nil, flaky(7, needs, recurs, unclear), budget)
		if !reflect.DeepEqual(again, got) {
			t.Fatal("the same answers lead elsewhere")
		}
	})
}

// TestAttempts: a candidate is tried as often as the budget says, unclear trials
// are made up for, and none is made after the violation recurred.
func TestAttempts(t *testing.T) {
	for _, c := range []struct {
		answers string // of one candidate, in their order
		atOnce  int
		want    string // how many were made at a time
	}{
		{"hhh", 1, "1 1 1"},
		{"hhh", 3, "3"},
		{"hhh", 2, "2 1"},
		{"r", 1, "1"},
		{"hr", 1, "1 1"},
		{"rhh", 3, "3"},
		{"uuuuuu", 1, "1 1 1 1 1 1"},
		{"uuuuuu", 3, "3 3"},
		{"uhhh", 3, "3 1"},
		{"uhuhuh", 2, "2 2 1 1"},
	} {
		var made []string
		at := 0
		r := &shrinker{budget: Budget{Attempts: 3, AtOnce: c.atOnce}, left: 100, best: []scene.Scene{bigScene()}, tried: map[string]bool{}}
		r.trials = func(_ scene.Scene, times int) (answers []Answer, _ error) {
			made = append(made, strconv.Itoa(times))
			for range times {
				answers = append(answers, map[byte]Answer{'h': Held, 'r': Recurred, 'u': Unclear}[c.answers[at]])
				at++
			}
			return answers, nil
		}
		kept := r.try(func(s *scene.Scene) { s.Schedule = s.Schedule[1:] })
		if got := strings.Join(made, " "); got != c.want || at != len(c.answers) || kept != strings.Contains(c.answers, "r") {
			t.Errorf("%s, %d at once: %s, kept %t, want %s", c.answers, c.atOnce, got, kept, c.want)
		}
	}
}

// TestShrinkGoesBack: a smaller scene that recurred once by luck is not what is
// reported.
func TestShrinkGoesBack(t *testing.T) {
	lucky := true
	got, err := Shrink(bigScene(), nil, func(s scene.Scene, times int) ([]Answer, error) {
		answer := Held
		if len(s.Schedule) == len(bigScene().Schedule) {
			answer = Recurred
		} else if lucky {
			lucky, answer = false, Recurred
		}
		return slices.Repeat([]Answer{answer}, times), nil
	}, Budget{400, 1, 1, 5})
	if err != nil || len(got.Scene.Schedule) != len(bigScene().Schedule) || got.Rate.Recurred != 5 {
		t.Errorf("%v %s %+v", err, brief(got.Scene), got.Rate)
	}
}

func TestConcrete(t *testing.T) {
	step := func(f string, target fault.Target) scene.Step {
		return scene.Step{Fault: f, Target: target, For: fault.Duration(time.Second)}
	}
	s := refit(scene.Scene{Schedule: []scene.Step{
		step("link-loss", "active"), step("nginx-killed", "all"), step("link-loss", "node3"), step("vip-deleted", "backup"),
		step("nginx-killed", "active"), step("adverts-dropped", "backup"),
	}})
	got := Concrete(s, []Struck{
		{"link-loss", "node1"},
		{"nginx-killed", "node1"},
		{"nginx-killed", "node2"},
		{"link-loss", "node3"},
		{"nginx-killed", "node1"},
		{"adverts-dropped", "node2"},
	})
	want := "0s link-loss node1 1s; 0s nginx-killed all 1s; 0s link-loss node3 1s; 0s nginx-killed node1 1s; 0s adverts-dropped node2 1s"
	if brief(got) != want || got.Summary != "5 faults of chaos" {
		t.Errorf("%s: %s, want %s", got.Summary, brief(got), want)
	}
	if got := Concrete(s, nil); brief(got) != brief(s) {
		t.Errorf("of nothing: %s", brief(got))
	}
}

// TestShrinkNames: what hangs on who was Active before is found by names.
func TestShrinkNames(t *testing.T) {
	needs := shows(func(s scene.Scene) bool {
		return slices.ContainsFunc(s.Schedule, func(step scene.Step) bool {
			return kindOf(step) == fault.LinkLoss && (step.Target == "node2" || step.Target == "active" && has(s, fault.DaemonKilled))
		})
	})
	got, err := Shrink(bigScene(), []Struck{{"daemon-killed", "node2"}, {"link-loss", "node2"}}, needs, Budget{100, 1, 1, 5})
	if want := "0s link-loss node2 10ms"; err != nil || brief(got.Scene) != want {
		t.Errorf("%v %s, want %s", err, brief(got.Scene), want)
	}
}
