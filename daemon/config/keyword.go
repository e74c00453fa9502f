package config

import (
	"fmt"
	"slices"
	"strings"
)

// keyword is one row of a table: how a statement is written and what it does
// to the T that its block describes.
type keyword[T any] struct {
	name     string
	form     string // the words after the keyword, for messages
	min, max int    // how many there may be
	block    bool   // a block follows
	repeats  bool   // may stand more than once
	ours     bool   // keepalived has no such keyword
	set      func(c *converter, to *T, s *Statement)
}

// table holds the keywords of one kind of block.
type table[T any] struct {
	where    string // what messages call the block
	keywords []keyword[T]
	later    []string // known to keepalived, not understood here
}

// seen says where each keyword of a block stood last.
type seen map[string]Position

// apply runs the statements of a block through the table, and the directives
// among its comments.
func (t *table[T]) apply(c *converter, to *T, nodes []Node) seen {
	found := seen{}
	for _, n := range nodes {
		s, ok := n.(*Statement)
		if !ok {
			s = t.directive(c, n.(*Comment))
		}
		if s == nil {
			continue
		}
		row := t.find(s.Keyword())
		if row == nil {
			t.reportUnknown(c, s)
			continue
		}
		if earlier, twice := found[row.name]; twice && !row.repeats {
			c.warnWithHint(s.Position, "the last one counts", "%s was set on line %d already", row.name, earlier.Line)
		}
		found[row.name] = s.Position
		if row.wellFormed(c, s) {
			row.set(c, to, s)
		}
	}
	return found
}

func (t *table[T]) find(name string) *keyword[T] {
	for i := range t.keywords {
		if t.keywords[i].name == name {
			return &t.keywords[i]
		}
	}
	return nil
}

// wellFormed checks the number of words and the block of a statement.
func (k *keyword[T]) wellFormed(c *converter, s *Statement) bool {
	count := len(s.Arguments())
	form := k.name
	if k.form != "" {
		form += " " + k.form
	}
	hint := "the form is: " + form
	if k.block {
		hint += " { ... }"
	}
	at := slices.IndexFunc(s.Words, func(word string) bool { return strings.Contains(word, "${_") })
	switch {
	case at > 0:
		c.fail(s.Position, "a variable (%q) is known to keepalived, not supported here yet", s.Words[at])
	case count < k.min:
		c.failWithHint(s.Position, hint, "%s lacks a word", k.name)
	case count > k.max:
		c.failWithHint(s.Position, hint, "unexpected %q after %s", s.Arguments()[k.max], k.name)
	case k.block && s.Block == nil:
		c.failWithHint(s.Position, hint, "%s lacks its block", k.name)
	case !k.block && s.Block != nil:
		c.failWithHint(s.Position, hint, "%s takes no block", k.name)
	default:
		return true
	}
	return false
}

// reportUnknown tells apart a misspelling, a keyword of keepalived's that is
// not understood here, and the parts of its language that are not.
func (t *table[T]) reportUnknown(c *converter, s *Statement) {
	word := s.Keyword()
	if feature := languageFeature(word); feature != "" {
		c.fail(s.Position, "%s (%q) is known to keepalived, not supported here yet", feature, word)
		return
	}
	if slices.Contains(t.later, word) {
		c.fail(s.Position, "%q in %s is known to keepalived, not supported here yet", word, t.where)
		return
	}
	names := make([]string, 0, len(t.keywords))
	for i := range t.keywords {
		names = append(names, t.keywords[i].name)
	}
	hint := didYouMean(word, append(names, t.later...))
	c.failWithHint(s.Position, hint, "unknown keyword %q in %s", word, t.where)
}

// languageFeature names the part of keepalived's language that a first word
// belongs to, or is empty.
func languageFeature(word string) string {
	switch {
	case slices.Contains([]string{"include", "includea", "includeb", "includem", "includer", "includew"}, word):
		return "including files"
	case strings.HasPrefix(word, "$"):
		return "a variable"
	case strings.HasPrefix(word, "@"):
		return "conditional configuration"
	case strings.HasPrefix(word, "~"):
		return "a sequence"
	}
	return ""
}

// didYouMean is the hint that names the nearest of the candidates, or is
// empty when none is near.
func didYouMean(word string, candidates []string) string {
	const longest = 64 // no candidate comes near; the comparison would only take time
	if len(word) > longest {
		return ""
	}
	best, distance := "", len(word)/3+1
	for _, candidate := range candidates {
		if d := editDistance(word, candidate); d < distance || d == distance && best == "" {
			best, distance = candidate, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// editDistance counts the insertions, deletions and replacements of bytes
// that lead from a to b (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
