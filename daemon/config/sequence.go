package config

import (
	"strconv"
	"strings"
)

// repeat runs ~SEQ(NAME, ...) and ~LST(NAMES, ...) TEXT: TEXT is read once for
// each value. It says whether the line is one.
func (x *expander) repeat(text string, at Position) bool {
	inside, line, closed := strings.Cut(text, ")")
	kind, inside, _ := strings.Cut(inside, "(")
	kind = strings.TrimRight(kind, blanks)
	switch kind {
	case "~SEQ", "~SEQx", "~LST":
	default:
		if text[0] == '~' {
			x.failWithHint(at, "it may be ~SEQ, ~SEQx or ~LST", "unknown sequence %q", strings.Fields(text)[0])
			return true
		}
		return false
	}
	if !closed {
		x.fail(at, "%s lacks its closing parenthesis", kind)
		return true
	}
	line = strings.TrimLeft(line, blanks)
	if kind == "~LST" {
		x.list(inside, line, at)
	} else {
		x.count(kind == "~SEQx", inside, line, at)
	}
	return true
}

const sequenceForm = "the form is: ~SEQ(NAME, [FIRST, [STEP,]] LAST) TEXT"

// count is ~SEQ; hexadecimal is ~SEQx.
func (x *expander) count(hexadecimal bool, inside, line string, at Position) {
	name, arguments, _ := strings.Cut(inside, ",")
	name = strings.Trim(name, blanks)
	if name == "" || variableName(name) != name {
		x.failWithHint(at, sequenceForm, "%q is not the name of a variable", name)
		return
	}
	replaced, ok := x.substitute(arguments, at)
	if !ok {
		return
	}
	if len(replaced.following) > 0 {
		x.fail(at, "~SEQ(%s: a variable of several lines is no number", name)
		return
	}
	if replaced.changed {
		arguments = replaced.text
	}
	var numbers []int64
	for word := range strings.SplitSeq(arguments, ",") {
		number, err := strconv.ParseInt(strings.Trim(word, blanks), 0, 64)
		if err != nil {
			x.failWithHint(at, sequenceForm, "~SEQ(%s: %q is not a whole number", name, strings.Trim(word, blanks))
			return
		}
		numbers = append(numbers, number)
	}
	first, step, last, ok := bounds(numbers)
	if !ok {
		x.failWithHint(at, sequenceForm, "~SEQ(%s: from %d in steps of %d never comes to %d", name, first, step, last)
		return
	}
	base := 10
	if hexadecimal {
		base = 16
		if first < 0 || last < 0 {
			x.fail(at, "~SEQx(%s: only numbers from 0 have hexadecimal digits here", name)
			return
		}
	}
	for number := first; !x.exhausted; number += step {
		x.set(name, strconv.FormatInt(number, base), at)
		x.nested(line, at)
		if left := last - number; step > 0 && left < step || step < 0 && left > step {
			return
		}
	}
}

// bounds reads LAST, FIRST LAST or FIRST STEP LAST.
func bounds(numbers []int64) (first, step, last int64, ok bool) {
	switch len(numbers) {
	case 1:
		first, last = 1, numbers[0]
		if last < 0 {
			first = -1
		}
	case 2:
		first, last = numbers[0], numbers[1]
	case 3:
		first, step, last = numbers[0], numbers[1], numbers[2]
		const most = 1 << 62 // differences fit 64 bits
		return first, step, last, max(first, last, step) < most && min(first, last, step) > -most &&
			step != 0 && (first == last || first < last == (step > 0))
	default:
		return 0, 0, 0, false
	}
	step = 1
	if last < first {
		step = -1
	}
	const most = 1 << 62
	return first, step, last, max(first, last) < most && min(first, last) > -most
}

// list is ~LST(NAME, VALUE, ...) or ~LST({NAME, ...}, {VALUE, ...}, ...).
// Values that a set lacks are empty.
func (x *expander) list(inside, line string, at Position) {
	const form = "the form is: ~LST(NAME, VALUE, ...) TEXT or ~LST({NAME, ...}, {VALUE, ...}, ...) TEXT"
	sets, ok := valueSets(inside)
	if !ok || len(sets) < 2 {
		x.failWithHint(at, form, "~LST(%s) is no list of values", inside)
		return
	}
	names := sets[0]
	for _, name := range names {
		if name == "" || variableName(name) != name {
			x.failWithHint(at, form, "%q is not the name of a variable", name)
			return
		}
	}
	for _, values := range sets[1:] {
		if len(values) > len(names) {
			x.failWithHint(at, form, "~LST has %d values for %d variables", len(values), len(names))
			return
		}
		for i, name := range names {
			value := ""
			if i < len(values) {
				value = values[i]
			}
			x.set(name, value, at)
		}
		x.nested(line, at)
	}
}

// valueSets cuts "a, {b, c}, d" into [a] [b c] [d].
func valueSets(text string) (sets [][]string, ok bool) {
	for {
		text = strings.TrimLeft(text, blanks)
		var set []string
		if rest, braces := strings.CutPrefix(text, "{"); braces {
			inside, after, closed := strings.Cut(rest, "}")
			if !closed {
				return nil, false
			}
			for value := range strings.SplitSeq(inside, ",") {
				set = append(set, strings.Trim(value, blanks))
			}
			text = strings.TrimLeft(after, blanks)
		} else {
			end := strings.IndexByte(text, ',')
			if end < 0 {
				end = len(text)
			}
			set, text = []string{strings.Trim(text[:end], blanks)}, text[end:]
		}
		sets = append(sets, set)
		if text == "" {
			return sets, true
		}
		if text[0] != ',' {
			return nil, false
		}
		text = text[1:]
	}
}
