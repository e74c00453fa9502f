package wire_test

import (
	"bytes"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/topology/impair/wire"
)

// frameOf is one whose only distinction is its number.
func frameOf(number int) []byte { return append(make([]byte, 60), byte(number>>8), byte(number)) }

func numberOf(frame []byte) int { return int(frame[60])<<8 | int(frame[61]) }

const ms = time.Millisecond

// play sends so many frames, one a period, and returns what goes on and when, as
// number@milliseconds.
func play(t testing.TB, m *wire.Machine, frames int, period time.Duration) string {
	t.Helper()
	var all []string
	say := func(now time.Duration, passed []wire.Frame) {
		for _, f := range passed {
			all = append(all, fmt.Sprintf("%d@%g", numberOf(f.Data), float64(now)/float64(ms)))
		}
	}
	until := func(end time.Duration) {
		for {
			at, ok := m.Deadline()
			if !ok || at > end {
				return
			}
			say(at, m.Expire(at))
		}
	}
	for n := range frames {
		now := time.Duration(n) * period
		until(now - 1)
		data := frameOf(n)
		say(now, m.Take(now, wire.Frame{Data: data}))
		clear(data) // the next frame comes into the same buffer
	}
	until(time.Duration(frames) * period * 10)
	return strings.Join(all, " ")
}

