package config

// Tree is the syntax of a file and of what it includes, before any keyword is
// understood.
type Tree struct {
	File  string
	Nodes []Node
	// What the language's own statements did wrong, and notes on them.
	faults, notes []*Error
}

// Node is a part of a block: a *Statement or a *Comment.
//
//sumtype:decl
type Node interface{ isNode() }

// Statement is a keyword with its words and, perhaps, its block.
type Statement struct {
	Position Position
	Words    []string // at least one; double quotes are taken away
	Raw      string   // the words as they were written, quotes and escapes kept
	Block    *Block   // nil without braces
}

// Block is what stands between { and }.
type Block struct {
	Nodes []Node
	Open  Position // of the {
	Close Position // of the }
}

// Comment is the text from a # or a ! to the end of its line.
type Comment struct {
	Position Position
	Text     string // with its mark
}

func (*Statement) isNode() {}
func (*Comment) isNode()   {}

// Keyword is the statement's first word.
func (s *Statement) Keyword() string { return s.Words[0] }

// Arguments are the words after the keyword.
func (s *Statement) Arguments() []string { return s.Words[1:] }

// statements are the nodes that are no comments.
func statements(nodes []Node) []*Statement {
	var found []*Statement
	for _, n := range nodes {
		switch n := n.(type) {
		case *Statement:
			found = append(found, n)
		case *Comment:
		}
	}
	return found
}
