package vrrp_test

import (
	"bytes"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/daemon/vrrp"
)

// The examples of draft-cassen-vrrp-auth-hmac's appendix, with the key that
// counts from 0 to 31, and packets that keepalived 2.4.3 was seen to send.
const (
	draftTrailer4 = "3133c80100644402c0000264" +
		"010100006800000080000000" + "1b84bc4e8e43892dc6d98448f8ee2265"
	draftTrailer6 = "3133c8010064a2e9fe800000000000000000000000000100" +
		"010100006800000080000000" + "c8c56146ebfd66ee10ec4d8186461b78"
	keepalivedTrailer2 = "2133fa010001d9f80a0900c80000000000000000" +
		"010100006b0380a172580000" + "d4c551db3cc546eb12a34ab26119ef8b"
	keepalivedTrailer3 = "3134fa010064defa0a0900c9" +
		"010100006b0380a172ea0000" + "bf33745844841c8949238205f1c38392"
	keepalivedTrailer6 = "3135fa0200641423fe80000000000000000000000000020020010db8000000000000000000000200" +
		"010100006b0380a172bc0000" + "0c4bf604e0551dec9fee233724192c93"
)

// trailerKey is the key of the examples.
func trailerKey() []byte {
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

func newTrailer(t testing.TB, change func(*vrrp.TrailerParameters)) *vrrp.Trailer {
	t.Helper()
	p := vrrp.TrailerParameters{
		Keys: map[uint8][]byte{1: trailerKey()}, ActiveKey: 1, Window: 5 * time.Second,
	}
	change(&p)
	trailer, err := vrrp.NewTrailer(p)
	if err != nil {
		t.Fatal(err)
	}
	return trailer
}

func unchanged(*vrrp.TrailerParameters) {}

// sentAt is when the keepalived packets and the draft's examples were sent, at
// the start of the second.
var (
	draftSentAt      = time.Unix(0x68000000, 0)
	keepalivedSentAt = time.Unix(0x6b0380a1, 0)
)

func TestTrailerOpensWhatOthersSend(t *testing.T) {
	tests := []struct {
		name, payload, source, destination string
		at                                 time.Time
		priority                           uint8
	}{
		{"draft, IPv4", draftTrailer4, "198.51.100.10", "192.0.2.10", draftSentAt, 200},
		{"draft, IPv6", draftTrailer6, "fe80::10", "fe80::20", draftSentAt, 200},
		{"keepalived, version 2", keepalivedTrailer2, "10.9.0.1", "224.0.0.18", keepalivedSentAt, 250},
		{"keepalived, version 3", keepalivedTrailer3, "10.9.0.1", "224.0.0.18", keepalivedSentAt, 250},
		{"keepalived, IPv6", keepalivedTrailer6, "fe80::68b5:cbff:fe8a:eab5", "ff02::12", keepalivedSentAt, 250},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			source, destination := netip.MustParseAddr(test.source), netip.MustParseAddr(test.destination)
			payload, err := newTrailer(t, unchanged).Open(test.at, source, unhex(t, test.payload))
			if err != nil {
				t.Fatal(err)
			}
			a, err := vrrp.Decode(payload, source, destination)
			if err != nil {
				t.Fatal(err)
			}
			if a.Priority != test.priority {
				t.Errorf("decoded %+v", a)
			}
		})
	}
}

// Half a second is the fraction in the draft's examples.
func TestTrailerSealsAsTheDraftDoes(t *testing.T) {
	tests := []struct{ name, payload, source, destination string }{
		{"IPv4", draftTrailer4, "198.51.100.10", "192.0.2.10"},
		{"IPv6", draftTrailer6, "fe80::10", "fe80::20"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := unhex(t, test.payload)
			source, destination := netip.MustParseAddr(test.source), netip.MustParseAddr(test.destination)
			bare, err := newTrailer(t, unchanged).Open(draftSentAt, source, slices.Clone(want))
			if err != nil {
				t.Fatal(err)
			}
			a, err := vrrp.Decode(bare, source, destination)
			if err != nil {
				t.Fatal(err)
			}
			encoded, err := vrrp.Encode(a, source, destination)
			if err != nil {
				t.Fatal(err)
			}
			got := newTrailer(t, unchanged).Seal(draftSentAt.Add(time.Second/2), source, encoded)
			if !bytes.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", got, want)
			}
		})
	}
}

