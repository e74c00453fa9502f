package mutants

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Mutant is one way in which the daemon is broken.
type Mutant struct {
	Name     string
	Breaks   string // what it does wrong
	Scenario string // of the catalogue: the one that catches it
	Check    string // of that scenario's judges: the one that fails
	Edits    []Edit
}

// Edit puts New in the place of Old, which is in File exactly once. File is from
// the module's root on.
type Edit struct{ File, Old, New string }

// Changed are the files that the mutant changes, by their paths, with their new
// texts.
func (m Mutant) Changed(root string) (map[string]string, error) {
	texts := map[string]string{}
	for _, e := range m.Edits {
		text, read := texts[e.File]
		if !read {
			content, err := os.ReadFile(filepath.Join(root, e.File))
			if err != nil {
				return nil, fmt.Errorf("mutant %s: %w", m.Name, err)
			}
			text = string(content)
		}
		if strings.Count(text, e.Old) != 1 {
			return nil, fmt.Errorf("mutant %s: %s: %w: %q", m.Name, e.File, ErrStale, e.Old)
		}
		texts[e.File] = strings.Replace(text, e.Old, e.New, 1)
	}
	return texts, nil
}

// Named is the mutant of that name.
func Named(name string) (Mutant, bool) {
	for _, m := range All() {
		if m.Name == name {
			return m, true
		}
	}
	return Mutant{}, false
}

// All are all mutants, in the order of listings.
func All() []Mutant {
	var all []Mutant
	for _, some := range [][]Mutant{timers(), elections(), addresses(), announcements(), receiving(), tracking(), guarding()} {
		all = append(all, some...)
	}
	return all
}
