package vrrp_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// requirement is a row of requirements.md.
type requirement struct {
	line          int
	section       string
	demand        string
	kept, refused string
}

// TestRequirementsNameTestsThatExist holds requirements.md: each row says what
// keeps it or why it need not be kept, and each test and transcript it names
// is there.
func TestRequirementsNameTestsThatExist(t *testing.T) {
	rows := readRequirements(t)
	if len(rows) < 80 {
		t.Errorf("%d rows, want at least 80: were some lost?", len(rows))
	}
	tests := make(map[string]map[string]bool) // by directory
	for _, row := range rows {
		if row.kept == "" && row.refused == "" {
			t.Errorf("requirements.md:%d: nothing keeps §%s: %s", row.line, row.section, row.demand)
		}
		for _, cell := range []string{row.kept, row.refused} {
			if err := checkCell(tests, cell); err != nil {
				t.Errorf("requirements.md:%d: %v", row.line, err)
			}
		}
	}
}

func readRequirements(t *testing.T) []requirement {
	t.Helper()
	text, err := os.ReadFile("requirements.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []requirement
	for i, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.HasPrefix(line, "| § ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if len(cells) != 5 {
			t.Errorf("requirements.md:%d: %d cells, want 5", i+1, len(cells))
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		rows = append(rows, requirement{i + 1, cells[0], cells[2], cells[3], cells[4]})
	}
	return rows
}

// inCode are the names in a cell.
var inCode = regexp.MustCompile("`([^`]*)`")

func checkCell(tests map[string]map[string]bool, cell string) error {
	names := inCode.FindAllStringSubmatch(cell, -1)
	switch {
	case cell == "", strings.HasPrefix(cell, "n/a: "):
	case len(names) == 0 && !strings.HasPrefix(cell, "differs: "):
		return fmt.Errorf("%q names no test", cell)
	}
	for _, name := range names {
		if err := checkName(tests, name[1]); err != nil {
			return err
		}
	}
	return nil
}

func checkName(tests map[string]map[string]bool, name string) error {
	if strings.HasPrefix(name, "transcripts/") {
		_, err := os.Stat(filepath.Join("testdata", name))
		return err
	}
	directory := "."
	if in, of, other := strings.Cut(name, ": "); other {
		directory, name = filepath.Join("../..", in), of
	}
	if tests[directory] == nil {
		found, err := testsOf(directory)
		if err != nil {
			return err
		}
		tests[directory] = found
	}
	if !tests[directory][name] {
		return fmt.Errorf("%s has no %s", directory, name)
	}
	return nil
}

// testsOf are the tests and fuzz targets in a directory.
func testsOf(directory string) (map[string]bool, error) {
	files, err := filepath.Glob(filepath.Join(directory, "*_test.go"))
	if err != nil {
		return nil, err
	}
	tests := make(map[string]bool)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, declaration := range parsed.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
				tests[f.Name.Name] = true
			}
		}
	}
	return tests, nil
}