func machine(t testing.TB, rules ...wire.Rule) *wire.Machine {
	t.Helper()
	m := wire.NewMachine(1)
	for i := range rules {
		if rules[i].Name == "" {
			rules[i].Name = fmt.Sprint(i)
		}
	}
	if err := m.SetRules(rules); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestActs(t *testing.T) {
	every := func(n int) wire.Choice { return wire.Choice{Every: n} }
	for _, test := range []struct {
		name  string
		rules []wire.Rule
		want  string
	}{
		{"nothing", nil, "0@0 1@1 2@2 3@3 4@4 5@5"},
		{"drop", []wire.Rule{{Act: wire.Drop}}, ""},
		{"drop every third", []wire.Rule{{Act: wire.Drop, Choice: every(3)}}, "0@0 1@1 3@3 4@4"},
		{"drop the first two", []wire.Rule{{Act: wire.Drop, Choice: wire.Choice{First: 2}}}, "2@2 3@3 4@4 5@5"},
		{"the other way", []wire.Rule{{Act: wire.Drop, Match: wire.Match{Direction: wire.ToHost}}}, "0@0 1@1 2@2 3@3 4@4 5@5"},
		{"delay", []wire.Rule{{Act: wire.Delay, Delay: 5 * ms / 2}}, "0@2.5 1@3.5 2@4.5 3@5.5 4@6.5 5@7.5"},
		{"delay some", []wire.Rule{{Act: wire.Delay, Delay: 3 * ms / 2, Choice: every(2)}}, "0@0 2@2 1@2.5 4@4 3@4.5 5@6.5"},
		{"delays add up", []wire.Rule{{Act: wire.Delay, Delay: ms, Choice: every(2)}, {Act: wire.Delay, Delay: ms}}, "0@1 1@3 2@3 3@5 4@5 5@7"},
		{"reorder", []wire.Rule{{Act: wire.Reorder, Delay: 10 * ms}}, "1@1 0@1 3@3 2@3 5@5 4@5"},
		{"reorder every third", []wire.Rule{{Act: wire.Reorder, Delay: 10 * ms, Choice: every(3)}}, "0@0 1@1 3@3 2@3 4@4 5@15"},
		{"nobody overtakes in time", []wire.Rule{{Act: wire.Reorder, Delay: ms / 2}}, "0@0.5 1@1.5 2@2.5 3@3.5 4@4.5 5@5.5"},
		{"reorder, late", []wire.Rule{{Act: wire.Reorder, Delay: 10 * ms, Choice: every(3)}, {Act: wire.Delay, Delay: 2 * ms}}, "0@2 1@3 3@5 2@5 4@6 5@17"},
		{"duplicate", []wire.Rule{{Act: wire.Duplicate, Count: 2, Choice: every(4)}}, "0@0 1@1 2@2 3@3 3@3 3@3 4@4 5@5"},
		{"of copies some are lost", []wire.Rule{{Act: wire.Duplicate, Count: 1}, {Act: wire.Drop, Choice: every(3)}}, "0@0 0@0 1@1 2@2 3@3 3@3 4@4 5@5"},
		{"shape", []wire.Rule{{Act: wire.Shape, Rate: 31_000}}, "0@2 1@4 2@6 3@8 4@10 5@12"},
		{"a short queue", []wire.Rule{{Act: wire.Shape, Rate: 31_000, Queue: 124}}, "0@2 1@4 2@6 4@8"},
		{"a shorter queue", []wire.Rule{{Act: wire.Shape, Rate: 15_500, Queue: 124}}, "0@4 1@8 4@12"},
		{"replay", []wire.Rule{{Act: wire.Replay, Period: 4 * ms, Count: 3}}, "0@0 1@1 2@2 3@3 3@4 4@4 5@5 5@8 5@12"},
		{"replay, late", []wire.Rule{{Act: wire.Replay, Period: 40 * ms, Count: 1}, {Act: wire.Delay, Delay: ms}}, "0@1 1@2 2@3 3@4 4@5 5@6 5@41"},
	} {
		if got := play(t, machine(t, test.rules...), 6, ms); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// TestWhoseTimeIsOverIsNotOvertaken: of two that were held only the one that
// still is goes earlier.
func TestWhoseTimeIsOverIsNotOvertaken(t *testing.T) {
	m := machine(t, wire.Rule{Act: wire.Reorder, Delay: ms}, wire.Rule{Act: wire.Delay, Delay: 10 * ms})
	for n, at := range []time.Duration{0, 2 * ms, 5 * ms / 2} {
		m.Take(at, wire.Frame{Data: frameOf(n)})
	}
	var all []string
	for at, ok := m.Deadline(); ok; at, ok = m.Deadline() {
		for _, f := range m.Expire(at) {
			all = append(all, fmt.Sprintf("%d@%s", numberOf(f.Data), at))
		}
	}
	if got := strings.Join(all, " "); got != "0@11ms 2@12.5ms 1@12.5ms" {
		t.Error(got)
	}
}

func TestCounters(t *testing.T) {
	m := machine(
		t,
		wire.Rule{Name: "drop", Act: wire.Drop, Choice: wire.Choice{Every: 5}},
		wire.Rule{Name: "late", Act: wire.Delay, Delay: ms, Choice: wire.Choice{First: 3}},
		wire.Rule{Name: "twice", Act: wire.Duplicate, Count: 3, Choice: wire.Choice{Every: 4}},
		wire.Rule{Name: "bits", Act: wire.Corrupt, Count: 1, Choice: wire.Choice{Every: 20}},
	)
	play(t, m, 100, ms)
	got := m.Counters()
	for name, want := range map[string]wire.Counters{
		"drop":  {Matched: 100, Chosen: 20, Dropped: 20},
		"late":  {Matched: 80, Chosen: 3, Delayed: 3},
		"twice": {Matched: 80, Chosen: 20, Duplicated: 60},
		"bits":  {Matched: 140, Chosen: 7, Corrupted: 7},
	} {
		if got[name] != want {
			t.Errorf("%s: %+v, want %+v", name, got[name], want)
		}
	}
}

// TestChangedRules: a rule that stays goes on counting, and frames that wait stay.
func TestChangedRules(t *testing.T) {
	third := wire.Rule{Name: "third", Act: wire.Drop, Choice: wire.Choice{Every: 3}}
	late := wire.Rule{Name: "late", Act: wire.Delay, Delay: 10 * ms}
	m := machine(t, third, late)
	for n := range 2 {
		if passed := m.Take(0, wire.Frame{Data: frameOf(n)}); len(passed) != 0 {
			t.Fatalf("%d passed at once", n)
		}
	}
	if err := m.SetRules([]wire.Rule{{Name: "third", Act: wire.Drop, Choice: wire.Choice{First: 300}, Match: wire.Match{Protocol: "none"}}}); err == nil {
		t.Error("an impossible rule is taken")
	}
	if err := m.SetRules([]wire.Rule{third}); err != nil {
		t.Fatal(err)
	}
	if passed := m.Take(ms, wire.Frame{Data: frameOf(2)}); len(passed) != 0 {
		t.Error("the third frame passed: the rule began anew")
	}
	if passed := m.Take(ms, wire.Frame{Data: frameOf(3)}); len(passed) != 1 {
		t.Error("the fourth frame is late, or lost")
	}
	if waiting := m.Flush(); len(waiting) != 2 || numberOf(waiting[0].Data) != 0 || numberOf(waiting[1].Data) != 1 {
		t.Errorf("%d frames waited", len(waiting))
	}
	if _, ok := m.Deadline(); ok {
		t.Error("something is left to be done")
	}
}

// TestCorrupt: so many bits, never of the Ethernet header, and not those of who
// sent the frame.
func TestCorrupt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 600).Draw(t, "count")
		m := wire.NewMachine(rapid.Uint64().Draw(t, "seed"))
		if err := m.SetRules([]wire.Rule{{Name: "bits", Act: wire.Corrupt, Count: count}}); err != nil {
			t.Fatal(err)
		}
		before := frameOf(1)
		sent := bytes.Clone(before)
		passed := m.Take(0, wire.Frame{Data: sent})
		turned := 0
		for i := range before {
			turned += bits.OnesCount8(before[i] ^ passed[0].Data[i])
		}
		if want := min(count, 8*(len(before)-14)); turned != want || !bytes.Equal(before[:14], passed[0].Data[:14]) || !bytes.Equal(sent, before) {
			t.Fatalf("%d bits turned, want %d", turned, want)
		}
	})
}

