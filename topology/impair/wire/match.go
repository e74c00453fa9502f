package wire

import (
	"encoding/binary"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Direction is a way through the wire, as seen from the host.
type Direction string

// The directions.
const (
	FromHost Direction = "from"
	ToHost   Direction = "to"
	Both     Direction = "both"
)

// Match says which frames a rule looks at. The zero value is all.
type Match struct {
	Direction Direction `json:"direction,omitempty"` // empty: both
	// Protocol is all or empty, vrrp, arp, garp (ARP for the sender's own address,
	// and unsolicited Neighbor Advertisements), nd (Neighbor Solicitations and
	// Advertisements), bfd, icmp (without Neighbor Discovery), ipvs-sync, tcp:PORT
	// or udp:PORT (from or to that port).
	Protocol string `json:"protocol,omitempty"`
	// Sources are the senders' MAC addresses; none: any.
	Sources []string `json:"sources,omitempty"`
}

// protocolNames are those beside tcp:PORT and udp:PORT.
var protocolNames = []string{"all", "vrrp", "arp", "garp", "nd", "bfd", "icmp", "ipvs-sync"}

// protocol is one that is compared fast.
type protocol struct {
	name      string // without the port
	port      uint16
	transport byte // of tcp and udp
}

func protocolNamed(text string) (protocol, bool) {
	if text == "" || text == "all" {
		return protocol{}, true
	}
	name, number, hasPort := strings.Cut(text, ":")
	if !hasPort {
		return protocol{name: name}, slices.Contains(protocolNames, name)
	}
	port, err := strconv.ParseUint(number, 10, 16)
	transport := map[string]byte{"tcp": protocolTCP, "udp": protocolUDP}[name]
	return protocol{name, uint16(port), transport}, err == nil && port > 0 && transport != 0
}

// Numbers of protocols: IEEE 802 EtherTypes, and IANA's protocol numbers.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherIPv6 = 0x86dd
	etherVLAN = 0x8100
	etherQinQ = 0x88a8

	protocolHopByHop   = 0
	protocolICMP       = 1
	protocolIPIP       = 4
	protocolTCP        = 6
	protocolUDP        = 17
	protocolIPv6       = 41
	protocolRouting    = 43
	protocolFragment   = 44
	protocolICMPv6     = 58
	protocolDestOption = 60
	protocolVRRP       = 112

	portBFD         = 3784 // RFC 5881 §4
	portBFDMultihop = 4784 // RFC 5883 §5
	portIPVSSync    = 8848 // net/netfilter/ipvs/ip_vs_sync.c

	neighborSolicitation  = 135 // RFC 4861 §4.3
	neighborAdvertisement = 136 // RFC 4861 §4.4
	lastNoND              = 129 // Echo Reply; what follows is no ICMP that a ping needs
)

const (
	macBytes      = 6
	ethernetBytes = 2*macBytes + 2
	vlanBytes     = 4
	arpBytes      = 28 // of IPv4 over Ethernet (RFC 826)
	ipv4Bytes     = 20 // without options (RFC 791)
	ipv6Bytes     = 40 // RFC 8200
)

// headers are what matches compare. A frame that is cut short has what is there.
type headers struct {
	source    []byte // MAC address
	network   int    // where the network header is
	etherType uint16
	transport byte // above IP; 0 also when there is none
	hasPorts  bool
	from, to  uint16
	kind      int  // of ICMPv6; -1: none
	announces bool // gratuitous ARP or unsolicited Neighbor Advertisement
}

// parse reads a frame's headers, behind as many VLAN tags as there are.
func parse(frame []byte) headers {
	h := headers{network: len(frame), kind: -1}
	if len(frame) < ethernetBytes {
		return h
	}
	h.source = frame[macBytes : 2*macBytes]
	h.etherType, h.network = networkOf(frame)
	packet := frame[h.network:]
	switch h.etherType {
	case etherARP:
		const sender, target = 14, 24 // the IPv4 addresses
		h.announces = len(packet) >= arpBytes && [4]byte(packet[sender:sender+4]) == [4]byte(packet[target:target+4])
	case etherIPv4:
		h.parseIPv4(packet)
	case etherIPv6:
		h.parseIPv6(packet)
	}
	return h
}

