package wire

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"
)

// Act is what a rule does to the frames that it chooses.
type Act string

// The acts.
const (
	// Drop loses them.
	Drop Act = "drop"
	// Delay passes them on later by Delay, give or take Jitter. Among themselves
	// they stay in order; others overtake them.
	Delay Act = "delay"
	// Reorder holds one until the next frame that matches has overtaken it,
	// Delay at most.
	Reorder Act = "reorder"
	// Duplicate passes Count copies on behind each.
	Duplicate Act = "duplicate"
	// Corrupt turns Count bits over behind the Ethernet header. The packet's own
	// checksums are complete before.
	Corrupt Act = "corrupt"
	// Shape passes Rate bytes a second on, each way; what would wait behind more
	// than Queue bytes is lost. It concerns every frame that matches.
	Shape Act = "shape"
	// Replay passes the last frame that matched on again, every Period, Count
	// times; Count 0: as long as it is in force.
	Replay Act = "replay"
)

// acts has, for each act, what a rule must and may give beside its match.
var acts = map[Act]struct {
	chooses     bool
	needs, uses []string
}{
	Drop:      {true, nil, nil},
	Delay:     {true, []string{"delay"}, []string{"jitter", "distribution"}},
	Reorder:   {true, []string{"delay"}, nil},
	Duplicate: {true, []string{"count"}, nil},
	Corrupt:   {true, []string{"count"}, nil},
	Shape:     {false, []string{"rate"}, []string{"queue"}},
	Replay:    {false, []string{"period"}, []string{"count"}},
}

// Rule is one disturbance. What it does not use must be zero.
type Rule struct {
	Name   string `json:"name"` // unique in a wire
	Act    Act    `json:"act"`
	Match  `yaml:",inline"`
	Choice `yaml:",inline"`

	Delay        time.Duration `json:"delay_ns,omitempty"`
	Jitter       time.Duration `json:"jitter_ns,omitempty"` // at most Delay
	Distribution Distribution  `json:"distribution,omitempty"`
	Period       time.Duration `json:"period_ns,omitempty"`
	Count        int           `json:"count,omitempty"`
	Rate         int           `json:"rate_bytes,omitempty"`  // a second, without preamble, gap and check sequence
	Queue        int           `json:"queue_bytes,omitempty"` // 0: what passes in 100 ms, two full frames at least
}

// Distribution is that of the jitter.
type Distribution string

// The distributions.
const (
	// Uniform is from Delay-Jitter to Delay+Jitter.
	Uniform Distribution = "uniform"
	// Normal has Delay as its mean and Jitter as its standard deviation; what
	// would be less than none is none.
	Normal Distribution = "normal"
)

// Choice is which of the frames that match a rule means: each with a
// probability, every n-th, the first so many, or bursts after Gilbert (1960) and
// Elliott (1963): in the bad state all, in the good one none. At most one of
// them is given; without any it is every frame. Each way is counted by itself.
type Choice struct {
	Probability float64 `json:"probability,omitempty"` // 0 to 1
	Every       int     `json:"every,omitempty"`
	First       int     `json:"first,omitempty"`
	// The probabilities, 0 to 1, to go into the bad state and out of it, frame by
	// frame; both or none.
	BurstEnter float64 `json:"burst_enter,omitempty"`
	BurstLeave float64 `json:"burst_leave,omitempty"`
}

// Bounds that keep a wire's memory in bounds.
const (
	maxDelay = time.Hour
	maxCount = 1000
	maxRate  = 1 << 40
)

// Validate returns everything that is wrong with the rule, joined.
func (r Rule) Validate() error {
	var errs []error
	fail := func(bad bool, format string, args ...any) {
		if bad {
			errs = append(errs, fmt.Errorf("rule %q: "+format, append([]any{r.Name}, args...)...))
		}
	}
	act, known := acts[r.Act]
	if !known {
		fail(true, "act %q is none of drop, delay, reorder, duplicate, corrupt, shape, replay", r.Act)
		return errors.Join(errs...)
	}
	fail(r.Name == "", "it has no name")
	given := r.given()
	for _, name := range act.needs {
		fail(!slices.Contains(given, name), "%s needs %s", r.Act, name)
	}
	for _, name := range given {
		fail(!slices.Contains(act.needs, name) && !slices.Contains(act.uses, name), "%s has no use for %s", r.Act, name)
	}
	fail(!act.chooses && r.Choice != Choice{}, "%s chooses among no frames", r.Act)
	for _, problem := range slices.Concat(r.Match.problems(), r.Choice.problems(), r.problems()) {
		fail(true, "%s", problem)
	}
	return errors.Join(errs...)
}

