package netif

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// filterTable is the nftables table of a Filter.
const filterTable = "vipd"

// Offsets of the destination in the network header, and its length.
const (
	destination4, destination4Length = 16, 4
	destination6, destination6Length = 24, 16
)

// The ICMPv6 types of Neighbor Discovery (RFC 4861 §4.3, §4.4).
const (
	neighborSolicitation  = 135
	neighborAdvertisement = 136
)

// Deny has the kernel drop what is sent to the addresses themselves: an Active
// whose Accept_Mode is false forwards for them, and does not accept (RFC 9568
// §6.1, §8.3.1). Neighbor Solicitations and Advertisements pass, and ARP is not
// concerned. The rules are in the table `vipd` of the family inet; one that a
// predecessor left is replaced. An empty list removes it.
//
// It holds in every state: who does not own an address does not receive what
// is sent to it.
func (k *Kernel) Deny(addresses []netip.Addr) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	table := &nftables.Table{Name: filterTable, Family: nftables.TableFamilyINet}
	c.AddTable(table) // so that there is one to delete
	c.DelTable(table)
	if len(addresses) > 0 {
		if err := deny(c, table, addresses); err != nil {
			return fmt.Errorf("deny packets to virtual addresses: %w", err)
		}
	}
	if err := c.Flush(); err != nil {
		if errors.Is(err, unix.EPERM) {
			return fmt.Errorf("deny packets to virtual addresses: %w (no_accept needs nftables and CAP_NET_ADMIN)", err)
		}
		return fmt.Errorf("deny packets to virtual addresses: %w", err)
	}
	return nil
}

func deny(c *nftables.Conn, table *nftables.Table, addresses []netip.Addr) error {
	c.AddTable(table)
	accept := nftables.ChainPolicyAccept
	chain := c.AddChain(&nftables.Chain{
		Name: "input", Table: table, Type: nftables.ChainTypeFilter, Policy: &accept,
		Hooknum: nftables.ChainHookInput, Priority: nftables.ChainPriorityFilter,
	})
	for _, kind := range []byte{neighborSolicitation, neighborAdvertisement} {
		c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{unix.IPPROTO_ICMPV6}},
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{kind}},
			&expr.Verdict{Kind: expr.VerdictAccept},
		}})
	}
	for _, is6 := range []bool{false, true} {
		if err := denyFamily(c, chain, addresses, is6); err != nil {
			return err
		}
	}
	return nil
}

// denyFamily adds a set of addresses and the rule that drops what is sent to
// them.
func denyFamily(c *nftables.Conn, chain *nftables.Chain, addresses []netip.Addr, is6 bool) error {
	set := &nftables.Set{Table: chain.Table, Name: "denied4", KeyType: nftables.TypeIPAddr}
	protocol, offset, length := byte(unix.NFPROTO_IPV4), uint32(destination4), uint32(destination4Length)
	if is6 {
		set.Name, set.KeyType = "denied6", nftables.TypeIP6Addr
		protocol, offset, length = unix.NFPROTO_IPV6, destination6, destination6Length
	}
	var elements []nftables.SetElement
	for _, address := range addresses {
		if address.Is6() == is6 {
			elements = append(elements, nftables.SetElement{Key: address.AsSlice()})
		}
	}
	if len(elements) == 0 {
		return nil
	}
	if err := c.AddSet(set, elements); err != nil {
		return err
	}
	c.AddRule(&nftables.Rule{Table: chain.Table, Chain: chain, Exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length},
		&expr.Lookup{SourceRegister: 1, SetName: set.Name, SetID: set.ID},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	return nil
}
