package scene

import (
	"encoding"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"takeover/topology/file"
)

// Suffix is how scenario files are called.
const Suffix = ".scenario.yaml"

// Read reads the file at path. A topology that it names by a path is looked for
// beside it. The error is a *file.Problems when the text is what is wrong.
func Read(path string) (Scene, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Scene{}, err
	}
	s, err := Parse(path, text)
	if strings.ContainsAny(s.Topology, "./") && !filepath.IsAbs(s.Topology) {
		s.Topology = filepath.Join(filepath.Dir(path), s.Topology)
	}
	return s, err
}

// Parse reads a scenario file's text.
func Parse(name string, text []byte) (Scene, error) {
	r := &reader{problems: file.NewProblems(name, text), places: map[string]file.Position{}}
	var s Scene
	if body := r.body(text); body != nil {
		r.read(body, reflect.ValueOf(&s).Elem(), "")
	}
	if len(r.problems.All) == 0 {
		for _, problem := range s.Problems() {
			r.problem(r.place(problem.Path), "%s", problem.Text)
		}
	}
	if len(r.problems.All) > 0 {
		r.problems.Sort()
		return Scene{}, r.problems
	}
	if s.Name == "" {
		s.Name = strings.TrimSuffix(filepath.Base(name), Suffix)
	}
	if s.Topology == "" {
		s.Topology = "failover"
	}
	if s.Subjects == nil {
		s.Subjects = []string{"vipd", "keepalived"}
	}
	return s, nil
}

// reader is at work on one file.
type reader struct {
	problems *file.Problems
	places   map[string]file.Position // of what the paths name
}

func (r *reader) problem(at file.Position, format string, args ...any) {
	r.problems.All = append(r.problems.All, file.Problem{Position: at, Text: fmt.Sprintf(format, args...)})
}

// place finds what a path names, or what is around it.
func (r *reader) place(path []any) file.Position {
	key, found := "", file.Position{Line: 1, Column: 1}
	for _, part := range path {
		key = fmt.Sprintf("%s/%v", key, part)
		if at, known := r.places[key]; known {
			found = at
		}
	}
	return found
}

// syntaxAt is where the parser's messages say that something is.
var syntaxAt = regexp.MustCompile(`^\[(\d+):(\d+)\] (.*)`)

// body parses the text; nil after an error.
func (r *reader) body(text []byte) ast.Node {
	start := file.Position{Line: 1, Column: 1}
	parsed, err := parser.ParseBytes(text, 0)
	if err != nil {
		message, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n")
		if found := syntaxAt.FindStringSubmatch(message); found != nil {
			start.Line, _ = strconv.Atoi(found[1])   // digits
			start.Column, _ = strconv.Atoi(found[2]) // digits
			message = found[3]
		}
		r.problem(start, "not YAML: %s", message)
		return nil
	}
	if len(parsed.Docs) != 1 || parsed.Docs[0].Body == nil {
		r.problem(start, "a scenario file is one document")
		return nil
	}
	return parsed.Docs[0].Body
}

func position(n ast.Node) file.Position {
	if mapping, ok := n.(*ast.MappingNode); ok && len(mapping.Values) > 0 && !mapping.IsFlowStyle {
		n = mapping.Values[0]
	}
	if value, ok := n.(*ast.MappingValueNode); ok {
		n = value.Key
	}
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return file.Position{Line: 1, Column: 1}
	}
	at := n.GetToken().Position
	return file.Position{Line: at.Line, Column: at.Column}
}

// read puts what a node says into v, which is of a type of this package.
func (r *reader) read(n ast.Node, v reflect.Value, path string) {
	r.places[path] = position(n)
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if reader, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		if text, ok := r.scalar(n, path); ok {
			if err := reader.UnmarshalText([]byte(text)); err != nil {
				r.problem(position(n), "%s: %v", last(path), err)
			}
		}
		return
	}
	switch v.Kind() { //nolint:exhaustive // the types have no others
	case reflect.Struct:
		r.readMapping(n, v, path)
	case reflect.Slice:
		list, ok := n.(*ast.SequenceNode)
		if !ok {
			r.problem(position(n), "%s: a list is expected", last(path))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(list.Values), len(list.Values)))
		for i, item := range list.Values {
			r.read(item, v.Index(i), fmt.Sprintf("%s/%d", path, i))
		}
	case reflect.Bool:
		if text, ok := r.scalar(n, path); ok {
			yes, err := strconv.ParseBool(text)
			if err != nil {
				r.problem(position(n), "%s: %q is neither true nor false", last(path), text)
			}
			v.SetBool(yes)
		}
	case reflect.Int:
		if text, ok := r.scalar(n, path); ok {
			number, err := strconv.Atoi(text)
			if err != nil {
				r.problem(position(n), "%s: %q is no whole number", last(path), text)
			}
			v.SetInt(int64(number))
		}
	default:
		if text, ok := r.scalar(n, path); ok {
			v.SetString(text)
		}
	}
}

// scalar is a scalar as it was written, without quotes.
func (r *reader) scalar(n ast.Node, path string) (string, bool) {
	switch node := n.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return strings.TrimSpace(n.GetToken().Value), true
	default:
		r.problem(position(n), "%s: a text or a number is expected", last(path))
		return "", false
	}
}

func (r *reader) readMapping(n ast.Node, v reflect.Value, path string) {
	var entries []*ast.MappingValueNode
	switch node := n.(type) {
	case *ast.MappingNode:
		entries = node.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{node}
	default:
		r.problem(position(n), "%s: a mapping is expected", last(path))
		return
	}
	keys := keysOf(v.Type())
	seen := map[string]bool{}
	for _, entry := range entries {
		name := strings.TrimSpace(entry.Key.GetToken().Value)
		below := path + "/" + name
		i := -1
		for j, key := range keys {
			if key == name {
				i = j
			}
		}
		switch {
		case seen[name]:
			r.problem(position(entry.Key), "%s is there twice", name)
		case i < 0:
			r.problem(position(entry.Key), "unknown key %q%s; there are %s", name, Nearest(name, keys), strings.Join(keys, ", "))
		default:
			r.read(entry.Value, v.Field(i), below)
		}
		seen[name] = true
	}
}

// keysOf are the keys of a struct, by the fields' index.
func keysOf(t reflect.Type) []string {
	var keys []string
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		keys = append(keys, name)
	}
	return keys
}

func last(path string) string {
	if path == "" {
		return "the file"
	}
	return path[strings.LastIndexByte(path, '/')+1:]
}
