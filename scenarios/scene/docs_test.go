package scene_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"takeover/scenarios/scene"
)

// TestDocumentation: its example is a scenario, and it has every key.
func TestDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/scenarios.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	if _, err := scene.Parse("scenarios.md", []byte(example)); err != nil {
		t.Error(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(scene.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	var visit func(any)
	visit = func(of any) {
		below, _ := of.(map[string]any)
		properties, _ := below["properties"].(map[string]any)
		for name, property := range properties {
			if !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("docs/scenarios.md has no `%s`", name)
			}
			visit(property)
		}
		if items, ok := below["items"]; ok {
			visit(items)
		}
	}
	visit(schema)
}