func TestTrailerOpenRefuses(t *testing.T) {
	source := netip.MustParseAddr("fe80::10")
	flip := func(index int) func([]byte) []byte {
		return func(b []byte) []byte { b[index] ^= 1; return b }
	}
	const trailer = 24
	tests := []struct {
		name    string
		change  func([]byte) []byte
		refusal vrrp.Refusal
		detail  string
	}{
		{"empty", func([]byte) []byte { return nil }, vrrp.RefusedLength, "0 bytes"},
		{"no trailer", func(b []byte) []byte { return b[:trailer] }, vrrp.RefusedAuthentication, "no trailer"},
		{"half a trailer", func(b []byte) []byte { return b[:trailer+14] }, vrrp.RefusedAuthentication, "no trailer"},
		{"more than a trailer", func(b []byte) []byte { return append(b, 0) }, vrrp.RefusedAuthentication, "no trailer"},
		{"priority", flip(2), vrrp.RefusedAuthentication, "signature"},
		{"VRID", flip(1), vrrp.RefusedAuthentication, "signature"},
		{"interval", flip(5), vrrp.RefusedAuthentication, "signature"},
		{"address", flip(23), vrrp.RefusedAuthentication, "signature"},
		{"type", flip(trailer), vrrp.RefusedAuthentication, "a trailer that starts with 00010000"},
		{"key", flip(trailer + 1), vrrp.RefusedAuthentication, "no key 0"},
		{"reserved", flip(trailer + 3), vrrp.RefusedAuthentication, "a trailer that starts with 01010001"},
		{"second", flip(trailer + 7), vrrp.RefusedAuthentication, "signature"},
		{"hour", flip(trailer + 5), vrrp.RefusedAuthentication, "the window is 5s"},
		{"counter", flip(trailer + 11), vrrp.RefusedAuthentication, "signature"},
		{"signature", flip(trailer + 12), vrrp.RefusedAuthentication, "signature"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := newTrailer(t, unchanged).Open(draftSentAt, source, test.change(unhex(t, draftTrailer6)))
			refusedFor(t, err, test.refusal, test.detail)
		})
	}
	t.Run("another source", func(t *testing.T) {
		_, err := newTrailer(t, unchanged).Open(draftSentAt, netip.MustParseAddr("fe80::11"), unhex(t, draftTrailer6))
		refusedFor(t, err, vrrp.RefusedAuthentication, "signature")
	})
}

// A wrong checksum is Decode's to refuse, before and behind Open.
func TestTrailerLeavesAWrongChecksumWrong(t *testing.T) {
	source, destination := netip.MustParseAddr("fe80::10"), netip.MustParseAddr("fe80::20")
	payload := unhex(t, draftTrailer6)
	payload[7] ^= 1
	payload, err := newTrailer(t, unchanged).Open(draftSentAt, source, payload)
	if err != nil {
		t.Fatal(err)
	}
	_, err = vrrp.Decode(payload, source, destination)
	refusedFor(t, err, vrrp.RefusedChecksum, "")
}

func TestTrailerWindow(t *testing.T) {
	source := netip.MustParseAddr("fe80::10")
	tests := []struct {
		name   string
		late   time.Duration
		window time.Duration
		fresh  bool
	}{
		{"edge of the window", 5 * time.Second, 5 * time.Second, true},
		{"beyond it", 6 * time.Second, 5 * time.Second, false},
		{"edge, our clock behind", -5 * time.Second, 5 * time.Second, true},
		{"beyond, our clock behind", -6 * time.Second, 5 * time.Second, false},
		{"no window", 1000 * time.Hour, 0, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			trailer := newTrailer(t, func(p *vrrp.TrailerParameters) { p.Window = test.window })
			_, err := trailer.Open(draftSentAt.Add(test.late), source, unhex(t, draftTrailer6))
			if test.fresh && err != nil {
				t.Error(err)
			}
			if !test.fresh {
				refusedFor(t, err, vrrp.RefusedAuthentication, "replay, or a wrong clock")
			}
		})
	}
}

