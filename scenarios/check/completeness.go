package check

import (
	"slices"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// checkFrame says what is missing of the trial's course: without it there is
// nothing to judge.
func checkFrame(events []history.Event, c history.Course) []history.Finding {
	if failed, ok := c.Phases[history.PhaseFailed]; ok {
		proof, why := []int{failed.ID}, "nobody noted why"
		if notes := history.Select[history.Note](events); len(notes) > 0 {
			last := notes[len(notes)-1]
			proof, why = append(proof, last.ID), last.Body.Text
		}
		return []history.Finding{fail(completeness, proof, "the trial could not go on: %s", why)}
	}
	var findings []history.Finding
	if trials := history.Select[history.Trial](events); len(trials) > 1 {
		findings = append(findings, fail(completeness, []int{trials[1].ID}, "the history holds %d trials", len(trials)))
	}
	if len(c.Trial.Cluster.Nodes) == 0 {
		findings = append(findings, fail(completeness, nil, "the trial event names no nodes"))
	}
	var missing []string
	order := []history.PhaseName{
		history.PhaseSettling, history.PhaseSettled, history.PhaseFaulted, history.PhaseHealed, history.PhaseDone,
	}
	last := history.Seen[history.Phase]{}
	for _, name := range order {
		phase, ok := c.Phases[name]
		if !ok {
			missing = append(missing, "phase "+string(name))
			continue
		}
		if phase.At < last.At {
			findings = append(findings, fail(completeness, []int{last.ID, phase.ID},
				"phase %s comes before phase %s", name, last.Body.Name))
		}
		last = phase
	}
	if c.Fault == nil {
		missing = append(missing, "the fault's start")
	}
	if c.Heal == nil {
		missing = append(missing, "the fault's end")
	}
	if len(missing) > 0 {
		findings = append(findings, fail(completeness, nil, "the history lacks %s", strings.Join(missing, ", ")))
	}
	return findings
}

// checkCompleteness says which observer was blind.
func checkCompleteness(e *evidence) []history.Finding {
	return slices.Concat(checkStreams(e), checkCaptures(e), checkWatches(e))
}

// stage is a part of the trial by its name.
type stage struct {
	name   string
	window history.Window
}

func (e *evidence) stages() []stage {
	return []stage{
		{"before the fault", e.course.Settled()},
		{"under the fault", e.course.Faulted()},
		{"after the healing", e.course.Healed()},
	}
}

// stageMin is how long a part of the trial must be for an observer's silence
// in it to mean anything: twice the canary's time between reports.
const stageMin = 200 * time.Millisecond

// checkStreams wants every stream to have asked at least half as often as it
// should have, in every part of the trial. Who asked as often as a machine that
// stood still let it proves nothing either way.
func checkStreams(e *evidence) []history.Finding {
	var findings []history.Finding
	for _, stream := range []string{history.StreamICMP, history.StreamHTTP, history.StreamOwners} {
		period := e.course.Trial.ProbePeriods[stream]
		if period <= 0 {
			findings = append(findings, fail(completeness, nil, "the trial event gives stream %s no period", stream))
			continue
		}
		for _, stage := range e.stages() {
			if stage.window.Length() < stageMin {
				continue
			}
			due := int(stage.window.Length() / period)
			asked := e.asked(stream, stage.window)
			if asked >= due/2 {
				continue
			}
			f := fail(completeness, nil, "%s: %d probes of stream %s; %d were due", stage.name, asked, stream, due)
			if still := e.standstill(stage.window); asked > 0 && asked >= int((stage.window.Length()-still)/period)/2 {
				f.Verdict = history.Inconclusive
				f.Text += "; the machine stood still for " + short(still)
			}
			findings = append(findings, f)
		}
	}
	return findings
}

func (e *evidence) asked(stream string, w history.Window) int {
	count := 0
	for _, p := range e.probes[stream] {
		if w.Contains(p.At) {
			count++
		}
	}
	if stream == history.StreamOwners {
		for _, o := range e.owners {
			if w.Contains(o.At) {
				count++
			}
		}
	}
	return count
}

// checkCaptures wants the capture at every node's port to have seen the
// Active's advertisements before the fault.
func checkCaptures(e *evidence) []history.Finding {
	var findings []history.Finding
	for _, node := range e.cluster.Nodes {
		want, what := history.ToHost, "delivered to it"
		if node.Name == e.failover.Old {
			want, what = history.FromHost, "sent by it"
		}
		if !slices.ContainsFunc(e.adverts, func(a history.Seen[history.Advert]) bool {
			return a.Host == node.Name && a.Body.Direction == want && a.At < e.course.Fault.At
		}) {
			findings = append(findings, fail(completeness, nil,
				"the capture at %s shows no advertisement %s before the fault", node.Name, what))
		}
	}
	if h := e.failover; h.Happened() && h.FirstAdvert == nil {
		findings = append(findings, fail(completeness, nil,
			"the capture at %s shows no advertisement sent by it, though it took over", h.New))
	}
	return findings
}

// checkWatches wants the watches of addresses and of the client's neighbours,
// and the canary, to have seen what must have been there.
func checkWatches(e *evidence) []history.Finding {
	var findings []history.Finding
	if holders := history.HoldersAt(e.holdings, e.course.Fault.At-1); len(holders) != 1 {
		findings = append(findings, fail(completeness, []int{e.course.Fault.ID},
			"%d nodes were seen with %s just before the fault, not one", len(holders), e.course.VIP()))
	}
	if h := e.failover; h.Happened() && h.AddressAdded == nil {
		findings = append(findings, fail(completeness, nil,
			"%s was not seen to get %s, though it took over", h.New, e.course.VIP()))
	}
	if _, ok := e.neighbour(e.course.Fault.At); !ok {
		findings = append(findings, fail(completeness, nil,
			"%s's neighbour entry for %s was never seen before the fault", e.cluster.Client.Name, e.course.VIP()))
	}
	for _, stage := range e.stages() {
		seen := slices.ContainsFunc(e.canaries, func(c history.Seen[history.Canary]) bool { return stage.window.Contains(c.At) })
		if !seen && stage.window.Length() >= stageMin {
			findings = append(findings, fail(completeness, nil, "%s: the canary said nothing", stage.name))
		}
	}
	return findings
}
