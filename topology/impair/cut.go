package impair

import (
	"fmt"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Way is what goes from a host's port into the switch and out of another one.
// An empty port is any; both empty is no way.
type Way struct{ From, To string }

// Cut is frames that are dropped on some ways, in a table of its own, so that
// its end leaves everything as it was.
type Cut struct {
	network ns.NetNS
	table   *nftables.Table
	gates   []*gate
}

// gate is a chain whose rules drop what comes by a way of its set.
type gate struct {
	name   string
	hook   *nftables.ChainHook
	set    *nftables.Set
	load   []expr.Any // the way, into wayRegister
	keys   [][]byte   // of the ways, when the cut is made
	concat bool
}

// Registers of 4 bytes: an interface's name takes four. They stay clear of
// valueRegister, whose 16 bytes come first.
const (
	wayRegister  = unix.NFT_REG32_04
	pairRegister = unix.NFT_REG32_08
)

// Prepare makes a cut that drops nothing yet: its rules are there, but no way
// is in their sets. name is unique in the switch.
func Prepare(network ns.NetNS, name string, match Match, cut []Way) (*Cut, error) {
	conditions, err := match.expressions()
	if err != nil {
		return nil, err
	}
	c := &Cut{network: network, table: &nftables.Table{Family: nftables.TableFamilyBridge, Name: tableName + "_" + name}}
	c.gates = gates(cut)
	conn, err := openIn(network)
	if err != nil {
		return nil, err
	}
	conn.AddTable(c.table)
	for _, g := range c.gates {
		if err := g.add(conn, c.table, conditions); err != nil {
			return nil, err
		}
	}
	if err := conn.Flush(); err != nil {
		return nil, fmt.Errorf("nftables: prepare a cut: %w", err)
	}
	return c, nil
}

// gates sorts the ways by the hooks where they are seen.
func gates(cut []Way) []*gate {
	from := &gate{
		name: "from", hook: nftables.ChainHookPrerouting,
		load: []expr.Any{&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: wayRegister}},
	}
	to := &gate{
		name: "to", hook: nftables.ChainHookPostrouting,
		load: []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: wayRegister}},
	}
	between := &gate{
		name: "between", hook: nftables.ChainHookForward, concat: true,
		load: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: wayRegister},
			&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: pairRegister},
		},
	}
	for _, way := range cut {
		switch {
		case way.To == "":
			from.keys = append(from.keys, interfaceKey(way.From))
		case way.From == "":
			to.keys = append(to.keys, interfaceKey(way.To))
		default:
			between.keys = append(between.keys, append(interfaceKey(way.From), interfaceKey(way.To)...))
		}
	}
	var used []*gate
	for _, g := range []*gate{from, to, between} {
		if len(g.keys) > 0 {
			used = append(used, g)
		}
	}
	return used
}

// interfaceKey is a name as nftables compares it.
func interfaceKey(name string) []byte {
	key := make([]byte, unix.IFNAMSIZ)
	copy(key, name)
	return key
}

func (g *gate) add(conn *nftables.Conn, table *nftables.Table, conditions ways) error {
	chain := conn.AddChain(&nftables.Chain{
		Name: g.name, Table: table, Type: nftables.ChainTypeFilter, Hooknum: g.hook, Priority: nftables.ChainPriorityRaw,
	})
	g.set = &nftables.Set{Table: table, Name: "ways_" + g.name, KeyType: nftables.TypeIFName}
	if g.concat {
		pair, err := nftables.ConcatSetType(nftables.TypeIFName, nftables.TypeIFName)
		if err != nil {
			return fmt.Errorf("nftables: set %s: %w", g.set.Name, err)
		}
		g.set.KeyType, g.set.Concatenation = pair, true
	}
	if err := conn.AddSet(g.set, nil); err != nil {
		return fmt.Errorf("nftables: add set %s: %w", g.set.Name, err)
	}
	for _, condition := range conditions {
		rule := append([]expr.Any{}, g.load...)
		rule = append(rule, &expr.Lookup{SourceRegister: wayRegister, SetName: g.set.Name, SetID: g.set.ID})
		rule = append(rule, condition...)
		rule = append(rule, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
		conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: rule})
	}
	return nil
}

// Begin drops from now on, on all ways at once.
func (c *Cut) Begin() error {
	conn, err := openIn(c.network)
	if err != nil {
		return err
	}
	for _, g := range c.gates {
		var elements []nftables.SetElement
		for _, key := range g.keys {
			elements = append(elements, nftables.SetElement{Key: key})
		}
		if err := conn.SetAddElements(g.set, elements); err != nil {
			return fmt.Errorf("nftables: change set %s: %w", g.set.Name, err)
		}
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("nftables: begin a cut: %w", err)
	}
	return nil
}

// Remove ends the cut, begun or not, and leaves nothing of it.
func (c *Cut) Remove() error {
	conn, err := openIn(c.network)
	if err != nil {
		return err
	}
	conn.DelTable(c.table)
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("nftables: remove a cut: %w", err)
	}
	return nil
}
