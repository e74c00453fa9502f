package file

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// entry is a key of a mapping with its value.
type entry struct {
	name  string
	key   ast.Node
	value ast.Node
}

// nodesMax bounds what aliases can blow a file up to.
const nodesMax = 200_000

// document is a parsed file.
type document struct {
	anchors map[string]ast.Node
	nodes   int
}

func newDocument(root ast.Node) *document {
	d := &document{anchors: map[string]ast.Node{}}
	ast.Walk(d, root)
	return d
}

// Visit implements ast.Visitor: it collects the anchors.
func (d *document) Visit(n ast.Node) ast.Visitor {
	if anchor, ok := n.(*ast.AnchorNode); ok && anchor.Name != nil && anchor.Value != nil {
		d.anchors[anchor.Name.GetToken().Value] = anchor.Value
	}
	return d
}

// plain follows anchors, aliases and tags to what they stand for.
func (d *document) plain(n ast.Node) (ast.Node, error) {
	for range 100 {
		if d.nodes++; d.nodes > nodesMax {
			return nil, fmt.Errorf("the file is too large: its aliases stand for more than %d nodes", nodesMax)
		}
		switch node := n.(type) {
		case *ast.AnchorNode:
			n = node.Value
		case *ast.TagNode:
			n = node.Value
		case *ast.AliasNode:
			name := node.Value.GetToken().Value
			target, known := d.anchors[name]
			if !known {
				return nil, fmt.Errorf("no anchor &%s", name)
			}
			n = target
		default:
			return n, nil
		}
	}
	return nil, fmt.Errorf("an alias stands for itself")
}

// entries are a mapping's, in the order of the file, with those that << merges
// behind those that are written; false: n is no mapping.
func (d *document) entries(n ast.Node) (all []entry, isMapping bool, err error) {
	var values []*ast.MappingValueNode
	switch node := n.(type) {
	case *ast.MappingNode:
		values = node.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{node}
	default:
		return nil, false, nil
	}
	seen := map[string]bool{}
	var merged []ast.Node
	for _, value := range values {
		if _, merge := value.Key.(*ast.MergeKeyNode); merge {
			merged = append(merged, value.Value)
			continue
		}
		name := scalarText(value.Key)
		all = append(all, entry{name, value.Key, value.Value})
		seen[name] = true
	}
	for _, source := range merged {
		if source, err = d.plain(source); err != nil {
			return nil, true, err
		}
		more, ok, err := d.entries(source)
		if err != nil || !ok {
			return nil, true, orElse(err, fmt.Errorf("<< takes an alias of a mapping"))
		}
		for _, e := range more {
			if !seen[e.name] {
				all = append(all, e)
				seen[e.name] = true
			}
		}
	}
	return all, true, nil
}

func orElse(err, otherwise error) error {
	if err != nil {
		return err
	}
	return otherwise
}

// scalarText is a scalar as it was written, without quotes.
func scalarText(n ast.Node) string {
	switch node := n.(type) {
	case *ast.StringNode:
		return node.Value
	case *ast.LiteralNode:
		return node.Value.Value
	case *ast.MappingKeyNode:
		return scalarText(node.Value)
	default:
		return strings.TrimSpace(n.GetToken().Value)
	}
}

func isScalar(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, *ast.NullNode, nil:
		return false
	default:
		return true
	}
}

// kindOf is what a node is called in messages.
func kindOf(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode, nil:
		return "nothing"
	default:
		return "a value"
	}
}

// position is where a node begins.
func position(n ast.Node) Position {
	var t *token.Token
	switch node := n.(type) {
	case *ast.MappingValueNode:
		t = node.Key.GetToken()
	case *ast.MappingNode:
		if len(node.Values) > 0 && !node.IsFlowStyle {
			return position(node.Values[0])
		}
		t = node.GetToken()
	case nil:
		return Position{Line: 1, Column: 1}
	default:
		t = n.GetToken()
	}
	if t == nil || t.Position == nil {
		return Position{Line: 1, Column: 1}
	}
	return Position{Line: t.Position.Line, Column: t.Position.Column}
}
