package transport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sender sends advertisements of both families on any interface and receives
// nothing. It holds its sockets, opened beforehand, for a process that speaks
// only when another has died. It is for one goroutine, except Close.
type Sender struct {
	ip4, ip6 descriptor
	whole    descriptor // takes IPv4 packets, header first
	// without says why there is no IPv6.
	without error
}

// NewSender opens the sockets. It needs CAP_NET_RAW. On a host without IPv6
// only sending over IPv6 fails.
func NewSender() (*Sender, error) {
	s := &Sender{}
	var err error
	if s.ip4, err = sendingSocket(true, Protocol); err != nil {
		return nil, err
	}
	// The socket of this protocol takes whole packets; see raw(7).
	if s.whole, err = sendingSocket(true, unix.IPPROTO_RAW); err != nil {
		s.Close()
		return nil, err
	}
	s.ip6, s.without = sendingSocket(false, Protocol)
	if s.without != nil && !errors.Is(s.without, unix.EAFNOSUPPORT) {
		s.Close()
		return nil, s.without
	}
	return s, nil
}

// sendingSocket opens a socket that receives nothing.
func sendingSocket(is4 bool, protocol int) (descriptor, error) {
	fd, err := rawSocket(is4, protocol)
	if err != nil {
		return descriptor{}, fmt.Errorf("open a VRRP socket: %w", err)
	}
	// A raw socket receives what it was not told to leave. Nobody reads here:
	// the smallest buffer is soon full, and the kernel drops the rest.
	options := append(sending(is4, TTL), option{"receive buffer", unix.SOL_SOCKET, unix.SO_RCVBUF, 0})
	if err := setOptions(fd, options...); err != nil {
		unix.Close(fd)
		return descriptor{}, fmt.Errorf("prepare a VRRP socket: %w", err)
	}
	return newDescriptor(fd, "vrrp")
}

// Send sends one advertisement from source to Group, on the interface of that
// index.
func (s *Sender) Send(index int, source netip.Addr, payload []byte) error {
	return s.SendTo(index, source, Group(), TTL, payload)
}

// SendTo sends one advertisement from source to a group or a peer, with that
// TTL or hop limit, on the interface of that index; 0 leaves the interface to
// the routing table. Zones do not count.
func (s *Sender) SendTo(index int, source, destination netip.Addr, ttl uint8, payload []byte) error {
	if !isUnicast(source) || !destination.IsValid() || source.Is4() != destination.Is4() {
		return fmt.Errorf("send from %s to %s: not unicast, or not one family", source, destination)
	}
	d, level, kind := s.ip4, unix.IPPROTO_IP, unix.IP_TTL
	if source.Is6() {
		if s.without != nil {
			return fmt.Errorf("send from %s: %w", source, s.without)
		}
		d, level, kind = s.ip6, unix.IPPROTO_IPV6, unix.IPV6_HOPLIMIT
	}
	control := append(route(index, source), controlNumber(level, kind, int32(ttl))...)
	to := rawAddress(index, destination)
	if err := d.do(func(fd int) error { return unix.Sendmsg(fd, payload, control, to, 0) }); err != nil {
		return fmt.Errorf("send from %s to %s on interface %d: %w", source, destination, index, err)
	}
	return nil
}

// SendPacket sends a whole IPv4 packet, header first, to the destination in
// it, on the interface of that index. It is for advertisements in an
// Authentication Header. The kernel sets the header's checksum.
func (s *Sender) SendPacket(index int, packet []byte) error {
	d, err := parseIPv4(packet)
	if err != nil {
		return fmt.Errorf("send a packet on interface %d: %w", index, err)
	}
	to, control := rawAddress(index, d.Destination), route(index, d.Source)
	if err := s.whole.do(func(fd int) error { return unix.Sendmsg(fd, packet, control, to, 0) }); err != nil {
		return fmt.Errorf("send a packet from %s to %s on interface %d: %w", d.Source, d.Destination, index, err)
	}
	return nil
}

// controlNumber is a control message that carries one number.
func controlNumber(level, kind int, value int32) []byte {
	b := make([]byte, unix.CmsgSpace(4))
	header := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	header.Level = int32(level)
	header.Type = int32(kind)
	header.SetLen(unix.CmsgLen(4))
	binary.NativeEndian.PutUint32(b[unix.CmsgLen(0):], uint32(value))
	return b
}

// Close closes the sockets. It may be called again.
func (s *Sender) Close() {
	for _, d := range []descriptor{s.ip4, s.ip6, s.whole} {
		if d.file != nil {
			d.Close()
		}
	}
}
