package vrrp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// The layout of an advertisement (RFC 3768 §5.1, RFC 9568 §5.1), in bytes.
const (
	headerLength         = 8
	address4Length       = 4
	address6Length       = 16
	authenticationLength = 8 // version 2 only
)

// typeAdvertisement is the only packet type there is (RFC 9568 §5.2.2).
const typeAdvertisement = 1

// The Max Advertise Interval field of version 3 (RFC 9568 §5.2.7): hundredths
// of a second in 12 bits, below 4 reserved ones.
const (
	centisecond     = 10 * time.Millisecond
	centisecondsMax = 0x0fff
)

// Decode is DecodeInto a new Advertisement.
func Decode(payload []byte, source, destination netip.Addr) (Advertisement, error) {
	var a Advertisement
	if err := DecodeInto(&a, payload, source, destination); err != nil {
		return Advertisement{}, err
	}
	return a, nil
}

// DecodeInto reads the advertisement in payload, what follows the IP header,
// into a. It overwrites all of a and uses the room that a.Addresses has: an
// advertisement that is accepted costs no allocation once that room is large
// enough. After an error a holds nothing of use. source and destination are
// the IP header's; version 2 does not use them. They are plain IPv4, not
// mapped into IPv6, or IPv6 without a zone.
//
// Errors are *RefusalError. It checks, in the order of RFC 9568 §7.1, what can
// be known without a configuration: the version, the type, the length against
// the count of addresses, the checksum, and that VRID and interval are not 0.
// The bits that version 3 reserves are ignored (§5.2.6).
//
// A count of 0 addresses is refused in version 3 (RFC 9568 §5.2.5) and
// accepted in version 2, where RFC 3768 sets no minimum. The fields of
// authentication are carried as they are.
//
// The checksum of version 3 over IPv4 is accepted with and without the
// pseudo-header, and a.PlainChecksum says which it was: RFC 9568 §5.2.8 has it
// cover the message alone, but RFC 5798 was understood the other way, and
// keepalived and FRR send and expect it with the pseudo-header. To take both
// means that one of 32,768 damaged packets passes, and not one of 65,536.
//
// Bytes beyond the length that the count demands are ignored, and the checksum
// does not cover them. RFC 9568 §7.1 asks only that the packet be complete;
// Ethernet pads short frames, and newer senders append trailers of their own.
// keepalived 2.2 refuses such packets.
func DecodeInto(a *Advertisement, payload []byte, source, destination netip.Addr) error {
	if len(payload) < headerLength {
		return refuse(RefusedLength, "%d bytes, the header alone has %d", len(payload), headerLength)
	}
	*a = Advertisement{
		Version:   Version(payload[0] >> 4),
		VRID:      payload[1],
		Priority:  payload[2],
		Addresses: a.Addresses[:0],
	}
	if a.Version != Version2 && a.Version != Version3 {
		return refuse(RefusedVersion, "version %d", a.Version)
	}
	if kind := payload[0] & 0x0f; kind != typeAdvertisement {
		return refuse(RefusedType, "type %d", kind)
	}
	if a.Version == Version3 && !isOneFamily(source, destination) {
		return refuse(RefusedSource, "%s and %s are not of one family", source, destination)
	}
	count := int(payload[3])
	width := addressLength(a.Version, source)
	length := lengthOf(a.Version, width, count)
	if len(payload) < length {
		return refuse(RefusedLength, "%d bytes, a count of %d needs %d", len(payload), count, length)
	}
	payload = payload[:length]
	if !a.decodeChecksum(payload, source, destination) {
		return refuse(RefusedChecksum, "%#04x does not fit", binary.BigEndian.Uint16(payload[6:]))
	}
	if a.VRID == 0 {
		return refuse(RefusedVRID, "VRID 0")
	}
	switch a.Version {
	case Version2:
		a.Interval = time.Duration(payload[5]) * time.Second
		a.Authentication.Type = AuthenticationType(payload[4])
		copy(a.Authentication.Data[:], payload[length-authenticationLength:])
	case Version3:
		if count == 0 {
			return refuse(RefusedAddresses, "a count of 0")
		}
		a.Interval = time.Duration(binary.BigEndian.Uint16(payload[4:])&centisecondsMax) * centisecond
	}
	if a.Interval == 0 {
		return refuse(RefusedInterval, "interval 0")
	}
	a.decodeAddresses(payload[headerLength:headerLength+count*width], width)
	return nil
}

// decodeChecksum reports whether the checksum is right, and notes which of
// version 3's two it was.
func (a *Advertisement) decodeChecksum(payload []byte, source, destination netip.Addr) bool {
	sum := sumOf(payload)
	if a.Version == Version2 {
		return fold(sum) == 0
	}
	if fold(sum+sumOfPseudoHeader(len(payload), source, destination)) == 0 {
		return true
	}
	a.PlainChecksum = source.Is4() && fold(sum) == 0
	return a.PlainChecksum
}

func (a *Advertisement) decodeAddresses(list []byte, width int) {
	a.Addresses = slices.Grow(a.Addresses, len(list)/width)
	for ; len(list) > 0; list = list[width:] {
		if width == address4Length {
			a.Addresses = append(a.Addresses, netip.AddrFrom4([address4Length]byte(list)))
		} else {
			a.Addresses = append(a.Addresses, netip.AddrFrom16([address6Length]byte(list)))
		}
	}
}

