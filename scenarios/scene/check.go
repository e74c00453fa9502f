package scene

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"takeover/scenarios/fault"
)

// Problem is something in a Scene that can't be. Path leads to it: names of keys
// and indices.
type Problem struct {
	Path []any
	Text string
}

const (
	lengthMax = 10 * time.Minute
	timesMax  = 1000
)

type checker struct{ all []Problem }

func (c *checker) wrong(bad bool, path []any, format string, args ...any) {
	if bad {
		c.all = append(c.all, Problem{path, fmt.Sprintf(format, args...)})
	}
}

func at(path ...any) []any { return path }

// Problems are all that is wrong with the scene, in no order.
func (s Scene) Problems() []Problem {
	c := &checker{}
	c.wrong(s.Summary == "", at("summary"), "it needs a summary")
	c.wrong(s.Why == "", at("why"), "it needs a why: what justifies its expectations")
	c.wrong(len(s.Schedule) == 0, at("schedule"), "it needs a schedule with a fault")
	c.wrong(s.Length < 0 || time.Duration(s.Length) > lengthMax, at("length"), "length %s is not from 0s to %s", s.Length, lengthMax)
	c.load(s.Load)
	for i, step := range s.Schedule {
		c.step(i, step)
		c.wrong(s.Length > 0 && step.At+step.For > s.Length, at("schedule", i), "it is not over within the length %s", s.Length)
	}
	c.expect(s.Expect)
	c.observed(s)
	for i, known := range s.Known {
		c.wrong(!slices.Contains(Expectations(), known.Expectation), at("known", i, "expectation"), "%q is no expectation%s; there are %s",
			known.Expectation, Nearest(known.Expectation, Expectations()), strings.Join(Expectations(), ", "))
		c.wrong(known.Subject == "", at("known", i), "it needs a subject")
		c.wrong(known.Reason == "", at("known", i), "it needs a reason")
	}
	return c.all
}

func (c *checker) step(i int, step Step) {
	name, settings, _ := strings.Cut(strings.TrimSpace(step.Fault), " ")
	if _, err := fault.Parse(name, strings.Fields(settings)...); err != nil {
		text := err.Error()
		if !slices.Contains(fault.Names(), name) {
			text = fmt.Sprintf("unknown fault %q%s; there are %s", name, Nearest(name, fault.Names()), strings.Join(fault.Names(), ", "))
		}
		c.wrong(true, at("schedule", i, "fault"), "%s", text)
	}
	for _, d := range []struct {
		name  string
		value fault.Duration
	}{{"at", step.At}, {"every", step.Every}, {"for", step.For}} {
		c.wrong(d.value < 0 || time.Duration(d.value) > lengthMax, at("schedule", i, d.name), "%s %s is not from 0s to %s", d.name, d.value, lengthMax)
	}
	c.wrong(step.Times < 0 || step.Times > timesMax, at("schedule", i, "times"), "times %d is not from 1 to %d", step.Times, timesMax)
	c.wrong((step.Times > 1) != (step.Every > 0), at("schedule", i), "every and times (2 or more) go together")
	c.wrong(step.Phase != nil && (!(*step.Phase >= 0) || *step.Phase >= 1), at("schedule", i, "phase"), "phase is not from 0 to below 1")
	if step.Between != nil {
		good := len(step.Between) == 2 && step.Between[0] >= 0 && step.Between[0] < step.Between[1] && time.Duration(step.Between[1]) <= lengthMax
		c.wrong(!good, at("schedule", i, "between"), "between has two durations, the smaller first, up to %s", lengthMax)
	}
	c.wrong(step.Every > 0 && step.For >= step.Every, at("schedule", i, "for"), "for %s is not below every %s: the fault would be in force twice", step.For, step.Every)
	c.wrong(step.Every > 0 && step.For == 0, at("schedule", i), "a fault that comes again needs for")
}

func (c *checker) expect(e Expect) {
	if f := e.Failover; f != nil {
		c.wrong(f.Within < 0, at("expect", checkFailover, "within"), "within %s is negative", f.Within)
		c.wrong(f.By == Nobody && f.Within != 0, at("expect", checkFailover, "within"), "nobody takes over, so there is nothing to be within")
	}
	for _, span := range []struct {
		name  string
		value *Span
	}{{checkDual, e.Dual}, {checkNone, e.None}, {checkReversion, e.Reversion}, {checkStale, e.Stale}} {
		v := span.value
		if v == nil {
			continue
		}
		c.wrong(v.AtMost == nil && v.AtLeast == 0, at("expect", span.name), "%s: it needs at_most or at_least", span.name)
		c.wrong(v.AtMost != nil && *v.AtMost < v.AtLeast || v.AtLeast < 0, at("expect", span.name), "%s: no duration is between its bounds", span.name)
	}
	c.wrong(e.Explained != nil && e.Explained.Grace < 0, at("expect", checkExplained, "grace"), "grace is negative")
	c.wrong(e.Explained != nil && e.Dual != nil, at("expect", checkExplained), "dual and explained both bound the time with two owners: give one")
	c.wrong(e.Flaps != nil && e.Flaps.AtMost < 0, at("expect", checkFlaps), "a number is not negative")
	if a := e.Announcement; a != nil {
		c.wrong(a.Within < 0, at("expect", checkAnnouncement, "within"), "within %s is negative", a.Within)
		c.wrong(a.Times < 0 || a.During < 0, at("expect", checkAnnouncement), "a number is not negative")
		c.wrong((a.Times > 0) != (a.During > 0), at("expect", checkAnnouncement), "times and during go together")
	}
}

// Nearest is ` (did you mean "..."?)` with the name that looks most like it; "" when none does.
func Nearest(name string, names []string) string {
	best, distance := "", len(name)/3+2
	for _, candidate := range names {
		if d := edits(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// edits is Levenshtein's distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
