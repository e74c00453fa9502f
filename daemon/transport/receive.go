package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// receiveBufferBytes holds the largest advertisement, 255 IPv6 addresses
	// and a trailer in 4116 bytes, with the largest IPv4 header and an
	// Authentication Header before it.
	receiveBufferBytes = 4352

	// controlBytes holds a timestamp, a destination, a hop limit and an
	// overflow count, each with its header.
	controlBytes = 256
)

// reader takes one packet at a time from a socket, into memory of its own: a
// flood of packets leaves no garbage.
type reader struct {
	is4     bool
	buffer  [receiveBufferBytes]byte
	control [controlBytes]byte
	source  unix.RawSockaddrInet6
	vector  unix.Iovec
	message unix.Msghdr
	// take calls recvmsg(2) and leaves its results here.
	take     func(fd uintptr)
	n        int
	errno    unix.Errno
	overflow uint32
}

func (r *reader) prepare(is4 bool) {
	r.is4 = is4
	r.vector.Base = &r.buffer[0]
	r.vector.SetLen(len(r.buffer))
	r.take = func(fd uintptr) {
		// The kernel writes to the lengths and the flags.
		r.message = unix.Msghdr{Iov: &r.vector, Control: &r.control[0]}
		r.message.SetIovlen(1)
		r.message.SetControllen(len(r.control))
		if !r.is4 { // an IPv4 packet says it itself
			r.message.Name = (*byte)(unsafe.Pointer(&r.source))
			r.message.Namelen = unix.SizeofSockaddrInet6
		}
		n, _, errno := unix.Syscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&r.message)), unix.MSG_DONTWAIT)
		r.n, r.errno = int(n), errno
	}
}

// Receive takes the next pending packet, and never waits: ErrEmpty says that
// there is none, a *HeaderError that what was taken is no usable packet, a
// *PeerError that it does not come from a peer (with CheckSource; the datagram
// is valid then). What the datagram points to is valid until the next call.
func (c *Conn) Receive() (Datagram, error) {
	r := &c.reader
	err := c.raw.Control(r.take)
	if err == nil && r.errno != 0 {
		err = r.errno
	}
	switch {
	case errors.Is(err, unix.EAGAIN) && c.own != nil:
		return c.own.receive()
	case errors.Is(err, unix.EAGAIN):
		return Datagram{}, ErrEmpty
	case err != nil:
		return Datagram{}, fmt.Errorf("receive on %s: %w", c.settings.place(), err)
	}
	d, err := r.datagram(time.Now())
	if err == nil && c.settings.CheckSource {
		err = c.settings.Peers.Check(d.Source, d.TTL)
	}
	return d, err
}

// receive is Receive for what is from own addresses. An error, such as that the
// interface went down, passes: the packet socket follows the interface.
func (o *own) receive() (Datagram, error) {
	if err := o.raw.Control(o.reader.take); err != nil || o.reader.errno != 0 {
		return Datagram{}, ErrEmpty
	}
	d, err := o.reader.datagram(time.Now())
	d.FromOwn = true
	return d, err
}

// Overflowed is how many packets the kernel has dropped since Open because
// they were not taken quickly enough, as of the last packet received. It
// starts anew at 2^32.
func (c *Conn) Overflowed() uint32 { return c.reader.overflow }

// datagram is what was taken.
func (r *reader) datagram(now time.Time) (Datagram, error) {
	told := parseControl(r.control[:r.message.Controllen])
	if told.overflow != 0 {
		r.overflow = told.overflow
	}
	var d Datagram
	var err error
	switch b := r.buffer[:r.n]; {
	case r.message.Flags&unix.MSG_TRUNC != 0:
		err = &HeaderError{Detail: fmt.Sprintf("more than %d bytes", len(r.buffer))}
	case r.is4:
		d, err = parseIPv4(b)
	default:
		d, err = told.datagramIPv6(netip.AddrFrom16(r.source.Addr), b)
	}
	d.Arrived = arrival(told.stamp, now)
	return d, err
}

// told is what the kernel tells with a packet.
type told struct {
	stamp       time.Time  // zero when it was not told
	destination netip.Addr // IPv6 only
	hopLimit    int        // IPv6 only; -1 when it was not told
	overflow    uint32     // 0 when it was not told
}

// datagramIPv6 is a packet of which a raw socket delivers what follows the
// headers.
func (t told) datagramIPv6(source netip.Addr, payload []byte) (Datagram, error) {
	if !t.destination.IsValid() || t.hopLimit < 0 {
		return Datagram{}, &HeaderError{Source: source, Detail: "the kernel told no destination or hop limit"}
	}
	return Datagram{
		Source:      source,
		Destination: t.destination,
		TTL:         uint8(t.hopLimit),
		Protocol:    Protocol,
		Payload:     payload,
	}, nil
}
