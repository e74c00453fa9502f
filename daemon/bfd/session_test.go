package bfd_test

import (
	"strings"
	"testing"
	"time"

	"takeover/daemon/bfd"
)

func parameters() bfd.Parameters {
	return bfd.Parameters{
		Discriminator: 0xa,
		DesiredMinTx:  10 * time.Millisecond,
		RequiredMinRx: 10 * time.Millisecond,
		Multiplier:    3,
		Seed:          1,
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name string
		edit func(*bfd.Parameters)
		want string
	}{
		{"discriminator 0", func(p *bfd.Parameters) { p.Discriminator = 0 }, "discriminator 0"},
		{"multiplier 0", func(p *bfd.Parameters) { p.Multiplier = 0 }, "multiplier 0"},
		{"no transmit interval", func(p *bfd.Parameters) { p.DesiredMinTx = 0 }, "desired transmit interval 0s"},
		{"too short", func(p *bfd.Parameters) { p.RequiredMinRx = 999 * time.Microsecond }, "required receive interval 999µs"},
		{"too long", func(p *bfd.Parameters) { p.RequiredMinRx = 4295 * time.Second }, "required receive interval 1h11m35s"},
		{"nanoseconds", func(p *bfd.Parameters) { p.DesiredMinTx++ }, "10.000001ms"},
		{"idle below a second", func(p *bfd.Parameters) { p.IdleTx = 999 * time.Millisecond }, "idle interval 999ms"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := parameters()
			test.edit(&p)
			if _, err := bfd.New(p); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}

// newUp is a session that is Up at now, after its Poll Sequence, and the
// packet that its neighbor sends from now on.
func newUp(t testing.TB, now time.Time, p bfd.Parameters) (*bfd.Session, bfd.Packet) {
	t.Helper()
	s, err := bfd.New(p)
	if err != nil {
		t.Fatal(err)
	}
	heard := bfd.Packet{
		State: bfd.Down, Multiplier: 3, MyDiscriminator: 0xb,
		DesiredMinTx: time.Second, RequiredMinRx: 10 * time.Millisecond,
	}
	s.Step(now, bfd.Startup{})
	s.Step(now, bfd.Received{Packet: heard})
	heard.State, heard.YourDiscriminator, heard.DesiredMinTx = bfd.Up, p.Discriminator, 10*time.Millisecond
	heard.Final = true
	s.Step(now, bfd.Received{Packet: heard}) // Init to Up
	s.Step(now, bfd.Received{Packet: heard}) // the Final
	if status := s.Status(); status.State != bfd.Up || status.Polling {
		t.Fatalf("status %+v", status)
	}
	heard.Final = false
	return s, heard
}

func TestDetectionIsExact(t *testing.T) {
	now := beginning()
	s, heard := newUp(t, now, parameters())
	now = now.Add(7 * time.Millisecond)
	s.Step(now, bfd.Received{Packet: heard})
	end := now.Add(30 * time.Millisecond)
	s.Step(end.Add(-1), bfd.TimerExpired{})
	if s.State() != bfd.Up {
		t.Fatal("Down before the Detection Time ended")
	}
	actions := s.Step(end, bfd.TimerExpired{})
	if s.State() != bfd.Down {
		t.Fatal("Up when the Detection Time had ended")
	}
	send, ok := actions[0].(bfd.Send)
	if !ok || send.Packet.State != bfd.Down || send.Packet.Diagnostic != bfd.DiagnosticTimeExpired || send.Packet.YourDiscriminator != 0 {
		t.Errorf("first action %+v", actions[0])
	}
}

func TestPacketOfAnotherSessionIsDiscarded(t *testing.T) {
	now := beginning()
	s, heard := newUp(t, now, parameters())
	before, _ := s.Deadline()
	heard.YourDiscriminator++
	heard.State = bfd.Down
	actions := s.Step(now.Add(time.Millisecond), bfd.Received{Packet: heard})
	if len(actions) != 1 || actions[0] != (bfd.Discard{Refusal: bfd.RefusedSession}) {
		t.Errorf("actions %v", actions)
	}
	if after, _ := s.Deadline(); s.State() != bfd.Up || after != before {
		t.Errorf("state %s, deadline moved by %s", s.State(), after.Sub(before))
	}
}

func TestJitterIsBetween75And100Percent(t *testing.T) {
	for multiplier, most := range map[uint8]time.Duration{1: 9 * time.Millisecond, 3: 10 * time.Millisecond} {
		p := parameters()
		p.Multiplier = multiplier
		now := beginning()
		s, heard := newUp(t, now, p)
		heard.Multiplier = 255
		s.Step(now, bfd.Received{Packet: heard})
		shortest, longest := time.Hour, time.Duration(0)
		for range 10_000 {
			due, _ := s.Deadline()
			s.Step(due, bfd.TimerExpired{})
			s.Step(due, bfd.Received{Packet: heard})
			next, _ := s.Deadline()
			shortest, longest = min(shortest, next.Sub(due)), max(longest, next.Sub(due))
		}
		if shortest < 7500*time.Microsecond || shortest > 7600*time.Microsecond {
			t.Errorf("multiplier %d: shortest interval %s", multiplier, shortest)
		}
		if longest > most || longest < most-most/100 {
			t.Errorf("multiplier %d: longest interval %s, want %s", multiplier, longest, most)
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	now := beginning()
	s, heard := newUp(t, now, parameters())
	payload := bfd.Append(nil, heard)
	buffer := make([]byte, 0, bfd.PacketBytes)
	allocations := testing.AllocsPerRun(1000, func() {
		now, _ = s.Deadline()
		p, err := bfd.Decode(payload)
		if err != nil {
			t.Error(err)
		}
		s.Step(now, bfd.Received{Packet: p})
		for _, action := range s.Step(now, bfd.TimerExpired{}) {
			if send, ok := action.(bfd.Send); ok {
				buffer = bfd.Append(buffer[:0], *send.Packet)
			}
		}
	})
	if allocations != 0 || s.State() != bfd.Up || len(buffer) != bfd.PacketBytes {
		t.Errorf("%v allocations, state %s, %d bytes sent", allocations, s.State(), len(buffer))
	}
}

func BenchmarkStep(b *testing.B) {
	now := beginning()
	s, heard := newUp(b, now, parameters())
	b.ReportAllocs()
	for b.Loop() {
		now, _ = s.Deadline()
		s.Step(now, bfd.Received{Packet: heard})
		s.Step(now, bfd.TimerExpired{})
	}
}
