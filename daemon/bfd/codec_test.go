package bfd_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"takeover/daemon/bfd"
)

// wire is a control packet as RFC 5880 §4.1 draws it.
func wire() []byte {
	return []byte{
		0x20 | 3, 0xc0 | 0x20, 5, 24, // version 1, diagnostic 3; Up, Poll; multiplier; length
		0, 0, 0x12, 0x34, // my discriminator
		0xab, 0xcd, 0, 1, // your discriminator
		0, 0, 0x27, 0x10, // 10 ms
		0, 0x0f, 0x42, 0x40, // 1 s
		0, 0, 0, 50, // 50 us
	}
}

func decoded() bfd.Packet {
	return bfd.Packet{
		Diagnostic:        bfd.DiagnosticNeighborDown,
		State:             bfd.Up,
		Poll:              true,
		Multiplier:        5,
		MyDiscriminator:   0x1234,
		YourDiscriminator: 0xabcd0001,
		DesiredMinTx:      10 * time.Millisecond,
		RequiredMinRx:     time.Second,
		RequiredMinEchoRx: 50 * time.Microsecond,
	}
}

// edited is wire with some bytes changed: index, value, index, value...
func edited(edits ...int) []byte {
	b := wire()
	for i := 0; i < len(edits); i += 2 {
		b[edits[i]] = byte(edits[i+1])
	}
	return b
}

func TestDecodeAndAppend(t *testing.T) {
	p, err := bfd.Decode(wire())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decoded(), p); diff != "" {
		t.Errorf("decoded (-want +got):\n%s", diff)
	}
	if b := bfd.Append([]byte("x"), decoded()); !bytes.Equal(b, append([]byte("x"), wire()...)) {
		t.Errorf("appended %x, want %x behind x", b, wire())
	}
}

func TestDecodeReadsEveryFlag(t *testing.T) {
	tests := []struct {
		flags byte
		want  func(*bfd.Packet)
	}{
		{0x20, func(p *bfd.Packet) { p.Poll = true }},
		{0x10, func(p *bfd.Packet) { p.Final = true }},
		{0x08, func(p *bfd.Packet) { p.ControlPlaneIndependent = true }},
		{0x02, func(p *bfd.Packet) { p.Demand = true }},
	}
	for _, test := range tests {
		want := decoded()
		want.Poll = false
		test.want(&want)
		b := edited(1, int(0xc0|test.flags))
		p, err := bfd.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, p); diff != "" {
			t.Errorf("flags %#x decoded (-want +got):\n%s", test.flags, diff)
		}
		if again := bfd.Append(nil, p); !bytes.Equal(again, b) {
			t.Errorf("flags %#x encoded %x, want %x", test.flags, again, b)
		}
	}
}

// TestDecodeRefuses has a row for each check of RFC 5880 §6.8.6 that needs no
// session.
func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name    string
		packet  []byte
		refusal bfd.Refusal
		detail  string
	}{
		{"nothing", nil, bfd.RefusedLength, "0 bytes"},
		{"a byte too few", wire()[:23], bfd.RefusedLength, "23 bytes"},
		{"version 0", edited(0, 3), bfd.RefusedVersion, "version 0"},
		{"version 2", edited(0, 0x43), bfd.RefusedVersion, "version 2"},
		{"length below the least", edited(3, 23), bfd.RefusedLength, "length 23 in 24 bytes"},
		{"length beyond the end", edited(3, 25), bfd.RefusedLength, "length 25 in 24 bytes"},
		{"no room for authentication", edited(1, 0xc4, 3, 24), bfd.RefusedLength, "at least 26 are needed"},
		{"multiplier 0", edited(2, 0), bfd.RefusedMultiplier, "discriminator 0x1234"},
		{"multipoint", edited(1, 0xc1), bfd.RefusedMultipoint, "discriminator 0x1234"},
		{"my discriminator 0", edited(6, 0, 7, 0), bfd.RefusedMyDiscriminator, "in state Up"},
		{"your discriminator 0 in Init", edited(1, 0x80, 8, 0, 9, 0, 11, 0), bfd.RefusedYourDiscriminator, "in state Init"},
		{"your discriminator 0 in Up", edited(8, 0, 9, 0, 11, 0), bfd.RefusedYourDiscriminator, "in state Up"},
		{
			"authentication", append(edited(1, 0xc4, 3, 28), 1, 4, 1, 'x'),
			bfd.RefusedAuthentication, "type 1",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := bfd.Decode(test.packet)
			var refused *bfd.RefusalError
			if !errors.As(err, &refused) {
				t.Fatalf("error %v, want a *RefusalError", err)
			}
			if refused.Refusal != test.refusal || !strings.Contains(refused.Detail, test.detail) {
				t.Errorf("refused %q, want %q: ...%s...", err, test.refusal, test.detail)
			}
		})
	}
}

