package scene

import (
	"slices"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// Leaks bounds by how much more each daemon uses in the end, or for each change of
// the owner or each hour, as Per says. What is not given is not bounded.
type Leaks struct {
	Processes   *int   `json:"processes,omitempty"`
	Threads     *int   `json:"threads,omitempty"`
	Descriptors *int   `json:"descriptors,omitempty"`
	MemoryKiB   *int   `json:"memory_kib,omitempty"` // anonymous
	Per         string `json:"per,omitempty"`        // trial unless given, change or hour
}

// What Leaks may be counted by.
const (
	PerTrial  = "trial"
	PerChange = "change"
	PerHour   = "hour"
)

// leaksLength is the shortest schedule of which an hour can be told.
const leaksLength = time.Minute

// observed checks the expectations of what is observed.
func (c *checker) observed(s Scene) {
	e := s.Expect
	c.expectLost(s)
	for _, n := range []struct {
		name  string
		value *Count
	}{{checkNear, e.Near}, {checkFlapping, e.Flapping}, {checkReset, e.Reset}} {
		c.wrong(n.value != nil && n.value.AtMost < 0, at("expect", n.name), "a number is not negative")
	}
	c.wrong(e.Reset != nil && s.Load.Connections == nil, at("expect", checkReset), "the load has no connections")
	l := e.Leaks
	if l == nil {
		return
	}
	c.wrong(l.Processes == nil && l.Threads == nil && l.Descriptors == nil && l.MemoryKiB == nil, at("expect", checkLeaks), "leaks: it needs a bound")
	ways := []string{PerTrial, PerChange, PerHour}
	c.wrong(l.Per != "" && !slices.Contains(ways, l.Per), at("expect", checkLeaks, "per"), "per %q%s; there are %s", l.Per, Nearest(l.Per, ways), strings.Join(ways, ", "))
	c.wrong(l.Per == PerHour && time.Duration(s.Length) < leaksLength, at("expect", checkLeaks, "per"), "an hour needs a length of at least %s", leaksLength)
	for _, bound := range []*int{l.Processes, l.Threads, l.Descriptors, l.MemoryKiB} {
		c.wrong(bound != nil && *bound < 0, at("expect", checkLeaks), "a number is not negative")
	}
}

func (j *judge) near() {
	if j.Expect.Near == nil {
		return
	}
	count, events := 0, []int(nil)
	var nearest history.NearFailover
	for _, n := range j.observed.Near {
		if count == 0 || n.Left < nearest.Left {
			nearest = n
		}
		count++
		events = append(events, n.From, n.To)
	}
	if count > j.Expect.Near.AtMost {
		// A machine that stands still for an interval keeps advertisements away.
		j.fail(checkNear, j.course.Trial.Cluster.AdvertInterval, events,
			"there were %d near failovers, expected is at most %d; the nearest left %s of the timer of %s",
			count, j.Expect.Near.AtMost, round(nearest.Left), nearest.Host)
	}
}

func (j *judge) flapping() {
	f := j.observed.Flapping
	if j.Expect.Flapping != nil && f.Unexplained > j.Expect.Flapping.AtMost {
		j.fail(checkFlapping, j.flapBeyond(), f.Events, "no fault explains %d of %d changes of the owner, expected is at most %d",
			f.Unexplained, f.Changes, j.Expect.Flapping.AtMost)
	}
}

// flapBeyond is the shortest standstill that lets two nodes take the address in
// turn: the difference of their timers.
func (j *judge) flapBeyond() time.Duration {
	nodes := j.course.Trial.Cluster.Nodes
	beyond := j.course.Trial.Cluster.AdvertInterval
	for i, one := range nodes {
		for _, other := range nodes[i+1:] {
			if apart := j.apart(one.Name, other.Name); apart > 0 {
				beyond = min(beyond, apart)
			}
		}
	}
	return beyond
}

func (j *judge) stale() {
	if j.Expect.Stale == nil {
		return
	}
	if j.tables == 0 {
		j.fail(checkStale, 0, nil, "no table with %s was watched", j.course.VIP())
		return
	}
	var longest history.Stale
	var events []int
	for _, s := range j.observed.Stale {
		if s.From+s.Length >= j.window.From && s.Length > longest.Length {
			longest, events = s, s.Events
		}
	}
	j.span(checkStale, j.Expect.Stale, longest.Length, events, staleWords(longest))
}

func staleWords(s history.Stale) string {
	if s.Table == "" {
		return "all tables led to others than the owner for"
	}
	return "the table of " + s.Table + " led to " + s.LedTo + " instead of " + s.Owner + " for"
}

func (j *judge) reset() {
	if j.Expect.Reset == nil {
		return
	}
	c := j.observed.Connections
	switch {
	case c == nil:
		j.fail(checkReset, 0, nil, "no connection was opened")
	case c.Reset > j.Expect.Reset.AtMost:
		// A standstill that changes the owner resets them too.
		j.fail(checkReset, j.flapBeyond(), nil, "%d of %d connections were reset, expected is at most %d", c.Reset, c.Opened, j.Expect.Reset.AtMost)
	}
}

func (j *judge) leaks() {
	l := j.Expect.Leaks
	if l == nil {
		return
	}
	if len(j.observed.Growth) == 0 {
		j.fail(checkLeaks, 0, nil, "no daemon was looked at for long enough")
	}
	for _, g := range j.observed.Growth {
		for _, of := range []struct {
			what  string
			grown int
			bound *int
		}{
			{"processes", g.Processes, l.Processes},
			{"threads", g.Threads, l.Threads},
			{"descriptors", g.Descriptors, l.Descriptors},
			{"KiB", g.AnonKiB, l.MemoryKiB},
		} {
			if of.bound == nil {
				continue
			}
			grown, per := float64(of.grown), ""
			switch l.Per {
			case PerChange:
				grown, per = grown/float64(max(1, g.Changes)), " for each change of the owner"
			case PerHour:
				grown, per = grown*float64(time.Hour)/float64(max(g.Window, 1)), " an hour"
			}
			if grown > float64(*of.bound) {
				j.fail(checkLeaks, 0, g.Events, "%s on %s has %.4g more %s%s after %s, expected is at most %d",
					g.Name, g.Host, grown, of.what, per, round(g.Window), *of.bound)
			}
		}
	}
}
