package transport

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Datagram is a received IPv4 packet.
type Datagram struct {
	Source, Destination netip.Addr
	TTL                 uint8
	Payload             []byte // what follows the IP header
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
