package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"takeover/scenarios/history"
)

// TextOptions says how the text looks.
type TextOptions struct {
	// Color paints the verdicts with ANSI escapes.
	Color bool
	// Brief leaves the steps and notes of trials that passed away.
	Brief bool
}

// Text writes the report that a person reads: a row for each trial, or for
// each fault and subject where there were several runs; below it each trial's
// steps and notes.
func Text(w io.Writer, r Run, o TextOptions) error {
	paint := painter(o.Color)
	lines := []string{heading(r), ""}
	if len(r.Trials) == 0 {
		lines = lines[:1]
	} else if slices.ContainsFunc(r.Groups, func(g Group) bool { return g.Trials > 1 }) {
		lines = append(lines, groupTable(r).lines("", paint)...)
		lines = append(lines, "")
		lines = append(lines, groupLegend...)
		lines = append(lines, comparisonLines(r)...)
	} else {
		lines = append(lines, trialTable(r).lines("", paint)...)
		lines = append(lines, "")
		lines = append(lines, trialLegend...)
	}
	for _, t := range r.Trials {
		if !o.Brief || t.Judgement.Verdict != history.Pass {
			lines = append(lines, "")
			lines = append(lines, details(t, len(r.Groups) < len(r.Trials), paint)...)
		}
	}
	if _, err := io.WriteString(w, strings.Join(lines, "\n")+"\n"); err != nil {
		return fmt.Errorf("write the report as text: %w", err)
	}
	return nil
}

// heading counts what there was.
func heading(r Run) string {
	var pass, fail, inconclusive int
	for _, g := range r.Groups {
		pass, fail, inconclusive = pass+g.Passed, fail+g.Failed, inconclusive+g.Inconclusive
	}
	count := fmt.Sprintf("%d trials", len(r.Trials))
	if len(r.Trials) == 1 {
		count = "1 trial"
	}
	if subject, ok := onlySubject(r); ok {
		count += " with " + subject
	}
	return count + ": " + tally(pass, fail, inconclusive)
}

// onlySubject is the subject of all trials, if they have one in common.
func onlySubject(r Run) (string, bool) {
	for _, g := range r.Groups {
		if g.Subject != r.Groups[0].Subject {
			return "", false
		}
	}
	if len(r.Groups) == 0 {
		return "", false
	}
	return r.Groups[0].Subject, true
}

// named begins a table with the fault and, where there are several, the
// subject. Adjacent rows of a fault name it once.
func named(r Run) (columns []column, cells func(fault, subject string) []string) {
	columns = []column{{lower: "fault"}}
	_, alone := onlySubject(r)
	if !alone {
		columns = append(columns, column{lower: "subject"})
	}
	last := ""
	return columns, func(fault, subject string) []string {
		shown := fault
		if fault == last {
			shown = ""
		}
		last = fault
		if alone {
			return []string{shown}
		}
		return []string{shown, subject}
	}
}

var trialLegend = []string{
	"TBM: fault to the first echo reply from the new Active (>: none so far). PLBM: lost echo requests x period.",
	"expected: fault to the end of the new Active's timer by the RFC. residual: from there to its first advertisement.",
	"no, two owners: as seen on the segment, from the fault to the end. reversion: healing to the right node alone and answering.",
}

func trialTable(r Run) *table {
	columns, name := named(r)
	t := &table{columns: append(columns, []column{
		{lower: "Active"},
		{lower: "TBM", align: right},
		{lower: "PLBM", align: right},
		{lower: "expected", align: right},
		{lower: "residual", align: right},
		{"no", "owner", right},
		{"two", "owners", right},
		{"HTTP", "lost", right},
		{lower: "reversion", align: right},
		{lower: "verdict"},
	}...)}
	// The rows stand as the groups do: a fault's subjects together.
	for _, g := range r.Groups {
		for _, trial := range r.Trials {
			m := trial.Measures
			if m.Fault == g.Fault && m.Subject == g.Subject {
				t.add(append(name(m.Fault, m.Subject), trialCells(trial)...)...)
			}
		}
	}
	return t
}

func trialCells(t Trial) []string {
	m := t.Measures
	cells := []string{actives(m.Failover), none, none, none, none, none, none, none, reversionCell(m), string(t.Judgement.Verdict)}
	if m.Failover != nil {
		icmp := m.Failover.Streams[history.StreamICMP]
		cells[1], cells[2] = tbmCell(icmp), plbmCell(icmp)
	}
	if m.Detection != nil {
		cells[3], cells[4] = optional(m.Detection.Expected, duration), optional(m.Detection.Residual, signed)
	}
	if o := m.Ownership; o != nil {
		cells[5], cells[6] = duration(o.Seen.NoOwner), duration(o.Seen.TwoOwners)
		cells[7] = fmt.Sprint(o.RequestsLost)
	}
	return cells
}

var groupLegend = []string{
	"Medians, with the smallest and the largest in parentheses.",
	"TBM: fault to the first echo reply from the new Active (>: none so far). PLBM: lost echo requests x period.",
	"residual: end of the new Active's timer by the RFC to its first advertisement.",
	"no, two owners: as seen on the segment, from the fault to the end. reversion: healing to the right node alone and answering.",
}

func groupTable(r Run) *table {
	columns, name := named(r)
	t := &table{columns: append(columns, []column{
		{lower: "TBM"},
		{lower: "PLBM", align: right},
		{lower: "residual"},
		{"no", "owner", right},
		{"two", "owners", right},
		{"HTTP", "lost", right},
		{lower: "reversion", align: right},
		{lower: "verdicts"},
	}...)}
	for _, g := range r.Groups {
		lost := none
		if g.RequestsLost != nil {
			lost = fmt.Sprint(g.RequestsLost.Median)
		}
		tbm := spread(g.TBM, duration)
		if g.Censored > 0 {
			tbm += fmt.Sprintf(", %d unanswered", g.Censored)
		}
		t.add(append(name(g.Fault, g.Subject),
			tbm, middle(g.PLBM), spread(g.Residual, signed),
			middle(g.NoOwner), middle(g.TwoOwners), lost, middle(g.Reversion),
			tally(g.Passed, g.Failed, g.Inconclusive))...)
	}
	return t
}

// comparisonLines sets the subjects' failover times side by side.
func comparisonLines(r Run) []string {
	if len(r.Comparisons) == 0 {
		return nil
	}
	t := &table{columns: []column{
		{lower: "fault"}, {lower: "compared"}, {lower: "TBM", align: right}, {lower: "p", align: right}, {lower: ""},
	}}
	for _, c := range r.Comparisons {
		cells := []string{c.Fault, c.First + " / " + c.Second, none, none, ""}
		if c.TBM != nil {
			cells[2], cells[3] = fmt.Sprintf("%.2fx", c.TBM.Ratio), fmt.Sprintf("%.3f", c.TBM.P)
			switch {
			case c.TBM.Warning != "":
				cells[4] = c.TBM.Warning
			case !c.TBM.Different:
				cells[4] = "no difference shown"
			}
		}
		t.add(cells...)
	}
	lines := t.lines("", func(s string) string { return s })
	return slices.Concat([]string{""}, lines, []string{"p: Mann-Whitney U test, two-sided."})
}
