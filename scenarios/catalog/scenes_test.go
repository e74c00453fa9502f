package catalog_test

import (
	"testing"

	"takeover/scenarios/catalog"
	"takeover/topology/file"
)

func TestScenes(t *testing.T) {
	for _, name := range catalog.Scenes() {
		s, err := catalog.Scene(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if s.Name != name {
			t.Errorf("%s is called %s inside", name, s.Name)
		}
		if _, err := file.OpenShipped(s.Topology); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, length, err := s.Plan(1); err != nil || length.Seconds() > 17 {
			t.Errorf("%s: its schedule takes %s, %v", name, length, err)
		}
	}
	if _, err := catalog.Scene("link-los"); err == nil || err.Error() != `no scenario is called "link-los" (did you mean "link-loss"?); takeover run --list names them` {
		t.Errorf("error %v", err)
	}
}
