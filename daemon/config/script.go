package config

import (
	"math"
	"time"
)

// scriptKeywords is the table of vrrp_script.
var scriptKeywords = table[Script]{
	where: "vrrp_script",
	keywords: []keyword[Script]{
		{name: "script", form: `"PROGRAM [ARGUMENT ...]"`, min: 1, max: math.MaxInt, set: setCommand},
		{name: "interval", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *Script, s *Statement) { c.secondsOf(s, &to.Interval) }},
		{name: "timeout", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *Script, s *Statement) { c.secondsOf(s, &to.Timeout) }},
		{name: "weight", form: "N [reverse]", min: 1, max: 2, set: func(c *converter, to *Script, s *Statement) {
			if value, ok := c.weight(s, s.Arguments(), maxWeight, &to.Reverse); ok {
				to.Weight = value
			}
		}},
		{name: "rise", form: "COUNT", min: 1, max: 1, set: func(c *converter, to *Script, s *Statement) {
			if value, ok := c.integer(s, "rise", s.Arguments()[0], 1, maxResults); ok {
				to.Rise = value
			}
		}},
		{name: "fall", form: "COUNT", min: 1, max: 1, set: func(c *converter, to *Script, s *Statement) {
			if value, ok := c.integer(s, "fall", s.Arguments()[0], 1, maxResults); ok {
				to.Fall = value
			}
		}},
		{name: "init_fail", set: func(_ *converter, to *Script, _ *Statement) { to.InitFail = true }},
		{name: "user", form: "USER [GROUP]", min: 1, max: 2, set: func(_ *converter, to *Script, s *Statement) {
			to.User, to.Group = user(s.Arguments())
		}},
	},
}

// maxResults bounds rise and fall, so that their sum fits 32 bits.
const maxResults = math.MaxInt32 / 2

func addScript(c *converter, to *Config, s *Statement) {
	script := Script{
		Name:     s.Arguments()[0],
		Interval: time.Second,
		Rise:     1,
		Fall:     1,
		Position: s.Position,
	}
	c.define(s)
	found := scriptKeywords.apply(c, &script, s.Block.Nodes)
	if _, ok := found["script"]; !ok {
		c.failWithHint(s.Position, `add: script "PROGRAM [ARGUMENT ...]"`, "vrrp_script %q has no script", script.Name)
	}
	if len(script.Command) > 0 {
		c.programs = append(c.programs, Program{script.Command[0], script.User, true, found["script"]})
	}
	if script.Timeout == 0 {
		script.Timeout = script.Interval
	}
	to.Scripts = append(to.Scripts, script)
}

func setCommand(c *converter, to *Script, s *Statement) {
	command, extra, err := commandWords(s.Raw)
	if err != nil {
		c.fail(s.Position, "script: %v", err)
		return
	}
	if extra {
		c.warnWithHint(s.Position, "put the whole command in quotes", "keepalived drops the words after %q here; they are kept as arguments", command[0])
	}
	to.Command = command
}
