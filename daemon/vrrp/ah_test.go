package vrrp_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/daemon/vrrp"
)

func secret() vrrp.AH { return vrrp.AH{Key: [8]byte{'s', 'e', 'c', 'r', 'e', 't'}} }

// Packets that keepalived 2.2.7 was seen to send with auth_type AH and the
// password "secret", to the group and to a peer.
const (
	keepalivedMulticastAH = "45c0004000010000ff33d0ad0a090001e0000012" +
		"700400000a0900010000000131cf5980c9ba9310f868ad35" +
		"2133ff010201d2f80a0900c80000000000000000"
	keepalivedUnicastAH = "45c0004000020000ff33a6b40a0900010a090002" +
		"700400000a0900010000000254ed2a53244d14884f7a902c" +
		"2134ff010201d2f60a0900c90000000000000000"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refusedFor says that err refuses for that reason, with that detail.
func refusedFor(t testing.TB, err error, refusal vrrp.Refusal, detail string) {
	t.Helper()
	var refused *vrrp.RefusalError
	if !errors.As(err, &refused) {
		t.Fatalf("error %v, want a RefusalError", err)
	}
	if refused.Refusal != refusal || !strings.Contains(refused.Detail, detail) {
		t.Errorf("refused for %q, want %q of %q", refused, refusal, detail)
	}
}

func TestAHOpensWhatKeepalivedSends(t *testing.T) {
	tests := []struct {
		name, packet string
		vrid         uint8
		sequence     uint32
	}{
		{"multicast", keepalivedMulticastAH, 51, 1},
		{"unicast", keepalivedUnicastAH, 52, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			packet := unhex(t, test.packet)
			before := slices.Clone(packet)
			payload, sequence, err := secret().Open(packet)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(packet, before) {
				t.Errorf("the packet became %x", packet)
			}
			a, err := vrrp.Decode(payload, netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("224.0.0.18"))
			if err != nil {
				t.Fatal(err)
			}
			if a.VRID != test.vrid || a.Priority != 255 || sequence != test.sequence {
				t.Errorf("number %d, %+v", sequence, a)
			}
		})
	}
}

// Only the identification may differ, which the sender chooses.
func TestAHSealsAsKeepalivedDoes(t *testing.T) {
	want := unhex(t, keepalivedMulticastAH)
	got, err := secret().Seal(netip.MustParseAddr("10.9.0.1"), netip.MustParseAddr("224.0.0.18"), 255, 1, want[44:])
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got  %x\nwant %x", got, want)
	}
}

