package file

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a file, both from 1; columns count characters.
type Position struct{ Line, Column int }

// Problem is one thing that is wrong with a file.
type Problem struct {
	Position
	Text string
}

// Problems is what is wrong with a file, in its order.
type Problems struct {
	File string
	All  []Problem
	text []byte
}

// NewProblems is for a reader of another kind of file, with that file's text.
func NewProblems(name string, text []byte) *Problems { return &Problems{File: name, text: text} }

// Error implements error: a line a problem, FILE:LINE:COLUMN: TEXT.
func (p *Problems) Error() string {
	var lines []string
	for _, problem := range p.All {
		lines = append(lines, fmt.Sprintf("%s:%d:%d: %s", p.File, problem.Line, problem.Column, problem.Text))
	}
	return strings.Join(lines, "\n")
}

// Pretty is Error with the line of the file under each problem, and a caret
// under the place.
func (p *Problems) Pretty() string {
	lines := strings.Split(string(p.text), "\n")
	var b strings.Builder
	for _, problem := range p.All {
		fmt.Fprintf(&b, "%s:%d:%d: %s\n", p.File, problem.Line, problem.Column, problem.Text)
		if problem.Line > len(lines) {
			continue
		}
		line := strings.TrimRight(lines[problem.Line-1], "\r")
		indent := []rune(line)[:min(problem.Column-1, len([]rune(line)))]
		for i, r := range indent {
			if r != '\t' {
				indent[i] = ' '
			}
		}
		fmt.Fprintf(&b, "    %s\n    %s^\n", line, string(indent))
	}
	return b.String()
}

// Sort puts the problems in the order of the file, each once.
func (p *Problems) Sort() {
	slices.SortStableFunc(p.All, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	p.All = slices.Compact(p.All)
}
