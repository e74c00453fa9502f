package scene

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"takeover/scenarios/fault"
)

// explanations is the table of what explains what.
func explanations() string {
	var table strings.Builder
	table.WriteString("\n| explains | faults |\n|---|---|\n")
	for _, row := range []struct {
		text string
		fits func(doing) bool
	}{
		{"two owners, of which the host that it strikes is one", func(d doing) bool { return d.owners == itself }},
		{"any two owners", func(d doing) bool { return d.owners == everyone }},
		{"the end of the host's daemon", func(d doing) bool { return d.ends }},
		{"and its panic", func(d doing) bool { return d.panics }},
		{"nothing", func(d doing) bool { return d == doing{} }},
	} {
		var names []string
		for _, kind := range fault.Kinds() {
			if row.fits(doingOf(fault.Fault{Kind: kind})) {
				names = append(names, "`"+string(kind)+"`")
			}
		}
		fmt.Fprintf(&table, "| %s | %s |\n", row.text, strings.Join(names, ", "))
	}
	table.WriteString("\nFaults of traffic explain nothing where they strike another protocol than VRRP alone, and those of any process\n" +
		"nothing where that is the web server.\n\n")
	return table.String()
}

func TestExplanationsAreDocumented(t *testing.T) {
	const path, begin, end = "../../docs/chaos.md", "<!-- made by: REWRITE=1 go test ./scenarios/scene -->\n", "<!-- end -->"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	table, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", path)
	}
	if os.Getenv("REWRITE") != "" {
		table = explanations()
		if err := os.WriteFile(path, []byte(before+begin+table+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if table != explanations() {
		t.Errorf("%s is not what the code makes: run REWRITE=1 go test ./scenarios/scene", path)
	}
}
