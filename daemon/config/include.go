package config

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// includeCheck says which failures of include are faults; others are notes.
type includeCheck uint8

const (
	checkRead     includeCheck = 1 << iota // a file cannot be read, or is no plain file
	checkMatch                             // a name without wildcards is not there
	checkWildcard                          // wildcards match nothing
	checkBrace                             // one of the names in braces is not there
)

// includeKinds are the keywords that include files.
var includeKinds = map[string]includeCheck{
	"include":  0,
	"includer": checkRead,
	"includem": checkRead | checkMatch,
	"includew": checkRead | checkMatch | checkWildcard,
	"includeb": checkRead | checkBrace,
	"includea": checkRead | checkMatch | checkWildcard | checkBrace,
}

// set is the keyword include_check, which holds for what follows it.
func (k includeCheck) set(words []string) includeCheck {
	if len(words) == 0 {
		return checkRead | checkMatch | checkWildcard | checkBrace
	}
	flags := map[string]includeCheck{
		"read": checkRead, "match": checkMatch, "wildcard_match": checkWildcard, "brace_match": checkBrace,
	}
	for _, word := range words {
		switch word[:min(1, len(word))] {
		case "+":
			k |= flags[word[1:]]
		case "-":
			k &^= flags[word[1:]]
		default:
			k = checkRead | flags[word]
		}
	}
	return k
}

// include reads the files that the line names, if it is an include. All that
// follows the keyword is the name; quotes belong to it.
func (x *expander) include(text string, at Position) bool {
	end := strings.IndexAny(text, blanks)
	if end < 0 {
		return false
	}
	kind, isInclude := includeKinds[text[:end]]
	if !isInclude {
		return false
	}
	pattern := strings.TrimLeft(text[end:], blanks)
	check := x.check | kind
	found := x.match(pattern)
	missing := checkMatch
	if strings.Contains(pattern, "{") {
		missing = checkBrace
	}
	switch {
	case len(found.names) == 0 && found.missing == "":
		x.includeProblem(at, check, checkWildcard, "no file matches %q", pattern)
	case len(found.names) == 0:
		x.includeProblem(at, check, missing, "there is no file %q", found.missing)
	case found.missing != "":
		x.includeProblem(at, check, checkBrace, "there is no file %q", found.missing)
		if check&checkBrace != 0 {
			return true
		}
	}
	outer := x.check
	for _, name := range found.names {
		x.includeFile(name, at, check)
	}
	x.check = outer
	return true
}

// includeProblem is a fault if the check asks for it, else a note.
func (x *expander) includeProblem(at Position, check, of includeCheck, format string, args ...any) {
	if check&of == 0 {
		x.note(at, "includea would refuse it", format, args...)
		return
	}
	x.fail(at, format, args...)
	x.to.tree.faults[len(x.to.tree.faults)-1].Kind = FaultOfFile
}

// includeFile reads one file. name is absolute, or relative to the directory
// of the file that includes it.
func (x *expander) includeFile(name string, at Position, check includeCheck) {
	shown := name
	if !filepath.IsAbs(name) {
		shown = filepath.Join(filepath.Dir(x.shown), name)
	}
	absolute := x.options.absolute(shown)
	switch {
	case slices.Contains(x.files, absolute):
		x.exhaust(at, "it is being read already", "include loop: %s includes itself", shown)
		return
	case len(x.files) > maxNesting:
		x.exhaust(at, "does one include itself?", "files are included more than %d deep", maxNesting)
		return
	}
	info, err := fs.Stat(x.options.Files, inFS(absolute))
	switch {
	case err != nil:
		x.includeProblem(at, check, checkRead, "read %s: %v", shown, reason(err))
		return
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 != 0:
		x.includeProblem(at, check, checkRead, "%s (%s) is not a regular file that cannot be executed", shown, info.Mode())
		return
	}
	text, err := x.read(absolute)
	if err != nil {
		x.includeProblem(at, check, checkRead, "read %s: %v", shown, reason(err))
		return
	}
	if fault := checkText(shown, text); fault != nil {
		x.to.tree.faults = append(x.to.tree.faults, fault)
		return
	}
	x.file(shown, text)
}

func (x *expander) read(absolute string) ([]byte, error) {
	file, err := x.options.Files.Open(inFS(absolute))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // nothing was written
	return io.ReadAll(io.LimitReader(file, maxFileSize+1))
}

// reason is an error without the name of the file, which is another in Files.
func reason(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}

// inFS is an absolute name as a fs.FS has it.
func inFS(absolute string) string {
	if name := strings.TrimPrefix(path.Clean(absolute), "/"); name != "" {
		return name
	}
	return "."
}

// matched are the files that a pattern means.
type matched struct {
	names   []string
	missing string // a name without wildcards that is not there
}

// match finds the files of a pattern (glob(3), with braces).
func (x *expander) match(pattern string) matched {
	var m matched
	directory := filepath.Dir(x.files[len(x.files)-1])
	for _, one := range alternatives(pattern) {
		absolute := one
		if !filepath.IsAbs(one) {
			absolute = filepath.Join(directory, one)
		}
		if !strings.ContainsAny(one, `*?[`) {
			if _, err := fs.Stat(x.options.Files, inFS(absolute)); err != nil {
				m.missing = one
			} else {
				m.names = append(m.names, one)
			}
			continue
		}
		found, err := fs.Glob(x.options.Files, strings.ReplaceAll(inFS(absolute), "[!", "[^"))
		if err != nil {
			m.missing = one // a pattern that is none is a name
		}
		for _, name := range found {
			name = "/" + name
			if hidden(name) && !hidden(one) {
				continue
			}
			if relative, err := filepath.Rel(directory, name); err == nil && !filepath.IsAbs(one) {
				name = relative
			}
			m.names = append(m.names, name)
		}
	}
	return m
}

// hidden reports whether a file's name begins with a dot, which no wildcard
// matches.
func hidden(name string) bool { return strings.HasPrefix(path.Base(name), ".") }

// maxAlternatives bounds the names that braces make.
const maxAlternatives = 1000

// alternatives works out the first braces of a pattern, and then those of
// each result: a{b,c} is ab and ac.
func alternatives(pattern string) []string {
	results := []string{pattern}
	for i := 0; i < len(results) && len(results) < maxAlternatives; {
		before, inside, after, ok := braces(results[i])
		if !ok {
			i++
			continue
		}
		var each []string
		for _, one := range inside {
			each = append(each, before+one+after)
		}
		results = slices.Replace(results, i, i+1, each...)
	}
	return results
}

// braces cuts a pattern at its first braces, and what is in them at the commas
// that are in no further braces.
func braces(pattern string) (before string, inside []string, after string, ok bool) {
	open := strings.IndexByte(pattern, '{')
	if open < 0 {
		return "", nil, "", false
	}
	depth, start := 0, open+1
	for i := open; i < len(pattern); i++ {
		switch pattern[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return pattern[:open], append(inside, pattern[start:i]), pattern[i+1:], true
			}
		case ',':
			if depth == 1 {
				inside, start = append(inside, pattern[start:i]), i+1
			}
		}
	}
	return "", nil, "", false
}
