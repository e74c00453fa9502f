package transport

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// own receives IPv4 advertisements that another host sends from an address of
// this one: an address owner that is back, while a Backup has its address. The
// kernel's IP drops those before any raw socket (net/ipv4/fib_frontend.c,
// fib_validate_source), so they are taken from the interface.
type own struct {
	descriptor
	reader reader
}

// ownMax is how many addresses a filter holds; one of more takes all sources.
const ownMax = 1000

func openOwn(s Settings) (*own, error) {
	// Bound below: until then it receives nothing.
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket on %s: %w", s.place(), err)
	}
	if err := s.prepareOwn(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare a packet socket on %s: %w", s.place(), err)
	}
	d, err := newDescriptor(fd, "vrrp-own:"+s.Interface)
	if err != nil {
		return nil, err
	}
	o := &own{descriptor: d}
	o.reader.prepare(true)
	return o, nil
}

func (s *Settings) prepareOwn(fd int) error {
	program := s.ownFilter()
	if err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	if err := setOptions(fd, option{"receive timestamps", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1}); err != nil {
		return err
	}
	protocol := binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, unix.ETH_P_IP))
	return unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: s.Index})
}

// ownFilter passes what comes from the wire, of the protocol, to the group,
// from one of the addresses.
func (s *Settings) ownFilter() []unix.SockFilter {
	const (
		adPacketType  = 0xfffff000 + 4 // SKF_AD_OFF + SKF_AD_PKTTYPE
		protocolAt    = 9              // RFC 791 §3.1
		sourceAt      = 12
		destinationAt = 16
	)
	protocol := uint32(Protocol)
	if s.AH {
		protocol = ProtocolAH
	}
	load := func(size uint16, at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_ABS | size, K: at}
	}
	result := func(bytes uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: bytes} }
	// unless drops a packet whose loaded value is not, or with not is, this.
	unless := func(value uint32, not bool) []unix.SockFilter {
		jump := unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: value}
		if not {
			jump.Jt, jump.Jf = 0, 1
		}
		return []unix.SockFilter{jump, result(0)}
	}
	const all = 0xffff
	program := append([]unix.SockFilter{load(unix.BPF_B, adPacketType)}, unless(unix.PACKET_OUTGOING, true)...)
	program = append(append(program, load(unix.BPF_B, protocolAt)), unless(protocol, false)...)
	program = append(append(program, load(unix.BPF_W, destinationAt)), unless(numberOf(s.Group), false)...)
	if len(s.Own) > ownMax {
		return append(program, result(all))
	}
	program = append(program, load(unix.BPF_W, sourceAt))
	for _, address := range s.Own {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: numberOf(address)}, result(all))
	}
	return append(program, result(0))
}

func numberOf(address netip.Addr) uint32 {
	b := address.As4()
	return binary.BigEndian.Uint32(b[:])
}
