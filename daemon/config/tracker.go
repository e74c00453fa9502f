package config

import (
	"math"
	"strconv"
	"time"
)

// processKeywords is the table of vrrp_track_process.
var processKeywords = table[Process]{
	where: "vrrp_track_process",
	keywords: []keyword[Process]{
		{name: "process", form: "PROGRAM [PARAMETER ...]", once: true, min: 1, max: math.MaxInt, set: func(_ *converter, to *Process, s *Statement) {
			to.Command, to.Parameters = s.Arguments()[0], s.Arguments()[1:]
		}},
		{name: "param_match", form: "[initial|partial]", max: 1, set: func(c *converter, to *Process, s *Statement) {
			if len(s.Arguments()) == 0 {
				to.Match = MatchExact
				return
			}
			switch kind := s.Arguments()[0]; kind {
			case "initial":
				to.Match = MatchInitial
			case "partial":
				to.Match = MatchPartial
			default:
				c.failWithHint(s.Position, "it may be initial or partial", "unknown param_match %q", kind)
			}
		}},
		{name: "full_command", set: func(_ *converter, to *Process, _ *Statement) { to.FullCommand = true }},
		{name: "weight", form: "N [reverse]", min: 1, max: 2, set: func(c *converter, to *Process, s *Statement) {
			if value, ok := c.weight(s, s.Arguments(), maxNumberWeight, &to.Reverse); ok {
				to.Weight = value
			}
		}},
		{name: "quorum", form: "COUNT", min: 1, max: 1, set: func(c *converter, to *Process, s *Statement) {
			if value, ok := c.integer(s, "quorum", s.Arguments()[0], 1, math.MaxUint16); ok {
				to.Quorum = value
			}
		}},
		{name: "quorum_max", form: "COUNT", min: 1, max: 1, set: func(c *converter, to *Process, s *Statement) {
			if value, ok := c.integer(s, "quorum_max", s.Arguments()[0], 0, math.MaxUint16); ok {
				to.QuorumMax = value
			}
		}},
		{name: "delay", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *Process, s *Statement) {
			c.processDelay(s, &to.TerminateDelay, &to.ForkDelay)
		}},
		{name: "terminate_delay", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *Process, s *Statement) {
			c.processDelay(s, &to.TerminateDelay)
		}},
		{name: "fork_delay", form: "SECONDS", min: 1, max: 1, set: func(c *converter, to *Process, s *Statement) {
			c.processDelay(s, &to.ForkDelay)
		}},
	},
}

// maxProcessDelay is keepalived's bound, in seconds.
const maxProcessDelay = 3600

func (c *converter) processDelay(s *Statement, to ...*time.Duration) {
	value, ok := c.seconds(s, s.Keyword(), s.Arguments()[0], maxProcessDelay)
	for _, delay := range to {
		if ok {
			*delay = value
		}
	}
}

func addProcess(c *converter, to *Config, s *Statement) {
	process := Process{Name: s.Arguments()[0], Quorum: 1, QuorumMax: NoQuorumMax, Position: s.Position}
	c.define(s)
	found := processKeywords.apply(c, &process, s.Block.Nodes)
	if process.Command == "" {
		c.failWithHint(s.Position, "add: process PROGRAM", "vrrp_track_process %q has no process", process.Name)
	}
	quorum, most := found["quorum"], found["quorum_max"]
	switch {
	case process.QuorumMax == 0 && quorum.Line == 0:
		process.Quorum = 0 // there may be none
	case process.Quorum > process.QuorumMax:
		c.fail(most, "quorum_max %d is below the quorum %d on %s", process.QuorumMax, process.Quorum, most.lineOf(quorum))
	}
	if len(process.Parameters) > 0 && process.Match == MatchAny {
		process.Match = MatchExact
	}
	if process.Match != MatchAny {
		process.FullCommand = true
	}
	to.Processes = append(to.Processes, process)
}

// define reports that what a statement names was defined already.
func (c *converter) define(s *Statement) {
	kind := s.Keyword()
	if kind == "vrrp_track_file" {
		kind = files.defined // an old name of it
	}
	key := kind + " " + s.Arguments()[0]
	if earlier, twice := c.defined[key]; twice {
		c.fail(s.Position, "%s %q was defined on %s already", s.Keyword(), s.Arguments()[0], s.Position.lineOf(earlier))
		return
	}
	c.defined[key] = s.Position
}

// fileKeywords is the table of track_file.
var fileKeywords = table[File]{
	where: "track_file",
	keywords: []keyword[File]{
		{name: "file", form: "PATH", once: true, min: 1, max: 1, set: func(_ *converter, to *File, s *Statement) { to.Path = s.Arguments()[0] }},
		{name: "weight", form: "N [reverse]", min: 1, max: 2, set: func(c *converter, to *File, s *Statement) {
			if value, ok := c.weight(s, s.Arguments(), maxNumberWeight, &to.Reverse); ok {
				to.Weight = value
			}
		}},
		{name: "init_file", form: "[NUMBER] [overwrite]", max: 2, set: setInitFile},
	},
}

// setInitFile reads [NUMBER] [overwrite], in either order.
func setInitFile(c *converter, to *File, s *Statement) {
	to.Init = new(int)
	for _, word := range s.Arguments() {
		if word == "overwrite" {
			to.Overwrite = true
			continue
		}
		if _, err := strconv.Atoi(word); err != nil {
			c.failWithHint(s.Position, "the form is: init_file [NUMBER] [overwrite]", "unexpected %q after init_file", word)
			continue
		}
		if value, ok := c.integer(s, "init_file", word, math.MinInt32, math.MaxInt32); ok {
			*to.Init = value
		}
	}
}

func addFile(c *converter, to *Config, s *Statement) {
	file := File{Name: s.Arguments()[0], Weight: 1, Position: s.Position}
	c.define(s)
	fileKeywords.apply(c, &file, s.Block.Nodes)
	if file.Path == "" {
		c.failWithHint(s.Position, "add: file PATH", "%s %q has no file", s.Keyword(), file.Name)
	}
	to.Files = append(to.Files, file)
}
