package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// variable is what a name stands for: $NAME=TEXT, where a \ at the end of a line
// continues it on the next.
type variable struct {
	lines    []definedLine // what it stands for; more than one if isBlock
	several  bool          // it goes over several lines
	computed func(parameters []uint64) string
	most     int // how many parameters computed takes
}

// definedLine is a line of a definition.
type definedLine struct {
	text string
	at   Position
}

// usedAt is the position of a text that stands at p and was put in at use.
func (p Position) usedAt(use Position) Position {
	if use.Use == "" {
		p.Use = use.String()
	} else {
		p.Use = use.Use
	}
	return p
}

// builtIns are the variables that exist without a definition.
func (x *expander) builtIns() map[string]*variable {
	value := func(of func() string) *variable {
		return &variable{computed: func([]uint64) string { return of() }}
	}
	return map[string]*variable{
		"_PWD":      value(func() string { return x.options.directoryOf(x.files[len(x.files)-1]) }),
		"_INSTANCE": value(func() string { return x.options.ID }),
		"_HASH":     value(func() string { return "#" }),
		"_BANG":     value(func() string { return "!" }),
		"_RANDOM":   {computed: x.random, most: 2},
	}
}

// random is ${_RANDOM [LEAST [MOST]]}.
func (x *expander) random(parameters []uint64) string {
	least, most := uint64(0), uint64(1<<15-1)
	if len(parameters) > 0 {
		least = parameters[0]
	}
	if len(parameters) > 1 {
		most = parameters[1]
	}
	if most < least {
		most = least
	}
	return strconv.FormatUint(x.options.Random(least, most), 10)
}

// define reads $NAME=TEXT and says whether the line is one.
func (x *expander) define(text string, at Position) bool {
	if text[0] != '$' {
		return false
	}
	name := variableName(text[1:])
	value, ok := strings.CutPrefix(text[1+len(name):], "=")
	if name == "" || !ok {
		return false
	}
	d := &variable{}
	value, d.several = strings.CutSuffix(strings.TrimLeft(value, " \t"), `\`)
	value = strings.TrimRight(value, blanks)
	if value != "" || !d.several {
		d.lines = []definedLine{{value, at}}
	}
	if d.several {
		x.open = d
	}
	x.definitions[name] = d
	return true
}

// continueDefinition adds a line to the variable that is open.
func (x *expander) continueDefinition(cut sourceLine, at Position) {
	d := x.open
	if cut.code == "" && !cut.continued {
		return // a comment alone
	}
	if x.lines++; x.lines > maxLines {
		x.exhaust(at, "", "more than %d lines, with all that variables and sequences make", maxLines)
		return
	}
	if cut.code != "" {
		d.lines = append(d.lines, definedLine{cut.code, at})
	}
	if !cut.continued {
		x.open = nil
	}
}

// set gives a variable a value of one line.
func (x *expander) set(name, value string, at Position) {
	x.definitions[name] = &variable{lines: []definedLine{{value, at}}}
}

// variableName is the name at the start of a text, or empty.
func variableName(text string) string {
	end := 0
	for end < len(text) && (isLetter(text[end]) || end > 0 && '0' <= text[end] && text[end] <= '9') {
		end++
	}
	return text[:end]
}

func isLetter(b byte) bool {
	return b == '_' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// reference is $NAME, ${NAME} or ${NAME NUMBER ...} in a text.
type reference struct {
	name       string
	parameters []uint64
	length     int // in bytes, from the $
}

// readReference reads the reference at the start of a text. Without braces a
// blank, a comma, a closing parenthesis or the text's end follows it.
func readReference(text string) (r reference, ok bool) {
	rest, braces := strings.CutPrefix(text[1:], "{")
	r.name = variableName(rest)
	rest = rest[len(r.name):]
	if r.name == "" {
		return r, false
	}
	if !braces {
		r.length = 1 + len(r.name)
		return r, rest == "" || strings.IndexByte(" \t,)", rest[0]) >= 0
	}
	inside, _, closed := strings.Cut(rest, "}")
	if !closed || strings.Trim(inside, " 0123456789") != "" {
		return r, false
	}
	r.length = len("${}") + len(r.name) + len(inside)
	for word := range strings.FieldsSeq(inside) {
		value, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return r, false
		}
		r.parameters = append(r.parameters, value)
	}
	return r, len(r.parameters) == 0 || !strings.HasSuffix(inside, " ")
}

// substitution is a line with variables put in.
type substitution struct {
	text      string
	at        Position
	following []definedLine // the further lines of variables that have some
	changed   bool
}

// substitute puts in the values of variables, and of those in the values. It
// is not ok after it reported a fault.
func (x *expander) substitute(text string, at Position) (s substitution, ok bool) {
	count, from := 0, 0
	s.at = at
	for {
		next := strings.IndexByte(text[from:], '$')
		if next < 0 {
			break
		}
		from += next
		r, isReference := readReference(text[from:])
		d := x.definitions[r.name]
		if !isReference || d == nil || len(r.parameters) > d.most {
			from++
			continue
		}
		after := text[from+r.length:]
		if d.several && after != "" {
			x.failWithHint(at, "put what follows it on a line of its own", "variable %s has several lines and does not end this one", r.name)
			return s, false
		}
		value := d.first(r.parameters)
		if len(d.lines) > 1 {
			if from == 0 {
				s.at = d.lines[0].at.usedAt(at)
			}
			s.following = append(append([]definedLine{}, d.lines[1:]...), s.following...)
		}
		text = text[:from] + value + after
		s.changed = true
		if count++; count > maxSubstitutions || len(text) > maxLine {
			x.exhaust(at, "does it name itself?", "variable %s makes the line longer than %d bytes, or names variables without end", r.name, maxLine)
			return s, false
		}
		if strings.HasPrefix(strings.TrimLeft(value, blanks), "~") {
			break // its variables are the sequence's
		}
	}
	s.text = text
	return s, true
}

// first is what stands in the place of a reference.
func (d *variable) first(parameters []uint64) string {
	switch {
	case d.computed != nil:
		return d.computed(parameters)
	case len(d.lines) == 0:
		return ""
	}
	return d.lines[0].text
}

// undefined is the first reference that is left in a statement, or empty.
func undefined(text string) string {
	for at := range len(text) {
		if text[at] == '$' {
			if r, ok := readReference(text[at:]); ok {
				return text[at : at+r.length]
			}
		}
	}
	return ""
}

// undefinedInBraces finds the first ${NAME} outside of quotes, whose braces
// would open a block.
func undefinedInBraces(text string) (start int, r reference) {
	for from := 0; ; {
		at := from + statementEnd(text[from:])
		if at == len(text) {
			return 0, reference{}
		}
		if at > 0 && text[at] == '{' && text[at-1] == '$' {
			if r, ok := readReference(text[at-1:]); ok {
				return at - 1, r
			}
		}
		from = at + 1
	}
}

// nearestVariable is the hint that names a variable like name.
func (x *expander) nearestVariable(name string) string {
	return didYouMean(name, slices.Sorted(maps.Keys(x.definitions)))
}
