package report

import (
	"strings"
	"unicode/utf8"

	"takeover/scenarios/history"
)

// align is a column's side.
type align bool

const (
	left  align = false
	right align = true
)

// column is a table's column: two lines of heading, the upper one may be empty.
type column struct {
	upper, lower string
	align        align
}

// table is text in columns, as wide as their contents.
type table struct {
	columns []column
	rows    [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

const gap = "  "

// lines returns the table without trailing blanks. paint colours a finished
// cell; it sees the padded text.
func (t *table) lines(indent string, paint func(string) string) []string {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = max(utf8.RuneCountInString(c.upper), utf8.RuneCountInString(c.lower))
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	line := func(cells func(i int) string, paint func(string) string) string {
		var padded []string
		for i, c := range t.columns {
			padded = append(padded, paint(pad(cells(i), widths[i], c.align)))
		}
		return strings.TrimRight(indent+strings.Join(padded, gap), " ")
	}
	plain := func(s string) string { return s }
	var lines []string
	for _, heading := range []func(int) string{
		func(i int) string { return t.columns[i].upper }, func(i int) string { return t.columns[i].lower },
	} {
		if text := line(heading, plain); strings.TrimSpace(text) != "" {
			lines = append(lines, text)
		}
	}
	for _, row := range t.rows {
		lines = append(lines, line(func(i int) string { return row[i] }, paint))
	}
	return lines
}

func pad(text string, width int, a align) string {
	blanks := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
	if a == right {
		return blanks + text
	}
	return text + blanks
}

// painter colours verdicts with ANSI escapes, if it is to.
func painter(color bool) func(string) string {
	if !color {
		return func(s string) string { return s }
	}
	codes := map[string]string{
		string(history.Pass): "32", string(history.Fail): "31", string(history.Inconclusive): "33",
	}
	return func(s string) string {
		for verdict, code := range codes {
			if _, rest, ok := strings.Cut(s, verdict); ok && strings.TrimSpace(rest) == "" {
				return "\x1b[" + code + "m" + s + "\x1b[0m"
			}
		}
		return s
	}
}