// given are the parameters that are not zero.
func (r Rule) given() []string {
	var names []string
	for _, p := range []struct {
		name  string
		given bool
	}{
		{"delay", r.Delay != 0},
		{"jitter", r.Jitter != 0},
		{"distribution", r.Distribution != ""},
		{"period", r.Period != 0},
		{"count", r.Count != 0},
		{"rate", r.Rate != 0},
		{"queue", r.Queue != 0},
	} {
		if p.given {
			names = append(names, p.name)
		}
	}
	return names
}

// problems are the values that can't be.
func (r Rule) problems() []string {
	var all []string
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"delay", r.Delay}, {"jitter", r.Jitter}, {"period", r.Period}} {
		if d.value < 0 || d.value > maxDelay {
			all = append(all, fmt.Sprintf("%s %s is not from 0s to %s", d.name, d.value, maxDelay))
		}
	}
	if r.Jitter > r.Delay {
		all = append(all, fmt.Sprintf("jitter %s is above delay %s", r.Jitter, r.Delay))
	}
	if !slices.Contains([]Distribution{"", Uniform, Normal}, r.Distribution) {
		all = append(all, fmt.Sprintf("distribution %q is none of uniform, normal", r.Distribution))
	}
	count := maxCount
	if r.Act == Replay {
		count = 1 << 30
	}
	for _, n := range []struct {
		name       string
		value, top int
	}{{"count", r.Count, count}, {"rate", r.Rate, maxRate}, {"queue", r.Queue, maxRate}} {
		if n.value < 0 || n.value > n.top {
			all = append(all, fmt.Sprintf("%s %d is not from 0 to %d", n.name, n.value, n.top))
		}
	}
	return all
}

func (c Choice) problems() []string {
	var all []string
	for _, p := range []struct {
		name  string
		value float64
	}{{"probability", c.Probability}, {"burst_enter", c.BurstEnter}, {"burst_leave", c.BurstLeave}} {
		if !(p.value >= 0 && p.value <= 1) { // NaN is neither
			all = append(all, fmt.Sprintf("%s %g is not from 0 to 1", p.name, p.value))
		}
	}
	if c.Every < 0 || c.First < 0 {
		all = append(all, fmt.Sprintf("every %d or first %d is negative", c.Every, c.First))
	}
	if (c.BurstEnter == 0) != (c.BurstLeave == 0) {
		all = append(all, "burst_enter and burst_leave go together")
	}
	chosen := 0
	for _, one := range []bool{c.Probability != 0, c.Every != 0, c.First != 0, c.BurstEnter != 0 || c.BurstLeave != 0} {
		if one {
			chosen++
		}
	}
	if chosen > 1 {
		all = append(all, "probability, every, first and bursts are different choices: give one")
	}
	return all
}

func (m Match) problems() []string {
	var all []string
	if !slices.Contains([]Direction{"", Both, FromHost, ToHost}, m.Direction) {
		all = append(all, fmt.Sprintf("direction %q is none of from, to, both", m.Direction))
	}
	if _, ok := protocolNamed(m.Protocol); !ok {
		all = append(all, fmt.Sprintf("protocol %q is none of %s, tcp:PORT, udp:PORT", m.Protocol, strings.Join(protocolNames, ", ")))
	}
	for _, text := range m.Sources {
		if mac, err := net.ParseMAC(text); err != nil || len(mac) != macBytes {
			all = append(all, fmt.Sprintf("source %q is no MAC address", text))
		}
	}
	return all
}

// ValidateAll does so for the rules of a wire: their names differ too.
func ValidateAll(rules []Rule) error {
	var errs []error
	seen := map[string]bool{}
	for _, r := range rules {
		errs = append(errs, r.Validate())
		if seen[r.Name] {
			errs = append(errs, fmt.Errorf("two rules are called %q", r.Name))
		}
		seen[r.Name] = true
	}
	return errors.Join(errs...)
}
