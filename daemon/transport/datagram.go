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

// arrival is when a packet came that is read at now and that the kernel
// stamped with its time of day.
func arrival(stamp, now time.Time) time.Time {
	// Compare the kernel's time of day with ours, and go back on the
	// monotonic clock.
	if age := now.Round(0).Sub(stamp); age > 0 && age <= waitMax {
		return now.Add(-age)
	}
	return now
}

// parseControl reads the control messages that the options of receiving ask
// for (socket(7), ipv6(7)).
func parseControl(b []byte) told {
	t := told{hopLimit: -1}
	for len(b) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(b)
		if err != nil {
			return t
		}
		b = rest
		switch {
		case header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_TIMESTAMPNS && len(data) >= 16:
			t.stamp = time.Unix(int64(binary.NativeEndian.Uint64(data)), int64(binary.NativeEndian.Uint64(data[8:])))
		case header.Level == unix.SOL_SOCKET && header.Type == unix.SO_RXQ_OVFL && len(data) >= 4:
			t.overflow = binary.NativeEndian.Uint32(data)
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_HOPLIMIT && len(data) >= 4:
			t.hopLimit = int(binary.NativeEndian.Uint32(data))
		case header.Level == unix.IPPROTO_IPV6 && header.Type == unix.IPV6_PKTINFO && len(data) >= 16:
			t.destination = netip.AddrFrom16([16]byte(data))
		}
	}
	return t
}

// Datagram is a received packet. IPv6 addresses have no zone.
type Datagram struct {
	Source, Destination netip.Addr
	TTL                 uint8 // or hop limit
	Protocol            uint8
	Payload             []byte // what follows the IP header
	Packet              []byte // IPv4 only: the whole, header first
	FromOwn             bool   // see Settings.Own
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

func (e *HeaderError) Error() string { return "malformed packet: " + e.Detail }

// Offsets and masks of the IPv4 header (RFC 791 §3.1).
const (
	headerMinBytes     = 20
	offsetTotalLength  = 2
	offsetFragment     = 6
	offsetTTL          = 8
	offsetProtocol     = 9
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
		Protocol:    b[offsetProtocol],
		Payload:     b[header:total],
		Packet:      b[:total],
	}, nil
}
