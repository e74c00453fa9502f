//go:build linux

package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

const (
	icmpEchoRequest = 8
	icmpEchoReply   = 0
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
	clock  Clock
	report *reporter

	sender     int
	receiver   *packetSocket
	buffer     []byte
	identifier uint16

	// The probes under way: from oldest to before next, by number modulo the
	// length.
	pending []pendingEcho
	oldest  int
	next    int
	waiting int // for an answer, of those
}

type pendingEcho struct {
	at   time.Duration
	done bool // answered, or never sent
}

func openEcho(clock Clock, o ClientOptions, r *reporter) (*echoes, error) {
	e := &echoes{
		ClientOptions: o, clock: clock, report: r,
		buffer:     make([]byte, ipv4Header+echoLength),
		identifier: uint16(rand.Uint32()),
		pending:    make([]pendingEcho, 2*outstandingMax),
	}
	var err error
	e.receiver, err = openPacket(packetOptions{
		kind:     unix.SOCK_DGRAM,
		protocol: unix.ETH_P_IP,
		filter:   echoFilter(o.VIP, e.identifier),
	})
	if err != nil {
		return nil, err
	}
	if e.sender, err = openEchoSender(); err != nil {
		e.receiver.close()
		return nil, err
	}
	return e, nil
}

// openEchoSender opens a raw ICMP socket that receives nothing. It stays
// unconnected and without IP_RECVERR: so an ICMP error about one probe is not
// reported as the failure to send another (raw(7)).
func openEchoSender() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		return 0, fmt.Errorf("open raw ICMP socket: %w", err)
	}
	err = unix.SetsockoptInt(fd, unix.SOL_RAW, unix.ICMP_FILTER, -1) // every type
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	}
	if err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("set up raw ICMP socket: %w", err)
	}
	return fd, nil
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
	e.giveUp(e.clock.Now() - e.Timeout)
	if seq-e.oldest == len(e.pending) { // after more than a minute of standstill
		e.giveUp(e.pending[e.oldest%len(e.pending)].at)
	}
	message := echoRequest(e.identifier, seq)
	at := e.clock.Now()
	err := unix.Sendto(e.sender, message, 0, &unix.SockaddrInet4{Addr: e.VIP.As4()})
	e.pending[seq%len(e.pending)] = pendingEcho{at: at, done: err != nil}
	e.next = seq + 1
	if err != nil {
		e.report.add(at, history.Probe{Stream: history.StreamICMP, Seq: seq, Error: "send: " + err.Error()})
		return nil
	}
	e.waiting++
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
		if err != nil || seq < e.oldest || seq >= e.next {
			continue // corrupted, or given up
		}
		p := &e.pending[seq%len(e.pending)]
		rtt := max(e.clock.FromWall(packet.at)-p.at, 1)
		if p.done || rtt > e.Timeout {
			continue // a duplicate, or too late
		}
		p.done = true
		e.waiting--
		e.report.add(p.at, history.Probe{
			Stream: history.StreamICMP, Seq: seq, RTT: rtt, By: e.hostOf(packet.sourceMAC),
		})
	}
	return nil
}

// giveUp reports the probes that were sent before the given time as lost.
func (e *echoes) giveUp(before time.Duration) {
	for ; e.oldest < e.next; e.oldest++ {
		p := e.pending[e.oldest%len(e.pending)]
		if p.at > before {
			return
		}
		if !p.done {
			e.waiting--
			e.report.add(p.at, history.Probe{Stream: history.StreamICMP, Seq: e.oldest, Error: errorTimeout})
		}
	}
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

// parseEchoReply returns the number of the probe that an IPv4 packet with an
// echo reply answers.
func parseEchoReply(packet []byte) (int, error) {
	if len(packet) < ipv4Header+echoLength || packet[0] != 0x45 {
		return 0, fmt.Errorf("%d bytes are no answer to a probe", len(packet))
	}
	message := packet[ipv4Header : ipv4Header+echoLength]
	if message[0] != icmpEchoReply || checksum(message) != 0 {
		return 0, errors.New("not an echo reply, or its checksum is wrong")
	}
	return int(binary.BigEndian.Uint64(message[8:])), nil
}
