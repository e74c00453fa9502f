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

// captureFilter keeps ARP that the owner probe has no part in, and VRRP, of
// frames with their Ethernet header.
func captureFilter() []bpf.Instruction {
	prefix := binary.BigEndian.Uint32(observerPrefix[:4])
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: 12, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_ARP, SkipFalse: 4},
		bpf.LoadAbsolute{Off: 6, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: prefix, SkipTrue: 6},
		bpf.LoadAbsolute{Off: 0, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: prefix, SkipTrue: 4, SkipFalse: 3},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipFalse: 3},
		bpf.LoadAbsolute{Off: 23, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: protocolVRRP, SkipFalse: 1},
		bpf.RetConstant{Val: keepAll},
		bpf.RetConstant{Val: keepNone},
	}
}

// ownersFilter keeps ARP replies about an address, of frames with their
// Ethernet header.
func ownersFilter(vip netip.Addr) []bpf.Instruction {
	return allOf(
		want{12, 2, unix.ETH_P_ARP},
		want{20, 2, arpReply},
		want{28, 4, addressNumber(vip)},
	)
}

// echoFilter keeps whole ICMP echo replies from an address with an identifier,
// of IPv4 packets without options and without their Ethernet header.
func echoFilter(vip netip.Addr, identifier uint16) []bpf.Instruction {
	return allOf(
		want{0, 1, 0x45},
		want{9, 1, unix.IPPROTO_ICMP},
		want{12, 4, addressNumber(vip)},
		want{20, 2, icmpEchoReply << 8},
		want{24, 2, uint32(identifier)},
	)
}

func addressNumber(a netip.Addr) uint32 {
	bytes := a.As4()
	return binary.BigEndian.Uint32(bytes[:])
}
