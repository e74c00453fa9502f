package vrrp

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// The layout of an IPv4 header without options (RFC 791 §3.1) and of the
// Authentication Header behind it (RFC 2402 §2), in bytes.
const (
	ip4HeaderLength = 20
	ip4Length       = 2 // the offsets
	ip4ID           = 4
	ip4Fragment     = 6
	ip4TTL          = 8
	ip4Protocol     = 9
	ip4Checksum     = 10
	ip4Source       = 12
	ip4Destination  = 16

	ahLength   = 24
	ahWords    = 1 // the offsets
	ahReserved = 2
	ahSPI      = 4
	ahSequence = 8
	ahICV      = 12
	icvLength  = 12 // HMAC-MD5-96 (RFC 2403 §2)

	ip4LengthMax = 1<<16 - 1
	sequenceMax  = 1<<32 - 1
)

// The protocol numbers in an authenticated packet.
const (
	protocolAH   = 51
	protocolVRRP = 112
)

// precedence is Internetwork Control as the type of service (RFC 791 §3.1).
const precedence = 0xc0

// AH authenticates version 2 advertisements over IPv4 with IP's Authentication
// Header (RFC 2338 §5.3.6.3, RFC 2402): the whole packet is signed with
// HMAC-MD5-96, and its number must grow. The advertisement inside has
// authentication type 2 and zeros for data.
//
// It is built as keepalived builds it, which RFC 2338 leaves open: the key is
// the password's 8 bytes, the SPI is the source address, and the signature
// leaves out the fields of the IP header that routers change, but not the TTL
// of a multicast packet. RFC 2402 §3.3.3.1.1 would leave that out too.
type AH struct {
	Key [authenticationLength]byte // the password, filled up with zeros
}

// Seal returns the IPv4 packet, header first, that carries the advertisement
// from source to destination under that sequence number (see AHSequence). It
// is for a socket that takes whole packets (IP_HDRINCL of raw(7)).
func (h AH) Seal(source, destination netip.Addr, ttl uint8, sequence uint32, advertisement []byte) ([]byte, error) {
	length := ip4HeaderLength + ahLength + len(advertisement)
	switch {
	case !source.Is4() || !destination.Is4():
		return nil, fmt.Errorf("sign an advertisement from %s to %s: both must be IPv4", source, destination)
	case length > ip4LengthMax:
		return nil, fmt.Errorf("sign an advertisement of %d bytes: too long for IPv4", len(advertisement))
	}
	from, to := source.As4(), destination.As4()
	b := make([]byte, ip4HeaderLength+ahLength, length)
	b[0] = 4<<4 | ip4HeaderLength/4
	b[1] = precedence
	binary.BigEndian.PutUint16(b[ip4Length:], uint16(length))
	// The kernel would choose one in place of 0, and it is signed.
	binary.BigEndian.PutUint16(b[ip4ID:], uint16(sequence)|1)
	b[ip4TTL] = ttl
	b[ip4Protocol] = protocolAH
	copy(b[ip4Source:], from[:])
	copy(b[ip4Destination:], to[:])

	ah := b[ip4HeaderLength:]
	ah[0] = protocolVRRP
	ah[ahWords] = ahLength/4 - 2 // RFC 2402 §2.2
	copy(ah[ahSPI:], from[:])
	binary.BigEndian.PutUint32(ah[ahSequence:], sequence)

	b = append(b, advertisement...)
	icv := h.icv(b)
	copy(b[ip4HeaderLength+ahICV:], icv[:])
	binary.BigEndian.PutUint16(b[ip4Checksum:], fold(sumOf(b[:ip4HeaderLength])))
	return b, nil
}

