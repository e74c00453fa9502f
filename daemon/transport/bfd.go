package transport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	// BFDPort is where control packets of a single hop go (RFC 5881 §4).
	BFDPort = 3784
	// BFDMultihopPort is where those of several hops go (RFC 5883 §5).
	BFDMultihopPort = 4784
	// BFDTTL is the TTL or hop limit that control packets are sent with
	// (RFC 5881 §5).
	BFDTTL = 255

	// The range of source ports (RFC 5881 §4).
	bfdSourceMin, bfdSourceMax = 49152, 65535
)

// BFDPath is the way that one session's packets take.
type BFDPath struct {
	// Local is the source; the zero value lets the kernel choose.
	Local netip.Addr
	// Remote is the neighbor. A link-local one needs an interface. Zones are
	// ignored.
	Remote netip.Addr
	// Interface, if not empty, is the only one that packets leave by.
	Interface string
	Multihop  bool
	TTL       uint8 // 0 stands for BFDTTL
}

// BFDDialer opens senders, each with a source port that none other of this
// dialer has (RFC 5881 §4). The zero value is ready. It is for one goroutine.
type BFDDialer struct {
	started bool
	port    int // the last one tried
}

// BFDSender sends the control packets of one session. It never waits. It is
// for one goroutine.
type BFDSender struct {
	fd    int
	index int
	to    unix.Sockaddr
}

// Dial opens a sender. An interface or a source address that is not there yet
// is an error; a missing route is one of Send.
func (d *BFDDialer) Dial(p BFDPath) (*BFDSender, error) {
	s, err := d.dial(p)
	if err != nil {
		return nil, fmt.Errorf("open a BFD socket to %s: %w", p.Remote, err)
	}
	return s, nil
}

func (d *BFDDialer) dial(p BFDPath) (*BFDSender, error) {
	family := unix.AF_INET6
	if p.Remote.Is4() {
		family = unix.AF_INET
	}
	if p.Local.IsValid() && p.Local.Is4() != p.Remote.Is4() {
		return nil, fmt.Errorf("source %s is of another family", p.Local)
	}
	if p.Remote.IsLinkLocalUnicast() && family == unix.AF_INET6 && p.Interface == "" {
		return nil, errors.New("a link-local address needs an interface")
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, err
	}
	s := &BFDSender{fd: fd}
	if err := d.prepare(s, p); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return s, nil
}

// prepare sets the socket's options and gives it its interface and source.
func (d *BFDDialer) prepare(s *BFDSender, p BFDPath) error {
	ttl := int(p.TTL)
	if ttl == 0 {
		ttl = BFDTTL
	}
	level, options := unix.IPPROTO_IP, [2]int{unix.IP_TTL, unix.IP_TOS}
	if p.Remote.Is6() {
		level, options = unix.IPPROTO_IPV6, [2]int{unix.IPV6_UNICAST_HOPS, unix.IPV6_TCLASS}
	}
	for i, value := range [...]int{ttl, trafficClass} {
		if err := unix.SetsockoptInt(s.fd, level, options[i], value); err != nil {
			return fmt.Errorf("set the TTL and the class: %w", err)
		}
	}
	// Nobody reads here: let the kernel drop what comes.
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 0); err != nil {
		return fmt.Errorf("shrink the receive buffer: %w", err)
	}
	if p.Interface != "" {
		if err := unix.BindToDevice(s.fd, p.Interface); err != nil {
			return fmt.Errorf("bind to %s: %w", p.Interface, err)
		}
		index, err := interfaceIndex(s.fd, p.Interface)
		if err != nil {
			return err
		}
		s.index = index
	}
	port := BFDPort
	if p.Multihop {
		port = BFDMultihopPort
	}
	s.to = socketAddress(p.Remote, port, s.index)
	return d.bind(s, p)
}

// bind gives the socket its source address and a port.
func (d *BFDDialer) bind(s *BFDSender, p BFDPath) error {
	local := p.Local
	switch {
	case local.IsValid():
	case p.Remote.Is4():
		local = netip.IPv4Unspecified()
	default:
		local = netip.IPv6Unspecified()
	}
	const ports = bfdSourceMax - bfdSourceMin + 1
	if !d.started {
		d.started, d.port = true, rand.IntN(ports)
	}
	for range ports {
		d.port = (d.port + 1) % ports
		err := unix.Bind(s.fd, socketAddress(local, bfdSourceMin+d.port, s.index))
		if errors.Is(err, unix.EADDRINUSE) {
			continue
		}
		if err != nil {
			return fmt.Errorf("bind to %s: %w", local, err)
		}
		return nil
	}
	return fmt.Errorf("no source port of %d to %d is free", bfdSourceMin, bfdSourceMax)
}

// Send sends one control packet.
func (s *BFDSender) Send(payload []byte) error { return unix.Sendto(s.fd, payload, 0, s.to) }

// Index is that of the path's interface, 0 without one.
func (s *BFDSender) Index() int { return s.index }

// Close closes the socket.
func (s *BFDSender) Close() { unix.Close(s.fd) }

// socketAddress is the address for the kernel. A link-local one is on the
// interface of that index.
func socketAddress(address netip.Addr, port, index int) unix.Sockaddr {
	if address.Is4() {
		return &unix.SockaddrInet4{Addr: address.As4(), Port: port}
	}
	to := &unix.SockaddrInet6{Addr: address.As16(), Port: port}
	if address.IsLinkLocalUnicast() {
		to.ZoneId = uint32(index)
	}
	return to
}

// interfaceIndex is that of the name now (netdevice(7)); fd is any socket.
func interfaceIndex(fd int, name string) (int, error) {
	request, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request)
	}
	if err != nil {
		return 0, fmt.Errorf("find the index of %s: %w", name, err)
	}
	return int(request.Uint32()), nil
}
