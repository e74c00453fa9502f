package transport

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// option is a number that a socket is told.
type option struct {
	name             string
	level, id, value int
}

// setOptions sets the options of ip(7), ipv6(7) or socket(7).
func setOptions(fd int, options ...option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.id, o.value); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	return nil
}

// sending are the options of a VRRP socket that sends: TTL 255 to the group
// (RFC 9568 §5.1.1.3, §5.1.2.3) and nothing back to this host. A transparent
// socket (ip(7)) can also send from an address that was just removed: an Active
// then says priority 0 from where it has advertised.
func sending(is4 bool, unicastTTL uint8) []option {
	if is4 {
		return []option{
			{"multicast ttl", unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, TTL},
			{"multicast loop", unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0},
			{"multicast all", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0},
			{"ttl", unix.IPPROTO_IP, unix.IP_TTL, int(unicastTTL)},
			{"type of service", unix.IPPROTO_IP, unix.IP_TOS, trafficClass},
			{"transparent", unix.IPPROTO_IP, unix.IP_TRANSPARENT, 1},
		}
	}
	return []option{
		// The codec writes the checksum and looks at it.
		{"no checksum", unix.IPPROTO_IPV6, unix.IPV6_CHECKSUM, -1},
		{"multicast hops", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, TTL},
		{"multicast loop", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0},
		{"multicast all", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0},
		{"unicast hops", unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, int(unicastTTL)},
		{"traffic class", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, trafficClass},
		{"transparent", unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT, 1},
	}
}

// receiving are the options of a socket that receives: what the kernel is to
// tell with each packet.
func receiving(is4 bool) []option {
	options := []option{
		{"timestamps", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
		{"overflow count", unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1},
	}
	if is4 {
		return options // the header is received too
	}
	return append(options,
		option{"hop limit", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1},
		option{"destination", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1},
	)
}

// join makes the socket a member of the group on the interface of that index.
func join(fd, index int, group netip.Addr) error {
	return membership(fd, index, group, unix.IP_ADD_MEMBERSHIP, unix.IPV6_JOIN_GROUP)
}

func leave(fd, index int, group netip.Addr) error {
	return membership(fd, index, group, unix.IP_DROP_MEMBERSHIP, unix.IPV6_LEAVE_GROUP)
}

func membership(fd, index int, group netip.Addr, option4, option6 int) error {
	if group.Is4() {
		request := &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(index)}
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, option4, request)
	}
	request := &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(index)}
	return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, option6, request)
}

// refuseOtherGroups makes an IPv6 socket receive no multicast but that of the
// group; none when group is the zero value. "multicast all" does that for
// IPv4, but the kernel does not ask it for raw IPv6 sockets.
func refuseOtherGroups(fd int, group netip.Addr) error {
	const (
		network     = uint32(0xfff00000) // SKF_NET_OFF: counted from the IP header
		destination = network + 24       // RFC 8200 §3
		multicast   = 0xff
		all         = 0xffffffff
	)
	var program []unix.SockFilter
	load := func(size uint16, at uint32) {
		program = append(program, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_ABS | size, K: at})
	}
	// answer ends the program unless what was loaded is the value.
	answer := func(value, otherwise uint32) {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: value},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: otherwise})
	}
	load(unix.BPF_B, destination)
	answer(multicast, all)
	last := uint32(0)
	if group.IsValid() {
		words := group.As16()
		for i := 0; i < len(words); i += 4 {
			load(unix.BPF_W, destination+uint32(i))
			answer(binary.BigEndian.Uint32(words[i:]), 0)
		}
		last = all
	}
	program = append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: last})
	err := unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	if err != nil {
		return fmt.Errorf("refuse other groups: %w", err)
	}
	return nil
}

// route is the control message that sends a packet from source through the
// interface of that index, whatever the routing table says of either; index 0
// leaves the interface to the table.
func route(index int, source netip.Addr) []byte {
	if source.Is4() {
		return unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: int32(index), Spec_dst: source.As4()})
	}
	return unix.PktInfo6(&unix.Inet6Pktinfo{Ifindex: uint32(index), Addr: source.As16()})
}

// rawAddress is where to send to, through the interface of that index.
func rawAddress(index int, destination netip.Addr) unix.Sockaddr {
	if destination.Is4() {
		return &unix.SockaddrInet4{Addr: destination.As4()}
	}
	return &unix.SockaddrInet6{Addr: destination.As16(), ZoneId: scope(index, destination)}
}

// scope is the zone of an IPv6 destination on the interface of that index.
func scope(index int, destination netip.Addr) uint32 {
	if destination.IsLinkLocalUnicast() || destination.IsLinkLocalMulticast() {
		return uint32(index)
	}
	return 0
}

// rawSocket opens a socket of raw(7) for one protocol.
func rawSocket(is4 bool, protocol int) (int, error) {
	family := unix.AF_INET6
	if is4 {
		family = unix.AF_INET
	}
	return unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
}
