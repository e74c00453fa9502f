//go:build linux

package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

const (
	ethernetHeader = 14
	// dropsPeriod is how often a busy port is asked for dropped packets.
	dropsPeriod = time.Second
)

// Port is a port of the switch.
type Port struct {
	Host      string // that the port leads to
	Interface string // its name in the switch's namespace
}

// CaptureOptions says what is captured.
type CaptureOptions struct {
	Namespace string // the switch's
	Ports     []Port
	// PCAPNG, if given, receives every frame of every port in the pcapng
	// format, an interface a port, named as its host. Frames of one port are
	// in their order; those of several are not sorted among each other.
	PCAPNG io.Writer
	// Live writes frames out as soon as no more are waiting, for somebody who
	// looks on.
	Live bool
}

// StartCapture appends every ARP packet, unsolicited Neighbor Advertisement and
// VRRP advertisement at the switch's ports as [history.ARP], [history.NA] and
// [history.Advert], with the kernel's timestamps, except those of the owner
// probe. What a host sends is seen before the switch
// decides about it, what it gets is seen when it is delivered. Frames that got
// lost in the capture itself end up in a [history.Note].
func StartCapture(clock Clock, log *history.Log, o CaptureOptions) (*Watch, error) {
	c := &capture{clock: clock, log: log, live: o.Live}
	if o.PCAPNG != nil {
		var err error
		c.trace, err = newTrace(o.PCAPNG, o.Ports)
		if err == nil && o.Live {
			err = c.trace.flush()
		}
		if err != nil {
			return nil, fmt.Errorf("start capture: %w", err)
		}
	}
	if err := c.openAll(o); err != nil {
		c.close()
		return nil, err
	}
	return watch(c.interrupt, c.run), nil
}

// opensAtATime is how many sockets are being opened: each waits for a grace
// period of the kernel (packet(7) sockets are bound under synchronize_net), and
// several wait for the same.
const opensAtATime = 64

func (c *capture) openAll(o CaptureOptions) error {
	c.taps = make([]*tap, len(o.Ports))
	var opening errgroup.Group
	opening.SetLimit(opensAtATime)
	for i, port := range o.Ports {
		opening.Go(func() error {
			if err := c.open(o.Namespace, i, port); err != nil {
				return fmt.Errorf("start capture at %s's port: %w", port.Host, err)
			}
			return nil
		})
	}
	return opening.Wait()
}

type capture struct {
	clock Clock
	log   *history.Log
	taps  []*tap
	trace *trace // nil: none
	live  bool
}

// tap is the capture at one port.
type tap struct {
	*capture
	index  int
	port   Port
	socket *packetSocket
	file   *os.File // owns the socket's descriptor
	asked  time.Duration
}

func (c *capture) open(namespace string, index int, port Port) error {
	o := packetOptions{
		namespace: namespace,
		device:    port.Interface,
		kind:      unix.SOCK_RAW,
		protocol:  unix.ETH_P_ALL,
	}
	if c.trace == nil {
		o.filter = captureFilter()
	}
	socket, err := openPacket(o)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(socket.fd), "packet socket on "+port.Interface)
	c.taps[index] = &tap{capture: c, index: index, port: port, socket: socket, file: file}
	return nil
}

func (c *capture) close() {
	for _, t := range c.taps {
		if t != nil { // it was opened
			_ = t.file.Close()
		}
	}
}

func (c *capture) interrupt() {
	for _, t := range c.taps {
		_ = t.file.SetReadDeadline(time.Unix(1, 0))
	}
}

func (c *capture) run() error {
	defer c.close()
	results := make([]error, len(c.taps))
	var group sync.WaitGroup
	for i, t := range c.taps {
		group.Go(func() { results[i] = t.run() })
	}
	group.Wait()
	err := errors.Join(results...)
	if c.trace != nil {
		err = errors.Join(err, c.trace.flush())
	}
	return err
}

// run reads until it is interrupted, and then what is left.
func (t *tap) run() error {
	buffer := make([]byte, frameSize)
	conn, err := t.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("capture at %s's port: %w", t.port.Host, err)
	}
	var failure error
	err = conn.Read(func(uintptr) bool {
		failure = t.drain(buffer)
		return failure != nil
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = conn.Control(func(uintptr) {
			failure = errors.Join(t.drain(buffer), t.noteDrops())
		})
	}
	if err = errors.Join(err, failure); err != nil {
		err = fmt.Errorf("capture at %s's port: %w", t.port.Host, err)
		t.log.Append(t.clock.Now(), t.port.Host, history.Note{Text: err.Error()})
	}
	return err
}

// drain reads what there is.
func (t *tap) drain(buffer []byte) error {
	for {
		p, ok, err := t.socket.receive(buffer)
		if err == nil && !ok && t.live && t.trace != nil {
			err = t.trace.flush()
		}
		if err != nil || !ok {
			return err
		}
		at := t.clock.FromWall(p.at)
		if body, ok := decodeFrame(p.data, direction(p)); ok {
			t.log.Append(at, t.port.Host, body)
		}
		if t.trace != nil {
			if err := t.trace.write(t.index, p); err != nil {
				return err
			}
		}
		if at-t.asked >= dropsPeriod {
			t.asked = at
			if err := t.noteDrops(); err != nil {
				return err
			}
		}
	}
}

func (t *tap) noteDrops() error {
	drops, err := t.socket.drops()
	if err == nil && drops > 0 {
		text := fmt.Sprintf("capture at %s's port lost %d frames", t.port.Host, drops)
		t.log.Append(t.clock.Now(), t.port.Host, history.Note{Text: text})
	}
	return err
}

// direction is a frame's, as seen from the host on the port: what the port
// sends goes to the host.
func direction(p packet) history.Direction {
	if p.outgoing {
		return history.ToHost
	}
	return history.FromHost
}

// decodeFrame reads an Ethernet frame; it is false for one that the history
// does not hold.
func decodeFrame(frame []byte, way history.Direction) (history.Body, bool) {
	if len(frame) < ethernetHeader || isObserver(frame[0:6]) || isObserver(frame[6:12]) {
		return nil, false
	}
	payload := frame[ethernetHeader:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_ARP:
		arp, ok := decodeARP(payload)
		arp.Direction = way
		return arp, ok
	case unix.ETH_P_IP, unix.ETH_P_IPV6:
		if na, ok := decodeNA(payload); ok {
			na.Direction = way
			return na.NA, !na.solicited
		}
		advert, ok := decodeAdvert(payload)
		advert.Direction = way
		return advert, ok
	default:
		return nil, false
	}
}
