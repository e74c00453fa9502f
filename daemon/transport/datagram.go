package transport

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// waitMax is the longest wait of a packet that Arrived makes up for. After a
// pause of the process the buffer holds the oldest packets, not the latest:
// their age says nothing of the sender.
const waitMax = 5 * time.Millisecond

// arrival is when a packet came that is read at now, by the kernel's timestamp
// (SO_TIMESTAMPNS of socket(7)) in its control message.
func arrival(control []byte, now time.Time) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return now
	}
	for _, m := range messages {
		if m.Header.Level != unix.SOL_SOCKET || m.Header.Type != unix.SCM_TIMESTAMPNS || len(m.Data) < 16 {
			continue
		}
		stamp := time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:])))
		// The kernel's is the time of day: compare it with ours, and go back
		// on the monotonic clock.
		if age := now.Round(0).Sub(stamp); age > 0 && age <= waitMax {
			return now.Add(-age)
		}
	}
	return now
}

// Datagram is a received IPv4 packet.
type Datagram struct {
	Source, Destination netip.Addr
	TTL                 uint8
	Payload             []byte // what follows the IP header
	// Arrived is when the kernel took the packet from the interface. A packet
	// that waited for longer than some milliseconds, because the process was
	// not running, counts from when it was read.
	Arrived time.Time
}

// HeaderError says why a received packet was not taken for a datagram.
type HeaderError struct {
	Source netip.Addr // invalid when it could not be read
	Detail string
}

func (e *HeaderError) Error() string { return "malformed IPv4 packet: " + e.Detail }

// Offsets and masks of the IPv4 header (RFC 791 §3.1).
const (
	headerMinBytes     = 20
	offsetTotalLength  = 2
	offsetFragment     = 6
	offsetTTL          = 8
	offsetSource       = 12
	offsetDestination  = 16
	moreFragments      = 0x2000
	fragmentOffsetMask = 0x1fff
)

// parseIPv4 reads a packet as raw(7) delivers it, header first. A fragment is
// refused: no advertisement needs to be one. The kernel has verified the
// header's checksum.
func parseIPv4(b []byte) (Datagram, error) {
	if len(b) < headerMinBytes {
		return Datagram{}, &HeaderError{Detail: fmt.Sprintf("%d bytes are no header", len(b))}
	}
	source, _ := netip.AddrFromSlice(b[offsetSource : offsetSource+4])
	destination, _ := netip.AddrFromSlice(b[offsetDestination : offsetDestination+4])
	refuse := func(format string, a ...any) (Datagram, error) {
		return Datagram{}, &HeaderError{Source: source, Detail: fmt.Sprintf(format, a...)}
	}
	if version := b[0] >> 4; version != 4 {
		return refuse("version %d", version)
	}
	header := int(b[0]&0x0f) * 4
	if header < headerMinBytes || header > len(b) {
		return refuse("header of %d bytes in %d", header, len(b))
	}
	total := int(binary.BigEndian.Uint16(b[offsetTotalLength:]))
	if total < header || total > len(b) {
		return refuse("total length %d in %d bytes", total, len(b))
	}
	if fragment := binary.BigEndian.Uint16(b[offsetFragment:]); fragment&(moreFragments|fragmentOffsetMask) != 0 {
		return refuse("a fragment")
	}
	return Datagram{
		Source:      source,
		Destination: destination,
		TTL:         b[offsetTTL],
		Payload:     b[header:total],
	}, nil
}
