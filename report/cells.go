package report

import (
	"fmt"
	"strings"
	"time"

	"takeover/report/stat"
	"takeover/scenarios/history"
)

// none is a cell without a value.
const none = "-"

// duration prints milliseconds to a tenth, or seconds to a thousandth from
// 1 s on: "12.4 ms", "3.612 s".
func duration(d time.Duration) string {
	switch rounded := d.Round(100 * time.Microsecond).Abs(); {
	case d == 0:
		return "0"
	case rounded >= time.Second:
		return fmt.Sprintf("%.3f s", d.Seconds())
	case rounded == 0:
		return "<0.1 ms"
	default:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
}

// milliseconds prints tenths of a millisecond however long it is, for columns
// that are compared line by line.
func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// signed is a duration with its sign; one that rounds to nothing has none.
func signed(d time.Duration) string {
	if d.Round(100*time.Microsecond) > 0 {
		return "+" + duration(d)
	}
	if d.Round(100*time.Microsecond) == 0 {
		return "0.0 ms"
	}
	return duration(d)
}

func optional(d *time.Duration, print func(time.Duration) string) string {
	if d == nil {
		return none
	}
	return print(*d)
}

// tbmCell marks a censored time: it is at least so much.
func tbmCell(s Stream) string {
	if s.TBMCensored {
		return ">" + optional(s.TBM, duration)
	}
	return optional(s.TBM, duration)
}

func plbmCell(s Stream) string {
	if s.PLBMCensored {
		return ">" + duration(s.PLBM)
	}
	return duration(s.PLBM)
}

func reversionCell(m Measures) string {
	if m.Reversion == nil {
		return none
	}
	return optional(m.Reversion.Complete, duration)
}

// actives says from whom to whom the VIP went.
func actives(h *Handover) string {
	switch {
	case h == nil || h.Old == "" && h.New == "":
		return none
	case h.New == "":
		return h.Old + " stays"
	case h.Old == "":
		return "nobody → " + h.New
	default:
		return h.Old + " → " + h.New
	}
}

// spread is a median with its range, "3.212 s (3.100…3.400)": the range has
// units of its own only where they differ.
func spread(s *stat.Summary[time.Duration], print func(time.Duration) string) string {
	if s == nil {
		return none
	}
	if s.Min == s.Max {
		return print(s.Median)
	}
	_, unit, _ := strings.Cut(print(s.Median), " ")
	low, sameLow := strings.CutSuffix(print(s.Min), " "+unit)
	high, sameHigh := strings.CutSuffix(print(s.Max), " "+unit)
	if !sameLow || !sameHigh {
		low, high = print(s.Min), print(s.Max)
	}
	return fmt.Sprintf("%s (%s…%s)", print(s.Median), low, high)
}

func middle(s *stat.Summary[time.Duration]) string {
	if s == nil {
		return none
	}
	return duration(s.Median)
}

// tally counts verdicts, "4 pass, 1 fail".
func tally(pass, fail, inconclusive int) string {
	var parts []string
	for _, part := range []struct {
		count int
		name  history.Verdict
	}{{pass, history.Pass}, {fail, history.Fail}, {inconclusive, history.Inconclusive}} {
		if part.count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.count, part.name))
		}
	}
	if parts == nil {
		return "no trials"
	}
	return strings.Join(parts, ", ")
}

// findingLine names the events behind the first line; a text may have more
// lines, logs for the most part.
func findingLine(f history.Finding) string {
	first, rest, more := strings.Cut(f.Text, "\n")
	text := fmt.Sprintf("%s: %s: %s", f.Verdict, f.Check, first)
	if len(f.Events) > 0 {
		var ids []string
		for _, id := range f.Events {
			ids = append(ids, fmt.Sprintf("#%d", id))
		}
		text += " (" + strings.Join(ids, " ") + ")"
	}
	if more {
		text += "\n  " + strings.ReplaceAll(rest, "\n", "\n  ")
	}
	return text
}