func TestAHSealRefuses(t *testing.T) {
	four, six := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fe80::1")
	for name, err := range map[string]error{
		"source":      second(secret().Seal(six, four, 255, 1, nil)),
		"destination": second(secret().Seal(four, six, 255, 1, nil)),
		"length":      second(secret().Seal(four, four, 255, 1, make([]byte, math.MaxUint16))),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestAHOpenRefuses(t *testing.T) {
	edit := func(index int, value byte) func([]byte) []byte {
		return func(b []byte) []byte { b[index] = value; return b }
	}
	tests := []struct {
		name    string
		change  func([]byte) []byte
		refusal vrrp.Refusal
		detail  string
	}{
		{"empty", func([]byte) []byte { return nil }, vrrp.RefusedLength, "0 bytes"},
		{"cut in the header", func(b []byte) []byte { return b[:43] }, vrrp.RefusedLength, "43 bytes"},
		{"short IP header", edit(0, 0x44), vrrp.RefusedLength, "header of 16"},
		{"no authentication header", edit(9, 112), vrrp.RefusedAuthentication, "protocol 112"},
		{"another next header", edit(20, 6), vrrp.RefusedAuthentication, "header 06"},
		{"another length", edit(21, 5), vrrp.RefusedAuthentication, "header 7005"},
		{"reserved bits", edit(23, 1), vrrp.RefusedAuthentication, "header 70040001"},
		{"priority", edit(46, 1), vrrp.RefusedAuthentication, "signature"},
		{"number", edit(31, 2), vrrp.RefusedAuthentication, "signature"},
		{"source", edit(15, 9), vrrp.RefusedAuthentication, "signature"},
		{"destination", edit(19, 9), vrrp.RefusedAuthentication, "signature"},
		{"TTL of multicast", edit(8, 254), vrrp.RefusedAuthentication, "signature"},
		{"signature", edit(32, 0), vrrp.RefusedAuthentication, "signature"},
		{"cut behind", func(b []byte) []byte { return b[:len(b)-4] }, vrrp.RefusedAuthentication, "signature"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := secret().Open(test.change(unhex(t, keepalivedMulticastAH)))
			refusedFor(t, err, test.refusal, test.detail)
		})
	}
	t.Run("another password", func(t *testing.T) {
		_, _, err := vrrp.AH{}.Open(unhex(t, keepalivedMulticastAH))
		refusedFor(t, err, vrrp.RefusedAuthentication, "signature")
	})
}

// What routers change is not signed.
func TestAHOpenLetsRoutersChange(t *testing.T) {
	packet := unhex(t, keepalivedUnicastAH)
	packet[1], packet[6], packet[8], packet[10] = 0, 0x40, 64, 0xff
	if _, _, err := secret().Open(packet); err != nil {
		t.Error(err)
	}
}

func TestAHOpensWhatItSealed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := vrrp.AH{Key: [8]byte(rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "key"))}
		address := func(name string) netip.Addr {
			return netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, name)))
		}
		advertisement := rapid.SliceOfN(rapid.Byte(), 0, 1100).Draw(t, "advertisement")
		number := rapid.Uint32().Draw(t, "number")
		packet, err := h.Seal(address("source"), address("destination"), rapid.Byte().Draw(t, "ttl"), number, advertisement)
		if err != nil {
			t.Fatal(err)
		}
		got, sequence, err := h.Open(packet)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, advertisement) || sequence != number {
			t.Errorf("opened %x, number %d", got, sequence)
		}
	})
}

func FuzzAHOpen(f *testing.F) {
	f.Add(unhex(f, keepalivedMulticastAH))
	f.Add([]byte{0x4f, 51})
	f.Fuzz(func(t *testing.T, packet []byte) {
		payload, _, err := secret().Open(packet)
		var refused *vrrp.RefusalError
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("error %v is no RefusalError", err)
		}
		if err == nil && !bytes.HasSuffix(packet, payload) {
			t.Errorf("payload %x is not the end of %x", payload, packet)
		}
	})
}

func TestAHSequence(t *testing.T) {
	at := func(seconds int64) time.Time { return time.Unix(seconds, 0) }
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	var s vrrp.AHSequence
	next := func(now time.Time, want uint32) {
		t.Helper()
		if got := s.Next(now); got != want {
			t.Errorf("next is %d, want %d", got, want)
		}
	}
	accept := func(source netip.Addr, sequence uint32) {
		t.Helper()
		if err := s.Accept(source, sequence); err != nil {
			t.Error(err)
		}
	}
	next(at(1000), 1000)
	next(at(1000), 1001) // the clock stands
	next(at(900), 1002)  // and goes back
	accept(a, 7)         // a source may be behind
	refusedFor(t, s.Accept(a, 7), vrrp.RefusedAuthentication, "replay: number 7 after 7")
	refusedFor(t, s.Accept(a, 6), vrrp.RefusedAuthentication, "replay")
	accept(a, 8)
	accept(b, 5000) // a number for one source says nothing of another
	accept(a, 9)
	next(at(1003), 5001) // above every number seen
	next(at(6000), 6000)
	accept(b, math.MaxUint32)
	next(at(6001), math.MaxUint32) // never 0 again
	next(at(-1), math.MaxUint32)
}
