//go:build linux

package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// packetBuffer is asked for as the receive buffer of packet sockets, in bytes.
const packetBuffer = 8 << 20

// frameSize is the largest frame read: what a device may hand over unsegmented.
const frameSize = 1<<16 + 18

// packetSocket is an AF_PACKET socket: see packet(7). It never blocks.
type packetSocket struct {
	fd  int
	oob []byte
}

// packetOptions is what a packet socket receives.
type packetOptions struct {
	namespace string
	device    string // empty: all
	kind      int    // unix.SOCK_RAW with link headers, or unix.SOCK_DGRAM without
	protocol  uint16 // unix.ETH_P_...
	filter    []bpf.Instruction
}

// packet is one that was received.
type packet struct {
	data      []byte    // as much as the buffer held
	length    int       // on the wire
	at        time.Time // the kernel's stamp, CLOCK_REALTIME
	outgoing  bool      // sent by the device, not received from it
	sourceMAC net.HardwareAddr
}

// openPacket opens a socket that gets nothing but what passes the filter: it
// is bound only after the filter is in place.
func openPacket(o packetOptions) (*packetSocket, error) {
	var s *packetSocket
	err := inNamespace(o.namespace, func() error {
		fd, err := unix.Socket(unix.AF_PACKET, o.kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("socket: %w", err)
		}
		s = &packetSocket{fd: fd, oob: make([]byte, 256)}
		if err := s.setUp(o); err != nil {
			s.close()
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open packet socket on %q: %w", o.device, err)
	}
	return s, nil
}

func (s *packetSocket) setUp(o packetOptions) error {
	if err := s.attach(o.filter); err != nil {
		return err
	}
	// Beyond net.core.rmem_max only with CAP_NET_ADMIN over the whole machine.
	if unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, packetBuffer) != nil {
		if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, packetBuffer); err != nil {
			return fmt.Errorf("set receive buffer: %w", err)
		}
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return fmt.Errorf("ask for timestamps: %w", err)
	}
	address := &unix.SockaddrLinklayer{Protocol: networkOrder(o.protocol)}
	if o.device != "" {
		device, err := net.InterfaceByName(o.device)
		if err != nil {
			return err
		}
		address.Ifindex = device.Index
	}
	if err := unix.Bind(s.fd, address); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	return nil
}

func (s *packetSocket) attach(filter []bpf.Instruction) error {
	if len(filter) == 0 {
		return nil
	}
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return fmt.Errorf("assemble filter: %w", err)
	}
	program := unix.SockFprog{
		Len:    uint16(len(raw)),
		Filter: (*unix.SockFilter)(unsafe.Pointer(&raw[0])), // the same layout, field by field
	}
	if err := unix.SetsockoptSockFprog(s.fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program); err != nil {
		return fmt.Errorf("attach filter: %w", err)
	}
	return nil
}

func (s *packetSocket) close() { _ = unix.Close(s.fd) }

// receive reads the next packet into buffer; false when there is none now. A
// device that goes down reports that once in place of a packet; that is
// passed over, as it may come up again.
func (s *packetSocket) receive(buffer []byte) (packet, bool, error) {
	for {
		n, oobn, _, from, err := unix.Recvmsg(s.fd, buffer, s.oob, unix.MSG_TRUNC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return packet{}, false, nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ENETDOWN):
			continue
		case err != nil:
			return packet{}, false, fmt.Errorf("read packet socket: %w", err)
		}
		p := packet{data: buffer[:min(n, len(buffer))], length: n}
		if link, ok := from.(*unix.SockaddrLinklayer); ok {
			p.outgoing = link.Pkttype == unix.PACKET_OUTGOING
			p.sourceMAC = link.Addr[:min(int(link.Halen), len(link.Addr))]
		}
		if p.at, err = stamp(s.oob[:oobn]); err != nil {
			return packet{}, false, fmt.Errorf("read packet socket: %w", err)
		}
		return p, true, nil
	}
}

// stamp finds SCM_TIMESTAMPNS among control messages.
func stamp(oob []byte) (time.Time, error) {
	for len(oob) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return time.Time{}, fmt.Errorf("control message: %w", err)
		}
		if header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_TIMESTAMPNS &&
			len(data) >= int(unsafe.Sizeof(unix.Timespec{})) {
			ts := (*unix.Timespec)(unsafe.Pointer(&data[0]))
			return time.Unix(ts.Unix()), nil
		}
		oob = rest
	}
	return time.Time{}, errors.New("no timestamp")
}

// drops is how many packets were lost for want of room since the last call.
func (s *packetSocket) drops() (uint32, error) {
	stats, err := unix.GetsockoptTpacketStats(s.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, fmt.Errorf("read packet statistics: %w", err)
	}
	return stats.Drops, nil
}

// networkOrder is a number whose bytes in memory are n's in network order.
func networkOrder(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}
