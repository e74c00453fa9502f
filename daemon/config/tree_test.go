package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// TestTree shows the tree, or the faults, of a text. A \r, \t or \0 in the
// input is written as such and put in before parsing.
func TestTree(t *testing.T) {
	datadriven.Walk(t, "testdata/tree", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "parse" {
				d.Fatalf(t, "unknown command %q", d.Cmd)
			}
			text := d.Input
			if d.HasArg("crlf") {
				text = strings.ReplaceAll(text, "\n", "\r\n") + "\r\n"
			}
			tree, err := ParseTree("f", []byte(text))
			if err != nil {
				return err.Error() + "\n"
			}
			var b strings.Builder
			writeNodes(&b, tree.Nodes, 0)
			return b.String()
		})
	})
}

func writeNodes(b *strings.Builder, nodes []Node, depth int) {
	for _, n := range nodes {
		b.WriteString(strings.Repeat("  ", depth))
		switch n := n.(type) {
		case *Comment:
			fmt.Fprintf(b, "%d comment %q\n", n.Position.Line, n.Text)
		case *Statement:
			fmt.Fprintf(b, "%d %q", n.Position.Line, n.Words)
			if n.Block == nil {
				b.WriteByte('\n')
				continue
			}
			fmt.Fprintf(b, " block %d-%d\n", n.Block.Open.Line, n.Block.Close.Line)
			writeNodes(b, n.Block.Nodes, depth+1)
		}
	}
}
