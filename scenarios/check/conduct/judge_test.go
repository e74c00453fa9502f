package conduct_test

import (
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/scenarios/check/conduct"
	"takeover/scenarios/history"
)

const (
	a      = 0 // priority 100
	b      = 1 // priority 99
	travel = time.Millisecond
	// downA and downB are Active_Down_Interval (RFC 3768 §6.1).
	downA = 3*time.Second + 156*time.Second/256
	downB = 3*time.Second + 157*time.Second/256
)

func at(d time.Duration) conduct.Moment { return conduct.Moment{At: d, Local: d} }

func newJudge(limits conduct.Limits) *conduct.Judge {
	return conduct.NewJudge(history.Cluster{Version: 2, AdvertInterval: time.Second, Nodes: []history.Node{
		{Name: "a", Priority: 100, Preempt: true}, {Name: "b", Priority: 99, Preempt: true},
	}}, limits)
}

func start(j *conduct.Judge, router int, d time.Duration) {
	j.Started(at(d), router)
	j.Changed(at(d), router, conduct.Backup)
}

// takeOver is the way to Active as the RFC has it.
func takeOver(j *conduct.Judge, router, priority int, d time.Duration) {
	j.Sent(at(d), router, priority)
	j.Held(at(d), router, true)
	j.Changed(at(d), router, conduct.Active)
}

// bothActive has a and b become Active without hearing each other, and
// advertise until then.
func bothActive(j *conduct.Judge, until time.Duration) {
	start(j, a, 0)
	start(j, b, 0)
	takeOver(j, a, 100, downA)
	takeOver(j, b, 99, downB)
	for d := time.Second; downA+d < until; d += time.Second {
		j.Sent(at(downA+d), a, 100)
		j.Sent(at(downB+d), b, 99)
	}
}

func yield(j *conduct.Judge, router, from, priority int, d time.Duration) {
	j.Read(at(d), router, from, priority)
	j.Held(at(d), router, false)
	j.Changed(at(d), router, conduct.Backup)
}

