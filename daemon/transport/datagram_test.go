package transport

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// packet is a valid IPv4 packet of 4 bytes of payload, after the change.
func packet(change func(b []byte)) []byte {
	b := []byte{
		0x45, 0xc0, 0, 24, 0, 1, 0, 0, 255, 112, 0, 0,
		10, 0, 0, 1, 224, 0, 0, 18,
		'a', 'b', 'c', 'd',
	}
	change(b)
	return b
}

func TestParseIPv4(t *testing.T) {
	d, err := parseIPv4(packet(func([]byte) {}))
	if err != nil {
		t.Fatal(err)
	}
	if d.Source != netip.MustParseAddr("10.0.0.1") || d.Destination != Group() || d.TTL != 255 || string(d.Payload) != "abcd" {
		t.Errorf("got %+v", d)
	}
}

func TestParseIPv4Options(t *testing.T) {
	b := packet(func(b []byte) { b[0] = 0x46 })
	d, err := parseIPv4(b)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Payload) != 0 {
		t.Errorf("payload %q, want none: the four bytes are an option", d.Payload)
	}
}

func TestParseIPv4DropsPadding(t *testing.T) {
	d, err := parseIPv4(append(packet(func([]byte) {}), 0, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if string(d.Payload) != "abcd" {
		t.Errorf("payload %q, want abcd", d.Payload)
	}
}

func TestParseIPv4Refuses(t *testing.T) {
	tests := []struct {
		name   string
		b      []byte
		detail string
	}{
		{"empty", nil, "0 bytes are no header"},
		{"short", make([]byte, 19), "19 bytes are no header"},
		{"version 6", packet(func(b []byte) { b[0] = 0x65 }), "version 6"},
		{"short header", packet(func(b []byte) { b[0] = 0x44 }), "header of 16 bytes in 24"},
		{"header beyond the end", packet(func(b []byte) { b[0] = 0x4f }), "header of 60 bytes in 24"},
		{"total length below the header", packet(func(b []byte) { b[3] = 19 }), "total length 19 in 24 bytes"},
		{"total length beyond the end", packet(func(b []byte) { b[3] = 25 }), "total length 25 in 24 bytes"},
		{"first fragment", packet(func(b []byte) { b[6] = 0x20 }), "a fragment"},
		{"last fragment", packet(func(b []byte) { b[7] = 1 }), "a fragment"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := parseIPv4(test.b)
			var refused *HeaderError
			if !errors.As(err, &refused) {
				t.Fatalf("error %v, want a HeaderError", err)
			}
			if !strings.Contains(refused.Detail, test.detail) {
				t.Errorf("detail %q, want %q", refused.Detail, test.detail)
			}
		})
	}
}

func FuzzParseIPv4(f *testing.F) {
	f.Add(packet(func([]byte) {}))
	f.Add(packet(func(b []byte) { b[0] = 0x46 }))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := parseIPv4(b)
		if err != nil {
			return
		}
		if !d.Source.Is4() || !d.Destination.Is4() {
			t.Errorf("addresses %s and %s", d.Source, d.Destination)
		}
		if !bytes.Contains(b, d.Payload) || len(d.Payload) > len(b)-headerMinBytes {
			t.Errorf("payload %x is not in %x", d.Payload, b)
		}
	})
}

// stamped is a control message with the time of arrival.
func stamped(at time.Time) []byte {
	b := make([]byte, unix.CmsgSpace(16))
	binary.NativeEndian.PutUint64(b, uint64(unix.CmsgLen(16)))
	binary.NativeEndian.PutUint32(b[8:], unix.SOL_SOCKET)
	binary.NativeEndian.PutUint32(b[12:], unix.SCM_TIMESTAMPNS)
	binary.NativeEndian.PutUint64(b[16:], uint64(at.Unix()))
	binary.NativeEndian.PutUint64(b[24:], uint64(at.Nanosecond()))
	return b
}

func TestArrival(t *testing.T) {
	now := time.Now()
	tests := []struct {
		name    string
		control []byte
		age     time.Duration
	}{
		{"just now", stamped(now.Add(-80 * time.Microsecond)), 80 * time.Microsecond},
		{"longest wait", stamped(now.Add(-waitMax)), waitMax},
		{"longer than a wait", stamped(now.Add(-waitMax - 1)), 0},
		{"time of day went back", stamped(now.Add(time.Second)), 0},
		{"no timestamp", nil, 0},
		{"cut off", stamped(now)[:20], 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if age := now.Sub(arrival(parseControl(test.control).stamp, now)); age != test.age {
				t.Errorf("age %s, want %s", age, test.age)
			}
		})
	}
}
