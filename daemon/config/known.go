package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// known is the row of a keyword of keepalived's that has no effect here yet:
// how it is written, so that what is wrong with it is found all the same. When
// it gets its effect it becomes a keyword.
type known struct {
	name, form string
	min, max   int
	block      bool
	exact      bool                         // words that are too many are a fault
	once       bool                         // keepalived warns of a second one, and the first one counts
	check      func(*converter, *Statement) // the words and the block; nil: they are not looked at
	// refused says why a file that has it is refused; empty: it is accepted.
	refused string
}

func findKnown(rows []known, name string) *known {
	at := slices.IndexFunc(rows, func(k known) bool { return k.name == name })
	if at < 0 {
		return nil
	}
	return &rows[at]
}

// apply reports a statement that has no effect.
func (k *known) apply(c *converter, where string, s *Statement) {
	if k.refused != "" {
		c.failWithHint(s.Position, k.refused, "%s in %s is not implemented, and going on without it would do harm", k.name, where)
		return
	}
	c.unimplement(s, where)
	if (shape{k.name, k.form, k.min, k.max, k.block, k.exact}).fits(c, s) && k.check != nil {
		k.check(c, s)
	}
}

// unimplement notes a keyword that is accepted and has no effect.
func (c *converter) unimplement(s *Statement, where string) {
	c.unimplemented = append(c.unimplemented, &Error{
		Position: s.Position,
		Message:  fmt.Sprintf("%s in %s is accepted, not implemented", s.Keyword(), where),
	})
}

// The constructors of rows. They check what keepalived checks.

// bare is a keyword alone.
func bare(name string) known { return known{name: name} }

// text is one word of any kind.
func text(name, form string) known { return known{name: name, form: form, min: 1, max: 1} }

// words are some of any kind.
func words(name, form string, least int) known {
	return known{name: name, form: form, min: least, max: math.MaxInt}
}

// runs is a program.
func runs(name string) known {
	return known{name: name, form: "SCRIPT [USER [GROUP]]", min: 1, max: math.MaxInt, once: true, check: func(c *converter, s *Statement) {
		c.program(s, "", false)
	}}
}

// whole is a whole number.
func whole(name string, least, most int) known {
	return known{
		name: name, form: fmt.Sprintf("%d to %d", least, most), min: 1, max: 1,
		check: func(c *converter, s *Statement) { c.integer(s, name, s.Arguments()[0], least, most) },
	}
}

// delay is a decimal number of seconds, which may be 0 or not.
func delay(name string, zero bool) known {
	return known{name: name, form: "SECONDS", min: 1, max: 1, check: func(c *converter, s *Statement) {
		if value, ok := c.decimal(s, name, s.Arguments()[0]); ok && value == 0 && !zero {
			c.fail(s.Position, "%s is 0", name)
		}
	}}
}

// timeout is a delay of 32 bits of microseconds, but not 0.
func timeout(name string) known {
	return known{name: name, form: "SECONDS", min: 1, max: 1, check: func(c *converter, s *Statement) {
		c.seconds(s, name, s.Arguments()[0], maxSeconds)
	}}
}

// exactly makes words that are too many a fault.
func exactly(row known) known {
	row.exact = true
	return row
}

// perhaps makes the words of a row needless.
func perhaps(row known) known {
	check := row.check
	row.min, row.form = 0, "["+row.form+"]"
	row.check = func(c *converter, s *Statement) {
		if len(s.Arguments()) > 0 && check != nil {
			check(c, s)
		}
	}
	return row
}

// affinity is a list of processors.
func affinity(name string) known {
	return known{name: name, form: "CPU ...", min: 1, max: math.MaxInt, check: func(c *converter, s *Statement) {
		for _, word := range s.Arguments() {
			c.integer(s, name, word, 0, 1023)
		}
	}}
}

// onOff is [on|off].
func onOff(name string) known {
	return known{name: name, form: "[on|off]", max: 1, check: func(c *converter, s *Statement) { c.flag(s, false) }}
}

// oneOf is one of some words.
func oneOf(name string, choices ...string) known {
	var chosen uint8
	return known{name: name, form: strings.Join(choices, "|"), min: 1, max: 1, check: func(c *converter, s *Statement) {
		choose(c, s, &chosen, choices...)
	}}
}

// lines is a block whose lines are no keywords.
func lines(name string) known {
	return known{name: name, block: true, check: func(c *converter, s *Statement) { c.lines(s.Block) }}
}

// nested is a block of keywords. min and max words stand before it.
func nested(name, form string, least, most int, of *table[struct{}]) known {
	return known{name: name, form: form, min: least, max: most, block: true, check: func(c *converter, s *Statement) {
		of.apply(c, &struct{}{}, s.Block.Nodes)
	}}
}

// as gives a row further names.
func as(row known, names ...string) []known {
	rows := []known{row}
	for _, name := range names {
		row.name = name
		rows = append(rows, row)
	}
	return rows
}

// named is the name of something that another block defines.
func named(name, kind string) known {
	return known{name: name, form: "NAME", min: 1, max: 1, check: func(c *converter, s *Statement) {
		c.references = append(c.references, namedThing{kind, s.Arguments()[0], s.Position})
	}}
}

// namedThing is where something is named.
type namedThing struct {
	kind, name string
	at         Position
}

// checkReferences warns of names that nothing has.
func (c *converter) checkReferences(of *Config) {
	for _, r := range c.references {
		found := r.kind == "bfd_instance" && slices.ContainsFunc(of.BFDs, func(d BFD) bool { return d.Name == r.name }) ||
			r.kind == "track_file" && slices.ContainsFunc(of.Files, func(d File) bool { return d.Name == r.name })
		if !found {
			c.warn(r.at, "no %s %q", r.kind, r.name)
		}
	}
}

// deprecated is a row that keepalived warns of.
func deprecated(row known, instead string) known {
	check := row.check
	row.check = func(c *converter, s *Statement) {
		c.warnWithHint(s.Position, "write "+instead, "%s is an old name", row.name)
		if check != nil {
			check(c, s)
		}
	}
	return row
}