// Open returns the advertisement that an IPv4 packet, header first, carries,
// and its sequence number, which AHSequence must accept too. Errors are
// *RefusalError. The packet stays as it is.
func (h AH) Open(packet []byte) (advertisement []byte, sequence uint32, err error) {
	if len(packet) < ip4HeaderLength {
		return nil, 0, refuse(RefusedLength, "%d bytes are no IPv4 header", len(packet))
	}
	header := int(packet[0]&0x0f) * 4
	if header < ip4HeaderLength || len(packet) < header+ahLength {
		return nil, 0, refuse(RefusedLength, "%d bytes with a header of %d have no authentication header", len(packet), header)
	}
	if protocol := packet[ip4Protocol]; protocol != protocolAH {
		return nil, 0, refuse(RefusedAuthentication, "no authentication header, protocol %d", protocol)
	}
	ah := packet[header : header+ahLength]
	if ah[0] != protocolVRRP || ah[ahWords] != ahLength/4-2 || binary.BigEndian.Uint16(ah[ahReserved:]) != 0 {
		return nil, 0, refuse(RefusedAuthentication, "authentication header %x", ah[:ahSPI])
	}
	icv := h.icv(packet)
	if !hmac.Equal(icv[:], ah[ahICV:]) {
		return nil, 0, refuse(RefusedAuthentication, "the signature does not fit")
	}
	if [4]byte(ah[ahSPI:]) != [4]byte(packet[ip4Source:]) {
		return nil, 0, refuse(RefusedAuthentication, "security parameters index %x is not the source", ah[ahSPI:ahSequence])
	}
	return packet[header+ahLength:], binary.BigEndian.Uint32(ah[ahSequence:]), nil
}

// icv signs a whole packet, with zeros for what may change on its way
// (RFC 2402 §3.3.3.1) and for the signature.
func (h AH) icv(packet []byte) [icvLength]byte {
	header := int(packet[0]&0x0f) * 4
	var fixed [15*4 + ahLength]byte
	n := copy(fixed[:], packet[:header+ahLength])
	fixed[1] = 0
	clear(fixed[ip4Fragment:ip4TTL])
	clear(fixed[ip4Checksum:ip4Source])
	if fixed[ip4Destination]>>4 != 0xe { // not multicast
		fixed[ip4TTL] = 0
	}
	clear(fixed[header+ahICV : n])
	mac := hmac.New(md5.New, h.Key[:])
	mac.Write(fixed[:n])
	mac.Write(packet[n:])
	var sum [md5.Size]byte
	return [icvLength]byte(mac.Sum(sum[:0]))
}

// AHSequence numbers the packets that one virtual router sends, and refuses
// those that it has received before (RFC 2402 §3.3.2, §3.4.3). The zero value
// is ready to use.
//
// keepalived keeps one counter for both directions: a Backup takes over the
// Active's number and continues from it when it becomes Active. So the number
// of what is sent is above every number seen.
type AHSequence struct {
	highest uint32
	sources map[netip.Addr]uint32
}

// Next is the number of the next packet: the seconds of the Unix epoch, or
// one more than the highest number sent or accepted so far, whichever is
// greater. The clock keeps it growing across a restart. It never returns to
// 0: at the end (in 2106) it stays at the largest number, which is refused.
func (s *AHSequence) Next(now time.Time) uint32 {
	clock := uint32(min(max(now.Unix(), 0), sequenceMax))
	if s.highest < sequenceMax {
		s.highest++
	}
	s.highest = max(s.highest, clock)
	return s.highest
}

// Accept takes the number of a packet whose signature fits, and refuses, as a
// *RefusalError, one that is not above the last of that source. The first of
// a source is accepted whatever it is. Only who has the key can add a source.
func (s *AHSequence) Accept(source netip.Addr, sequence uint32) error {
	last, known := s.sources[source]
	if known && sequence <= last {
		return refuse(RefusedAuthentication, "replay: number %d after %d", sequence, last)
	}
	if s.sources == nil {
		s.sources = make(map[netip.Addr]uint32)
	}
	s.sources[source] = sequence
	s.highest = max(s.highest, sequence)
	return nil
}
