package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// String is FILE:LINE, and where that line was put in, if it was.
func (p Position) String() string {
	text := fmt.Sprintf("%s:%d", p.File, p.Line)
	if p.Use != "" {
		text += " (used at " + p.Use + ")"
	}
	return text
}

// precedes reports whether a position is before another of the same file.
func (p Position) precedes(other Position) bool {
	return p.File == other.File && p.Use == "" && other.Use == "" && p.Line < other.Line
}

// lineOf names the line of another position, for a message at p.
func (p Position) lineOf(other Position) string {
	if other.File == p.File {
		return fmt.Sprintf("line %d", other.Line)
	}
	return fmt.Sprintf("line %d of %s", other.Line, other.File)
}

// Error is one fault of a configuration. Load and Parse join as many of them
// as they find; List takes them apart again. Warnings have the same form.
type Error struct {
	Position Position
	Message  string // what is wrong, lower case, one line
	Hint     string // what to do about it; often empty
	Kind     Kind
}

// Kind is what an Error is about; keepalived has an exit code for each.
type Kind uint8

// The kinds.
const (
	FaultOfText   Kind = iota // what is written
	FaultOfFile               // a file that is not there or cannot be read
	FaultOfForm               // a keyword without the words it needs
	FaultOfSafety             // programs that run without enable_script_security
)

// Error is the position, the message and, after a semicolon, the hint.
func (e *Error) Error() string {
	text := e.Position.String() + ": " + e.Message
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// List returns the faults that err joins, in the order of their lines. It
// returns nil when err holds none (it may still be another error, such as a
// file that cannot be read).
func List(err error) []*Error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Error
		for _, e := range joined.Unwrap() {
			all = append(all, List(e)...)
		}
		return all
	}
	if one, ok := errors.AsType[*Error](err); ok {
		return []*Error{one}
	}
	return nil
}

// join orders faults by line and joins them; no faults are a nil error.
func join(faults []*Error) error {
	sorted := slices.Clone(faults)
	sortByLine(sorted)
	all := make([]error, len(sorted))
	for i, fault := range sorted {
		all[i] = fault
	}
	return errors.Join(all...)
}

func sortByLine(faults []*Error) {
	slices.SortStableFunc(faults, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.Position.File, b.Position.File), cmp.Compare(a.Position.Line, b.Position.Line))
	})
}