// Encode is Append to nothing.
func Encode(a Advertisement, source, destination netip.Addr) ([]byte, error) {
	length := lengthOf(a.Version, addressLength(a.Version, source), len(a.Addresses))
	return Append(make([]byte, 0, length), a, source, destination)
}

// Append writes the advertisement behind dst, checksum included: what follows
// the IP header. It does not allocate when dst has the room. source and
// destination are the IP header's, in the form that DecodeInto takes; in
// version 3 they give the family and are part of the checksum, and version 2
// does not use them.
//
// It fails, and returns dst as it was, for what the format cannot carry: a
// VRID of 0; an interval other than 1 to 255 whole seconds in version 2, or
// 10 ms to 40.95 s in steps of 10 ms in version 3; more than 255 addresses,
// none in version 3, or one that is of another family; authentication in
// version 3.
//
// What Decode accepted it encodes to the same bytes, except that it writes
// zeros where version 3 reserves bits, and a checksum of 0 where a sender
// wrote 0xffff, the same in ones' complement.
func Append(dst []byte, a Advertisement, source, destination netip.Addr) ([]byte, error) {
	if err := a.check(source, destination); err != nil {
		return dst, fmt.Errorf("encode advertisement of VRID %d: %w", a.VRID, err)
	}
	start := len(dst)
	dst = append(dst, byte(a.Version)<<4|typeAdvertisement, a.VRID, a.Priority, byte(len(a.Addresses)))
	if a.Version == Version2 {
		dst = append(dst, byte(a.Authentication.Type), byte(a.Interval/time.Second), 0, 0)
	} else {
		dst = binary.BigEndian.AppendUint16(dst, uint16(a.Interval/centisecond))
		dst = append(dst, 0, 0)
	}
	for _, address := range a.Addresses {
		if address.Is4() {
			bytes := address.As4()
			dst = append(dst, bytes[:]...)
		} else {
			bytes := address.As16()
			dst = append(dst, bytes[:]...)
		}
	}
	if a.Version == Version2 {
		dst = append(dst, a.Authentication.Data[:]...)
	}
	message := dst[start:]
	sum := sumOf(message)
	if a.Version == Version3 && (!a.PlainChecksum || !source.Is4()) {
		sum += sumOfPseudoHeader(len(message), source, destination)
	}
	binary.BigEndian.PutUint16(message[6:], fold(sum))
	return dst, nil
}

// check says what of a the format cannot carry.
func (a Advertisement) check(source, destination netip.Addr) error {
	if err := checkVersion(a.Version); err != nil {
		return err
	}
	if err := checkVRID(a.VRID); err != nil {
		return err
	}
	if err := checkInterval(a.Version, a.Interval); err != nil {
		return err
	}
	if err := checkCount(a.Addresses); err != nil {
		return err
	}
	wants4 := a.Version == Version2 || source.Is4()
	if a.Version == Version3 {
		switch {
		case !isOneFamily(source, destination):
			return fmt.Errorf("source %s and destination %s are not of one family", source, destination)
		case len(a.Addresses) == 0:
			return errors.New("no addresses")
		case a.Authentication != Authentication{}:
			return errAuthenticationVersion
		}
	}
	for _, address := range a.Addresses {
		if !address.IsValid() || address.Is4() != wants4 {
			return fmt.Errorf("address %s is not %s", address, familyName(wants4))
		}
	}
	return nil
}

var errAuthenticationVersion = errors.New("version 3 has no authentication")

func familyName(is4 bool) string {
	if is4 {
		return "IPv4"
	}
	return "IPv6"
}

func isOneFamily(a, b netip.Addr) bool {
	return a.IsValid() && b.IsValid() && a.Is4() == b.Is4()
}

// addressLength is the length of one address in bytes. Version 2 is IPv4's.
func addressLength(version Version, source netip.Addr) int {
	if version == Version3 && !source.Is4() {
		return address6Length
	}
	return address4Length
}

// lengthOf is the length in bytes of an advertisement of count addresses.
func lengthOf(version Version, width, count int) int {
	length := headerLength + count*width
	if version == Version2 {
		length += authenticationLength
	}
	return length
}

// sumOf adds the words of b, whose length is even, for the Internet checksum
// (RFC 1071). An advertisement has at most 2,044 words: it cannot overflow.
func sumOf(b []byte) uint32 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	return sum
}

// sumOfPseudoHeader is the sum of what stands before a message of that length
// in version 3's checksum: the addresses, the length and the protocol
// (RFC 8200 §8.1 for IPv6, RFC 793 §3.1 for IPv4).
func sumOfPseudoHeader(length int, source, destination netip.Addr) uint32 {
	const protocolVRRP = 112
	sum := uint32(length) + protocolVRRP
	if source.Is4() {
		from, to := source.As4(), destination.As4()
		return sum + sumOf(from[:]) + sumOf(to[:])
	}
	from, to := source.As16(), destination.As16()
	return sum + sumOf(from[:]) + sumOf(to[:])
}

// fold makes the checksum of a sum. It is 0 where what was summed holds a
// right checksum already.
func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// refuse is Decode's answer to a packet that fails a check.
func refuse(refusal Refusal, format string, arguments ...any) error {
	return &RefusalError{Refusal: refusal, Detail: fmt.Sprintf(format, arguments...)}
}
