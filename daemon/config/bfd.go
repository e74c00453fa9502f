package config

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// bfdDraft is a bfd_instance while it is read.
type bfdDraft struct {
	BFD
	vrrp, checker bool // written
}

// bfdKeywords is the table of bfd_instance.
var bfdKeywords = table[bfdDraft]{
	where: "bfd_instance",
	keywords: []keyword[bfdDraft]{
		{name: "neighbor_ip", form: "ADDRESS", min: 1, max: 1, set: setNeighbor},
		{name: "neighbour_ip", form: "ADDRESS", min: 1, max: 1, set: setNeighbor},
		{name: "source_ip", form: "ADDRESS", min: 1, max: 1, set: func(c *converter, to *bfdDraft, s *Statement) {
			to.Source, _ = c.address(s, "source_ip", s.Arguments()[0])
		}},
		{name: "min_rx", form: "MILLISECONDS", min: 1, max: 1, set: func(c *converter, to *bfdDraft, s *Statement) {
			c.milliseconds(s, &to.MinRx, 1)
		}},
		{name: "min_tx", form: "MILLISECONDS", min: 1, max: 1, set: func(c *converter, to *bfdDraft, s *Statement) {
			c.milliseconds(s, &to.MinTx, 1)
		}},
		{name: "idle_tx", form: "MILLISECONDS", min: 1, max: 1, set: func(c *converter, to *bfdDraft, s *Statement) {
			c.milliseconds(s, &to.IdleTx, 1000)
		}},
		{name: "multiplier", form: "1-255", min: 1, max: 1, set: func(c *converter, to *bfdDraft, s *Statement) {
			c.byte(s, &to.Multiplier)
		}},
		{name: "passive", set: func(_ *converter, to *bfdDraft, _ *Statement) { to.Passive = true }},
		{name: "ttl", form: "1-255", min: 1, max: 1, set: func(c *converter, to *bfdDraft, s *Statement) { c.byte(s, &to.TTL) }},
		{name: "hoplimit", form: "1-255", min: 1, max: 1, set: func(c *converter, to *bfdDraft, s *Statement) { c.byte(s, &to.TTL) }},
		{name: "max_hops", form: "-1 to 255", min: 1, max: 1, set: func(c *converter, to *bfdDraft, s *Statement) {
			if value, ok := c.integer(s, "max_hops", s.Arguments()[0], -1, math.MaxUint8); ok {
				to.MaxHops = value
			}
		}},
		flagKeyword("multihop", func(to *bfdDraft) *bool { return &to.Multihop }),
		{name: "weight", form: "N [reverse]", min: 1, max: 2, set: func(c *converter, to *bfdDraft, s *Statement) {
			if value, ok := c.weight(s, s.Arguments(), maxWeight, &to.Reverse); ok {
				to.Weight = value
			}
		}},
		{name: "vrrp", set: func(_ *converter, to *bfdDraft, _ *Statement) { to.vrrp = true }},
		{name: "checker", set: func(_ *converter, to *bfdDraft, _ *Statement) { to.checker = true }},
	},
}

func setNeighbor(c *converter, to *bfdDraft, s *Statement) {
	to.Neighbor, _ = c.address(s, s.Keyword(), s.Arguments()[0])
}

// maxBFDInterval is what 32 bits of microseconds hold (RFC 5880 section 4.1),
// in milliseconds.
const maxBFDInterval = math.MaxUint32 / 1000

// milliseconds reads a decimal number of milliseconds, exact to the
// microsecond.
func (c *converter) milliseconds(s *Statement, to *time.Duration, least int) {
	word := s.Arguments()[0]
	whole, fraction, point := strings.Cut(word, ".")
	value, ok := parseSeconds(word)
	if !ok || point && len(fraction) > 3 || len(whole) > len("4294967") {
		value = -1
	}
	value /= 1000
	if value < time.Duration(least)*time.Millisecond || value > maxBFDInterval*time.Millisecond {
		c.failWithHint(s.Position, fmt.Sprintf("it may be %d to %d milliseconds, with three decimals", least, maxBFDInterval),
			"%s %q is out of range", s.Keyword(), word)
		return
	}
	*to = value
}

// maxBFDName is the longest name of a session that keepalived holds, in bytes.
const maxBFDName = 31

func addBFD(c *converter, to *Config, s *Statement) {
	draft := bfdDraft{BFD: BFD{
		Name:       s.Arguments()[0],
		MinRx:      10 * time.Millisecond,
		MinTx:      10 * time.Millisecond,
		IdleTx:     time.Second,
		Multiplier: 5,
		TTL:        math.MaxUint8,
		Position:   s.Position,
	}}
	if len(draft.Name) > maxBFDName {
		c.fail(s.Position, "bfd_instance %q: the name is longer than %d bytes", draft.Name, maxBFDName)
	}
	c.define(s)
	found := bfdKeywords.apply(c, &draft, s.Block.Nodes)
	c.checkBFD(&draft, found, to.BFDs)
	draft.VRRP = draft.vrrp || !draft.checker
	to.BFDs = append(to.BFDs, draft.BFD)
}

func (c *converter) checkBFD(draft *bfdDraft, found seen, others []BFD) {
	neighbor := draft.Neighbor
	_, american := found["neighbor_ip"]
	_, british := found["neighbour_ip"]
	if !american && !british {
		c.failWithHint(draft.Position, "add: neighbor_ip ADDRESS", "bfd_instance %q has no neighbor_ip", draft.Name)
	}
	if !neighbor.IsValid() {
		return
	}
	if draft.Source.IsValid() && draft.Source.Is4() != neighbor.Is4() {
		c.fail(found["source_ip"], "source_ip %s is not of the family of the neighbor %s", draft.Source, neighbor)
	}
	for _, other := range others {
		if other.Neighbor == neighbor && other.Source == draft.Source && other.Multihop == draft.Multihop {
			c.fail(draft.Position, "bfd_instance %q has the addresses of %q on %s", draft.Name, other.Name, draft.Position.lineOf(other.Position))
		}
	}
	if draft.MaxHops > int(draft.TTL) {
		c.fail(found["max_hops"], "max_hops %d is above the TTL %d", draft.MaxHops, draft.TTL)
	}
}
