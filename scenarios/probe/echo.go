//go:build linux

package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

const (
	icmpEchoRequest = 8
	icmpEchoReply   = 0
	// RFC 4443, sections 4.1 and 4.2.
	icmp6EchoRequest = 128
	icmp6EchoReply   = 129
	// echoLength is an echo message with its probe's number as the data.
	echoLength = 8 + 8
	// sendBuffer is what socket(7) allows everybody. The kernel doubles it, so
	// that it holds more than may wait for a neighbour to be resolved
	// (unres_qlen_bytes): the neighbour's queue drops the oldest before the
	// socket would refuse the newest.
	sendBuffer = 212992
)

// echoes is the stream of echo requests. They are sent by a raw socket, so
// that the client's routes and neighbour table decide where they go; the
// answers are read by a packet socket, which knows the sender's MAC address
// and when the kernel received it. Both by one thread, which thus wakes up once
// in a period.
type echoes struct {
	ClientOptions
	clock Clock
	outstanding

	sender     int
	target     unix.Sockaddr
	receiver   *packetSocket
	buffer     []byte
	identifier uint16
}

func openEcho(clock Clock, o ClientOptions, r *reporter) (*echoes, error) {
	e := &echoes{
		ClientOptions: o, clock: clock, outstanding: newOutstanding(history.StreamICMP, r),
		buffer:     make([]byte, ipv6Header+echoLength),
		identifier: uint16(rand.Uint32()),
	}
	protocol := uint16(unix.ETH_P_IP)
	if o.VIP.Is6() {
		protocol, e.target = unix.ETH_P_IPV6, &unix.SockaddrInet6{Addr: o.VIP.As16()}
	} else {
		e.target = &unix.SockaddrInet4{Addr: o.VIP.As4()}
	}
	var err error
	e.receiver, err = openPacket(packetOptions{
		kind:     unix.SOCK_DGRAM,
		protocol: protocol,
		filter:   echoFilter(o.VIP, e.identifier),
	})
	if err != nil {
		return nil, err
	}
	if e.sender, err = openEchoSender(o.VIP.Is6()); err != nil {
		e.receiver.close()
		return nil, err
	}
	return e, nil
}

// openEchoSender opens a raw ICMP socket that receives nothing; for IPv6 its
// kernel fills in the checksum. It stays unconnected and without IP_RECVERR: so
// an ICMP error about one probe is not reported as the failure to send another
// (raw(7)).
func openEchoSender(ipv6 bool) (int, error) {
	family, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	if ipv6 {
		family, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return 0, fmt.Errorf("open raw ICMP socket: %w", err)
	}
	if ipv6 {
		err = unix.SetsockoptICMPv6Filter(fd, unix.SOL_ICMPV6, unix.ICMPV6_FILTER, blockAll())
	} else {
		err = unix.SetsockoptInt(fd, unix.SOL_RAW, unix.ICMP_FILTER, -1) // every type
	}
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("set up raw ICMP socket: %w", err)
	}
	return fd, nil
}

// blockAll is a filter that lets no type pass: RFC 3542, section 3.2.
func blockAll() *unix.ICMPv6Filter {
	var filter unix.ICMPv6Filter
	for i := range filter.Data {
		filter.Data[i] = ^uint32(0)
	}
	return &filter
}

func (e *echoes) close() {
	e.receiver.close()
	_ = unix.Close(e.sender)
}

// step reads the answers to the probes before, and sends the next.
func (e *echoes) step(seq int) error {
	if err := e.collect(); err != nil {
		return err
	}
	e.prepare(seq, e.clock.Now()-e.Timeout)
	message := echoRequest(e.identifier, seq)
	if e.VIP.Is6() {
		message[0] = icmp6EchoRequest
	}
	at := e.clock.Now()
	e.sent(seq, at, unix.Sendto(e.sender, message, 0, e.target))
	return nil
}

// collect reads the answers that came, as long as any can.
func (e *echoes) collect() error {
	for e.waiting > 0 {
		packet, ok, err := e.receiver.receive(e.buffer)
		if err != nil || !ok {
			return err
		}
		seq, err := parseEchoReply(packet.data)
		if err != nil {
			continue // corrupted
		}
		e.answered(seq, e.clock.FromWall(packet.at), e.Timeout, e.hostOf(packet.sourceMAC))
	}
	return nil
}

// hostOf is the host with a MAC address; an unknown address stands for itself.
func (e *echoes) hostOf(mac net.HardwareAddr) string {
	if host, ok := e.MACs[mac.String()]; ok {
		return host
	}
	return mac.String()
}

// echoRequest is an ICMP echo request (RFC 792) that carries a probe's number.
func echoRequest(identifier uint16, seq int) []byte {
	message := make([]byte, echoLength)
	message[0] = icmpEchoRequest
	binary.BigEndian.PutUint16(message[4:], identifier)
	binary.BigEndian.PutUint16(message[6:], uint16(seq))
	binary.BigEndian.PutUint64(message[8:], uint64(seq))
	binary.BigEndian.PutUint16(message[2:], checksum(message))
	return message
}

// parseEchoReply returns the number of the probe that an IP packet with an
// echo reply answers.
func parseEchoReply(packet []byte) (int, error) {
	header, reply := ipv4Header, byte(icmpEchoReply)
	if len(packet) > 0 && packet[0]>>4 == 6 {
		header, reply = ipv6Header, icmp6EchoReply
	}
	if len(packet) < header+echoLength || header == ipv4Header && packet[0] != 0x45 {
		return 0, fmt.Errorf("%d bytes are no answer to a probe", len(packet))
	}
	message := packet[header : header+echoLength]
	var pseudo []byte
	if header == ipv6Header {
		source, destination := netip.AddrFrom16([16]byte(packet[8:24])), netip.AddrFrom16([16]byte(packet[24:40]))
		pseudo = pseudoHeader(source, destination, unix.IPPROTO_ICMPV6, len(message))
	}
	if message[0] != reply || checksum(pseudo, message) != 0 {
		return 0, errors.New("not an echo reply, or its checksum is wrong")
	}
	return int(binary.BigEndian.Uint64(message[8:])), nil
}
