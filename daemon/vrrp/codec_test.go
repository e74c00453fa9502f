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
			var refused *vrrp.RefusalError
			if !errors.As(err, &refused) {
				t.Fatalf("error %v, want a *RefusalError", err)
			}
			if refused.Refusal != test.refusal || !strings.Contains(refused.Detail, test.detail) {
				t.Errorf("refused %q, want %q: ...%s...", err, test.refusal, test.detail)
			}
		})
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

func drawAddress(t *rapid.T, label string) netip.Addr {
	return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, label)))
}

func TestAdvertisementsSurviveTheRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := vrrp.Advertisement{
			Version:  vrrp.Version2,
			VRID:     rapid.Uint8Min(1).Draw(t, "vrid"),
			Priority: rapid.Uint8().Draw(t, "priority"),
			Interval: time.Duration(rapid.Uint8Min(1).Draw(t, "interval")) * time.Second,
			Authentication: vrrp.Authentication{
				Type: vrrp.AuthenticationType(rapid.Uint8().Draw(t, "type")),
				Data: [8]byte(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "data")),
			},
		}
		for range rapid.IntRange(0, 255).Draw(t, "count") {
			want.Addresses = append(want.Addresses, drawAddress(t, "address"))
		}
		packet, err := vrrp.Encode(want, netip.Addr{}, netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(packet, withChecksum(bytes.Clone(packet))) {
			t.Fatalf("the checksum of %x is wrong", packet)
		}
		got, err := vrrp.Decode(packet, netip.Addr{}, netip.Addr{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Fatalf("round trip (-want +got):\n%s", diff)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(keepalivedPacket())
	f.Add(append(keepalivedPacket(), make([]byte, 26)...)) // Ethernet padding
	f.Add(edited(2, 0))                                    // priority 0
	f.Add(edited(3, 255))
	f.Add(edited(0, 0x31))
	f.Add(withChecksum(append([]byte{0x21, 1, 255, 0, 0, 255, 0, 0}, make([]byte, 8)...)))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, packet []byte) {
		fuzzDecode(t, packet)
		// Random bytes rarely have a right checksum: put it right too.
		if len(packet) >= 8 {
			length := min(len(packet), 16+4*int(packet[3]))
			fixed := bytes.Clone(packet)
			withChecksum(fixed[:length])
			fuzzDecode(t, fixed)
		}
	})
}

func fuzzDecode(t *testing.T, packet []byte) {
	a, err := vrrp.Decode(packet, netip.Addr{}, netip.Addr{})
	if err != nil {
		if _, ok := errors.AsType[*vrrp.RefusalError](err); !ok {
			t.Errorf("error %v, want a *RefusalError", err)
		}
		return
	}
	encoded, err := vrrp.Encode(a, netip.Addr{}, netip.Addr{})
	if err != nil {
		t.Fatalf("decoded %+v does not encode: %v", a, err)
	}
	// A checksum of 0xffff is as right as 0: Encode writes 0.
	if got := packet[:len(encoded)]; !bytes.Equal(encoded, got) && !bytes.Equal(encoded, withChecksum(bytes.Clone(got))) {
		t.Errorf("%x decodes and encodes to %x", got, encoded)
	}
}

func BenchmarkDecode(b *testing.B) {
	packet := keepalivedPacket()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := vrrp.Decode(packet, netip.Addr{}, netip.Addr{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	a := keepalivedAdvertisement()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := vrrp.Encode(a, netip.Addr{}, netip.Addr{}); err != nil {
			b.Fatal(err)
		}
	}
}
