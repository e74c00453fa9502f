package wire_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"takeover/topology/impair/wire"
)

// offload is struct virtio_net_hdr.
func offload(kind byte, segment, transport, checksum int) (o wire.Offload) {
	o[0], o[1] = 1, kind
	binary.NativeEndian.PutUint16(o[4:], uint16(segment))
	binary.NativeEndian.PutUint16(o[6:], uint16(transport))
	binary.NativeEndian.PutUint16(o[8:], uint16(checksum))
	return o
}

// text is a payload whose bytes tell their place.
func text(size int) gopacket.Payload {
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	return data
}

// pseudo puts the sum of the pseudo header, which is all that a host computes,
// where the checksum is to be.
func pseudo(frame []byte, network, transport, checksum int, protocol byte) {
	var sum uint32
	from, to := network+12, network+20
	if frame[network]>>4 == 6 {
		from, to = network+8, network+40
	}
	for i := from; i < to; i += 2 {
		sum += uint32(binary.BigEndian.Uint16(frame[i:]))
	}
	sum += uint32(protocol) + uint32(len(frame)-transport)
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	binary.BigEndian.PutUint16(frame[transport+checksum:], uint16(sum))
}

// TestChecksums: what a host left incomplete becomes what gopacket computes.
func TestChecksums(t *testing.T) {
	for _, six := range []bool{false, true} {
		for _, tags := range []int{0, 1} {
			for _, size := range []int{40, 41, 100, 1001} {
				network, transport := 14+4*tags, 34+4*tags
				if six {
					transport += 20
				}
				kind, stack := overIP(six, layers.IPProtocolTCP, &layers.TCP{SrcPort: 1, DstPort: 2, ACK: true}, text(size))
				check(t, serialize(t, kind, tags, stack...), network, transport, 16, 6)
				kind, stack = overIP(six, layers.IPProtocolUDP, &layers.UDP{SrcPort: 1, DstPort: 2}, text(size))
				check(t, serialize(t, kind, tags, stack...), network, transport, 6, 17)
			}
		}
	}
}

func check(t *testing.T, want []byte, network, transport, checksum int, protocol byte) {
	t.Helper()
	frame := bytes.Clone(want)
	pseudo(frame, network, transport, checksum, protocol)
	if bytes.Equal(frame, want) {
		t.Error("nothing was left to be done")
	}
	n := 0
	wire.Finish(wire.Frame{Data: frame, Offload: offload(0, 0, transport, checksum)}, func(f wire.Frame) {
		n++
		if f.Offload != (wire.Offload{}) || !bytes.Equal(f.Data, want) {
			t.Errorf("%x\nwant\n%x, nothing of %x left", f.Data, want, f.Offload)
		}
	})
	if n != 1 {
		t.Errorf("%d frames came of one", n)
	}
}

// TestSegments: each is what gopacket makes of that part of the text.
func TestSegments(t *testing.T) {
	const size, mss = 3500, 1000
	whole := text(size)
	for _, test := range []struct {
		six, tcp bool
		tags     int
	}{{false, true, 0}, {true, true, 0}, {false, false, 1}, {true, false, 1}} {
		t.Run(fmt.Sprintf("%+v", test), func(t *testing.T) {
			transport := 34 + 4*test.tags
			kind := byte(1)
			if test.six {
				transport += 20
				kind = 4
			}
			part := func(at, end int) []byte {
				if !test.tcp {
					kind, stack := overIP(test.six, layers.IPProtocolUDP, &layers.UDP{SrcPort: 1, DstPort: 2}, whole[at:end])
					number(stack[0], at/mss)
					return serialize(t, kind, test.tags, stack...)
				}
				tcp := &layers.TCP{SrcPort: 1, DstPort: 2, Seq: 4_294_966_000 + uint32(at), ACK: true, PSH: end == size, FIN: end == size, CWR: at == 0}
				kind, stack := overIP(test.six, layers.IPProtocolTCP, tcp, whole[at:end])
				number(stack[0], at/mss)
				return serialize(t, kind, test.tags, stack...)
			}
			checksum := 16
			if !test.tcp {
				kind, checksum = 5, 6
			}
			frame := part(0, size)
			n := 0
			wire.Finish(wire.Frame{Data: frame, Offload: offload(kind, mss, transport, checksum)}, func(f wire.Frame) {
				if want := part(n*mss, min((n+1)*mss, size)); !bytes.Equal(f.Data, want) || f.Offload != (wire.Offload{}) {
					t.Errorf("segment %d is\n%x\nwant\n%x", n, f.Data[:80], want[:80])
				}
				n++
			})
			if n != 4 {
				t.Errorf("%d segments", n)
			}
		})
	}
}

// number gives an IPv4 header its identification.
func number(header gopacket.SerializableLayer, n int) {
	if ip, ok := header.(*layers.IPv4); ok {
		ip.Id = 65_534 + uint16(n)
	}
}

// TestTunnelledSegments: both IP headers are right, as gopacket makes them.
func TestTunnelledSegments(t *testing.T) {
	const size, mss = 2500, 1000
	whole := text(size)
	part := func(at, end int) []byte {
		outer := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolIPv4, SrcIP: ip4B, DstIP: ip4A, Id: 7 + uint16(at/mss)}
		tcp := &layers.TCP{SrcPort: 1, DstPort: 2, Seq: uint32(at), ACK: true}
		_, stack := overIP(false, layers.IPProtocolTCP, tcp, whole[at:end])
		number(stack[0], at/mss)
		return serialize(t, layers.EthernetTypeIPv4, 0, append([]gopacket.SerializableLayer{outer}, stack...)...)
	}
	n := 0
	wire.Finish(wire.Frame{Data: part(0, size), Offload: offload(1, mss, 54, 16)}, func(f wire.Frame) {
		if want := part(n*mss, min((n+1)*mss, size)); !bytes.Equal(f.Data, want) {
			t.Errorf("segment %d is\n%x\nwant\n%x", n, f.Data[:80], want[:80])
		}
		n++
	})
	if n != 3 {
		t.Errorf("%d segments", n)
	}
}

// TestWhatIsNotUnderstood passes on as it is.
func TestWhatIsNotUnderstood(t *testing.T) {
	kind, stack := overIP(false, layers.IPProtocolGRE, text(3000))
	frame := serialize(t, kind, 0, stack...)
	for _, o := range []wire.Offload{offload(1, 1000, 34, 16), offload(1, 0, 34, 16), offload(0, 0, 60_000, 16)} {
		n := 0
		wire.Finish(wire.Frame{Data: bytes.Clone(frame), Offload: o}, func(f wire.Frame) {
			n++
			if !bytes.Equal(f.Data, frame) {
				t.Error("it was changed")
			}
		})
		if n != 1 {
			t.Errorf("%d frames", n)
		}
	}
}
