package mutants_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"takeover/scenarios/suite/mutants"
)

var update = flag.Bool("update", false, "write the table of mutants to its documentation")

const documentation = root + "/docs/mutants.md"

// The table stands between these lines.
const (
	tableBegins = "<!-- made by: go test ./scenarios/suite/mutants -update -->\n"
	tableEnds   = "<!-- end -->\n"
)

func TestDocumentationHasEveryMutant(t *testing.T) {
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), tableBegins)
	_, tail, ends := strings.Cut(rest, tableEnds)
	if !ok || !ends {
		t.Fatalf("%s has no place for the table", documentation)
	}
	table := "\n| mutant | what is broken | scenario | what fails |\n|---|---|---|---|\n"
	for _, m := range mutants.All() {
		table += fmt.Sprintf("| `%s` | %s | `%s` | `%s` |\n", m.Name, m.Breaks, m.Scenario, m.Check)
	}
	want := head + tableBegins + table + "\n" + tableEnds + tail
	if *update {
		if err := os.WriteFile(documentation, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s is not current: go test ./scenarios/suite/mutants -update", documentation)
	}
}
