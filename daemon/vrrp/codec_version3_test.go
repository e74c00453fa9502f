package vrrp_test

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"takeover/daemon/vrrp"
)

// flight is an advertisement of version 3, on its way.
type flight struct {
	packet              []byte
	source, destination netip.Addr
}

// keepalivedFlight4 is what keepalived 2.2.7 was seen to send for VRID 51,
// priority 150, an interval of 100 ms and 10.0.0.200.
func keepalivedFlight4() flight {
	return flight{
		packet: []byte{
			0x31, 51, 150, 1, // version 3, type 1; VRID; priority; count
			0, 10, 0x43, 0x05, // 10 hundredths; checksum
			10, 0, 0, 200,
		},
		source:      netip.MustParseAddr("10.0.0.101"),
		destination: netip.MustParseAddr("224.0.0.18"),
	}
}

// keepalivedFlight6 is the same for VRID 52, priority 151, an interval of
// 1.5 s, fe80::200 and 2001:db8::200.
func keepalivedFlight6() flight {
	linkLocal, global := netip.MustParseAddr("fe80::200").As16(), netip.MustParseAddr("2001:db8::200").As16()
	packet := []byte{0x31, 52, 151, 2, 0, 150, 0x09, 0xca}
	return flight{
		packet:      append(append(packet, linkLocal[:]...), global[:]...),
		source:      netip.MustParseAddr("fe80::ff:fe00:1"),
		destination: netip.MustParseAddr("ff02::12"),
	}
}

// checksummed puts the checksum right over the first length bytes, by building
// the pseudo-header rather than as the codec does it.
func (f flight) checksummed(length int, plain bool) flight {
	f.packet = bytes.Clone(f.packet)
	f.packet[6], f.packet[7] = 0, 0
	var covered []byte
	if !plain {
		covered = append(f.source.AsSlice(), f.destination.AsSlice()...)
		covered = append(binary.BigEndian.AppendUint16(covered, uint16(length)), 0, 112)
	}
	covered = append(covered, f.packet[:length]...)
	sum := uint32(0)
	for i := 0; i+1 < len(covered); i += 2 {
		sum += uint32(covered[i])<<8 + uint32(covered[i+1])
		if sum >= 0x10000 {
			sum -= 0xffff
		}
	}
	binary.BigEndian.PutUint16(f.packet[6:], uint16(0xffff-sum))
	return f
}

// with is the flight with one byte changed and the checksum right.
func (f flight) with(index int, value byte) flight {
	f.packet = bytes.Clone(f.packet)
	f.packet[index] = value
	return f.checksummed(len(f.packet), false)
}

func (f flight) decode() (vrrp.Advertisement, error) {
	return vrrp.Decode(f.packet, f.source, f.destination)
}

func TestKeepalivedVersion3PacketsDecodeAndEncodeToTheSameBytes(t *testing.T) {
	tests := map[string]struct {
		flight flight
		want   vrrp.Advertisement
	}{
		"IPv4": {keepalivedFlight4(), vrrp.Advertisement{
			Version: vrrp.Version3, VRID: 51, Priority: 150, Interval: 100 * time.Millisecond,
			Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.200")},
		}},
		"IPv6": {keepalivedFlight6(), vrrp.Advertisement{
			Version: vrrp.Version3, VRID: 52, Priority: 151, Interval: 1500 * time.Millisecond,
			Addresses: []netip.Addr{netip.MustParseAddr("fe80::200"), netip.MustParseAddr("2001:db8::200")},
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, err := test.flight.decode()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, a, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
			packet, err := vrrp.Encode(test.want, test.flight.source, test.flight.destination)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(packet, test.flight.packet) {
				t.Errorf("encoded %x, want %x", packet, test.flight.packet)
			}
		})
	}
}

func TestDecodeRefusesVersion3(t *testing.T) {
	flight4, flight6 := keepalivedFlight4(), keepalivedFlight6()
	elsewhere, mixed, half := flight6, flight6, flight6
	elsewhere.destination = netip.MustParseAddr("fe80::1")
	mixed.destination = flight4.destination
	half.packet = half.packet[:39]
	damaged := keepalivedFlight4()
	damaged.packet[11]++
	none := flight4
	none.packet = bytes.Clone(flight4.packet[:8])
	none.packet[3] = 0
	tests := []struct {
		name    string
		flight  flight
		refusal vrrp.Refusal
		detail  string
	}{
		{"a damaged address", damaged, vrrp.RefusedChecksum, "0x4305"},
		{"another destination", elsewhere, vrrp.RefusedChecksum, "0x09ca"},
		{"IPv6 without the pseudo-header", flight6.checksummed(40, true), vrrp.RefusedChecksum, "does not fit"},
		{"two families", mixed, vrrp.RefusedSource, "not of one family"},
		{"another type", flight4.with(0, 0x32), vrrp.RefusedType, "type 2"},
		{"version 4", flight4.with(0, 0x41), vrrp.RefusedVersion, "version 4"},
		{"half an address", half, vrrp.RefusedLength, "39 bytes, a count of 2 needs 40"},
		{"no addresses", none.checksummed(8, false), vrrp.RefusedAddresses, "a count of 0"},
		{"VRID 0", flight4.with(1, 0), vrrp.RefusedVRID, "VRID 0"},
		{"interval 0", flight4.with(5, 0), vrrp.RefusedInterval, "interval 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.flight.decode()
			expectRefusal(t, err, test.refusal, test.detail)
		})
	}
}

