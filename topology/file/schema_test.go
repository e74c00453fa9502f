package file_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"takeover/topology/file"
)

const committed = "../../docs/lab.schema.json"

func TestCommittedSchemaIsCurrent(t *testing.T) {
	if os.Getenv("REWRITE") != "" {
		if err := os.WriteFile(committed, file.Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(committed)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != string(file.Schema()) {
		t.Errorf("%s is not what the code makes: run REWRITE=1 go test ./topology/file", committed)
	}
}

func TestEveryKeyIsInTheDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/topology.md")
	if err != nil {
		t.Fatal(err)
	}
	var schema any
	if err := json.Unmarshal(file.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	collect(schema, names)
	for name := range names {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/topology.md has no `%s`", name)
		}
	}
	if len(names) < 30 {
		t.Errorf("the schema has %d keys only", len(names))
	}
}

// collect finds the keys of all mappings.
func collect(schema any, names map[string]bool) {
	switch schema := schema.(type) {
	case map[string]any:
		if properties, ok := schema["properties"].(map[string]any); ok {
			for name := range properties {
				names[name] = true
			}
		}
		for _, below := range schema {
			collect(below, names)
		}
	case []any:
		for _, below := range schema {
			collect(below, names)
		}
	}
}
