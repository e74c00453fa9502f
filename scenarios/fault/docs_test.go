package fault

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of faults to its documentation")

const documentation = "../../docs/faults.md"

// The table stands between these lines.
const (
	tableBegins = "<!-- made by: go test ./scenarios/fault -update -->\n"
	tableEnds   = "<!-- end -->\n"
)

// table lists all kinds as Markdown, family by family.
func table() string {
	var b strings.Builder
	family := Family("")
	for _, families := range []Family{FamilyProcess, FamilyLink, FamilyTraffic, FamilyAddress, FamilyTime, FamilyInterface} {
		for _, kind := range Kinds() {
			f := Fault{Kind: kind}
			if f.Family() != families {
				continue
			}
			if families != family {
				family = families
				fmt.Fprintf(&b, "\n### %s\n\n| fault | what happens | its undo | parameters |\n|---|---|---|---|\n", family)
			}
			var takes []string
			for _, name := range kind.Takes() {
				text := "`" + name + "`"
				for _, required := range kind.Requires() {
					if name == required {
						text = "**" + text + "**"
					}
				}
				if name == "mode" && len(kind.Modes()) > 0 {
					text += " (" + strings.Join(kind.Modes(), ", ") + ")"
				}
				takes = append(takes, text)
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", kind, f.Summary(), f.Undo(), strings.Join(takes, ", "))
		}
	}
	return b.String() + "\n"
}

func TestDocumentationHasEveryFault(t *testing.T) {
	text, err := os.ReadFile(documentation)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(text), tableBegins)
	_, tail, ends := strings.Cut(rest, tableEnds)
	if !ok || !ends {
		t.Fatalf("%s has no place for the table", documentation)
	}
	want := head + tableBegins + table() + tableEnds + tail
	if *update {
		if err := os.WriteFile(documentation, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s is not current: go test ./scenarios/fault -update", documentation)
	}
}
