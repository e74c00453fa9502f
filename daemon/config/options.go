package config

import (
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say what a text may refer to outside of itself. The zero value is
// what keepalived would take.
type Options struct {
	ID        string // what @ID lines are compared with; default: the host's name up to its first dot
	Directory string // where relative names begin; default: the working directory
	Files     fs.FS  // where files are found, by their absolute names without the first slash; default: the machine's
	// Random is a number from least to most, for ${_RANDOM}.
	Random func(least, most uint64) uint64
}

// complete fills in the defaults.
func (o Options) complete() Options {
	if o.ID == "" {
		name, _ := os.Hostname() // without a name no @ID matches
		o.ID, _, _ = strings.Cut(name, ".")
	}
	if o.Directory == "" {
		o.Directory = "/"
		if directory, err := os.Getwd(); err == nil {
			o.Directory = directory
		}
	}
	if o.Files == nil {
		o.Files = os.DirFS("/")
	}
	if o.Random == nil {
		o.Random = func(least, most uint64) uint64 {
			if most-least+1 == 0 {
				return rand.Uint64()
			}
			return least + rand.Uint64N(most-least+1)
		}
	}
	return o
}

// Load reads and validates the file, and what it includes. The error joins
// one *Error a fault.
func (o Options) Load(path string) (*Config, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return o.Parse(path, text)
}

// LoadTree is ParseTree on a file.
func (o Options) LoadTree(path string) (*Tree, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	return o.ParseTree(path, text)
}

func readFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer func() { _ = file.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return text, nil
}

// Parse is Load on a text that was read already; name is what messages call
// it, and where the names that it includes begin.
func (o Options) Parse(name string, text []byte) (*Config, error) {
	tree, faults := o.parseTree(name, text)
	if len(faults) > 0 {
		return nil, join(slices.Concat(faults, tree.faults))
	}
	return Convert(tree)
}

// ParseTree reads the syntax of a text: its statements, blocks and comments,
// with all files included and all variables, conditions and sequences worked
// out. It knows no keyword but include_check. The error joins one *Error a fault.
func (o Options) ParseTree(name string, text []byte) (*Tree, error) {
	tree, faults := o.parseTree(name, text)
	if faults = slices.Concat(faults, tree.faults); len(faults) > 0 {
		return nil, join(faults)
	}
	return tree, nil
}

// parseTree returns the faults that leave no tree to go on with; others are in
// the tree.
func (o Options) parseTree(name string, text []byte) (*Tree, []*Error) {
	b := &treeBuilder{tree: &Tree{File: name}}
	if fault := checkText(name, text); fault != nil {
		return b.tree, []*Error{fault}
	}
	x := newExpander(o.complete(), b)
	x.file(name, text)
	if !x.exhausted {
		b.finish()
	}
	return b.tree, b.faults
}

// directoryOf is the absolute directory of a file.
func (o Options) directoryOf(file string) string {
	return filepath.Dir(o.absolute(file))
}

func (o Options) absolute(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(o.Directory, name)
}
