package vrrp_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"takeover/daemon/vrrp"
)

// keepalivedPacket is what keepalived 2.2.7 was seen to send for VRID 51,
// priority 150, an interval of 1 s, authentication PASS "secret" and one
// address, 10.0.0.200.
func keepalivedPacket() []byte {
	return []byte{
		0x21, 51, 150, 1, // version 2, type 1; VRID; priority; count
		1, 1, 0x00, 0xb6, // PASS; 1 s; checksum
		10, 0, 0, 200,
		's', 'e', 'c', 'r', 'e', 't', 0, 0,
	}
}

func keepalivedAdvertisement() vrrp.Advertisement {
	return vrrp.Advertisement{
		Version:   vrrp.Version2,
		VRID:      51,
		Priority:  150,
		Interval:  time.Second,
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.200")},
		Authentication: vrrp.Authentication{
			Type: vrrp.AuthenticationPass,
			Data: [8]byte{'s', 'e', 'c', 'r', 'e', 't'},
		},
	}
}

// withChecksum puts the checksum right, by adding words rather than as the
// codec does it.
func withChecksum(packet []byte) []byte {
	packet[6], packet[7] = 0, 0
	sum := uint32(0)
	for i := 0; i+1 < len(packet); i += 2 {
		sum += uint32(packet[i])<<8 + uint32(packet[i+1])
		if sum >= 0x10000 {
			sum -= 0xffff
		}
	}
	binary.BigEndian.PutUint16(packet[6:], uint16(0xffff-sum))
	return packet
}

// edited is keepalivedPacket with one byte changed and the checksum right.
func edited(index int, value byte) []byte {
	packet := keepalivedPacket()
	packet[index] = value
	return withChecksum(packet)
}