// TestShares: chance does what it says, within five standard deviations.
func TestShares(t *testing.T) {
	const frames = 20_000
	for _, test := range []struct {
		choice wire.Choice
		share  float64
		bursts float64 // mean length; 0: not judged
	}{
		{wire.Choice{Probability: 0.3}, 0.3, 0},
		{wire.Choice{Probability: 1}, 1, 0},
		{wire.Choice{BurstEnter: 0.02, BurstLeave: 0.2}, 0.02 / 0.22, 5},
	} {
		m := machine(t, wire.Rule{Act: wire.Drop, Choice: test.choice})
		lost, bursts, before := 0, 0, false
		for n := range frames {
			dropped := len(m.Take(time.Duration(n), wire.Frame{Data: frameOf(n)})) == 0
			if dropped {
				lost++
			}
			if dropped && !before {
				bursts++
			}
			before = dropped
		}
		spread := math.Sqrt(test.share*(1-test.share)/frames) * 5 * max(test.bursts, 1)
		if share := float64(lost) / frames; math.Abs(share-test.share) > spread {
			t.Errorf("%+v: %g lost, want %g within %g", test.choice, share, test.share, spread)
		}
		if mean := float64(lost) / float64(bursts); test.bursts > 0 && math.Abs(mean-test.bursts) > 1 {
			t.Errorf("%+v: bursts of %g, want %g", test.choice, mean, test.bursts)
		}
	}
}

func TestJitter(t *testing.T) {
	for _, test := range []struct {
		distribution wire.Distribution
		deviation    float64 // in jitters
		most         float64
	}{{"", 1 / math.Sqrt(3), 1}, {wire.Uniform, 1 / math.Sqrt(3), 1}, {wire.Normal, 1, 6}} {
		m := machine(t, wire.Rule{Act: wire.Delay, Delay: 50 * ms, Jitter: 5 * ms, Distribution: test.distribution})
		var sum, squares float64
		const frames = 5000
		for n := range frames {
			now := time.Duration(n) * time.Second // far apart: none waits for another
			m.Take(now, wire.Frame{Data: frameOf(n)})
			at, _ := m.Deadline()
			off := float64(at-now-50*ms) / float64(5*ms)
			if math.Abs(off) > test.most {
				t.Fatalf("%q: %g jitters off", test.distribution, off)
			}
			sum, squares = sum+off, squares+off*off
		}
		if mean, deviation := sum/frames, math.Sqrt(squares/frames); math.Abs(mean) > 0.08 || math.Abs(deviation-test.deviation) > 0.08 {
			t.Errorf("%q: mean %g, deviation %g jitters", test.distribution, mean, deviation)
		}
	}
}

