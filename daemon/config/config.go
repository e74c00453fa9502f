package config

import "slices"

// Position is a place in a configuration file.
type Position struct {
	File string
	Line int    // from 1
	Use  string // FILE:LINE of the line that put in this one, of a variable that has several; else empty
}

// Config is a validated configuration.
type Config struct {
	File      string
	Global    Global
	Scripts   []Script
	Processes []Process
	Files     []File
	BFDs      []BFD
	Groups    []SyncGroup
	Instances []Instance
	Programs  []Program // what it runs, of the keywords that are known here
	Warnings  []*Error  // what is accepted and should not stay, by line; keepalived says something of it, too
	Notes     []*Error  // what is accepted, and keepalived has nothing to say of
	// Unimplemented are the keywords that are accepted and have no effect yet.
	Unimplemented []*Error
}

// Load is Options.Load with the defaults.
func Load(path string) (*Config, error) { return Options{}.Load(path) }

// Parse is Options.Parse with the defaults.
func Parse(name string, text []byte) (*Config, error) { return Options{}.Parse(name, text) }

// Convert understands and validates a tree. The error joins one *Error a
// fault, as Parse's does.
func Convert(tree *Tree) (*Config, error) {
	c := newConverter()
	c.faults, c.notes = slices.Clone(tree.faults), slices.Clone(tree.notes)
	to := &Config{File: tree.File}
	c.convert(to, tree.Nodes)
	c.dropFollowUps(tree.faults)
	if len(c.faults) > 0 {
		return nil, join(c.faults)
	}
	for _, list := range [][]*Error{c.warnings, c.notes, c.unimplemented} {
		sortByLine(list)
	}
	to.Programs = c.programs
	to.Warnings, to.Notes, to.Unimplemented = c.warnings, c.notes, c.unimplemented
	return to, nil
}

// dropFollowUps drops the faults on lines that were reported already: they
// come of it.
func (c *converter) dropFollowUps(reported []*Error) {
	first := map[Position]*Error{}
	for _, fault := range reported {
		first[fault.Position] = fault
	}
	c.faults = slices.DeleteFunc(c.faults, func(fault *Error) bool {
		return first[fault.Position] != nil && !slices.Contains(reported, fault)
	})
}
