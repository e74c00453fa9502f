package vrrp

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"
)

// The layout of a version 2 advertisement (RFC 3768 §5.1), in bytes.
const (
	headerLength         = 8
	addressLength        = 4
	authenticationLength = 8
)

// typeAdvertisement is the only packet type there is (RFC 3768 §5.3.2).
const typeAdvertisement = 1

// Decode reads the advertisement in payload, what follows the IP header. Its
// errors are *RefusalError. It checks, in the order of RFC 3768 §7.1, what can
// be known without a configuration: the version, the type, the length against
// the count of addresses, the checksum, and that VRID and interval are not 0.
//
// A count of 0 addresses is accepted: RFC 3768 sets no minimum. The fields of
// authentication are carried as they are.
//
// Bytes beyond the length that the count demands are ignored, and the checksum
// does not cover them. RFC 3768 §7.1 asks only that the packet be complete;
// Ethernet pads a frame with fewer than three addresses, and newer senders
// append trailers of their own. keepalived 2.2 refuses such packets.
func Decode(payload []byte, source, destination netip.Addr) (Advertisement, error) {
	_, _ = source, destination // of version 3's checksum
	if len(payload) < headerLength {
		return refuse(RefusedLength, "%d bytes, the header alone has %d", len(payload), headerLength)
	}
	switch version := Version(payload[0] >> 4); version {
	case Version2:
	case Version3:
		return refuse(RefusedVersion, "version 3 is not supported yet")
	default:
		return refuse(RefusedVersion, "version %d", version)
	}
	if kind := payload[0] & 0x0f; kind != typeAdvertisement {
		return refuse(RefusedType, "type %d", kind)
	}
	count := int(payload[3])
	length := lengthOf(count)
	if len(payload) < length {
		return refuse(RefusedLength, "%d bytes, a count of %d needs %d", len(payload), count, length)
	}
	payload = payload[:length]
	if sum := checksum(payload); sum != 0 {
		return refuse(RefusedChecksum, "%#04x does not fit", binary.BigEndian.Uint16(payload[6:]))
	}
	a := Advertisement{
		Version:  Version2,
		VRID:     payload[1],
		Priority: payload[2],
		Interval: time.Duration(payload[5]) * time.Second,
	}
	if a.VRID == 0 {
		return refuse(RefusedVRID, "VRID 0")
	}
	if a.Interval == 0 {
		return refuse(RefusedInterval, "interval 0")
	}
	rest := payload[headerLength:]
	if count > 0 {
		a.Addresses = make([]netip.Addr, count)
	}
	for i := range a.Addresses {
		a.Addresses[i] = netip.AddrFrom4([addressLength]byte(rest))
		rest = rest[addressLength:]
	}
	a.Authentication = Authentication{
		Type: AuthenticationType(payload[4]),
		Data: [authenticationLength]byte(rest),
	}
	return a, nil
}

// Encode writes the advertisement, checksum included: what follows the IP
// header. source and destination are the IP header's; version 2 does not use
// them. It fails for what the format cannot carry: a VRID of 0, an interval
// other than 1 to 255 whole seconds, more than 255 addresses, or one that is
// not IPv4. What Decode accepted it encodes to the same bytes, except that it
// writes a checksum of 0 where a sender wrote 0xffff, the same in ones'
// complement.
func Encode(a Advertisement, source, destination netip.Addr) ([]byte, error) {
	payload, err := encodeVersion2(a)
	if err != nil {
		return nil, fmt.Errorf("encode advertisement of VRID %d: %w", a.VRID, err)
	}
	return payload, nil
}

func encodeVersion2(a Advertisement) ([]byte, error) {
	if err := checkVersion(a.Version); err != nil {
		return nil, err
	}
	if err := checkVRID(a.VRID); err != nil {
		return nil, err
	}
	if err := checkInterval(a.Interval); err != nil {
		return nil, err
	}
	if err := checkCount(a.Addresses); err != nil {
		return nil, err
	}
	payload := make([]byte, headerLength, lengthOf(len(a.Addresses)))
	payload[0] = byte(Version2)<<4 | typeAdvertisement
	payload[1] = a.VRID
	payload[2] = a.Priority
	payload[3] = byte(len(a.Addresses))
	payload[4] = byte(a.Authentication.Type)
	payload[5] = byte(a.Interval / time.Second)
	for _, address := range a.Addresses {
		if !address.Is4() {
			return nil, fmt.Errorf("address %s is not IPv4", address)
		}
		bytes := address.As4()
		payload = append(payload, bytes[:]...)
	}
	payload = append(payload, a.Authentication.Data[:]...)
	binary.BigEndian.PutUint16(payload[6:], checksum(payload))
	return payload, nil
}

// lengthOf is the length in bytes of an advertisement of count addresses.
func lengthOf(count int) int {
	return headerLength + count*addressLength + authenticationLength
}

// checksum is the Internet checksum (RFC 1071) of b, whose length is even. It
// is 0 where b holds a right checksum already.
func checksum(b []byte) uint16 {
	var sum uint32 // at most 518 words: cannot overflow
	for ; len(b) > 0; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// refuse is Decode's answer to a packet that fails a check.
func refuse(refusal Refusal, format string, arguments ...any) (Advertisement, error) {
	return Advertisement{}, &RefusalError{Refusal: refusal, Detail: fmt.Sprintf(format, arguments...)}
}
