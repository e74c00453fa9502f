package file

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// shape is what a value of a file may be: one of the scalars, a list, a
// mapping with known keys, or a mapping from names.
type shape struct {
	scalar   string // "text", "integer", "boolean", "address", "prefix"; empty: none
	enum     []string
	min, max int // of integers
	item     *shape
	named    *shape
	keys     []key
	names    string // what the names of named are
}

// key is a known key of a mapping.
type key struct {
	name    string
	summary string
	example string
	shape   *shape
	must    bool
}

// value is a node of the file without anchors, aliases and tags.
type value struct {
	Position
	kind   string // see kindOf
	text   string // of a scalar
	block  bool   // a scalar that was written as a block
	list   []value
	fields []field
}

type field struct {
	name string
	at   Position
	value
}

// get is the field of that name; nil when there is none.
func (v *value) get(name string) *value {
	for i := range v.fields {
		if v.fields[i].name == name {
			return &v.fields[i].value
		}
	}
	return nil
}

// String is the text of the field of that name; "" when there is none.
func (v *value) string(name string) string {
	if f := v.get(name); f != nil {
		return f.text
	}
	return ""
}

// integer is the number in the field of that name; 0 when there is none.
func (v *value) integer(name string) int {
	n, _ := strconv.Atoi(v.string(name)) // fits has seen it
	return n
}

// all are the elements of the field of that name: of a list, or itself.
func (v *value) all(name string) []value {
	f := v.get(name)
	switch {
	case f == nil:
		return nil
	case f.kind == "a list":
		return f.list
	default:
		return []value{*f}
	}
}

// fits tells the reader of everything in v that is not of the shape.
func (r *reader) fits(s *shape, v *value, path string) {
	r.places[path] = v.Position
	switch v.kind {
	case "a mapping":
		r.fitsMapping(s, v, path)
	case "a list":
		if s.item == nil {
			r.problem(v.Position, "%s: %s is expected, not a list", last(path), s.expected())
			return
		}
		for i := range v.list {
			r.fits(s.item, &v.list[i], fmt.Sprintf("%s/%d", path, i))
		}
	case "a value":
		if s.scalar == "" {
			r.problem(v.Position, "%s: %s is expected, not %q", last(path), s.expected(), v.text)
			return
		}
		if text := s.wrong(v.text); text != "" {
			r.problem(v.Position, "%s: %s", last(path), text)
		}
	default:
		r.problem(v.Position, "%s: %s is expected, there is nothing", last(path), s.expected())
	}
}

func (r *reader) fitsMapping(s *shape, v *value, path string) {
	if s.keys == nil && s.named == nil {
		r.problem(v.Position, "%s: %s is expected, not a mapping", last(path), s.expected())
		return
	}
	seen := map[string]bool{}
	for i := range v.fields {
		f := &v.fields[i]
		if seen[f.name] {
			r.problem(f.at, "%s is there twice", f.name)
			continue
		}
		seen[f.name] = true
		below := path + "/" + f.name
		of := s.named
		if k := s.key(f.name); k != nil {
			of = k.shape
		}
		if of == nil {
			r.problem(f.at, "unknown key %q%s; there are %s", f.name, in(path), strings.Join(s.keyNames(), ", "))
			continue
		}
		r.fits(of, &f.value, below)
		if s.named != nil || f.kind == "a mapping" {
			r.places[below] = f.at
		}
	}
	for _, k := range s.keys {
		if k.must && !seen[k.name] {
			r.problem(v.Position, "%s: it needs %s", last(path), k.name)
		}
	}
}

func (s *shape) key(name string) *key {
	if i := slices.IndexFunc(s.keys, func(k key) bool { return k.name == name }); i >= 0 {
		return &s.keys[i]
	}
	return nil
}

func (s *shape) keyNames() []string {
	var names []string
	for _, k := range s.keys {
		names = append(names, k.name)
	}
	return names
}

// expected says in words what may stand there.
func (s *shape) expected() string {
	var words []string
	switch {
	case s.enum != nil:
		words = append(words, "one of "+strings.Join(s.enum, ", "))
	case s.scalar == "address":
		words = append(words, "an address such as 10.0.0.1")
	case s.scalar == "prefix":
		words = append(words, "an address with its length such as 10.0.0.1/24")
	case s.scalar == "integer":
		words = append(words, fmt.Sprintf("a number from %d to %d", s.min, s.max))
	case s.scalar == "boolean":
		words = append(words, "true or false")
	case s.scalar != "":
		words = append(words, "a text")
	}
	if s.item != nil {
		words = append(words, "a list")
	}
	if s.named != nil || s.keys != nil {
		words = append(words, "a mapping")
	}
	return strings.Join(words, " or ")
}

// wrong says why a scalar does not fit; "" when it does.
func (s *shape) wrong(text string) string {
	ok := true
	switch {
	case s.enum != nil:
		ok = slices.Contains(s.enum, text)
	case s.scalar == "address":
		address, err := netip.ParseAddr(text)
		ok = err == nil && address.Zone() == ""
	case s.scalar == "prefix":
		_, err := netip.ParsePrefix(text)
		ok = err == nil
	case s.scalar == "integer":
		n, err := strconv.Atoi(text)
		ok = err == nil && n >= s.min && n <= s.max
	case s.scalar == "boolean":
		ok = text == "true" || text == "false"
	}
	if ok {
		return ""
	}
	return fmt.Sprintf("%q is not %s", text, s.expected())
}

func last(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 && i+1 < len(path) {
		return path[i+1:]
	}
	return "the file"
}

func in(path string) string {
	if path == "" {
		return ""
	}
	return " in " + strings.ReplaceAll(strings.TrimPrefix(path, "/"), "/", ".")
}
