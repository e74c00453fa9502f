package file

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"takeover/topology"
)

// Suffix is how topology files are called.
const Suffix = ".lab.yaml"

// Read reads the file at path, and those that it names beside it. The error is
// a *Problems when the text is what is wrong.
func Read(path string) (topology.Spec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return topology.Spec{}, err
	}
	return Parse(path, text, func(name string) ([]byte, error) {
		return os.ReadFile(filepath.Join(filepath.Dir(path), filepath.FromSlash(name)))
	})
}

// Parse reads a topology file's text. open gives it the files that it names.
func Parse(name string, text []byte, open func(name string) ([]byte, error)) (topology.Spec, error) {
	r := &reader{problems: &Problems{File: name, text: text}, places: map[string]Position{}, open: open}
	tree := r.tree(text)
	if tree == nil {
		return topology.Spec{}, r.problems
	}
	r.fits(root, tree, "")
	if len(r.problems.All) > 0 {
		r.problems.Sort()
		return topology.Spec{}, r.problems
	}
	spec := r.spec(tree)
	if spec.Name == "" {
		spec.Name = strings.TrimSuffix(filepath.Base(name), Suffix)
	}
	for _, problem := range spec.Problems() {
		r.problem(r.place(problem.Path), "%s", problem.Text)
	}
	if len(r.problems.All) > 0 {
		r.problems.Sort()
		return topology.Spec{}, r.problems
	}
	return spec, nil
}

// reader is at work on one file.
type reader struct {
	problems *Problems
	places   map[string]Position // of what the paths name
	copies   map[string]string   // the host of the file that a host was made of
	gateways map[string]int      // how many a host of the file has
	open     func(name string) ([]byte, error)
}

func (r *reader) problem(at Position, format string, args ...any) {
	r.problems.All = append(r.problems.All, Problem{at, fmt.Sprintf(format, args...)})
}

// place finds what a path of topology.Problem names, or what is around it.
func (r *reader) place(path []any) Position {
	var names []string
	if len(path) > 3 && path[2] == "routes" {
		path = r.routePath(path)
	}
	for i, part := range path {
		name := fmt.Sprint(part)
		if original, copied := r.copies[name]; copied && i == 1 {
			name = original
		}
		if i == 4 && name == "addresses" {
			name = "address"
		}
		names = append(names, name)
	}
	for n := len(names); n >= 0; n-- {
		key := ""
		if n > 0 {
			key = "/" + strings.Join(names[:n], "/")
		}
		if at, known := r.places[key]; known {
			return at
		}
	}
	return Position{Line: 1, Column: 1}
}

// routePath is where a route of the Spec is in the file: the gateways come
// first.
func (r *reader) routePath(path []any) []any {
	host := fmt.Sprint(path[1])
	if original, copied := r.copies[host]; copied {
		host = original
	}
	index, _ := path[3].(int) // it is one
	if gateways := r.gateways[host]; index >= gateways {
		return []any{"hosts", host, "routes", index - gateways}
	}
	return []any{"hosts", host, "gateway", index}
}

// syntaxAt is where the parser's messages say that something is.
var syntaxAt = regexp.MustCompile(`^\[(\d+):(\d+)\] (.*)`)

// tree parses the text; nil after an error that leaves nothing to look at.
func (r *reader) tree(text []byte) *value {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		r.syntax(err)
		return nil
	}
	var body ast.Node
	for _, document := range file.Docs {
		if document.Body == nil {
			continue
		}
		if body != nil {
			r.problem(position(document.Body), "a topology file is one document")
			return nil
		}
		body = document.Body
	}
	if body == nil {
		r.problem(Position{Line: 1, Column: 1}, "the file is empty; it needs segments and hosts")
		return nil
	}
	tree, err := newDocument(body).value(body)
	if err != nil {
		r.problem(position(body), "%v", err)
		return nil
	}
	return &tree
}

func (r *reader) syntax(err error) {
	at, message := Position{Line: 1, Column: 1}, strings.SplitN(yaml.FormatError(err, false, false), "\n", 2)[0]
	if found := syntaxAt.FindStringSubmatch(message); found != nil {
		at.Line, _ = strconv.Atoi(found[1])   // digits
		at.Column, _ = strconv.Atoi(found[2]) // digits
		message = found[3]
	}
	r.problem(at, "not YAML: %s", message)
}

// value is a node and what is below it.
func (d *document) value(n ast.Node) (value, error) {
	at := position(n)
	n, err := d.plain(n)
	if err != nil {
		return value{}, fmt.Errorf("line %d: %w", at.Line, err)
	}
	v := value{Position: at, kind: kindOf(n)}
	switch node := n.(type) {
	case *ast.SequenceNode:
		for _, item := range node.Values {
			below, err := d.value(item)
			if err != nil {
				return value{}, err
			}
			v.list = append(v.list, below)
		}
	case *ast.LiteralNode:
		v.text, v.block = node.Value.Value, true
	default:
		if isScalar(n) {
			v.text = scalarText(n)
			return v, nil
		}
		entries, _, err := d.entries(n)
		if err != nil {
			return value{}, fmt.Errorf("line %d: %w", at.Line, err)
		}
		for _, e := range entries {
			below, err := d.value(e.value)
			if err != nil {
				return value{}, err
			}
			v.fields = append(v.fields, field{name: e.name, at: position(e.key), value: below})
		}
	}
	return v, nil
}

// beside reads a file that the topology names.
func (r *reader) beside(v *value) string {
	if r.open == nil {
		r.problem(v.Position, "there is no place for the file %q to be in", v.text)
		return ""
	}
	text, err := r.open(v.text)
	if err != nil {
		if path, ok := errors.AsType[*os.PathError](err); ok {
			err = path.Err
		}
		r.problem(v.Position, "read %s beside the topology file: %v", v.text, err)
		return "not read" // that it is missing is said
	}
	return string(text)
}