// networkOf is what follows the Ethernet header and its tags, and where. A frame
// of ethernetBytes or more is given.
func networkOf(frame []byte) (etherType uint16, at int) {
	etherType, at = binary.BigEndian.Uint16(frame[2*macBytes:]), ethernetBytes
	for (etherType == etherVLAN || etherType == etherQinQ) && len(frame) >= at+vlanBytes {
		etherType, at = binary.BigEndian.Uint16(frame[at+2:]), at+vlanBytes
	}
	return etherType, at
}

func (h *headers) parseIPv4(packet []byte) {
	if len(packet) < ipv4Bytes {
		return
	}
	h.transport = packet[9]
	const offsetMask = 0x1fff
	length := int(packet[0]&0xf) * 4
	if binary.BigEndian.Uint16(packet[6:])&offsetMask == 0 && length >= ipv4Bytes && len(packet) >= length {
		h.parseTransport(packet[length:])
	}
}

func (h *headers) parseIPv6(packet []byte) {
	if len(packet) < ipv6Bytes {
		return
	}
	next, rest := packet[6], packet[ipv6Bytes:]
	for {
		switch next {
		case protocolHopByHop, protocolRouting, protocolDestOption:
			if len(rest) < 2 || len(rest) < (int(rest[1])+1)*8 {
				return
			}
			next, rest = rest[0], rest[(int(rest[1])+1)*8:]
		case protocolFragment:
			const offsetMask = 0xfff8
			if len(rest) < 8 || binary.BigEndian.Uint16(rest[2:])&offsetMask != 0 {
				return
			}
			next, rest = rest[0], rest[8:]
		default:
			h.transport = next
			h.parseTransport(rest)
			return
		}
	}
}

// parseTransport reads the ports, or the type of ICMPv6.
func (h *headers) parseTransport(data []byte) {
	switch {
	case (h.transport == protocolTCP || h.transport == protocolUDP) && len(data) >= 4:
		h.hasPorts = true
		h.from, h.to = binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
	case h.transport == protocolICMPv6 && len(data) > 4:
		const solicited = 0x40 // RFC 4861 §4.4
		h.kind = int(data[0])
		h.announces = h.kind == neighborAdvertisement && data[4]&solicited == 0
	}
}

func (p protocol) matches(h *headers) bool {
	switch p.name {
	case "":
		return true
	case "vrrp":
		return h.transport == protocolVRRP
	case "arp":
		return h.etherType == etherARP
	case "garp":
		return h.announces
	case "nd":
		return h.kind == neighborSolicitation || h.kind == neighborAdvertisement
	case "icmp":
		return h.transport == protocolICMP && h.etherType == etherIPv4 || h.kind >= 0 && h.kind <= lastNoND
	case "bfd":
		return h.transport == protocolUDP && h.hasPorts && (h.to == portBFD || h.to == portBFDMultihop)
	case "ipvs-sync":
		return h.transport == protocolUDP && h.hasPorts && h.to == portIPVSSync
	default:
		return h.transport == p.transport && h.hasPorts && (h.from == p.port || h.to == p.port)
	}
}

// matcher is a Match that is compared fast.
type matcher struct {
	directions [2]bool // by way
	protocol   protocol
	sources    [][macBytes]byte
}

// matcher is made of what Validate let pass.
func (m Match) matcher() matcher {
	made := matcher{directions: [2]bool{m.Direction != ToHost, m.Direction != FromHost}}
	made.protocol, _ = protocolNamed(m.Protocol)
	for _, text := range m.Sources {
		mac, _ := net.ParseMAC(text)
		made.sources = append(made.sources, [macBytes]byte(mac))
	}
	return made
}

func (m *matcher) matches(way int, h *headers) bool {
	if !m.directions[way] || !m.protocol.matches(h) {
		return false
	}
	return len(m.sources) == 0 || len(h.source) == macBytes && slices.Contains(m.sources, [macBytes]byte(h.source))
}