func TestTrailerRefusesReplays(t *testing.T) {
	a, b := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	now := draftSentAt
	sender, receiver := newTrailer(t, unchanged), newTrailer(t, unchanged)
	first := sender.Seal(now, a, keepalivedPacket())
	second := sender.Seal(now, a, keepalivedPacket()) // the clock stands
	fromB := sender.Seal(now.Add(-time.Second), b, keepalivedPacket())
	open := func(source netip.Addr, sealed []byte) error {
		_, err := receiver.Open(now, source, sealed)
		return err
	}
	if err := open(a, second); err != nil {
		t.Fatal(err)
	}
	refusedFor(t, open(a, second), vrrp.RefusedAuthentication, "replay: number")
	refusedFor(t, open(a, first), vrrp.RefusedAuthentication, "replay: number")
	if err := open(b, fromB); err != nil {
		t.Errorf("another source: %v", err)
	}
	third := sender.Seal(now.Add(time.Second), a, keepalivedPacket())
	if err := open(a, third); err != nil {
		t.Error(err)
	}
}

// A forged packet must not move what counts as received.
func TestTrailerIsNotMovedByForgeries(t *testing.T) {
	a := netip.MustParseAddr("10.0.0.1")
	sender, receiver := newTrailer(t, unchanged), newTrailer(t, unchanged)
	honest := sender.Seal(draftSentAt, a, keepalivedPacket())
	forged := sender.Seal(draftSentAt.Add(time.Second), a, keepalivedPacket())
	forged[len(forged)-1] ^= 1
	_, err := receiver.Open(draftSentAt, a, forged)
	refusedFor(t, err, vrrp.RefusedAuthentication, "signature")
	if _, err := receiver.Open(draftSentAt, a, honest); err != nil {
		t.Error(err)
	}
}

// After the time of day was put right, sender and receiver find together.
func TestTrailerFollowsAClockThatIsPutBack(t *testing.T) {
	a := netip.MustParseAddr("10.0.0.1")
	sender, receiver := newTrailer(t, unchanged), newTrailer(t, unchanged)
	for _, now := range []time.Time{draftSentAt, draftSentAt.Add(-time.Hour), draftSentAt.Add(-time.Hour + time.Second)} {
		if _, err := receiver.Open(now, a, sender.Seal(now, a, keepalivedPacket())); err != nil {
			t.Errorf("at %s: %v", now, err)
		}
	}
}

func TestTrailerModes(t *testing.T) {
	a := netip.MustParseAddr("10.0.0.1")
	signed := newTrailer(t, unchanged).Seal(draftSentAt, a, keepalivedPacket())
	tests := []struct {
		mode                 vrrp.TrailerMode
		signs, takesUnsigned bool
	}{
		{vrrp.TrailerEnforce, true, false},
		{vrrp.TrailerPermissive, true, true},
		{vrrp.TrailerReceiveOnly, false, true},
	}
	for _, test := range tests {
		trailer := newTrailer(t, func(p *vrrp.TrailerParameters) { p.Mode = test.mode })
		if n := len(trailer.Seal(draftSentAt, a, keepalivedPacket())) - len(keepalivedPacket()); (n == vrrp.TrailerLength) != test.signs {
			t.Errorf("mode %d: a trailer of %d bytes", test.mode, n)
		}
		if got, err := trailer.Open(draftSentAt, a, keepalivedPacket()); (err == nil) != test.takesUnsigned {
			t.Errorf("mode %d: %x, %v", test.mode, got, err)
		}
		got, err := trailer.Open(draftSentAt, a, slices.Clone(signed))
		if err != nil || !bytes.Equal(got, keepalivedPacket()) {
			t.Errorf("mode %d: %x, %v", test.mode, got, err)
		}
		broken := slices.Clone(signed)
		broken[2] ^= 1
		_, err = trailer.Open(draftSentAt, a, broken)
		refusedFor(t, err, vrrp.RefusedAuthentication, "signature")
	}
}

