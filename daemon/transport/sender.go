package transport

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Sender sends advertisements on any interface and receives nothing. It holds
// one socket, opened beforehand, for a process that speaks only when another
// has died. It is for one goroutine.
type Sender struct {
	descriptor
}

// NewSender opens the socket. It needs CAP_NET_RAW.
func NewSender() (*Sender, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, Protocol)
	if err != nil {
		return nil, fmt.Errorf("open a VRRP socket: %w", err)
	}
	if err := setOptions(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare a VRRP socket: %w", err)
	}
	// A raw socket receives what it was not told to leave. Nobody reads here:
	// the smallest buffer is soon full, and the kernel drops the rest.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("shrink a VRRP socket's receive buffer: %w", err)
	}
	d, err := newDescriptor(fd, "vrrp")
	if err != nil {
		return nil, err
	}
	return &Sender{descriptor: d}, nil
}

// Send sends one advertisement from source to Group, on the interface of that
// index.
func (s *Sender) Send(index int, source netip.Addr, payload []byte) error {
	if !source.Is4() {
		return fmt.Errorf("send from %s on interface %d: not an IPv4 address", source, index)
	}
	control := unix.PktInfo4(&unix.Inet4Pktinfo{Ifindex: int32(index), Spec_dst: source.As4()})
	to := &unix.SockaddrInet4{Addr: Group().As4()}
	err := s.do(func(fd int) error { return unix.Sendmsg(fd, payload, control, to, 0) })
	if err != nil {
		return fmt.Errorf("send from %s on interface %d: %w", source, index, err)
	}
	return nil
}