func TestRules(t *testing.T) {
	const ns = time.Nanosecond
	for name, c := range map[string]struct {
		limits conduct.Limits // Travel is always travel
		play   func(*conduct.Judge)
		want   conduct.Rule // "": nothing is wrong
	}{
		"takes over when due": {play: func(j *conduct.Judge) { start(j, a, 0); takeOver(j, a, 100, downA) }},
		"a nanosecond early": {want: conduct.RuleAdvert, play: func(j *conduct.Judge) {
			start(j, a, 0)
			takeOver(j, a, 100, downA-ns)
		}},
		"early without a word": {want: conduct.RuleEarly, play: func(j *conduct.Judge) {
			start(j, a, 0)
			j.Changed(at(downA-ns), a, conduct.Active)
		}},
		"a nanosecond late": {want: conduct.RuleLate, play: func(j *conduct.Judge) { start(j, a, 0); takeOver(j, a, 100, downA+ns) }},
		"late within the grain": {limits: conduct.Limits{Grain: ns}, play: func(j *conduct.Judge) {
			start(j, a, 0)
			takeOver(j, a, 100, downA+ns)
		}},
		"kept quiet": {play: func(j *conduct.Judge) {
			start(j, b, 0)
			j.Read(at(3*time.Second), b, a, 100)
			takeOver(j, b, 99, 3*time.Second+downB)
		}},
		"not kept quiet by a lower one": {want: conduct.RuleLate, play: func(j *conduct.Judge) {
			start(j, a, 0)
			j.Read(at(3*time.Second), a, b, 99)
			takeOver(j, a, 100, 3*time.Second+downA)
		}},
		"priority 0 shortens": {play: func(j *conduct.Judge) {
			start(j, b, 0)
			j.Read(at(time.Second), b, a, 0)
			takeOver(j, b, 99, time.Second+157*time.Second/256)
		}},
		"paused over the end of its timer": {play: func(j *conduct.Judge) {
			start(j, a, 0)
			j.Paused(at(time.Second), a)
			j.Resumed(at(9*time.Second), a)
			takeOver(j, a, 100, 9*time.Second)
		}},
		"both Active for an interval and the travel": {play: func(j *conduct.Judge) {
			bothActive(j, downA+1001*time.Millisecond)
			yield(j, b, a, 100, downA+time.Second+travel)
		}},
		"a nanosecond longer": {want: conduct.RuleSafety, play: func(j *conduct.Judge) {
			bothActive(j, downA+1001*time.Millisecond)
			yield(j, b, a, 100, downA+time.Second+travel+ns)
		}},
		"longer after a cut": {play: func(j *conduct.Judge) {
			j.Linked(0, a, b, false)
			bothActive(j, 10*time.Second)
			j.Linked(10*time.Second, a, b, true)
			j.Sent(at(downA+7*time.Second), a, 100)
			j.Sent(at(downB+7*time.Second), b, 99)
			yield(j, b, a, 100, 11*time.Second+travel)
		}},
		"longer than that after a cut": {want: conduct.RuleSafety, play: func(j *conduct.Judge) {
			j.Linked(0, a, b, false)
			bothActive(j, 10*time.Second)
			j.Linked(8*time.Second, a, b, true)
			yield(j, b, a, 100, 10*time.Second)
		}},
		"a cut the other way is no excuse": {want: conduct.RuleSafety, play: func(j *conduct.Judge) {
			j.Linked(0, b, a, false)
			bothActive(j, 6*time.Second)
			yield(j, b, a, 100, 6*time.Second)
		}},
		"a clock at a quarter is an excuse": {play: func(j *conduct.Judge) {
			j.Clocked(0, a, conduct.TrueRate/4)
			bothActive(j, 6*time.Second)
			yield(j, b, a, 100, 6*time.Second)
		}},
		"heard a better one and stays": {want: conduct.RuleYield, play: func(j *conduct.Judge) {
			bothActive(j, downB)
			j.Read(at(downB), b, a, 100)
			j.Read(at(downB), b, a, 100)
		}},
		"gives up for a lesser one": {want: conduct.RuleCause, play: func(j *conduct.Judge) {
			bothActive(j, downB)
			yield(j, a, b, 99, downB)
		}},
		"silent as Active": {want: conduct.RuleAdvert, play: func(j *conduct.Judge) {
			start(j, a, 0)
			takeOver(j, a, 100, downA)
			j.Sent(at(downA+time.Second+ns), a, 100)
		}},
		"advertises as Backup": {want: conduct.RuleAdvert, play: func(j *conduct.Judge) {
			start(j, a, 0)
			j.Sent(at(time.Second), a, 100)
		}},
		"ends with priority 0":  {play: func(j *conduct.Judge) { end(j, true, true) }},
		"ends without it":       {want: conduct.RuleAdvert, play: func(j *conduct.Judge) { end(j, false, true) }},
		"ends with the address": {want: conduct.RuleCause, play: func(j *conduct.Judge) { end(j, true, false) }},
		"a guardian in time": {limits: conduct.Limits{Guardian: travel}, play: func(j *conduct.Judge) {
			crash(j)
			j.Sent(at(downA+2*travel), a, 0)
			j.Held(at(downA+2*travel), a, false)
		}},
		"a guardian that is late": {limits: conduct.Limits{Guardian: travel}, want: conduct.RuleAddress, play: func(j *conduct.Judge) {
			crash(j)
			j.Held(at(downA+2*travel+ns), a, false)
		}},
		"a guardian that speaks twice": {limits: conduct.Limits{Guardian: travel}, want: conduct.RuleAdvert, play: func(j *conduct.Judge) {
			crash(j)
			j.Sent(at(downA+2*travel), a, 0)
			j.Sent(at(downA+2*travel), a, 0)
		}},
		"a lease that ends": {limits: conduct.Limits{Guardian: -1, Lease: 2 * time.Second}, play: func(j *conduct.Judge) {
			crash(j)
			j.Held(at(downA+2*time.Second), a, false)
		}},
		"a lease that does not": {limits: conduct.Limits{Guardian: -1, Lease: 2 * time.Second}, want: conduct.RuleAddress, play: func(j *conduct.Judge) {
			crash(j)
			j.End(9*time.Second, []time.Duration{9 * time.Second, 9 * time.Second})
		}},
		"neither": {limits: conduct.Limits{Guardian: -1}, play: func(j *conduct.Judge) {
			crash(j)
			j.End(9*time.Second, []time.Duration{9 * time.Second, 9 * time.Second})
		}},
		"settled": {play: func(j *conduct.Judge) { settle(j, a, 100, downA) }},
		"settled on the wrong one": {want: conduct.RuleLive, play: func(j *conduct.Judge) {
			start(j, b, 0)
			takeOver(j, b, 99, downB)
			j.Settled(downB)
		}},
		"nobody": {want: conduct.RuleLive, play: func(j *conduct.Judge) { start(j, a, 0); j.Settled(time.Second) }},
		"a change after that": {want: conduct.RuleFlap, play: func(j *conduct.Judge) {
			settle(j, a, 100, downA)
			start(j, b, downA)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c.limits.Travel = travel
			j := newJudge(c.limits)
			c.play(j)
			got := conduct.Rule("")
			if f := j.Finding(); f != nil {
				got = f.Rule
				if !strings.Contains(f.String(), string(got)+" at ") {
					t.Errorf("%q does not name its rule", f)
				}
			}
			if got != c.want {
				t.Errorf("got %q, want %q: %v", got, c.want, j.Finding())
			}
		})
	}
}

func end(j *conduct.Judge, goodbye, removes bool) {
	start(j, a, 0)
	takeOver(j, a, 100, downA)
	m := at(downA + travel)
	j.Stopping(m, a)
	if goodbye {
		j.Sent(m, a, 0)
	}
	if removes {
		j.Held(m, a, false)
	}
	j.Changed(m, a, conduct.Initialize)
	j.Stopped(m, a)
}

func crash(j *conduct.Judge) {
	start(j, a, 0)
	takeOver(j, a, 100, downA)
	j.Crashed(at(downA+travel), a)
}

func settle(j *conduct.Judge, router, priority int, d time.Duration) {
	start(j, router, 0)
	takeOver(j, router, priority, d)
	j.Settled(d)
}

// TestRatesAreInverse wants a clock to show a time when it takes that long,
// not a nanosecond earlier, and both to be what exact arithmetic has.
func TestRatesAreInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := conduct.Rate(rapid.Int64Range(250_000, 2_000_000).Draw(t, "rate"))
		d := time.Duration(rapid.Int64Range(0, int64(200*365*24*time.Hour)).Draw(t, "d"))
		want := new(big.Int).Mul(big.NewInt(int64(d)), big.NewInt(int64(rate)))
		want.Div(want, big.NewInt(int64(conduct.TrueRate)))
		if got := rate.Elapse(d); want.IsInt64() && got != time.Duration(want.Int64()) {
			t.Fatalf("after %d a clock of %d shows %d, want %s", d, rate, got, want)
		}
		takes := rate.Takes(d)
		if takes == time.Duration(1<<63-1) {
			return
		}
		if rate.Elapse(takes) < d || takes > 0 && rate.Elapse(takes-1) >= d {
			t.Fatalf("a clock of %d takes %d for %d", rate, takes, d)
		}
	})
}
