package vrrp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// TrailerLength is how many bytes a Trailer adds to an advertisement.
const TrailerLength = 28

// The layout of a trailer, as offsets in bytes.
const (
	trailerKey       = 1
	trailerReserved  = 2
	trailerSequence  = 4
	trailerSignature = 12
	signatureLength  = 16
)

// trailerSHA256 is the only type of trailer there is: HMAC-SHA-256, of which
// 128 bits are sent.
const trailerSHA256 = 1

// offsetChecksum is where an advertisement has its checksum.
const offsetChecksum = 6

// Bounds of a trailer's parameters, as keepalived has them.
const (
	trailerKeyMin    = 32 // bytes
	trailerKeyMax    = 64
	trailerWindowMin = time.Second
	trailerWindowMax = 300 * time.Second
)

// TrailerMode says how far the trailer is demanded. The modes below
// TrailerEnforce bring it into a running cluster.
type TrailerMode uint8

// The modes of a trailer.
const (
	TrailerEnforce     TrailerMode = iota // sign, and refuse what is not signed
	TrailerPermissive                     // sign, and accept what is not signed
	TrailerReceiveOnly                    // as TrailerPermissive, but do not sign
)

// TrailerParameters describe the authentication of one virtual router by a
// trailer (keepalived's auth_hmac).
type TrailerParameters struct {
	// Keys are the keys by their ids, 1 to 255, each of 32 to 64 bytes. All
	// of them verify.
	Keys map[uint8][]byte
	// ActiveKey is the id of the key that signs. It may be missing when the
	// mode is TrailerReceiveOnly.
	ActiveKey uint8
	// Window is by how much the sender's clock may differ, in whole seconds
	// from 1 s to 300 s (anti_replay time). Zero leaves only that a sender's
	// numbers must grow (anti_replay monotonic).
	Window time.Duration
	Mode   TrailerMode
}

// Trailer appends a signature to what one virtual router sends, and verifies
// and removes it from what it receives, whatever the version, the family and
// the mode of sending. The format is that of draft-cassen-vrrp-auth-hmac,
// which keepalived 2.4 speaks as auth_hmac: type, key id, two zero bytes, the
// time of sending as a number of 64 bits (seconds of the Unix epoch, 16 bits
// of their fraction, 16 bits of counter), and HMAC-SHA-256 cut to 128 bits,
// over family, version, VRID, source, advertisement and trailer, without the
// checksum.
//
// An IPv4 advertisement's checksum does not cover the trailer; that of IPv6
// does, because there the sender's kernel may write it.
type Trailer struct {
	parameters TrailerParameters
	sent       uint64 // the last number
	// accepted has the last number of each source. Only who has a key can add
	// one.
	accepted map[netip.Addr]uint64
}

// NewTrailer fails for a key, an id, a window or a mode that is out of range.
func NewTrailer(parameters TrailerParameters) (*Trailer, error) {
	if err := parameters.check(); err != nil {
		return nil, fmt.Errorf("authenticate by a trailer: %w", err)
	}
	return &Trailer{parameters: parameters, accepted: make(map[netip.Addr]uint64)}, nil
}

func (p TrailerParameters) check() error {
	for id, key := range p.Keys {
		if id == 0 {
			return errors.New("key id 0 is not 1 to 255")
		}
		if len(key) < trailerKeyMin || len(key) > trailerKeyMax {
			return fmt.Errorf("key %d has %d bytes, not %d to %d", id, len(key), trailerKeyMin, trailerKeyMax)
		}
	}
	switch p.Mode {
	case TrailerEnforce, TrailerPermissive:
		if _, known := p.Keys[p.ActiveKey]; !known {
			return fmt.Errorf("there is no active key %d", p.ActiveKey)
		}
	case TrailerReceiveOnly:
	default:
		return fmt.Errorf("there is no mode %d", p.Mode)
	}
	if p.Window != 0 && (p.Window < trailerWindowMin || p.Window > trailerWindowMax || p.Window%time.Second != 0) {
		return fmt.Errorf("window %s is not 1 to 300 whole seconds", p.Window)
	}
	return nil
}

// Seal returns the advertisement, which Encode made, with a trailer for a
// packet from source. The clock's time of day counts. It returns the
// advertisement itself when the mode is not to sign. Unicast packets to
// several peers are sealed one by one, or once where their checksums agree.
func (t *Trailer) Seal(now time.Time, source netip.Addr, advertisement []byte) []byte {
	if t.parameters.Mode == TrailerReceiveOnly {
		return advertisement
	}
	t.sent = t.next(now)
	n := len(advertisement)
	sealed := make([]byte, n+TrailerLength)
	copy(sealed, advertisement)
	trailer := sealed[n:]
	trailer[0] = trailerSHA256
	trailer[trailerKey] = t.parameters.ActiveKey
	binary.BigEndian.PutUint64(trailer[trailerSequence:], t.sent)
	signature := sign(t.parameters.Keys[t.parameters.ActiveKey], source, sealed)
	copy(trailer[trailerSignature:], signature[:])
	if source.Is6() {
		moveChecksum(sealed, n, len(sealed))
	}
	return sealed
}