// drawRules draws rules that are possible.
func drawRules(t *rapid.T) []wire.Rule {
	var rules []wire.Rule
	for n := range rapid.IntRange(0, 5).Draw(t, "rules") {
		r := wire.Rule{Name: fmt.Sprint(n)}
		r.Direction = rapid.SampledFrom([]wire.Direction{"", wire.FromHost, wire.ToHost}).Draw(t, "direction")
		delay := time.Duration(rapid.IntRange(1, 20).Draw(t, "delay")) * ms
		choice := rapid.SampledFrom([]wire.Choice{{}, {Every: 3}, {First: 4}, {Probability: 0.4}, {BurstEnter: 0.2, BurstLeave: 0.5}}).Draw(t, "choice")
		switch r.Act = rapid.SampledFrom([]wire.Act{wire.Drop, wire.Delay, wire.Reorder, wire.Duplicate, wire.Corrupt, wire.Shape, wire.Replay}).Draw(t, "act"); r.Act {
		case wire.Drop:
			r.Choice = choice
		case wire.Delay:
			r.Choice, r.Delay, r.Jitter = choice, delay, delay/2
		case wire.Reorder:
			r.Choice, r.Delay = choice, delay
		case wire.Duplicate, wire.Corrupt:
			r.Choice, r.Count = choice, 2
		case wire.Shape:
			r.Rate = 20_000
		case wire.Replay:
			r.Period, r.Count = delay, 5
		}
		rules = append(rules, r)
	}
	return rules
}

// drive takes frames through a machine, waking it at its deadlines or not before
// the next frame, and returns what passed in order.
func drive(t *rapid.T, rules []wire.Rule, prompt bool) (passed []string, counters map[string]wire.Counters) {
	m := wire.NewMachine(7)
	if err := m.SetRules(rules); err != nil {
		t.Fatal(err)
	}
	last := time.Duration(-1)
	say := func(now time.Duration, frames []wire.Frame) {
		if now < last {
			t.Fatalf("time went back")
		}
		last = now
		for _, f := range frames {
			passed = append(passed, fmt.Sprintf("%t %v", f.ToHost, f.Data))
		}
	}
	const frames = 60
	for n := range frames {
		now := time.Duration(n) * ms
		for at, ok := m.Deadline(); prompt && ok && at < now; at, ok = m.Deadline() {
			say(at, m.Expire(at))
		}
		data := frameOf(n)
		say(now, m.Take(now, wire.Frame{ToHost: n%3 == 0, Data: data}))
		clear(data) // the next frame comes into the same buffer
	}
	for at, ok := m.Deadline(); ok; at, ok = m.Deadline() {
		at = max(at, last)
		say(at, m.Expire(at))
	}
	if rest := m.Flush(); len(rest) != 0 {
		t.Fatalf("%d frames wait for nothing", len(rest))
	}
	return passed, m.Counters()
}

// TestRunsRepeat: the same seed and frames come to the same.
func TestRunsRepeat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := drawRules(t)
		first, counters := drive(t, rules, true)
		second, again := drive(t, rules, true)
		if !slices.Equal(first, second) || fmt.Sprint(counters) != fmt.Sprint(again) {
			t.Fatal("the same run came to something else")
		}
	})
}

// TestEveryFrameIsAccountedFor: what came is what passed, less what was dropped
// and more what was copied; also when the machine is not woken in time.
func TestEveryFrameIsAccountedFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		passed, counters := drive(t, drawRules(t), rapid.Bool().Draw(t, "prompt"))
		want := 60
		for _, c := range counters {
			want += int(c.Duplicated) + int(c.Replayed) - int(c.Dropped)
		}
		if len(passed) != want {
			t.Fatalf("%d passed, want %d: %+v", len(passed), want, counters)
		}
	})
}

// TestDelaysKeepTheOrder: of those that one rule delays.
func TestDelaysKeepTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		delay := time.Duration(rapid.IntRange(1, 50).Draw(t, "delay")) * ms
		passed, _ := drive(t, []wire.Rule{{
			Name: "late", Act: wire.Delay, Delay: delay, Jitter: delay,
			Distribution: rapid.SampledFrom([]wire.Distribution{wire.Uniform, wire.Normal}).Draw(t, "distribution"),
			Match:        wire.Match{Direction: wire.FromHost},
		}}, true)
		passed = slices.DeleteFunc(passed, func(text string) bool { return strings.HasPrefix(text, "true") })
		if !slices.IsSortedFunc(passed, func(a, b string) int { return last(a) - last(b) }) || len(passed) != 40 {
			t.Fatalf("in disorder: %v", passed)
		}
	})
}

// last is the number at the end of what drive says of a frame.
func last(text string) (number int) {
	fields := strings.Fields(strings.Trim(text, "]"))
	_, _ = fmt.Sscan(fields[len(fields)-1], &number)
	return number
}
