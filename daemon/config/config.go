package config

import (
	"fmt"
	"io"
	"os"
)

// Position is a place in a configuration file.
type Position struct {
	File string
	Line int // from 1
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
	Warnings  []*Error // what is accepted and should not stay, by line
}

// Load reads and validates the file. The error joins one *Error a fault.
func Load(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, text)
}

// Parse is Load on a text that was read already; name is what messages call it.
func Parse(name string, text []byte) (*Config, error) {
	tree, err := ParseTree(name, text)
	if err != nil {
		return nil, err
	}
	return Convert(tree)
}

// Convert understands and validates a tree. The error joins one *Error a
// fault, as Parse's does.
func Convert(tree *Tree) (*Config, error) {
	c := newConverter()
	to := &Config{File: tree.File}
	c.convert(to, tree.Nodes)
	if len(c.faults) > 0 {
		return nil, join(c.faults)
	}
	sortByLine(c.warnings)
	to.Warnings = c.warnings
	return to, nil
}
