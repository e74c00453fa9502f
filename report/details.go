package report

import (
	"fmt"
	"time"

	"takeover/scenarios/history"
)

// details are a trial's steps and notes.
func details(t Trial, numbered bool, paint func(string) string) []string {
	m := t.Measures
	title := fmt.Sprintf("%s, %s", m.Fault, m.Subject)
	if numbered {
		title += fmt.Sprintf(", run %d", m.Run)
	}
	lines := []string{title + ": " + paint(string(t.Judgement.Verdict))}
	for _, part := range []struct {
		name string
		h    *Handover
	}{{"failover", m.Failover}, {"reversion", m.Reversion}} {
		if part.h == nil {
			continue
		}
		lines = append(lines, fmt.Sprintf("  %s: %s", part.name, actives(part.h)))
		if part.h.New != "" {
			lines = append(lines, stepTable(part.h.Steps).lines("    ", func(s string) string { return s })...)
		}
	}
	for _, note := range notes(m) {
		lines = append(lines, "  "+note)
	}
	for _, line := range t.Judgement.Observed.Lines() { // the near failovers stand in the notes
		lines = append(lines, "  "+line)
	}
	for _, f := range t.Judgement.Findings {
		lines = append(lines, "  "+findingLine(f))
	}
	for _, s := range t.Judgement.Skipped {
		lines = append(lines, "  not judged: "+s.Check+": "+s.Reason)
	}
	return lines
}

func stepTable(steps []Step) *table {
	t := &table{columns: []column{{lower: ""}, {lower: "at", align: right}, {lower: "step", align: right}, {lower: "event", align: right}, {lower: "host"}, {lower: ""}}}
	for i, s := range steps {
		after := ""
		if i > 0 {
			after = "+" + milliseconds(s.After)
		}
		t.add(string(s.Name), milliseconds(s.At), after, fmt.Sprintf("#%d", s.Event), s.Host, s.Note)
	}
	return t
}

// notes say in words what the figures leave open.
func notes(m Measures) []string {
	var notes []string
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if d := m.Detection; d != nil {
		explain(add, d)
	}
	if h := m.Failover; h != nil {
		for _, name := range []string{history.StreamICMP, history.StreamHTTP} {
			s := h.Streams[name]
			line := fmt.Sprintf("%s: %d of %d probes lost, one every %s", name, s.Lost, s.Sent, duration(s.Period))
			if s.TBM != nil {
				line += ", first answer from the new Active after " + tbmCell(s)
			}
			add("%s", line)
		}
	}
	if o := m.Ownership; o != nil {
		notes = append(notes, ownershipNotes(o)...)
	}
	if m.WebServer != nginx {
		add("web server: %s", m.WebServer)
	}
	if m.CanaryDelayMax > quietMachine {
		add("the machine stood still for up to %s", duration(m.CanaryDelayMax))
	}
	if m.Ended != history.PhaseDone {
		add("the trial ended in phase %q", m.Ended)
	}
	return notes
}

// nginx is the web server that needs no mention.
const nginx = "nginx"

// quietMachine is the delay below which the canary is not worth a word.
const quietMachine = 5 * time.Millisecond

func explain(add func(string, ...any), d *Detection) {
	if d.Expected != nil && d.Timer != nil && d.LastPriority != nil {
		timer := "Active_Down_Interval"
		if *d.LastPriority == 0 {
			timer = "Skew_Time"
		}
		add("expected at %s: last advertisement + %s of %s; first advertisement %s, announcement %s", duration(*d.Expected),
			timer, duration(*d.Timer), optional(d.Residual, signed), optional(d.Overhead, signed))
	}
	if b := d.Bounds; b != nil {
		bound := duration(b.Low)
		if b.High != b.Low {
			bound = fmt.Sprintf("%s to %s", duration(b.Low), duration(b.High))
		}
		add("from the fault alone (%s): %s", d.Means, bound)
	}
}

func ownershipNotes(o *Ownership) []string {
	var notes []string
	add := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if two := o.Held.TwoOwners; two > 0 {
		since, seen := two-o.Held.TwoOwnersUnderFault, o.Seen.TwoOwners-o.Seen.TwoOwnersUnderFault
		add("two owners for %s by the hosts' addresses, %s on the segment; of this since the healing %s and %s",
			duration(two), duration(o.Seen.TwoOwners), duration(since), duration(seen))
		if o.Declared != "" {
			add("  declared: %s", o.Declared)
		}
	}
	if o.Held.NoOwner > 0 || o.Seen.NoOwner > 0 {
		add("no owner for %s by the hosts' addresses, %s on the segment", duration(o.Held.NoOwner), duration(o.Seen.NoOwner))
	}
	add("lost in all: %d echo requests, %d HTTP requests; transitions: %d", o.ProbesLost, o.RequestsLost, o.Transitions)
	for _, n := range o.NearFailovers {
		add("near failover: %s heard nothing for %s, %s before its timer's end (#%d to #%d)",
			n.Host, duration(n.Gap), duration(n.Left), n.From, n.To)
	}
	return notes
}
