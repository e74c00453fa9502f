package config

import (
	"net/netip"
	"slices"
	"strings"
)

// routeLines and ruleLines are blocks of routes and rules (ip-route(8),
// ip-rule(8)), of which the most frequent slips are reported. Virtual ones are
// tracked, static ones are not.
func routeLines(name string, static bool) known {
	return known{name: name, block: true, check: func(c *converter, s *Statement) {
		for _, line := range c.lines(s.Block) {
			c.checkRoute(line, static)
		}
	}}
}

func ruleLines(name string) known {
	return known{name: name, block: true, check: func(c *converter, s *Statement) {
		for _, line := range c.lines(s.Block) {
			c.checkRule(line)
		}
	}}
}

func (c *converter) checkRoute(line *Statement, static bool) {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(line.Words, word) })
	}
	c.checkPrefixes(line, "to", "via", "gw", "src", "or")
	if has("gw") {
		c.warnWithHint(line.Position, "write via", "gw is an old name")
	}
	if has("or") {
		c.warnWithHint(line.Position, "write nexthop", "or is an old name")
	}
	if !static && !has("dev", "oif", "no_track") {
		c.warnWithHint(line.Position, "add dev, or no_track", "the route %q names no interface and cannot be tracked", line.Raw)
	}
}

func (c *converter) checkRule(line *Statement) {
	c.checkPrefixes(line, "from", "to")
	if !slices.ContainsFunc([]string{"preference", "pref", "order", "priority"}, func(word string) bool { return slices.Contains(line.Words, word) }) {
		c.warnWithHint(line.Position, "add: preference N", "the rule %q has no preference", line.Raw)
	}
}

// checkPrefixes checks the word behind each of the options.
func (c *converter) checkPrefixes(line *Statement, options ...string) {
	for i, word := range line.Words[:len(line.Words)-1] {
		next := line.Words[i+1]
		if !slices.Contains(options, word) || slices.Contains([]string{"all", "default", "any", "inet", "inet6"}, next) {
			continue
		}
		_, err := netip.ParseAddr(next)
		if strings.Contains(next, "/") {
			_, err = netip.ParsePrefix(next)
		}
		if err != nil {
			c.fail(line.Position, "%s %q is not an address", word, next)
		}
	}
}
