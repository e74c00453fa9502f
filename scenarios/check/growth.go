package check

import (
	"cmp"
	"slices"

	"takeover/scenarios/history"
)

// startSamples are those of a daemon that starts: they are left out, as are those
// from before all was settled.
const startSamples = 2

// growthSamples is how often a daemon must have been looked at for its growth to
// mean anything: twice in each quarter.
const growthSamples = 8

// growth is by how much each daemon grew from the first quarter of its life to
// the last, in the order of hosts.
func (e *evidence) growth() []history.Growth {
	type process struct {
		host, name string
		pid        int
	}
	samples := map[process][]history.Seen[history.Usage]{}
	var order []process
	for _, u := range history.Select[history.Usage](e.events) {
		of := process{u.Host, u.Body.Name, u.Body.PID}
		if samples[of] == nil {
			order = append(order, of)
		}
		samples[of] = append(samples[of], u)
	}
	slices.SortStableFunc(order, func(a, b process) int { return cmp.Compare(a.host, b.host) })
	var all []history.Growth
	for _, of := range order {
		seen := samples[of][min(startSamples, len(samples[of])):]
		seen = slices.DeleteFunc(seen, func(u history.Seen[history.Usage]) bool {
			return u.At < e.course.Phases[history.PhaseSettled].At
		})
		if len(seen) < growthSamples {
			continue
		}
		first, last := seen[:len(seen)/4], seen[len(seen)-len(seen)/4:]
		w := history.Window{From: seen[0].At, To: seen[len(seen)-1].At}
		grown := func(what func(history.Usage) int) int {
			return what(least(last, what).Body) - what(least(first, what).Body)
		}
		memory := func(u history.Usage) int { return u.AnonKiB }
		all = append(all, history.Growth{
			Host: of.host, Name: of.name, PID: of.pid, Window: w.Length(), Changes: len(e.changes(w)),
			Processes:   grown(func(u history.Usage) int { return u.Processes }),
			Threads:     grown(func(u history.Usage) int { return u.Threads }),
			Descriptors: grown(func(u history.Usage) int { return u.Descriptors }),
			AnonKiB:     grown(memory),
			Events:      []int{least(first, memory).ID, least(last, memory).ID},
		})
	}
	return all
}

// least is the sample with the least of something.
func least(samples []history.Seen[history.Usage], what func(history.Usage) int) history.Seen[history.Usage] {
	return slices.MinFunc(samples, func(a, b history.Seen[history.Usage]) int { return cmp.Compare(what(a.Body), what(b.Body)) })
}
