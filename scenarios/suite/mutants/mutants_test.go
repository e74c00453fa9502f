package mutants_test

import (
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
