package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// directiveMark begins a comment that is a statement of vipd's own: keepalived
// skips it, so that one file serves both programs.
const directiveMark = "#vipd:"

// directive reads the statement behind directiveMark; nil when the comment is
// no more than a comment, or wrong. Only what keepalived does not know may be
// written so: anything else would make the two read different files.
func (t *table[T]) directive(c *converter, comment *Comment) *Statement {
	s := c.directiveStatement(comment)
	if s == nil {
		return nil
	}
	row := t.find(s.Keyword())
	if row != nil && row.ours {
		return s
	}
	if row != nil {
		c.failWithHint(s.Position, "write it without "+directiveMark, "%q is no extension of vipd", row.name)
		return nil
	}
	var names []string
	for i := range t.keywords {
		if t.keywords[i].ours {
			names = append(names, t.keywords[i].name)
		}
	}
	c.failWithHint(s.Position, didYouMean(s.Keyword(), names), "%s has no extension %q", t.where, s.Keyword())
	return nil
}

// directiveStatement is directive without the table.
func (c *converter) directiveStatement(comment *Comment) *Statement {
	text, ok := strings.CutPrefix(comment.Text, directiveMark)
	if !ok {
		c.warnOfAlmost(comment)
		return nil
	}
	cut := cutComment(text)
	end := statementEnd(cut.code)
	switch {
	case cut.unterminated:
		c.fail(comment.Position, `missing closing " on this line`)
	case end == 0:
		c.fail(comment.Position, "%s lacks its keyword", directiveMark)
	case end < len(cut.code):
		c.fail(comment.Position, "%s takes no block", directiveMark)
	default:
		return &Statement{Position: comment.Position, Words: splitWords(cut.code), Raw: cut.code}
	}
	return nil
}

// warnOfAlmost tells of a comment that may have been meant as a directive.
func (c *converter) warnOfAlmost(comment *Comment) {
	text := strings.TrimLeft(comment.Text, "#!"+blanks)
	rest, ok := strings.CutPrefix(text, "vipd:")
	if !ok {
		return
	}
	words := splitWords(rest)
	if len(words) > 0 && slices.Contains(extensionNames, words[0]) {
		c.note(comment.Position, fmt.Sprintf("a directive begins with %s", directiveMark), "this is a comment without effect")
	}
}

// lines are the statements of a block that is no table's. Directives do not
// belong there.
func (c *converter) lines(block *Block) []*Statement {
	for _, n := range block.Nodes {
		comment, ok := n.(*Comment)
		if !ok {
			continue
		}
		if s := c.directiveStatement(comment); s != nil {
			c.failWithHint(s.Position, "write it in the block around this one", "%s %s does not belong here", directiveMark, s.Keyword())
		}
	}
	return statements(block.Nodes)
}

// The names of vipd's own keywords.
const (
	vipLeaseName    = "vip_lease"
	fastPreemptName = "fast_preempt"
	bfdExpireName   = "bfd_expire"
)

var extensionNames = []string{vipLeaseName, fastPreemptName, bfdExpireName}

// extensionKeywords are the rows of vipd's own keywords, for global_defs and
// for vrrp_instance.
func extensionKeywords[T any](of func(*T) *Instance) []keyword[T] {
	row := func(name, form string, set func(*converter, *Instance, *Statement)) keyword[T] {
		return keyword[T]{name: name, form: form, min: 1, max: 1, ours: true, set: func(c *converter, to *T, s *Statement) {
			set(c, of(to), s)
		}}
	}
	return []keyword[T]{
		row(vipLeaseName, "auto|off|SECONDS", setVIPLease),
		row(fastPreemptName, "off|resign|advert", func(c *converter, to *Instance, s *Statement) {
			choose(c, s, &to.FastPreempt, "off", "resign", "advert")
		}),
		row(bfdExpireName, "off|on|skew", func(c *converter, to *Instance, s *Statement) {
			choose(c, s, &to.BFDExpire, "off", "on", "skew")
		}),
	}
}

// maxVIPLease bounds vip_lease, in seconds. It is meant to be shorter than
// Active_Down_Interval.
const maxVIPLease = 86400

func setVIPLease(c *converter, to *Instance, s *Statement) {
	switch word := s.Arguments()[0]; word {
	case "auto":
		to.VIPLease = LeaseAutomatic
	case "off":
		to.VIPLease = LeaseOff
	default:
		if value, ok := c.integer(s, vipLeaseName, word, 1, maxVIPLease); ok {
			to.VIPLease = time.Duration(value) * time.Second
		}
	}
}

// choose reads one of the words; its place among them is the value.
func choose[V ~uint8](c *converter, s *Statement, to *V, words ...string) {
	at := slices.Index(words, s.Arguments()[0])
	if at < 0 {
		last := len(words) - 1
		hint := "it may be " + strings.Join(words[:last], ", ") + " or " + words[last]
		c.failWithHint(s.Position, hint, "unknown %s %q", s.Keyword(), s.Arguments()[0])
		return
	}
	*to = V(at)
}

// checkExtensions warns of extensions that cannot do what they are for.
func (c *converter) checkExtensions(draft *instanceDraft) {
	if lease, down := draft.VIPLease, draft.activeDownInterval(); lease >= down {
		c.warnWithHint(draft.place(vipLeaseName), "only a shorter one ends before a Backup takes over",
			"vip_lease is not shorter than Active_Down_Interval (%s)", down.Round(time.Millisecond))
	}
	if at, ok := draft.found[bfdExpireName]; ok && draft.BFDExpire != BFDExpireOff && len(draft.TrackBFDs) == 0 {
		c.warn(at, "bfd_expire has no effect without track_bfd")
	}
}

// activeDownInterval is Active_Down_Interval (RFC 3768 section 6.1, RFC 9568
// section 6.1).
func (i *Instance) activeDownInterval() time.Duration {
	unit := i.AdvertInterval
	if i.Version == 2 {
		unit = time.Second
	}
	skew := time.Duration(256-int(i.Priority)) * unit / 256
	return time.Duration(i.DownTimerAdverts)*i.AdvertInterval + skew
}
