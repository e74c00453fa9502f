//go:build linux

package probe

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The verdicts of a classic BPF filter: how many bytes of the packet are kept.
const (
	keepAll  = 0x40000
	keepNone = 0
)

// want is one condition of a filter: size bytes at offset have the value.
type want struct {
	offset uint32
	size   int
	value  uint32
}

// allOf is a filter that keeps what meets every condition.
func allOf(wants ...want) []bpf.Instruction {
	filter := make([]bpf.Instruction, 0, 2*len(wants)+2)
	for i, w := range wants {
		reject := uint8(2*(len(wants)-1-i) + 1)
		filter = append(filter,
			bpf.LoadAbsolute{Off: w.offset, Size: w.size},
			bpf.JumpIf{Cond: bpf.JumpEqual, Val: w.value, SkipFalse: reject})
	}
	return append(filter, bpf.RetConstant{Val: keepAll}, bpf.RetConstant{Val: keepNone})
}

// captureFilter keeps ARP that the owner probe has no part in, VRRP over IPv4
// and IPv6, and Neighbor Advertisements, of frames with their Ethernet header.
func captureFilter() []bpf.Instruction {
	prefix := binary.BigEndian.Uint32(observerPrefix[:4])
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipFalse: 4},
		bpf.LoadAbsolute{Off: 6, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: prefix, SkipTrue: 12},
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: prefix, SkipTrue: 10, SkipFalse: 9},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipFalse: 2},
		bpf.LoadAbsolute{Off: 23, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: protocolVRRP, SkipTrue: 6, SkipFalse: 7},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipFalse: 6},
		bpf.LoadAbsolute{Off: 20, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: protocolVRRP, SkipTrue: 3},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_ICMPV6, SkipFalse: 3},
		bpf.LoadAbsolute{Off: 54, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: icmp6NeighborAdvertisement, SkipFalse: 1},
		bpf.RetConstant{Val: keepAll},
		bpf.RetConstant{Val: keepNone},
	}
}

// ownersFilter keeps ARP replies or Neighbor Advertisements about an address,
// of frames with their Ethernet header.
func ownersFilter(vip netip.Addr) []bpf.Instruction {
	if vip.Is6() {
		return allOf(append(wantAddress(62, vip),
			want{12, 2, unix.ETH_P_IPV6},
			want{20, 1, unix.IPPROTO_ICMPV6},
			want{54, 1, icmp6NeighborAdvertisement},
		)...)
	}
	return allOf(
		want{12, 2, unix.ETH_P_ARP},
		want{20, 2, arpReply},
		wantAddress(28, vip)[0],
	)
}

// echoFilter keeps whole ICMP echo replies from an address with an identifier,
// of IP packets without options or extensions and without their Ethernet
// header.
func echoFilter(vip netip.Addr, identifier uint16) []bpf.Instruction {
	if vip.Is6() {
		return allOf(append(wantAddress(8, vip),
			want{6, 1, unix.IPPROTO_ICMPV6},
			want{40, 2, icmp6EchoReply << 8},
			want{44, 2, uint32(identifier)},
		)...)
	}
	return allOf(
		want{0, 1, 0x45},
		want{9, 1, unix.IPPROTO_ICMP},
		wantAddress(12, vip)[0],
		want{20, 2, icmpEchoReply << 8},
		want{24, 2, uint32(identifier)},
	)
}

// wantAddress is the conditions for an address at offset, one for four bytes.
func wantAddress(offset uint32, a netip.Addr) []want {
	var wants []want
	for rest := a.AsSlice(); len(rest) > 0; rest = rest[4:] {
		wants = append(wants, want{offset, 4, binary.BigEndian.Uint32(rest)})
		offset += 4
	}
	return wants
}
