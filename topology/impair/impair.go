package impair

import (
	"fmt"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Tree is the nftables tree of one switch.
type Tree struct {
	network ns.NetNS
	vrrp    *nftables.Set
}

const (
	tableName     = "takeover"
	vrrpSetName   = "drop_vrrp_from"
	protocolVRRP  = 112 // RFC 9568 §5.1.1.4
	protocolAt    = 9   // offset of Protocol in the IPv4 header (RFC 791 §3.1)
	nextHeaderAt  = 6   // offset of Next Header in the IPv6 header (RFC 8200 §3)
	nameRegister  = 1   // 16 bytes, the size of an interface's name
	valueRegister = 1
)

// Install makes the tree in the switch's namespace: a bridge table with one
// set of ports whose hosts' VRRP advertisements (IP protocol 112, nothing else)
// are dropped on their way into the bridge.
func Install(network ns.NetNS) (*Tree, error) {
	t := &Tree{network: network}
	conn, err := t.open()
	if err != nil {
		return nil, err
	}
	table := conn.AddTable(&nftables.Table{Family: nftables.TableFamilyBridge, Name: tableName})
	chain := conn.AddChain(&nftables.Chain{
		Name: "ingress", Table: table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw,
	})
	t.vrrp = &nftables.Set{Table: table, Name: vrrpSetName, KeyType: nftables.TypeIFName}
	if err := conn.AddSet(t.vrrp, nil); err != nil {
		return nil, fmt.Errorf("nftables: add set %s: %w", vrrpSetName, err)
	}
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: dropVRRP(t.vrrp, unix.ETH_P_IP, protocolAt)})
	conn.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: dropVRRP(t.vrrp, unix.ETH_P_IPV6, nextHeaderAt)})
	if err := conn.Flush(); err != nil {
		return nil, fmt.Errorf("nftables: install the switch's tree: %w "+
			"(it needs nftables for bridges; if it is a module, load it as root: modprobe nft_meta_bridge)", err)
	}
	return t, nil
}

// dropVRRP is: iifname @set ip protocol 112 counter drop, or the same for ip6
// nexthdr.
func dropVRRP(set *nftables.Set, etherType uint16, protocolAt uint32) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: nameRegister},
		&expr.Lookup{SourceRegister: nameRegister, SetName: set.Name, SetID: set.ID},
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: valueRegister},
		&expr.Cmp{Op: expr.CmpOpEq, Register: valueRegister, Data: binaryutil.BigEndian.PutUint16(etherType)},
		&expr.Payload{DestRegister: valueRegister, Base: expr.PayloadBaseNetworkHeader, Offset: protocolAt, Len: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: valueRegister, Data: []byte{protocolVRRP}},
		&expr.Counter{},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}
}

func (t *Tree) open() (*nftables.Conn, error) { return openIn(t.network) }

func openIn(network ns.NetNS) (*nftables.Conn, error) {
	conn, err := nftables.New(nftables.WithNetNSFd(int(network.Fd())))
	if err != nil {
		return nil, fmt.Errorf("nftables: open it in the switch: %w", err)
	}
	return conn, nil
}

// DropVRRP drops, or lets pass again, the advertisements that come from the
// host at port.
func (t *Tree) DropVRRP(port string, drop bool) error {
	conn, err := t.open()
	if err != nil {
		return err
	}
	change := conn.SetDeleteElements
	if drop {
		change = conn.SetAddElements
	}
	if err := change(t.vrrp, []nftables.SetElement{{Key: interfaceKey(port)}}); err != nil {
		return fmt.Errorf("nftables: change set %s: %w", vrrpSetName, err)
	}
	if err := conn.Flush(); err != nil {
		return fmt.Errorf("nftables: drop=%t for VRRP from port %s: %w", drop, port, err)
	}
	return nil
}
