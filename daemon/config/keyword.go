package config

import "fmt"

// keyword is one row of a table: how a statement is written and what it does
// to the T that its block describes.
type keyword[T any] struct {
	name     string
	form     string // the words after the keyword, for messages
	min, max int    // how many there may be
	block    bool   // a block follows
	repeats  bool   // may stand more than once
	once     bool   // keepalived warns of a second one
	first    bool   // the same, and the first one counts
	ours     bool   // keepalived has no such keyword
	set      func(c *converter, to *T, s *Statement)
}

// table holds the keywords of one kind of block.
type table[T any] struct {
	where    string // what messages call the block
	keywords []keyword[T]
	known    []known // keywords of keepalived's that have no effect here yet
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
		if s != nil && !c.isFull() {
			t.statement(c, to, s, found)
		}
	}
	return found
}

func (t *table[T]) statement(c *converter, to *T, s *Statement, found seen) {
	row := t.find(s.Keyword())
	if row == nil {
		if known := findKnown(t.known, s.Keyword()); known != nil {
			if earlier, twice := found[known.name]; twice && known.once {
				c.warnWithHint(s.Position, "the first one counts", "%s was set on %s already", known.name, s.Position.lineOf(earlier))
			}
			found[known.name] = s.Position
			known.apply(c, t.where, s)
			return
		}
		t.reportUnknown(c, s)
		return
	}
	if earlier, twice := found[row.name]; twice && row.first {
		c.warnWithHint(s.Position, "the first one counts", "%s was set on %s already", row.name, s.Position.lineOf(earlier))
		return
	} else if twice && row.once {
		c.warnWithHint(s.Position, "the last one counts", "%s was set on %s already", row.name, s.Position.lineOf(earlier))
	} else if twice && !row.repeats {
		c.note(s.Position, "the last one counts", "%s was set on %s already", row.name, s.Position.lineOf(earlier))
	}
	found[row.name] = s.Position
	if row.shape().fits(c, s) {
		row.set(c, to, s)
	}
}

func (t *table[T]) find(name string) *keyword[T] {
	for i := range t.keywords {
		if t.keywords[i].name == name {
			return &t.keywords[i]
		}
	}
	return nil
}

// shape is how a statement is written.
type shape struct {
	name, form string
	min, max   int
	block      bool
	exact      bool // words that are too many are a fault
}

func (k *keyword[T]) shape() shape {
	return shape{name: k.name, form: k.form, min: k.min, max: k.max, block: k.block}
}

// String is the form of the statement.
func (k shape) String() string {
	text := k.name
	if k.form != "" {
		text += " " + k.form
	}
	if k.block {
		text += " { ... }"
	}
	return text
}

// fits checks the number of words and the block of a statement. Words that are
// too many are not read, as with keepalived.
func (k shape) fits(c *converter, s *Statement) bool {
	count := len(s.Arguments())
	hint := "the form is: " + k.String()
	switch {
	case count < k.min:
		c.failWithHint(s.Position, hint, "%s lacks a word", k.name)
		c.faults[len(c.faults)-1].Kind = FaultOfForm // if there are too many, it is one of them
	case count > k.max && k.block && k.max == 0:
		c.failWithHint(s.Position, hint, "unexpected %q after %s", s.Arguments()[k.max], k.name)
	case k.block && s.Block == nil:
		c.failWithHint(s.Position, hint, "%s lacks its block", k.name)
	case !k.block && s.Block != nil:
		c.failWithHint(s.Position, hint, "%s takes no block", k.name)
	case count > k.max && k.exact:
		c.failWithHint(s.Position, hint, "unexpected %q after %s", s.Arguments()[k.max], k.name)
	case count > k.max:
		c.note(s.Position, hint, "%q after %s is not read", s.Arguments()[k.max], k.name)
		s.Words = s.Words[:1+k.max]
		return true
	default:
		return true
	}
	return false
}

// reportUnknown names the keyword that may have been meant.
func (t *table[T]) reportUnknown(c *converter, s *Statement) {
	var names []string
	for i := range t.keywords {
		names = append(names, t.keywords[i].name)
	}
	for _, k := range t.known {
		names = append(names, k.name)
	}
	c.failWithHint(s.Position, didYouMean(s.Keyword(), names), "unknown keyword %q in %s", s.Keyword(), t.where)
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
