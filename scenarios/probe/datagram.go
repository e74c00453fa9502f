//go:build linux

package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

// datagramLength is a datagram of ours: what marks the stream, and the probe's
// number. The answer has the server's name behind it.
const datagramLength = 8 + 8

// datagrams is the stream of UDP datagrams to the echo server. They are sent and
// received on the schedule's thread by one socket, which the kernel's timestamps
// come with. It stays unconnected for the reason that the sender of echo requests
// does.
type datagrams struct {
	ClientOptions
	clock Clock
	outstanding

	fd          int
	target      unix.Sockaddr
	mark        uint64
	buffer, oob []byte
}

func openDatagrams(clock Clock, o ClientOptions, r *reporter) (*datagrams, error) {
	d := &datagrams{
		ClientOptions: o, clock: clock, outstanding: newOutstanding(history.StreamUDP, r),
		mark: rand.Uint64(), buffer: make([]byte, datagramLength+bodyShown), oob: make([]byte, 256),
	}
	family := unix.AF_INET
	if o.VIP.Is6() {
		family, d.target = unix.AF_INET6, &unix.SockaddrInet6{Port: EchoPort, Addr: o.VIP.As16()}
	} else {
		d.target = &unix.SockaddrInet4{Port: EchoPort, Addr: o.VIP.As4()}
	}
	var err error
	if d.fd, err = unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("open UDP socket: %w", err)
	}
	err = unix.SetsockoptInt(d.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
	if err == nil {
		err = unix.SetsockoptInt(d.fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBuffer)
	}
	if err != nil {
		d.close()
		return nil, fmt.Errorf("set up UDP socket: %w", err)
	}
	return d, nil
}

func (d *datagrams) close() { _ = unix.Close(d.fd) }

// step reads the answers to the probes before, and sends the next.
func (d *datagrams) step(seq int) error {
	if err := d.collect(); err != nil {
		return err
	}
	d.prepare(seq, d.clock.Now()-d.Timeout)
	message := binary.BigEndian.AppendUint64(nil, d.mark)
	message = binary.BigEndian.AppendUint64(message, uint64(seq))
	at := d.clock.Now()
	d.sent(seq, at, unix.Sendto(d.fd, message, 0, d.target))
	return nil
}

// collect reads the answers that came, as long as any can.
func (d *datagrams) collect() error {
	for d.waiting > 0 {
		n, oobn, _, _, err := unix.Recvmsg(d.fd, d.buffer, d.oob, 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("read UDP socket: %w", err)
		}
		at, err := stamp(d.oob[:oobn])
		if err != nil {
			return fmt.Errorf("read UDP socket: %w", err)
		}
		if n < datagramLength || binary.BigEndian.Uint64(d.buffer) != d.mark {
			continue // not ours
		}
		seq := int(binary.BigEndian.Uint64(d.buffer[8:]))
		d.answered(seq, d.clock.FromWall(at), d.Timeout, string(d.buffer[datagramLength:n]))
	}
	return nil
}
