package fault_test

import (
	"strings"
	"testing"

	"takeover/scenarios/fault"
)

func TestEveryFaultIsFoundByItsName(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range fault.All() {
		got, err := fault.Named(f.Name())
		if err != nil || got != f {
			t.Errorf("Named(%q) = %v, %v", f.Name(), got, err)
		}
		if seen[f.Name()] || f.Summary() == "" || f.Undo() == "" {
			t.Errorf("%s is named twice, or lacks its words", f.Name())
		}
		seen[f.Name()] = true
	}
	if len(fault.Drill()) != 5 {
		t.Errorf("a drill has %d faults, not 5", len(fault.Drill()))
	}
	if _, err := fault.Named("meteor"); err == nil || !strings.Contains(err.Error(), "link-loss") {
		t.Errorf("error %v does not name those there are", err)
	}
}
