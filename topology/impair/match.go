package impair

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Match says which frames are meant. The zero value is all.
type Match struct {
	// Protocol is all or empty, vrrp, arp, garp (gratuitous ARP and unsolicited
	// Neighbor Advertisements for Addresses), nd, bfd, icmp (without Neighbor
	// Discovery), ipvs-sync, tcp:PORT or udp:PORT (from or to that port).
	Protocol  string
	Addresses []netip.Addr
	Longer    int  // only packets of more bytes than this, without the Ethernet header; 0: any
	Multicast bool // only frames to a group that is not everybody
	// Of those that match, every so-many-th, or a share from 0 to 1. 0: all.
	Every       int
	Probability float64
}

// Where fields are: in the IPv4 and IPv6 headers (RFC 791, RFC 8200), in ARP over
// Ethernet (RFC 826), and in Neighbor Advertisements (RFC 4861 §4.4).
const (
	destination6At  = 24
	senderAddressAt = 14
	targetAddressAt = 24
	ndTargetAt      = 8
	destinationPort = 2

	neighborSolicitation  = 135
	neighborAdvertisement = 136
	lastNoND              = 129 // Echo Reply; what follows is no ICMP that a ping needs

	protocolICMPv6 = unix.IPPROTO_ICMPV6
)

// ways are the alternatives of what must hold; none: everything matches.
type ways [][]expr.Any

// expressions are the rules' conditions: one rule an alternative.
func (m Match) expressions() (ways, error) {
	alternatives, err := m.protocol()
	if err != nil {
		return nil, err
	}
	var all ways
	for _, alternative := range alternatives {
		rule := append([]expr.Any{}, alternative...)
		if m.Longer > 0 {
			rule = append(rule, &expr.Meta{Key: expr.MetaKeyLEN, Register: valueRegister})
			rule = append(rule, above(m.Longer, expr.CmpOpGt)...)
		}
		if m.Multicast {
			rule = append(rule, multicast()...)
		}
		all = append(all, append(rule, m.choice()...))
	}
	return all, nil
}

// protocolPorts are of protocols that have one.
var protocolPorts = map[string][]uint16{"bfd": {3784, 4784}, "ipvs-sync": {8848}}

func (m Match) protocol() (ways, error) {
	switch m.Protocol {
	case "", "all":
		return ways{nil}, nil
	case "vrrp":
		return ways{
			join(etherType(unix.ETH_P_IP), network(protocolAt, protocolVRRP)),
			join(etherType(unix.ETH_P_IPV6), network(nextHeaderAt, protocolVRRP)),
		}, nil
	case "arp":
		return ways{etherType(unix.ETH_P_ARP)}, nil
	case "garp":
		if len(m.Addresses) == 0 {
			return nil, errors.New("no virtual addresses: nobody announces any")
		}
		return m.announcements(), nil
	case "nd":
		return ways{join(transport(protocolICMPv6), icmpType(neighborSolicitation, neighborAdvertisement))}, nil
	case "icmp":
		return ways{transport(unix.IPPROTO_ICMP), join(transport(protocolICMPv6), icmpType(0, lastNoND))}, nil
	case "bfd", "ipvs-sync":
		var all ways
		for _, port := range protocolPorts[m.Protocol] {
			all = append(all, join(transport(unix.IPPROTO_UDP), atTransport(destinationPort, binaryutil.BigEndian.PutUint16(port))))
		}
		return all, nil
	}
	return m.ports()
}

// ports are those of tcp:PORT and udp:PORT, either way.
func (m Match) ports() (ways, error) {
	name, text, _ := strings.Cut(m.Protocol, ":")
	number := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[name]
	port, err := strconv.ParseUint(text, 10, 16)
	if number == 0 || err != nil {
		return nil, fmt.Errorf("unknown protocol %q", m.Protocol)
	}
	value := binaryutil.BigEndian.PutUint16(uint16(port))
	return ways{
		join(transport(number), atTransport(0, value)),
		join(transport(number), atTransport(destinationPort, value)),
	}, nil
}

