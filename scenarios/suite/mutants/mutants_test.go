package mutants_test

import (
	"errors"
	"os"
	"slices"
	"testing"

	"takeover/scenarios/catalog"
	"takeover/scenarios/scene"
	"takeover/scenarios/suite/mutants"
)

// root is the module's, from this package on.
const root = "../../.."

// TestMutantsApply: what they change is in the source, and who is to catch them
// is in the catalogue.
func TestMutantsApply(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range mutants.All() {
		if seen[m.Name] || m.Breaks == "" || len(m.Edits) == 0 {
			t.Errorf("mutant %q is there twice, or says or changes nothing", m.Name)
		}
		seen[m.Name] = true
		if _, err := m.Changed(root); err != nil {
			t.Error(err)
		}
		if !slices.Contains(catalog.Scenes(), m.Scenario) || !slices.Contains(scene.Expectations(), m.Check) {
			t.Errorf("mutant %s: there is no scenario %q or no judge %q", m.Name, m.Scenario, m.Check)
		}
	}
	if len(seen) < 14 {
		t.Errorf("%d mutants only", len(seen))
	}
}

// TestEditsFitOnce: a text that is not there, or more than once, is an error, and
// what is read is not changed.
func TestEditsFitOnce(t *testing.T) {
	directory := t.TempDir()
	write := func(text string) {
		if err := os.WriteFile(directory+"/f", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := mutants.Mutant{Name: "m", Edits: []mutants.Edit{{"f", "a", "b"}, {"f", "bc", "d"}}}
	write("xac")
	if got, err := m.Changed(directory); err != nil || got["f"] != "xd" {
		t.Errorf("got %q, %v", got, err)
	}
	if text, err := os.ReadFile(directory + "/f"); err != nil || string(text) != "xac" {
		t.Errorf("the file is %q, %v", text, err)
	}
	for _, text := range []string{"xc", "aac", "a"} {
		write(text)
		if _, err := m.Changed(directory); !errors.Is(err, mutants.ErrStale) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
