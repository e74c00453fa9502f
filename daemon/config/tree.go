package config

import "fmt"

// ParseTree is Options.ParseTree with the defaults.
func ParseTree(name string, text []byte) (*Tree, error) {
	return Options{}.ParseTree(name, text)
}

// treeBuilder nests pieces.
type treeBuilder struct {
	tree    *Tree
	open    []*Statement // the blocks that are open, outermost first
	headed  *Statement   // the statement that a { would belong to, or nil
	closed  *Statement   // the last block that was closed, for hints
	faults  []*Error
	surplus bool // a surplus } was reported; one report is enough
}

func (b *treeBuilder) add(p piece) {
	at := p.at
	switch p.kind {
	case pieceComment:
		b.append(&Comment{Position: at, Text: p.text})
	case pieceWords:
		b.headed = &Statement{Position: at, Words: splitWords(p.text), Raw: p.text}
		b.append(b.headed)
	case pieceOpen:
		b.openBlock(at)
	case pieceClose:
		b.closeBlock(at)
	}
}

func (b *treeBuilder) fail(at Position, message string) {
	b.faults = append(b.faults, &Error{Position: at, Message: message})
}

func (b *treeBuilder) append(n Node) {
	if len(b.open) == 0 {
		b.tree.Nodes = append(b.tree.Nodes, n)
		return
	}
	block := b.open[len(b.open)-1].Block
	block.Nodes = append(block.Nodes, n)
}

func (b *treeBuilder) openBlock(at Position) {
	head := b.headed
	if head == nil {
		b.faults = append(b.faults, &Error{Position: at, Message: `"{" without a keyword before it`})
		// The block is kept open, so that its } is not reported as well.
		head = &Statement{Position: at, Words: []string{""}}
	}
	head.Block = &Block{Open: at}
	b.open = append(b.open, head)
	b.headed = nil
}

func (b *treeBuilder) closeBlock(at Position) {
	b.headed = nil
	if len(b.open) == 0 {
		if b.surplus {
			return
		}
		b.surplus = true
		fault := &Error{Position: at, Message: `"}" closes no block`}
		if b.closed != nil {
			fault.Hint = fmt.Sprintf("%q, which began on line %d, was closed on line %d",
				b.closed.Raw, b.closed.Position.Line, b.closed.Block.Close.Line)
		}
		b.faults = append(b.faults, fault)
		return
	}
	last := len(b.open) - 1
	b.closed = b.open[last]
	b.closed.Block.Close = at
	b.open = b.open[:last]
}

// finish reports the blocks that nothing closed.
func (b *treeBuilder) finish() {
	for _, s := range b.open {
		if s.Raw == "" || len(b.faults) > maxFaults {
			continue // its { was reported
		}
		b.faults = append(b.faults, &Error{
			Position: s.Position,
			Message:  fmt.Sprintf("the block %q that begins here is never closed", s.Raw),
			Hint:     `add the missing "}"`,
		})
	}
}
