package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Protocol is VRRP's IP protocol number (RFC 3768 §5.2.4).
	Protocol = 112

	// TTL is the only time to live that an advertisement may have
	// (RFC 3768 §5.2.3).
	TTL = 255

	// trafficClass is Internetwork Control, precedence 6 (RFC 791 §3.1).
	trafficClass = 0xc0

	// receiveBufferBytes holds the largest IPv4 packet with 255 addresses
	// many times over, and no jumbo frame more.
	receiveBufferBytes = 4096
)

// Group is the multicast group of IPv4 virtual routers (RFC 3768 §5.2.2).
func Group() netip.Addr { return netip.AddrFrom4([4]byte{224, 0, 0, 18}) }

// ErrEmpty is returned by Receive when nothing is pending.
var ErrEmpty = errors.New("no packet is pending")

// Conn sends and receives the advertisements of one interface. It is for one
// goroutine, except Close.
type Conn struct {
	descriptor
	name   string // the interface, for messages
	index  int
	buffer [receiveBufferBytes]byte
	// control holds one timestamp and its header.
	control [64]byte
}

// Listen opens a socket for the interface of that name and index: bound to
// it, member of Group on it, and sending from source. It needs CAP_NET_RAW.
// Call Watch to learn when packets arrive.
func Listen(name string, index int, source netip.Addr) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, Protocol)
	if err != nil {
		return nil, fmt.Errorf("open a VRRP socket for %s: %w", name, err)
	}
	if err := prepare(fd, name, index); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare a VRRP socket for %s: %w", name, err)
	}
	d, err := newDescriptor(fd, "vrrp:"+name)
	if err != nil {
		return nil, err
	}
	c := &Conn{descriptor: d, name: name, index: index}
	if err := c.SetSource(source); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// prepare makes fd a socket of one interface and a member of Group there.
func prepare(fd int, name string, index int) error {
	if err := unix.BindToDevice(fd, name); err != nil {
		return fmt.Errorf("bind to device: %w", err)
	}
	if err := setOptions(fd); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("ask for timestamps: %w", err)
	}
	group := &unix.IPMreqn{Multiaddr: Group().As4(), Ifindex: int32(index)}
	if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, group); err != nil {
		return fmt.Errorf("join %s: %w", Group(), err)
	}
	return nil
}

// setOptions sets the options of ip(7) that every VRRP socket has.
func setOptions(fd int) error {
	options := []struct {
		name  string
		id    int
		value int
	}{
		{"multicast ttl", unix.IP_MULTICAST_TTL, TTL},
		{"multicast loop", unix.IP_MULTICAST_LOOP, 0},
		{"multicast all", unix.IP_MULTICAST_ALL, 0},
		{"type of service", unix.IP_TOS, trafficClass},
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, o.id, o.value); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	return nil
}

// SetSource makes source the address that advertisements are sent from.
func (c *Conn) SetSource(source netip.Addr) error {
	if !source.Is4() {
		return fmt.Errorf("send from %s on %s: not an IPv4 address", source, c.name)
	}
	request := &unix.IPMreqn{Address: source.As4(), Ifindex: int32(c.index)}
	err := c.do(func(fd int) error {
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, request)
	})
	if err != nil {
		return fmt.Errorf("send from %s on %s: %w", source, c.name, err)
	}
	return nil
}

// Send sends one advertisement to Group.
func (c *Conn) Send(payload []byte) error {
	to := &unix.SockaddrInet4{Addr: Group().As4()}
	if err := c.do(func(fd int) error { return unix.Sendto(fd, payload, 0, to) }); err != nil {
		return fmt.Errorf("send an advertisement on %s: %w", c.name, err)
	}
	return nil
}

// Receive takes the next pending packet, and never waits: ErrEmpty says that
// there is none, a *HeaderError that what was taken is no usable IPv4 packet.
// The payload is valid until the next call.
func (c *Conn) Receive() (Datagram, error) {
	n, controls := 0, 0
	err := c.do(func(fd int) (err error) {
		n, controls, _, _, err = unix.Recvmsg(fd, c.buffer[:], c.control[:], unix.MSG_DONTWAIT)
		return err
	})
	switch {
	case errors.Is(err, unix.EAGAIN):
		return Datagram{}, ErrEmpty
	case err != nil:
		return Datagram{}, fmt.Errorf("receive on %s: %w", c.name, err)
	}
	d, err := parseIPv4(c.buffer[:n])
	d.Arrived = arrival(c.control[:controls], time.Now())
	return d, err
}

// Watch calls notify, from another goroutine, whenever packets have arrived,
// until Close. Receive must then be called until ErrEmpty.
func (c *Conn) Watch(notify func()) { c.watch(notify) }
