package config

import (
	"fmt"
	"strings"
)

// What a configuration may grow to. keepalived has no such bounds, and ends
// by running out of memory or not at all.
const (
	maxLine          = 4096    // bytes of a line, before and after its variables are put in; keepalived: 1024
	maxLines         = 1 << 17 // lines of all files, and of what variables and sequences make
	maxNesting       = 32      // files that include files, variables over lines within another
	maxSubstitutions = 1000    // variables that are put into one line
)

// expander turns the lines of files into the pieces of a tree: it puts in
// variables, decides conditions, runs sequences and includes files, by
// keepalived's rules (read_line in lib/parser.c).
type expander struct {
	options     Options
	to          *treeBuilder
	definitions map[string]*variable
	open        *variable // whose lines go on
	files       []string  // absolute names of those that are being read, the first one first
	shown       string    // the name of the last of them, as messages have it
	check       includeCheck
	lines       int
	nesting     int
	exhausted   bool // a limit was reported, and nothing is read any more
}

func newExpander(o Options, to *treeBuilder) *expander {
	x := &expander{options: o, to: to}
	x.definitions = x.builtIns()
	return x
}

func (x *expander) fail(at Position, format string, args ...any) {
	x.failWithHint(at, "", format, args...)
}

func (x *expander) failWithHint(at Position, hint, format string, args ...any) {
	if len(x.to.tree.faults) > maxFaults {
		x.exhausted = true
		return
	}
	x.to.tree.faults = append(x.to.tree.faults, &Error{Position: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

func (x *expander) note(at Position, hint, format string, args ...any) {
	x.to.tree.notes = append(x.to.tree.notes, &Error{Position: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// exhaust reports a limit, once.
func (x *expander) exhaust(at Position, hint, format string, args ...any) {
	if !x.exhausted {
		x.failWithHint(at, hint, format, args...)
	}
	x.exhausted = true
}

// file reads the lines of one text that was checked.
func (x *expander) file(name string, text []byte) {
	outer := x.shown
	x.files, x.shown = append(x.files, x.options.absolute(name)), name
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		x.sourceLine(strings.TrimRight(line, "\r\n"), Position{File: name, Line: number})
	}
	x.files, x.shown = x.files[:len(x.files)-1], outer
}

// sourceLine reads a line as it is written.
func (x *expander) sourceLine(line string, at Position) {
	if line == "" {
		x.open = nil // a variable ends at an empty line
		return
	}
	cut := cutComment(line)
	if cut.unterminated {
		x.to.fail(at, `missing closing " on this line`)
	}
	switch {
	case x.open != nil:
		x.continueDefinition(cut, at)
	case cut.continued && cut.code == "":
		x.failWithHint(at, "keepalived takes it for a keyword", "a backslash at the end of a comment joins no lines")
	default:
		code := cut.code
		if cut.continued {
			code += `\`
		}
		x.run(code, at)
	}
	if cut.comment != "" {
		x.to.add(piece{kind: pieceComment, text: cut.comment, at: at})
	}
}

// run works out a line of code and hands on what is left of it.
func (x *expander) run(text string, at Position) {
	if x.lines++; x.lines > maxLines {
		x.exhaust(at, "is a sequence longer than it was meant to be?", "more than %d lines, with all that variables and sequences make", maxLines)
	}
	use := at
	var following []definedLine
	for text != "" && !x.exhausted {
		text = x.condition(text)
		if text == "" || x.define(text, at) || x.repeat(text, at) {
			break
		}
		replaced, ok := x.substitute(text, at)
		if !ok {
			break
		}
		if !replaced.changed {
			x.plain(text, at)
			break
		}
		following = append(replaced.following, following...)
		at = replaced.at
		cut := cutComment(replaced.text)
		if cut.unterminated {
			x.to.fail(at, `missing closing " on this line, with its variables put in`)
		}
		text = cut.code
	}
	for _, line := range following {
		x.nested(line.text, line.at.usedAt(use))
	}
}

// nested is run for a line that another one brought in.
func (x *expander) nested(text string, at Position) {
	if x.nesting++; x.nesting > maxNesting {
		x.exhaust(at, "does one name itself?", "variables and files are nested more than %d deep", maxNesting)
	}
	if !x.exhausted {
		x.run(text, at)
	}
	x.nesting--
}

// plain takes the first statement or brace of a line without variables, and
// runs the rest as a line of its own, as keepalived does.
func (x *expander) plain(text string, at Position) {
	if x.include(text, at) {
		return
	}
	for {
		start, r := undefinedInBraces(text)
		if r.name == "" {
			break
		}
		x.failWithHint(at, x.nearestVariable(r.name), "variable %s is not defined", r.name)
		text = text[:start] + "$" + r.name + " " + text[start+r.length:]
	}
	for text != "" {
		end := statementEnd(text)
		if end > 0 {
			x.words(strings.Trim(text[:end], blanks), at)
		} else {
			kind := pieceOpen
			if text[0] == '}' {
				kind = pieceClose
			}
			x.to.add(piece{kind: kind, text: text[:1], at: at})
			end = 1
		}
		text = strings.Trim(text[end:], blanks)
		if text != "" && strings.IndexByte("@$~i", text[0]) >= 0 { // what may need more work
			x.run(text, at)
			return
		}
	}
}

// words hands on a statement.
func (x *expander) words(text string, at Position) {
	if strings.HasSuffix(text, `\`) && !strings.HasSuffix(text, `\\`) {
		x.to.fail(at, "a backslash at the end of a line joins no lines")
		return
	}
	if reference := undefined(text); reference != "" {
		x.note(at, "", "%s stays as it is written: no such variable is defined", reference)
	}
	if words := splitWords(text); words[0] == "include_check" {
		x.check = x.check.set(words[1:])
	}
	x.to.add(piece{kind: pieceWords, text: text, at: at})
}

// condition decides @ID and @^ID: what is left of the line, if anything.
func (x *expander) condition(text string) string {
	if text[0] != '@' {
		return text
	}
	id, rest := text[1:], ""
	if at := strings.IndexAny(id, " \t"); at >= 0 {
		id, rest = id[:at], strings.TrimLeft(id[at:], " \t")
	}
	other, negated := strings.CutPrefix(id, "^")
	if (other == x.options.ID) == negated {
		return ""
	}
	return rest
}
