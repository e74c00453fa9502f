package chaos

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/scenarios/fault"
	"takeover/scenarios/scene"
)

var failover = Facts{
	Topology: "failover", Nodes: []string{"node1", "node2", "node3"}, Client: "client", Daemon: "subject",
	Interval: time.Second, Down: 3617 * time.Millisecond, Web: true, Script: true, IPv4: true, Best: "node1",
}

func drawnOptions(t *rapid.T) Options {
	return Options{
		Kinds:   rapid.SliceOfNDistinct(rapid.SampledFrom(fault.Kinds()), 1, -1, rapid.ID).Draw(t, "kinds"),
		Length:  time.Duration(rapid.Int64Range(int64(LengthMin), int64(20*time.Second)).Draw(t, "length")),
		Density: rapid.Float64Range(DensityMin, DensityMax).Draw(t, "density"),
	}
}

func drawnFacts(t *rapid.T) Facts {
	f := failover
	f.Nodes = f.Nodes[:rapid.IntRange(2, 3).Draw(t, "nodes")]
	f.Client = rapid.SampledFrom([]string{"client", ""}).Draw(t, "client")
	f.Interval = rapid.SampledFrom([]time.Duration{10 * time.Millisecond, 200 * time.Millisecond, time.Second, 3 * time.Second}).Draw(t, "interval")
	f.Down = 3*f.Interval + f.Interval/2
	f.Web, f.Script, f.IPv4 = rapid.Bool().Draw(t, "web"), rapid.Bool().Draw(t, "script"), rapid.Bool().Draw(t, "ipv4")
	return f
}

// TestDraw: every schedule is a valid scene that is read as it was written, ends
// with a quiet time, and has no faults that clash.
func TestDraw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		facts, options, seed := drawnFacts(t), drawnOptions(t), rapid.Uint64().Draw(t, "seed")
		fits := slices.ContainsFunc(options.Kinds, facts.Fits)
		if !fits {
			return
		}
		s := Draw(seed, facts, options)
		if problems := s.Problems(); len(problems) > 0 {
			t.Fatalf("%+v\n%+v", problems, s)
		}
		text, err := s.Text()
		if err != nil {
			t.Fatal(err)
		}
		s.Subjects = []string{"vipd", "keepalived"} // unless given
		if read, err := scene.Parse("x"+scene.Suffix, text); err != nil || !reflect.DeepEqual(read, s) {
			t.Fatalf("%v\n%s\n%+v\n%+v", err, text, read, s)
		}
		for i, a := range s.Schedule {
			if a.At+a.For > fault.Duration(options.Length) || s.Length < a.At+a.For+fault.Duration(quiet) || a.For <= 0 {
				t.Fatalf("%+v is not within %s", a, options.Length)
			}
			if kind := kindOf(a); !slices.Contains(options.Kinds, kind) || !facts.Fits(kind) {
				t.Fatalf("%s was not to be drawn", kind)
			}
			for _, b := range s.Schedule[i+1:] {
				if clash(a, b) {
					t.Fatalf("%+v and %+v clash", a, b)
				}
			}
		}
	})
}

// TestEveryKindIsDrawn: there is a recipe for each, which schedules use.
func TestEveryKindIsDrawn(t *testing.T) {
	drawn := map[fault.Kind]int{}
	for seed := range uint64(1000) {
		s := Draw(seed, failover, Options{Kinds: fault.Kinds(), Length: 15 * time.Second, Density: 2})
		for _, step := range s.Schedule {
			drawn[kindOf(step)]++
		}
		if !reflect.DeepEqual(s, Draw(seed, failover, Options{Kinds: fault.Kinds(), Length: 15 * time.Second, Density: 2})) {
			t.Fatalf("seed %d draws two schedules", seed)
		}
	}
	for _, kind := range fault.Kinds() {
		if drawn[kind] < 10 {
			t.Errorf("%s was drawn %d times", kind, drawn[kind])
		}
	}
}

// TestDensity: so many faults are in force, on average, where nothing clashes.
func TestDensity(t *testing.T) {
	for _, density := range []float64{0.5, 1, 2, 4} {
		var sum time.Duration
		const length, schedules = 15 * time.Second, 200
		for seed := range uint64(schedules) {
			for _, step := range Draw(seed, failover, Options{Kinds: fault.Kinds(), Length: length, Density: density}).Schedule {
				sum += time.Duration(step.For)
			}
		}
		if got := float64(sum) / float64(length*schedules); got < density || got > density+0.5 {
			t.Errorf("%.2f faults are in force, want %.1f", got, density)
		}
	}
}

func TestClash(t *testing.T) {
	step := func(at, length time.Duration, f string, target fault.Target) scene.Step {
		return scene.Step{At: fault.Duration(at), For: fault.Duration(length), Fault: f, Target: target}
	}
	const s = time.Second
	for _, c := range []struct {
		name string
		a, b scene.Step
		want bool
	}{
		{"the same on one link", step(0, s, "link-loss", "node1"), step(s, s, "link-loss", "node1"), true},
		{"soon after", step(0, s, "link-loss", "node1"), step(2*s, s, "link-loss", "node1"), true},
		{"later", step(0, s, "link-loss", "node1"), step(3*s, s, "link-loss", "node1"), false},
		{"on another", step(0, s, "link-loss", "node1"), step(s, s, "link-loss", "node2"), false},
		{"on who may be another", step(0, s, "link-loss", "active"), step(s, s, "link-loss", "node2"), true},
		{"on the client", step(0, s, "link-loss", "client"), step(s, s, "link-loss", "client"), true},
		{"stopped while it stands still", step(0, 5*s, "host-frozen", "node1"), step(s, s, "daemon-stopped", "node1"), true},
		{"killed while it stands still", step(0, 5*s, "host-frozen", "node1"), step(s, s, "daemon-killed", "node1"), false},
		{"two ends of the web server", step(0, s, "nginx-killed", "all"), step(s, s, "web-fails mode=hang", "node1"), true},
		{"an interface gone, and renamed", step(0, s, "interface-removed", "node1"), step(s, s, "interface-renamed", "node1"), true},
		{"dead and stopped", step(0, s, "host-crashed", "node1"), step(s, s, "daemon-stopped", "node1"), true},
		{"dead and parted", step(0, s, "host-crashed", "node1"), step(s, s, "partition", "node1"), false},
	} {
		if clash(c.a, c.b) != c.want || clash(c.b, c.a) != c.want {
			t.Errorf("%s: want %t", c.name, c.want)
		}
	}
}