func TestKeepalivedPacketDecodesAndEncodesToTheSameBytes(t *testing.T) {
	a, err := vrrp.Decode(keepalivedPacket(), netip.Addr{}, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keepalivedAdvertisement(), a, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	packet, err := vrrp.Encode(keepalivedAdvertisement(), netip.Addr{}, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(packet, keepalivedPacket()) {
		t.Errorf("encoded %x, want %x", packet, keepalivedPacket())
	}
}

func TestDecodeRefuses(t *testing.T) {
	damaged := keepalivedPacket()
	damaged[11]++
	tests := []struct {
		name    string
		packet  []byte
		refusal vrrp.Refusal
		detail  string
	}{
		{"nothing", nil, vrrp.RefusedLength, "0 bytes"},
		{"half a header", keepalivedPacket()[:7], vrrp.RefusedLength, "7 bytes"},
		{"one byte too few", keepalivedPacket()[:19], vrrp.RefusedLength, "19 bytes, a count of 1 needs 20"},
		{"a count beyond the end", edited(3, 2), vrrp.RefusedLength, "a count of 2 needs 24"},
		{"version 3 without the packet's addresses", edited(0, 0x31), vrrp.RefusedSource, "not of one family"},
		{"version 1", edited(0, 0x11), vrrp.RefusedVersion, "version 1"},
		{"another type", edited(0, 0x22), vrrp.RefusedType, "type 2"},
		{"a damaged address", damaged, vrrp.RefusedChecksum, "0x00b6"},
		{"VRID 0", edited(1, 0), vrrp.RefusedVRID, "VRID 0"},
		{"interval 0", edited(5, 0), vrrp.RefusedInterval, "interval 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := vrrp.Decode(test.packet, netip.Addr{}, netip.Addr{})
			expectRefusal(t, err, test.refusal, test.detail)
		})
	}
}

func expectRefusal(t *testing.T, err error, refusal vrrp.Refusal, detail string) {
	t.Helper()
	var refused *vrrp.RefusalError
	if !errors.As(err, &refused) {
		t.Fatalf("error %v, want a *RefusalError", err)
	}
	if refused.Refusal != refusal || !strings.Contains(refused.Detail, detail) {
		t.Errorf("refused %q, want %q: ...%s...", err, refusal, detail)
	}
}

func TestDecodeAcceptsNoAddresses(t *testing.T) {
	packet := withChecksum(append([]byte{0x21, 51, 100, 0, 0, 1, 0, 0}, make([]byte, 8)...))
	a, err := vrrp.Decode(packet, netip.Addr{}, netip.Addr{})
	if err != nil || len(a.Addresses) != 0 {
		t.Errorf("got %v, %v; want no addresses and no error", a, err)
	}
}

func TestDecodeIgnoresTrailingBytes(t *testing.T) {
	padded := append(keepalivedPacket(), 1, 2, 3, 4, 5, 6)
	a, err := vrrp.Decode(padded, netip.Addr{}, netip.Addr{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(keepalivedAdvertisement(), a, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
}

func TestEncodeRefusesWhatTheFormatCannotCarry(t *testing.T) {
	tests := []struct {
		name string
		edit func(*vrrp.Advertisement)
		want string
	}{
		{"version 3 without the packet's addresses", func(a *vrrp.Advertisement) { a.Version = vrrp.Version3 }, "not of one family"},
		{"version 1", func(a *vrrp.Advertisement) { a.Version = 1 }, "version 1 is neither 2 nor 3"},
		{"VRID 0", func(a *vrrp.Advertisement) { a.VRID = 0 }, "VRID 0 is not 1 to 255"},
		{"no interval", func(a *vrrp.Advertisement) { a.Interval = 0 }, "interval 0s"},
		{"part of a second", func(a *vrrp.Advertisement) { a.Interval = 1500 * time.Millisecond }, "interval 1.5s"},
		{"256 s", func(a *vrrp.Advertisement) { a.Interval = 256 * time.Second }, "interval 4m16s"},
		{"256 addresses", func(a *vrrp.Advertisement) { a.Addresses = make([]netip.Addr, 256) }, "256 addresses"},
		{"IPv6", func(a *vrrp.Advertisement) { a.Addresses = []netip.Addr{netip.IPv6Unspecified()} }, "address :: is not IPv4"},
		{"no address", func(a *vrrp.Advertisement) { a.Addresses = []netip.Addr{{}} }, "is not IPv4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := keepalivedAdvertisement()
			test.edit(&a)
			packet, err := vrrp.Encode(a, netip.Addr{}, netip.Addr{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %x, %v; want the error %q", packet, err, test.want)
			}
		})
	}
}

// drawAdvertisement is one of any version, with the addresses of its packet.
func drawAdvertisement(t *rapid.T) (a vrrp.Advertisement, source, destination netip.Addr) {
	a = vrrp.Advertisement{
		Version:  rapid.SampledFrom([]vrrp.Version{vrrp.Version2, vrrp.Version3}).Draw(t, "version"),
		VRID:     rapid.Uint8Min(1).Draw(t, "vrid"),
		Priority: rapid.Uint8().Draw(t, "priority"),
	}
	a.Interval = drawInterval(t, a.Version)
	width, least := 4, 1
	if a.Version == vrrp.Version3 {
		width = rapid.SampledFrom([]int{4, 16}).Draw(t, "width")
		a.PlainChecksum = width == 4 && rapid.Bool().Draw(t, "plain_checksum")
	} else {
		least = 0
		a.Authentication.Type = vrrp.AuthenticationType(rapid.Uint8().Draw(t, "type"))
		copy(a.Authentication.Data[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "data"))
	}
	for range rapid.IntRange(least, 255).Draw(t, "count") {
		a.Addresses = append(a.Addresses, drawAddress(t, width))
	}
	return a, drawAddress(t, width), drawAddress(t, width)
}

func drawAddress(t *rapid.T, width int) netip.Addr {
	address, _ := netip.AddrFromSlice(rapid.SliceOfN(rapid.Byte(), width, width).Draw(t, "address"))
	return address
}

func TestAdvertisementsSurviveTheRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, source, destination := drawAdvertisement(t)
		packet, err := vrrp.Encode(want, source, destination)
		if err != nil {
			t.Fatal(err)
		}
		f := flight{packet, source, destination}
		plain := want.PlainChecksum || want.Version == vrrp.Version2
		if right := f.checksummed(len(packet), plain).packet; !bytes.Equal(packet, right) {
			t.Fatalf("encoded %x, want the checksum of %x", packet, right)
		}
		got, err := f.decode()
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(packet, f.checksummed(len(packet), false).packet) {
			want.PlainChecksum = false // both are the same here
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Fatalf("round trip (-want +got):\n%s", diff)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, packet := range [][]byte{
		{},
		keepalivedPacket(),
		append(keepalivedPacket(), make([]byte, 26)...), // Ethernet padding
		edited(2, 0), // priority 0
		edited(3, 255),
		edited(0, 0x41),
		withChecksum(append([]byte{0x21, 1, 255, 0, 0, 255, 0, 0}, make([]byte, 8)...)),
		keepalivedFlight4().packet,
		keepalivedFlight4().checksummed(12, true).packet,
		keepalivedFlight4().with(4, 0xff).packet, // reserved bits, the longest interval
		keepalivedFlight6().packet,
		keepalivedFlight6().packet[:24],
	} {
		f.Add(packet, false)
		f.Add(packet, true)
	}
	f.Fuzz(func(t *testing.T, packet []byte, ipv6 bool) {
		f := keepalivedFlight4()
		if ipv6 {
			f = keepalivedFlight6()
		}
		f.packet = packet
		fuzzDecode(t, f)
		// Random bytes rarely have a right checksum: put it right too.
		if len(packet) >= 8 {
			for _, plain := range []bool{false, true} {
				fuzzDecode(t, f.checksummed(min(len(packet), f.length()), plain))
			}
		}
	})
}

// length is the length that the packet's count of addresses demands.
func (f flight) length() int {
	count := int(f.packet[3])
	switch {
	case f.packet[0]>>4 == 2:
		return 16 + 4*count
	case f.source.Is4():
		return 8 + 4*count
	}
	return 8 + 16*count
}

func fuzzDecode(t *testing.T, f flight) {
	a, err := f.decode()
	if err != nil {
		if _, ok := errors.AsType[*vrrp.RefusalError](err); !ok {
			t.Errorf("error %v, want a *RefusalError", err)
		}
		return
	}
	encoded, err := vrrp.Encode(a, f.source, f.destination)
	if err != nil {
		t.Fatalf("decoded %+v does not encode: %v", a, err)
	}
	// What may differ: a checksum of 0xffff is as right as 0, and Encode
	// writes 0 and no reserved bits.
	got := flight{bytes.Clone(f.packet[:len(encoded)]), f.source, f.destination}
	if a.Version == vrrp.Version3 {
		got.packet[4] &= 0x0f
	}
	plain := a.Version == vrrp.Version2 || a.PlainChecksum
	if right := got.checksummed(len(encoded), plain); !bytes.Equal(encoded, right.packet) {
		t.Errorf("%x decodes and encodes to %x", f.packet, encoded)
	}
}

func BenchmarkDecodeInto(b *testing.B) {
	for name, f := range benchmarked() {
		b.Run(name, func(b *testing.B) {
			var a vrrp.Advertisement
			b.ReportAllocs()
			for b.Loop() {
				if err := vrrp.DecodeInto(&a, f.packet, f.source, f.destination); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppend(b *testing.B) {
	for name, f := range benchmarked() {
		b.Run(name, func(b *testing.B) {
			a, err := f.decode()
			if err != nil {
				b.Fatal(err)
			}
			buffer := make([]byte, 0, 64)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := vrrp.Append(buffer, a, f.source, f.destination); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func benchmarked() map[string]flight {
	return map[string]flight{
		"version 2":           {packet: keepalivedPacket()},
		"version 3 over IPv4": keepalivedFlight4(),
		"version 3 over IPv6": keepalivedFlight6(),
	}
}
