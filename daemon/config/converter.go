package config

import "fmt"

// converter turns a tree into a Config and gathers what is wrong on the way.
type converter struct {
	faults   []*Error
	warnings []*Error
	notes    []*Error

	unimplemented  []*Error
	programs       []Program
	references     []namedThing
	serverGroups   []serverGroup
	virtualServers []virtualServer

	defaults  globalDraft
	instances []*instanceDraft
	// definitions are what may be tracked, by the keyword that does and the
	// name; made when all is read.
	definitions map[string]map[string]definition
	defined     map[string]Position // what has a name, by its keyword and name
	groups      []*groupDraft
}

func newConverter() *converter {
	return &converter{defaults: newGlobalDraft(), defined: map[string]Position{}, definitions: map[string]map[string]definition{}}
}

// convert understands the nodes at the top level: global_defs first, because
// they hold for what stands before them as well.
func (c *converter) convert(to *Config, nodes []Node) {
	isGlobal := func(n Node) bool {
		s, ok := n.(*Statement)
		return ok && s.Keyword() == "global_defs"
	}
	var globals, others []Node
	for _, n := range nodes {
		if isGlobal(n) {
			globals = append(globals, n)
		} else {
			others = append(others, n)
		}
	}
	root.apply(c, to, globals)
	c.defaults.settle()
	to.Global = c.defaults.Global
	root.apply(c, to, others)
	c.complete(to)
}

// maxFaults bounds what is reported of a file that is none.
const maxFaults = 1000

// isFull says that there is no point in going on.
func (c *converter) isFull() bool { return len(c.faults) > maxFaults }

func (c *converter) fail(at Position, format string, args ...any) {
	c.failWithHint(at, "", format, args...)
}

func (c *converter) failWithHint(at Position, hint, format string, args ...any) {
	switch n := len(c.faults); {
	case n < maxFaults:
		c.faults = append(c.faults, &Error{Position: at, Message: fmt.Sprintf(format, args...), Hint: hint})
	case n == maxFaults:
		c.faults = append(c.faults, &Error{Position: at, Message: fmt.Sprintf("more than %d errors; the rest is not looked at", maxFaults)})
	}
}

func (c *converter) warn(at Position, format string, args ...any) {
	c.warnWithHint(at, "", format, args...)
}

func (c *converter) warnWithHint(at Position, hint, format string, args ...any) {
	c.warnings = append(c.warnings, &Error{Position: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// note tells of what neither program minds, and which may be an oversight.
func (c *converter) note(at Position, hint, format string, args ...any) {
	c.notes = append(c.notes, &Error{Position: at, Message: fmt.Sprintf(format, args...), Hint: hint})
}
