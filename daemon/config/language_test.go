package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cockroachdb/datadriven"
)

// TestLanguage shows what files, variables, conditions and sequences make of a
// text: each statement with its position, then notes; or the faults.
//
//	file NAME    a file, from the directory /etc
//	parse        reads the text as /etc/k.conf, with the id node1
func TestLanguage(t *testing.T) {
	datadriven.Walk(t, "testdata/language", func(t *testing.T, path string) {
		files := fstest.MapFS{}
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "file":
				file := &fstest.MapFile{Data: []byte(d.Input + "\n"), Mode: 0o644}
				if d.HasArg("executable") {
					file.Mode = 0o755
				}
				files["etc/"+d.CmdArgs[0].Key] = file
				return ""
			case "parse":
				return readLanguage(files, d.Input)
			}
			d.Fatalf(t, "unknown command %q", d.Cmd)
			return ""
		})
	})
}

func readLanguage(files fstest.MapFS, text string) string {
	o := Options{
		ID: "node1", Directory: "/etc", Files: files,
		Random: func(least, most uint64) uint64 { return (least + most) / 2 },
	}
	tree, err := o.ParseTree("k.conf", []byte(text+"\n"))
	if err != nil {
		return err.Error() + "\n"
	}
	var b strings.Builder
	writePlaces(&b, tree.Nodes, 0)
	for _, note := range tree.notes {
		fmt.Fprintf(&b, "note: %v\n", note)
	}
	return b.String()
}

func writePlaces(b *strings.Builder, nodes []Node, depth int) {
	for _, s := range statements(nodes) {
		fmt.Fprintf(b, "%s%v: %q\n", strings.Repeat("  ", depth), s.Position, s.Words)
		if s.Block != nil {
			writePlaces(b, s.Block.Nodes, depth+1)
		}
	}
}

// TestLimits: whatever grows without end is stopped with one clear fault.
func TestLimits(t *testing.T) {
	files := fstest.MapFS{
		"etc/loop.conf": {Data: []byte("include loop.conf\n"), Mode: 0o644},
		"etc/a.conf":    {Data: []byte("include b.conf\n"), Mode: 0o644},
		"etc/b.conf":    {Data: []byte("include a.conf\n"), Mode: 0o644},
		"etc/big.conf":  {Data: []byte(strings.Repeat("#\n", maxFileSize)), Mode: 0o644},
	}
	for i := range 2 * maxNesting {
		files[fmt.Sprintf("etc/deep%d.conf", i)] = &fstest.MapFile{Data: fmt.Appendf(nil, "include deep%d.conf\n", i+1), Mode: 0o644}
	}
	tests := []struct{ name, text, want string }{
		{"include loop", "include loop.conf", "loop.conf:1: include loop: loop.conf includes itself; it is being read already"},
		{"include loop of two", "include a.conf", "b.conf:1: include loop: a.conf includes itself; it is being read already"},
		{"include depth", "include deep0.conf", "deep31.conf:1: files are included more than 32 deep; does one include itself?"},
		{"file size", "include big.conf", "big.conf:1: file longer than 1048576 bytes, which no configuration is"},
		{"variable of itself", "$A=$A\nx $A", "k.conf:2: variable A makes the line longer than 4096 bytes, or names variables without end; does it name itself?"},
		{"variable that grows", "$A=$A $A\nx $A", "k.conf:2: variable A makes the line longer than 4096 bytes, or names variables without end; does it name itself?"},
		{"variables of each other", "$A=${B}\n$B=${A}\nx ${A}", "k.conf:3: variable A makes the line longer than 4096 bytes, or names variables without end; does it name itself?"},
		{"lines of itself", "$A= \\\n  x \\\n  $A\n$A", "k.conf:3 (used at k.conf:4): variables and files are nested more than 32 deep; does one name itself?"},
		{"sequence", "~SEQ(i, 1, 1000000000) x $i", "k.conf:1: more than 131072 lines, with all that variables and sequences make; is a sequence longer than it was meant to be?"},
		{"sequence of nothing", "~SEQ(i, 1, 1000000000)", "k.conf:1: more than 131072 lines, with all that variables and sequences make; is a sequence longer than it was meant to be?"},
		{"sequences in one another", "~SEQ(i, 1, 60000) ~SEQ(j, 1, 60000) ~SEQ(k, 1, 60000) x", "k.conf:1: more than 131072 lines, with all that variables and sequences make; is a sequence longer than it was meant to be?"},
		{"include in a sequence", "~SEQ(i, 1, 3) include loop.conf", "loop.conf:1: include loop: loop.conf includes itself; it is being read already"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Options{ID: "node1", Directory: "/etc", Files: files}.ParseTree("k.conf", []byte(test.text+"\n"))
			if err == nil || err.Error() != test.want {
				t.Errorf("got:\n%v\nwant:\n%s", err, test.want)
			}
		})
	}
}

// TestFaultsOfTheLanguageDoNotHideOthers: Parse goes on to understand what
// there is.
func TestFaultsOfTheLanguageDoNotHideOthers(t *testing.T) {
	_, err := Options{Files: fstest.MapFS{}}.Parse("k.conf", []byte("includea none.conf\n"+instance("priority ${P}\nstate x")))
	want := []string{
		`k.conf:1: there is no file "none.conf"`,
		`k.conf:5: variable P is not defined`,
		`k.conf:6: unknown state "x"; it may be MASTER or BACKUP`,
	}
	var got []string
	for _, fault := range List(err) {
		got = append(got, fault.Error())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
