package transport

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BFDBatch is how many packets BFDReceiver takes at once.
const BFDBatch = 32

const (
	// bfdPayloadBytes is more than any control packet has: its length is a
	// byte (RFC 5880 §4.1).
	bfdPayloadBytes = 256
	// bfdControlBytes holds a timestamp, a TTL and the packet's addresses.
	bfdControlBytes = 128
	// bfdBufferBytes is what the kernel may hold: half a second of 200
	// sessions at 10 ms, at about 800 bytes a packet.
	bfdBufferBytes = 8 << 20
)

// BFDDatagram is a received control packet.
type BFDDatagram struct {
	Source, Destination netip.Addr // without a zone
	Index               int        // of the interface it came in by
	TTL                 uint8      // or hop limit; 0 when the kernel did not tell
	Payload             []byte
	// Arrived is as in Datagram.
	Arrived time.Time
}

// BFDReceiver receives the control packets of one family and kind of hop, of
// all sessions. It waits in a Waiter, not in Go's poller: a packet then wakes
// the thread that reads it, and no other. It is for one goroutine, and
// allocates nothing once it is open.
type BFDReceiver struct {
	fd        int
	headers   [BFDBatch]messageHeader
	vectors   [BFDBatch]unix.Iovec
	names     [BFDBatch]unix.RawSockaddrInet6 // also holds those of IPv4
	payloads  [BFDBatch][bfdPayloadBytes]byte
	controls  [BFDBatch][bfdControlBytes / 8]uint64 // aligned as the kernel writes
	datagrams [BFDBatch]BFDDatagram
}

// messageHeader is struct mmsghdr of recvmmsg(2).
type messageHeader struct {
	header unix.Msghdr
	bytes  uint32
}

// ListenBFD opens the port of a kind of hop for IPv4 or IPv6. Another BFD
// daemon on the same host is in its way.
func ListenBFD(ipv6, multihop bool) (*BFDReceiver, error) {
	port := BFDPort
	if multihop {
		port = BFDMultihopPort
	}
	family, any := unix.AF_INET, netip.IPv4Unspecified()
	if ipv6 {
		family, any = unix.AF_INET6, netip.IPv6Unspecified()
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, fmt.Errorf("open a BFD socket: %w", err)
	}
	err = prepareBFD(fd, ipv6)
	if err == nil {
		err = unix.Bind(fd, socketAddress(any, port, 0))
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen for BFD on UDP port %d: %w", port, err)
	}
	return newBFDReceiver(fd), nil
}

func newBFDReceiver(fd int) *BFDReceiver {
	r := &BFDReceiver{fd: fd}
	for i := range r.headers {
		r.vectors[i].Base = &r.payloads[i][0]
		r.vectors[i].SetLen(bfdPayloadBytes)
		h := &r.headers[i].header
		h.Name = (*byte)(unsafe.Pointer(&r.names[i]))
		h.Iov = &r.vectors[i]
		h.SetIovlen(1)
		h.Control = (*byte)(unsafe.Pointer(&r.controls[i]))
	}
	return r
}

// prepareBFD asks for what comes with each packet.
func prepareBFD(fd int, ipv6 bool) error {
	type option struct {
		name             string
		level, id, value int
	}
	options := []option{
		{"timestamps", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
		{"TTL", unix.IPPROTO_IP, unix.IP_RECVTTL, 1},
		{"packet information", unix.IPPROTO_IP, unix.IP_PKTINFO, 1},
	}
	if ipv6 {
		options = []option{
			options[0],
			{"IPv6 only", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
			{"hop limit", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1},
			{"packet information", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1},
		}
	}
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.id, o.value); err != nil {
			return fmt.Errorf("set %s: %w", o.name, err)
		}
	}
	// Without CAP_NET_ADMIN the system's own limit holds.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bfdBufferBytes) != nil {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bfdBufferBytes); err != nil {
			return fmt.Errorf("grow the receive buffer: %w", err)
		}
	}
	return nil
}

// Receive takes pending packets, and never waits: ErrEmpty says that there are
// none. When it returns BFDBatch of them there may be more. The list is valid
// until the next call.
func (r *BFDReceiver) Receive() ([]BFDDatagram, error) {
	for i := range r.headers {
		h := &r.headers[i].header
		h.Namelen = unix.SizeofSockaddrInet6
		h.SetControllen(bfdControlBytes)
	}
	n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(r.fd), uintptr(unsafe.Pointer(&r.headers)),
		BFDBatch, unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		return nil, ErrEmpty
	}
	if errno != 0 {
		return nil, fmt.Errorf("receive BFD packets: %w", errno)
	}
	now := time.Now()
	for i := range int(n) {
		r.datagrams[i] = BFDDatagram{Payload: r.payloads[i][:r.headers[i].bytes], Arrived: now}
		d := &r.datagrams[i]
		d.Source = sourceAddress(&r.names[i])
		control := unsafe.Slice((*byte)(unsafe.Pointer(&r.controls[i])), bfdControlBytes)
		d.readControl(control[:r.headers[i].header.Controllen], now)
	}
	return r.datagrams[:n], nil
}

// Close closes the socket.
func (r *BFDReceiver) Close() { unix.Close(r.fd) }

// sourceAddress is the address in what the kernel wrote.
func sourceAddress(raw *unix.RawSockaddrInet6) netip.Addr {
	if raw.Family == unix.AF_INET {
		return netip.AddrFrom4((*unix.RawSockaddrInet4)(unsafe.Pointer(raw)).Addr)
	}
	return netip.AddrFrom16(raw.Addr)
}

// readControl reads the control messages of a packet (ip(7), ipv6(7)).
func (d *BFDDatagram) readControl(control []byte, now time.Time) {
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return
		}
		control = rest
		switch {
		case header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16:
			d.Arrived = stampedAt(data, now)
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_TTL && len(data) >= 4,
			header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_HOPLIMIT && len(data) >= 4:
			d.TTL = uint8(binary.NativeEndian.Uint32(data))
		case header.Level == unix.IPPROTO_IP && header.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			d.Index = int(binary.NativeEndian.Uint32(data))
			d.Destination = netip.AddrFrom4([4]byte(data[8:]))
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			d.Destination = netip.AddrFrom16([16]byte(data))
			d.Index = int(binary.NativeEndian.Uint32(data[16:]))
		}
	}
}

// stampedAt is as arrival, for a timestamp alone.
func stampedAt(stamp []byte, now time.Time) time.Time {
	at := time.Unix(int64(binary.NativeEndian.Uint64(stamp)), int64(binary.NativeEndian.Uint64(stamp[8:])))
	if age := now.Round(0).Sub(at); age > 0 && age <= waitMax {
		return now.Add(-age)
	}
	return now
}