// next is the number for a trailer: the clock's, or the last plus one where
// the clock has not moved on. A number that the receivers' window has lost,
// because the clock was put back, is given up.
func (t *Trailer) next(now time.Time) uint64 {
	clock := sequenceAt(now)
	if isAfter(clock, t.sent) || (t.parameters.Window != 0 && !t.inWindow(now, t.sent)) {
		return clock
	}
	return t.sent + 1
}

// Open returns the advertisement for Decode: the payload of a packet from
// source without its trailer. Errors are *RefusalError. A payload of any other
// length than an advertisement's and a trailer's has none, and is refused or
// returned as it is, depending on the mode. Over IPv6 Open writes to payload:
// its checksum becomes that of what is returned, right if it was right.
func (t *Trailer) Open(now time.Time, source netip.Addr, payload []byte) ([]byte, error) {
	if len(payload) < headerLength {
		return nil, refuse(RefusedLength, "%d bytes, the header alone has %d", len(payload), headerLength)
	}
	version := Version(payload[0] >> 4)
	n := lengthOf(version, addressLength(version, source), int(payload[3]))
	if len(payload) != n+TrailerLength {
		if t.parameters.Mode == TrailerEnforce {
			return nil, refuse(RefusedAuthentication, "no trailer")
		}
		return payload, nil
	}
	if err := t.verify(now, source, payload, payload[n:]); err != nil {
		return nil, err
	}
	if source.Is6() {
		moveChecksum(payload, len(payload), n)
	}
	return payload[:n], nil
}

// verify checks the cheap first. The number counts only after the signature.
func (t *Trailer) verify(now time.Time, source netip.Addr, payload, trailer []byte) error {
	if trailer[0] != trailerSHA256 || binary.BigEndian.Uint16(trailer[trailerReserved:]) != 0 {
		return refuse(RefusedAuthentication, "a trailer that starts with %x", trailer[:trailerSequence])
	}
	sequence := binary.BigEndian.Uint64(trailer[trailerSequence:])
	if t.parameters.Window != 0 && !t.inWindow(now, sequence) {
		return refuse(RefusedAuthentication, "replay, or a wrong clock: sent %d s ago, the window is %s",
			ageSeconds(now, sequence), t.parameters.Window)
	}
	key, known := t.parameters.Keys[trailer[trailerKey]]
	if !known {
		return refuse(RefusedAuthentication, "no key %d", trailer[trailerKey])
	}
	signature := sign(key, source, payload)
	if !hmac.Equal(signature[:], trailer[trailerSignature:]) {
		return refuse(RefusedAuthentication, "the signature does not fit")
	}
	last, known := t.accepted[source]
	if known && t.parameters.Window != 0 && !t.inWindow(now, last) {
		known = false // so late a packet is refused anyway
	}
	if known && !isAfter(sequence, last) {
		return refuse(RefusedAuthentication, "replay: number %#x after %#x", sequence, last)
	}
	t.accepted[source] = sequence
	return nil
}

// inWindow reports whether a packet of that number was sent within the window
// around now, which counts whole seconds.
func (t *Trailer) inWindow(now time.Time, sequence uint64) bool {
	window := int32(t.parameters.Window / time.Second)
	age := ageSeconds(now, sequence)
	return -window <= age && age <= window
}

// ageSeconds is how many seconds before now a number was made, as the seconds
// count that they are written as: modulo 2^32.
func ageSeconds(now time.Time, sequence uint64) int32 {
	return int32(uint32(now.Unix()) - uint32(sequence>>32))
}

// sequenceAt is the number that the clock gives.
func sequenceAt(now time.Time) uint64 {
	fraction := uint64(now.Nanosecond()) << 16 / uint64(time.Second)
	return uint64(uint32(now.Unix()))<<32 | fraction<<16
}

// isAfter compares serial numbers (RFC 1982).
func isAfter(a, b uint64) bool { return int64(a-b) > 0 }

// sign is the signature of an advertisement with its trailer; it reads the
// checksum and the signature as zeros.
func sign(key []byte, source netip.Addr, sealed []byte) [signatureLength]byte {
	var pseudo [20]byte
	pseudo[0] = 4
	pseudo[1] = sealed[0] >> 4
	pseudo[2] = sealed[1]
	if source.Is6() {
		pseudo[0] = 6
	}
	copy(pseudo[4:], source.AsSlice())
	var zero [signatureLength]byte
	mac := hmac.New(sha256.New, key)
	mac.Write(pseudo[:])
	mac.Write(sealed[:offsetChecksum])
	mac.Write(zero[:2])
	mac.Write(sealed[offsetChecksum+2 : len(sealed)-signatureLength])
	mac.Write(zero[:])
	var sum [sha256.Size]byte
	return [signatureLength]byte(mac.Sum(sum[:0]))
}

// moveChecksum makes a checksum with a pseudo-header that covers the first
// from bytes of b cover the first to bytes (RFC 1624 §3). Both are even.
func moveChecksum(b []byte, from, to int) {
	field := b[offsetChecksum:]
	sum := uint32(^binary.BigEndian.Uint16(field))
	if from < to {
		sum += sumOf(b[from:to]) + uint32(to-from)
	} else {
		// To subtract is to add the complement.
		sum += uint32(fold(sumOf(b[to:from]) + uint32(from-to)))
	}
	binary.BigEndian.PutUint16(field, fold(sum))
}