func TestDecodeAccepts(t *testing.T) {
	tests := []struct {
		name   string
		packet []byte
	}{
		{"bytes behind", append(wire(), 1, 2, 3)},
		{"a reserved diagnostic", edited(0, 0x20|31)},
		{"poll and final", edited(1, 0xf0)},
		{"your discriminator 0 in Down", edited(1, 0x40, 8, 0, 9, 0, 11, 0)},
		{"your discriminator 0 in AdminDown", edited(1, 0, 8, 0, 9, 0, 11, 0)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := bfd.Decode(test.packet); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNamesAreDifferent(t *testing.T) {
	seen := map[string]bool{}
	for i := range 11 {
		names := []string{bfd.Refusal(i).String()}
		if i <= int(bfd.DiagnosticReverseConcatenated)+1 {
			names = append(names, bfd.Diagnostic(i).String())
		}
		if i <= int(bfd.Up)+1 {
			names = append(names, bfd.State(i).String())
		}
		for _, name := range names {
			if seen[name] {
				t.Errorf("%q is there twice", name)
			}
			seen[name] = true
		}
	}
}

func drawPacket(t *rapid.T) bfd.Packet {
	micros := func(label string) time.Duration {
		return time.Duration(rapid.Uint32().Draw(t, label)) * time.Microsecond
	}
	return bfd.Packet{
		Diagnostic:              bfd.Diagnostic(rapid.Uint8Range(0, 31).Draw(t, "diagnostic")),
		State:                   bfd.State(rapid.Uint8Range(0, 3).Draw(t, "state")),
		Poll:                    rapid.Bool().Draw(t, "poll"),
		Final:                   rapid.Bool().Draw(t, "final"),
		ControlPlaneIndependent: rapid.Bool().Draw(t, "independent"),
		Demand:                  rapid.Bool().Draw(t, "demand"),
		Multiplier:              rapid.Uint8Range(1, 255).Draw(t, "multiplier"),
		MyDiscriminator:         rapid.Uint32Min(1).Draw(t, "my"),
		YourDiscriminator:       rapid.Uint32Min(1).Draw(t, "your"),
		DesiredMinTx:            micros("tx"),
		RequiredMinRx:           micros("rx"),
		RequiredMinEchoRx:       micros("echo"),
	}
}

func TestDecodeInvertsAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := drawPacket(t)
		got, err := bfd.Decode(bfd.Append(nil, want))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(wire())
	f.Add(append(edited(1, 0xc4, 3, 28), 1, 4, 1, 'x'))
	f.Add(edited(1, 0x40, 8, 0, 9, 0, 11, 0))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := bfd.Decode(b)
		if err != nil {
			var refused *bfd.RefusalError
			if !errors.As(err, &refused) || refused.Refusal == 0 || int(refused.Refusal) >= bfd.Refusals {
				t.Errorf("error %v is no known refusal", err)
			}
			return
		}
		want := bytes.Clone(b[:bfd.PacketBytes])
		want[3] = bfd.PacketBytes // a longer length may stand there
		if again := bfd.Append(nil, p); !bytes.Equal(again, want) {
			t.Errorf("decoded %x, encoded %x", want, again)
		}
	})
}
