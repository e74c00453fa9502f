package bfd

import (
	"encoding/binary"
	"fmt"
	"time"
)

// PacketBytes is the length of a control packet without authentication
// (RFC 5880 §4.1).
const PacketBytes = 24

// authenticatedMinBytes is the least length with authentication: its type and
// its length follow (RFC 5880 §4.1).
const authenticatedMinBytes = PacketBytes + 2

// version is the only one there is (RFC 5880 §4.1).
const version = 1

// The flags in the second byte, below the state.
const (
	flagPoll           = 0x20
	flagFinal          = 0x10
	flagIndependent    = 0x08
	flagAuthentication = 0x04
	flagDemand         = 0x02
	flagMultipoint     = 0x01
)

// intervalMax is the longest interval that 32 bits of microseconds hold.
const intervalMax = (1<<32 - 1) * time.Microsecond

// Decode reads the control packet in payload, what follows the UDP header.
// Its errors are *RefusalError. It checks, in the order of RFC 5880 §6.8.6,
// what can be known without a session, and refuses all authentication.
//
// Bytes beyond the packet's own length are ignored. So are a diagnostic that
// is reserved, and a packet with both Poll and Final, which no sender may
// send: §6.8.6 refuses neither.
func Decode(payload []byte) (Packet, error) {
	if len(payload) < PacketBytes {
		return refuse(RefusedLength, "%d bytes, at least %d are needed", len(payload), PacketBytes)
	}
	if v := payload[0] >> 5; v != version {
		return refuse(RefusedVersion, "version %d", v)
	}
	flags, length, least := payload[1], int(payload[3]), PacketBytes
	if flags&flagAuthentication != 0 {
		least = authenticatedMinBytes
	}
	if length < least || length > len(payload) {
		return refuse(RefusedLength, "length %d in %d bytes, at least %d are needed", length, len(payload), least)
	}
	p := Packet{
		Diagnostic:              Diagnostic(payload[0] & 0x1f),
		State:                   State(flags >> 6),
		Poll:                    flags&flagPoll != 0,
		Final:                   flags&flagFinal != 0,
		ControlPlaneIndependent: flags&flagIndependent != 0,
		Demand:                  flags&flagDemand != 0,
		Multiplier:              payload[2],
		MyDiscriminator:         binary.BigEndian.Uint32(payload[4:]),
		YourDiscriminator:       binary.BigEndian.Uint32(payload[8:]),
		DesiredMinTx:            interval(payload[12:]),
		RequiredMinRx:           interval(payload[16:]),
		RequiredMinEchoRx:       interval(payload[20:]),
	}
	switch {
	case p.Multiplier == 0:
		return refuse(RefusedMultiplier, "from discriminator %#x", p.MyDiscriminator)
	case flags&flagMultipoint != 0:
		return refuse(RefusedMultipoint, "from discriminator %#x", p.MyDiscriminator)
	case p.MyDiscriminator == 0:
		return refuse(RefusedMyDiscriminator, "in state %s", p.State)
	case p.YourDiscriminator == 0 && p.State != Down && p.State != AdminDown:
		return refuse(RefusedYourDiscriminator, "in state %s", p.State)
	case flags&flagAuthentication != 0:
		return refuse(RefusedAuthentication, "type %d", payload[PacketBytes])
	}
	return p, nil
}

// Append writes the packet behind dst. The fields must be within the limits
// that their types name; what exceeds them is cut off.
func Append(dst []byte, p Packet) []byte {
	flags := byte(p.State) << 6
	for _, f := range [...]struct {
		set bool
		bit byte
	}{
		{p.Poll, flagPoll},
		{p.Final, flagFinal},
		{p.ControlPlaneIndependent, flagIndependent},
		{p.Demand, flagDemand},
	} {
		if f.set {
			flags |= f.bit
		}
	}
	dst = append(dst, version<<5|byte(p.Diagnostic)&0x1f, flags, p.Multiplier, PacketBytes)
	dst = binary.BigEndian.AppendUint32(dst, p.MyDiscriminator)
	dst = binary.BigEndian.AppendUint32(dst, p.YourDiscriminator)
	for _, d := range [...]time.Duration{p.DesiredMinTx, p.RequiredMinRx, p.RequiredMinEchoRx} {
		dst = binary.BigEndian.AppendUint32(dst, uint32(d/time.Microsecond))
	}
	return dst
}

// interval reads four bytes of microseconds.
func interval(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Microsecond
}

// refuse is Decode's answer to a packet that fails a check.
func refuse(refusal Refusal, format string, arguments ...any) (Packet, error) {
	return Packet{}, &RefusalError{Refusal: refusal, Detail: fmt.Sprintf(format, arguments...)}
}
