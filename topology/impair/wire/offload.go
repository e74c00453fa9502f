package wire

import (
	"bytes"
	"encoding/binary"
)

// Offload is what is left to be done to a frame that a host handed over before
// its checksum was complete, or before it was cut into segments (struct
// virtio_net_hdr of linux/virtio_net.h, as packet(7)'s PACKET_VNET_HDR has it).
// Numbers are in the machine's order of bytes.
type Offload [10]byte

// Of struct virtio_net_hdr.
const (
	needsChecksum = 1 // flag
	kindTCPv4     = 1
	kindTCPv6     = 4
	kindUDP       = 5
	kindECN       = 0x80 // beside one of TCP's
)

func (o *Offload) partial() bool   { return o[0]&needsChecksum != 0 }
func (o *Offload) kind() byte      { return o[1] &^ kindECN }
func (o *Offload) segment() int    { return int(binary.NativeEndian.Uint16(o[4:])) }
func (o *Offload) transport() int  { return int(binary.NativeEndian.Uint16(o[6:])) }
func (o *Offload) checksumAt() int { return o.transport() + int(binary.NativeEndian.Uint16(o[8:])) }

// shift moves what it points at, for bytes were put in before.
func (o *Offload) shift(by int) {
	if o.partial() {
		binary.NativeEndian.PutUint16(o[6:], uint16(o.transport()+by))
	}
}

// finish does to a frame what its device would have done, and calls yield with
// each frame that comes of it and what could not be done. A frame with nothing
// left to do shares f's data.
func finish(f Frame, yield func(Frame)) {
	whole := f.Offload == (Offload{}) || !f.Offload.partial()
	if whole || f.Offload.checksumAt()+2 > len(f.Data) {
		if f.Offload.kind() == 0 {
			f.Offload = Offload{} // a mark that the checksum is right already
		}
		yield(f)
		return
	}
	if f.Offload.kind() == 0 {
		complete(f.Data, &f.Offload)
		f.Offload = Offload{}
		yield(f)
		return
	}
	s, ok := split(f.Data, &f.Offload)
	if !ok {
		yield(f)
		return
	}
	for at := 0; at < len(s.payload); at += s.size {
		yield(Frame{ToHost: f.ToHost, Data: s.frame(at)})
	}
}

// complete writes the checksum, whose field has the pseudo header's sum so far.
func complete(frame []byte, o *Offload) {
	sum := fold(add(frame[o.transport():]))
	if sum == 0xffff { // of UDP, 0 would mean that there is none (RFC 768)
		sum = 0
	}
	binary.BigEndian.PutUint16(frame[o.checksumAt():], ^sum)
}

// add adds up 16 bits at a time (RFC 1071).
func add(data []byte) (sum uint64) {
	for len(data) >= 4 {
		sum += uint64(binary.BigEndian.Uint32(data))
		data = data[4:]
	}
	if len(data) >= 2 {
		sum += uint64(binary.BigEndian.Uint16(data))
		data = data[2:]
	}
	if len(data) == 1 {
		sum += uint64(data[0]) << 8
	}
	return sum
}

func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// segments are what a frame is to be cut into.
type segments struct {
	headers   []byte // all of the frame before payload
	payload   []byte
	size      int   // bytes of payload in all but the last
	network   []int // where the IP headers are, the outermost first
	transport int
	tcp       bool
}

// split reads a frame of several segments; false: it has headers between
// Ethernet and TCP or UDP that are not IP.
func split(frame []byte, o *Offload) (segments, bool) {
	s := segments{size: o.segment(), transport: o.transport(), tcp: o.kind() != kindUDP}
	if len(frame) < ethernetBytes || s.size == 0 {
		return s, false
	}
	etherType, at := networkOf(frame)
	next := map[uint16]byte{etherIPv4: protocolIPIP, etherIPv6: protocolIPv6}[etherType]
	for next == protocolIPIP || next == protocolIPv6 {
		s.network = append(s.network, at)
		switch {
		case next == protocolIPIP && len(frame) >= at+ipv4Bytes:
			next, at = frame[at+9], at+int(frame[at]&0xf)*4
		case next == protocolIPv6 && len(frame) >= at+ipv6Bytes:
			next, at = frame[at+6], at+ipv6Bytes
		default:
			return s, false
		}
	}
	const tcpBytes, udpBytes = 20, 8
	length := udpBytes
	if s.tcp {
		if at+tcpBytes > len(frame) {
			return s, false
		}
		length = int(frame[at+12]>>4) * 4
	}
	wanted := byte(protocolUDP)
	if s.tcp {
		wanted = protocolTCP
	}
	if next != wanted || at != s.transport || length < udpBytes || at+length >= len(frame) {
		return s, false
	}
	s.headers, s.payload = frame[:at+length], frame[at+length:]
	return s, true
}

// frame is the segment whose payload begins at an offset.
func (s *segments) frame(at int) []byte {
	payload := s.payload[at:min(at+s.size, len(s.payload))]
	frame := append(bytes.Clone(s.headers), payload...)
	var pseudo uint64
	for _, network := range s.network {
		header := frame[network:]
		if header[0]>>4 == 4 {
			length := int(header[0]&0xf) * 4
			binary.BigEndian.PutUint16(header[2:], uint16(len(header)))
			binary.BigEndian.PutUint16(header[4:], binary.BigEndian.Uint16(header[4:])+uint16(at/s.size))
			binary.BigEndian.PutUint16(header[10:], 0)
			binary.BigEndian.PutUint16(header[10:], ^fold(add(header[:length])))
			pseudo = add(header[12:20])
		} else {
			binary.BigEndian.PutUint16(header[4:], uint16(len(header)-ipv6Bytes))
			pseudo = add(header[8:40])
		}
	}
	data := frame[s.transport:]
	sum := Offload{needsChecksum}
	binary.NativeEndian.PutUint16(sum[6:], uint16(s.transport))
	if s.tcp {
		s.adjustTCP(data, at)
		pseudo += protocolTCP
		binary.NativeEndian.PutUint16(sum[8:], 16)
	} else {
		binary.BigEndian.PutUint16(data[4:], uint16(len(data)))
		pseudo += protocolUDP
		binary.NativeEndian.PutUint16(sum[8:], 6)
	}
	binary.BigEndian.PutUint16(frame[sum.checksumAt():], fold(pseudo+uint64(len(data))))
	complete(frame, &sum)
	return frame
}

// adjustTCP gives a segment its sequence number and flags (RFC 9293 §3.1): what
// ends the stream, or urges, is in the last, and the window was reduced in the
// first (RFC 3168 §6.1.2).
func (s *segments) adjustTCP(header []byte, at int) {
	const fin, push, reduced = 0x01, 0x08, 0x80
	binary.BigEndian.PutUint32(header[4:], binary.BigEndian.Uint32(header[4:])+uint32(at))
	if at+s.size < len(s.payload) {
		header[13] &^= fin | push
	}
	if at > 0 {
		header[13] &^= reduced
	}
}