func TestReservedBitsAreZeroSentAndIgnoredReceived(t *testing.T) {
	reserved := keepalivedFlight4().with(4, 0xf0)
	a, err := reserved.decode()
	if err != nil || a.Interval != 100*time.Millisecond {
		t.Fatalf("got an interval of %s, %v; want 100ms", a.Interval, err)
	}
	packet, err := vrrp.Encode(a, reserved.source, reserved.destination)
	if err != nil || !bytes.Equal(packet, keepalivedFlight4().packet) {
		t.Errorf("encoded %x, %v; want %x", packet, err, keepalivedFlight4().packet)
	}
}

func TestPlainChecksumIsBelievedOverIPv4AndSentWhenAsked(t *testing.T) {
	plain := keepalivedFlight4().checksummed(12, true)
	a, err := plain.decode()
	if err != nil || !a.PlainChecksum {
		t.Fatalf("decoded %+v, %v; want PlainChecksum", a, err)
	}
	packet, err := vrrp.Encode(a, plain.source, plain.destination)
	if err != nil || !bytes.Equal(packet, plain.packet) {
		t.Errorf("encoded %x, %v; want %x", packet, err, plain.packet)
	}
	flight6 := keepalivedFlight6()
	if a, err = flight6.decode(); err != nil {
		t.Fatal(err)
	}
	a.PlainChecksum = true
	packet, err = vrrp.Encode(a, flight6.source, flight6.destination)
	if err != nil || !bytes.Equal(packet, flight6.packet) {
		t.Errorf("encoded %x, %v over IPv6; want the pseudo-header in it: %x", packet, err, flight6.packet)
	}
}

func TestEncodeRefusesWhatVersion3CannotCarry(t *testing.T) {
	tests := []struct {
		name string
		edit func(*vrrp.Advertisement)
		want string
	}{
		{"less than a hundredth", func(a *vrrp.Advertisement) { a.Interval = 5 * time.Millisecond }, "interval 5ms"},
		{"half a hundredth", func(a *vrrp.Advertisement) { a.Interval = 15 * time.Millisecond }, "interval 15ms"},
		{"40.96 s", func(a *vrrp.Advertisement) { a.Interval = 40960 * time.Millisecond }, "interval 40.96s"},
		{"no addresses", func(a *vrrp.Advertisement) { a.Addresses = nil }, "no addresses"},
		{"another family", func(a *vrrp.Advertisement) { a.Addresses[0] = netip.MustParseAddr("fe80::1") }, "is not IPv4"},
		{"authentication", func(a *vrrp.Advertisement) { a.Authentication.Type = 1 }, "version 3 has no authentication"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := keepalivedFlight4()
			a, err := f.decode()
			if err != nil {
				t.Fatal(err)
			}
			test.edit(&a)
			dst := []byte{1, 2, 3}
			got, err := vrrp.Append(dst, a, f.source, f.destination)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if !bytes.Equal(got, dst) {
				t.Errorf("dst became %x", got)
			}
		})
	}
}

func TestAppendWritesBehindWhatIsThere(t *testing.T) {
	f := keepalivedFlight6()
	a, err := f.decode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := vrrp.Append([]byte{1, 2, 3}, a, f.source, f.destination)
	if want := append([]byte{1, 2, 3}, f.packet...); err != nil || !bytes.Equal(got, want) {
		t.Errorf("got %x, %v; want %x", got, err, want)
	}
}

func TestDecodeIntoForgetsWhatWasThere(t *testing.T) {
	a := vrrp.Advertisement{Addresses: make([]netip.Addr, 3, 9)}
	a.Authentication.Type, a.PlainChecksum, a.Interval = 1, true, time.Hour
	f := keepalivedFlight4()
	if err := vrrp.DecodeInto(&a, f.packet, f.source, f.destination); err != nil {
		t.Fatal(err)
	}
	want, _ := f.decode()
	if diff := cmp.Diff(want, a, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if cap(a.Addresses) != 9 {
		t.Errorf("room for %d addresses, want the 9 there were", cap(a.Addresses))
	}
}

// TestCodecAllocatesNothing is for a flood of advertisements.
func TestCodecAllocatesNothing(t *testing.T) {
	version2 := flight{packet: keepalivedPacket()}
	for name, f := range map[string]flight{"2": version2, "3 IPv4": keepalivedFlight4(), "3 IPv6": keepalivedFlight6()} {
		var a vrrp.Advertisement
		buffer := make([]byte, 0, 64)
		n := testing.AllocsPerRun(100, func() {
			if err := vrrp.DecodeInto(&a, f.packet, f.source, f.destination); err != nil {
				t.Error(err)
			}
			if _, err := vrrp.Append(buffer, a, f.source, f.destination); err != nil {
				t.Error(err)
			}
		})
		if n != 0 {
			t.Errorf("%v allocations for version %s", n, name)
		}
	}
}
