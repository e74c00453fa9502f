package netif

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// leaveOut has a subscription not told of addresses that a port of ours has set
// or renewed. That spares a takeover of many addresses, and every renewal of
// their leases, a notification each. The kernel names the cause of an IPv4
// address only (rtmsg_ifa of net/ipv4/devinet.c, inet6_ifa_notify of
// net/ipv6/addrconf.c). It looks at the first message, and a notification is
// one.
func leaveOut(fd int, port uint32) error {
	const (
		kind  = 4  // of struct nlmsghdr: nlmsg_type
		cause = 12 // nlmsg_pid
		all   = 0xffffffff
	)
	var words [6]byte // as the kernel wrote them; a filter loads them in network order
	binary.NativeEndian.PutUint32(words[:], port)
	binary.NativeEndian.PutUint16(words[4:], unix.RTM_NEWADDR)
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_ABS | unix.BPF_W, K: cause},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 3, K: binary.BigEndian.Uint32(words[:])},
		{Code: unix.BPF_LD | unix.BPF_ABS | unix.BPF_H, K: kind},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(binary.BigEndian.Uint16(words[4:]))},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
		{Code: unix.BPF_RET | unix.BPF_K, K: all},
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
}
