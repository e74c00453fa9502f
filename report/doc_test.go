package report_test

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"takeover/report"
)

// TestEveryFieldIsDocumented walks the types that are written as JSON.
func TestEveryFieldIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string]bool{}
	collect(reflect.TypeFor[report.Run](), fields, map[reflect.Type]bool{})
	if len(fields) < 60 {
		t.Fatalf("only %d fields found", len(fields))
	}
	for field := range fields {
		if !strings.Contains(string(text), "`"+field+"`") {
			t.Errorf("docs/report.md does not name `%s`", field)
		}
	}
}

// collect gathers the JSON names of a type's fields, and of those inside.
func collect(typ reflect.Type, fields map[string]bool, seen map[reflect.Type]bool) {
	for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Slice, reflect.Map}, typ.Kind()) {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || seen[typ] || typ.PkgPath() == "time" {
		return
	}
	seen[typ] = true
	for field := range typ.Fields() {
		if !field.IsExported() {
			continue
		}
		if field.Anonymous { // its fields stand among the others
			collect(field.Type, fields, seen)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = typ.Name() + "." + field.Name + " (it has no JSON name)"
		}
		fields[name] = true
		collect(field.Type, fields, seen)
	}
}