// announcements are those of the addresses.
func (m Match) announcements() ways {
	var all ways
	everybody := netip.IPv6LinkLocalAllNodes().As16()
	for _, address := range m.Addresses {
		value := address.AsSlice()
		if address.Is4() {
			all = append(all, join(etherType(unix.ETH_P_ARP), network(senderAddressAt, value...), network(targetAddressAt, value...)))
			continue
		}
		all = append(all, join(
			transport(protocolICMPv6), icmpType(neighborAdvertisement, neighborAdvertisement),
			network(destination6At, everybody[:]...), atTransport(ndTargetAt, value),
		))
	}
	return all
}

func join(parts ...[]expr.Any) []expr.Any {
	var all []expr.Any
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

func etherType(value uint16) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: valueRegister},
		&expr.Cmp{Op: expr.CmpOpEq, Register: valueRegister, Data: binaryutil.BigEndian.PutUint16(value)},
	}
}

// network compares bytes of the network header.
func network(at uint32, value ...byte) []expr.Any {
	return payload(expr.PayloadBaseNetworkHeader, at, value)
}

func atTransport(at uint32, value []byte) []expr.Any {
	return payload(expr.PayloadBaseTransportHeader, at, value)
}

func payload(base expr.PayloadBase, at uint32, value []byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: valueRegister, Base: base, Offset: at, Len: uint32(len(value))},
		&expr.Cmp{Op: expr.CmpOpEq, Register: valueRegister, Data: value},
	}
}

// transport is the protocol above IP, of either version.
func transport(protocol byte) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: valueRegister},
		&expr.Cmp{Op: expr.CmpOpEq, Register: valueRegister, Data: []byte{protocol}},
	}
}

func icmpType(from, to byte) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: valueRegister, Base: expr.PayloadBaseTransportHeader, Len: 1},
		&expr.Cmp{Op: expr.CmpOpGte, Register: valueRegister, Data: []byte{from}},
		&expr.Cmp{Op: expr.CmpOpLte, Register: valueRegister, Data: []byte{to}},
	}
}

// multicast is a destination address with the group bit that is not broadcast.
func multicast() []expr.Any {
	broadcast := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	return []expr.Any{
		&expr.Payload{DestRegister: valueRegister, Base: expr.PayloadBaseLLHeader, Len: 1},
		&expr.Bitwise{SourceRegister: valueRegister, DestRegister: valueRegister, Len: 1, Mask: []byte{1}, Xor: []byte{0}},
		&expr.Cmp{Op: expr.CmpOpEq, Register: valueRegister, Data: []byte{1}},
		&expr.Payload{DestRegister: valueRegister, Base: expr.PayloadBaseLLHeader, Len: uint32(len(broadcast))},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: valueRegister, Data: broadcast},
	}
}

// above compares a number in the register, which is in the machine's order of
// bytes.
func above(than int, op expr.CmpOp) []expr.Any {
	return []expr.Any{
		&expr.Byteorder{SourceRegister: valueRegister, DestRegister: valueRegister, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Op: op, Register: valueRegister, Data: binaryutil.BigEndian.PutUint32(uint32(than))},
	}
}

// million is of how many frames a share is counted.
const million = 1_000_000

// choice picks from what matches so far.
func (m Match) choice() []expr.Any {
	switch {
	case m.Every > 1:
		return []expr.Any{
			&expr.Numgen{Register: valueRegister, Type: unix.NFT_NG_INCREMENTAL, Modulus: uint32(m.Every)},
			&expr.Cmp{Op: expr.CmpOpEq, Register: valueRegister, Data: binaryutil.NativeEndian.PutUint32(uint32(m.Every - 1))},
		}
	case m.Probability > 0 && m.Probability < 1:
		return append([]expr.Any{
			&expr.Numgen{Register: valueRegister, Type: unix.NFT_NG_RANDOM, Modulus: million},
		}, above(max(int(m.Probability*million), 1), expr.CmpOpLt)...)
	default:
		return nil
	}
}