func TestTrailerKeysRotate(t *testing.T) {
	a := netip.MustParseAddr("10.0.0.1")
	both := func(active uint8) *vrrp.Trailer {
		return newTrailer(t, func(p *vrrp.TrailerParameters) {
			p.Keys[2] = bytes.Repeat([]byte{2}, 64)
			p.ActiveKey = active
		})
	}
	receiver := both(1)
	for i, active := range []uint8{1, 2} {
		now := draftSentAt.Add(time.Duration(i) * time.Second)
		if _, err := receiver.Open(now, a, both(active).Seal(now, a, keepalivedPacket())); err != nil {
			t.Errorf("key %d: %v", active, err)
		}
	}
}

func TestNewTrailerRefuses(t *testing.T) {
	for name, change := range map[string]func(*vrrp.TrailerParameters){
		"no active key":   func(p *vrrp.TrailerParameters) { p.ActiveKey = 2 },
		"key 0":           func(p *vrrp.TrailerParameters) { p.Keys[0] = trailerKey() },
		"short key":       func(p *vrrp.TrailerParameters) { p.Keys[1] = trailerKey()[1:] },
		"long key":        func(p *vrrp.TrailerParameters) { p.Keys[2] = make([]byte, 65) },
		"half a second":   func(p *vrrp.TrailerParameters) { p.Window = time.Second / 2 },
		"long window":     func(p *vrrp.TrailerParameters) { p.Window = 301 * time.Second },
		"negative window": func(p *vrrp.TrailerParameters) { p.Window = -time.Second },
		"mode 3":          func(p *vrrp.TrailerParameters) { p.Mode = 3 },
	} {
		p := vrrp.TrailerParameters{Keys: map[uint8][]byte{1: trailerKey()}, ActiveKey: 1}
		change(&p)
		if _, err := vrrp.NewTrailer(p); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTrailerOpensWhatItSealed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		source := netip.MustParseAddr("10.0.0.1")
		destination := netip.MustParseAddr("224.0.0.18")
		virtual := netip.MustParseAddr("10.0.0.100")
		if rapid.Bool().Draw(t, "IPv6") {
			source, destination = netip.MustParseAddr("fe80::1"), netip.MustParseAddr("ff02::12")
			virtual = netip.MustParseAddr("2001:db8::100")
		}
		a := vrrp.Advertisement{
			Version: vrrp.Version3, VRID: 1, Priority: rapid.Byte().Draw(t, "priority"),
			Interval: time.Second,
		}
		for range rapid.IntRange(1, 255).Draw(t, "addresses") {
			a.Addresses = append(a.Addresses, virtual)
			virtual = virtual.Next()
		}
		payload, err := vrrp.Encode(a, source, destination)
		if err != nil {
			t.Fatal(err)
		}
		p := vrrp.TrailerParameters{Keys: map[uint8][]byte{1: trailerKey()}, ActiveKey: 1, Window: 5 * time.Second}
		trailer, err := vrrp.NewTrailer(p)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		opened, err := trailer.Open(now, source, trailer.Seal(now, source, payload))
		if err != nil {
			t.Fatal(err)
		}
		// A checksum may be written in two ways: Decode is to judge it.
		if _, err := vrrp.Decode(opened, source, destination); err != nil {
			t.Errorf("decode: %v", err)
		}
		if !bytes.Equal(opened[:6], payload[:6]) || !bytes.Equal(opened[8:], payload[8:]) {
			t.Errorf("opened %x, want %x", opened, payload)
		}
	})
}

func FuzzTrailerOpen(f *testing.F) {
	for _, text := range []string{draftTrailer4, draftTrailer6, keepalivedTrailer2} {
		f.Add(unhex(f, text), true)
		f.Add(unhex(f, text), false)
	}
	f.Fuzz(func(t *testing.T, payload []byte, six bool) {
		source := netip.MustParseAddr("198.51.100.10")
		if six {
			source = netip.MustParseAddr("fe80::10")
		}
		var refused *vrrp.RefusalError
		got, err := newTrailer(t, unchanged).Open(draftSentAt, source, payload)
		if err != nil && !errors.As(err, &refused) {
			t.Errorf("error %v is no RefusalError", err)
		}
		if err == nil && len(got)+vrrp.TrailerLength != len(payload) {
			t.Errorf("%d of %d bytes", len(got), len(payload))
		}
	})
}
