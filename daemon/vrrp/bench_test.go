package vrrp_test

import (
	"testing"
	"time"

	"takeover/daemon/vrrp"
)

// TestSteadyStateAllocatesNothing holds for whatever is heard again and again,
// believed or refused, and for the advertisements of the Active.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	backup := mustNew(t, parameters())
	backup.Step(beginning(), vrrp.Startup{})
	active, now := newActive(t, parameters())
	refused := heard(150)
	refused.Advertisement.VRID++
	for _, e := range []vrrp.Received{heard(0), heard(50), heard(150), refused} {
		allocatesNothing(t, "Backup", func() { backup.Step(now, e) })
	}
	for _, e := range []vrrp.Received{heard(0), heard(50), refused} {
		allocatesNothing(t, "Active", func() { active.Step(now, e) })
	}
	allocatesNothing(t, "advertising", func() {
		now = now.Add(time.Second)
		active.Step(now, vrrp.TimerExpired{})
	})
}

func allocatesNothing(t *testing.T, what string, f func()) {
	t.Helper()
	f()
	if n := testing.AllocsPerRun(100, f); n != 0 {
		t.Errorf("%s: %v allocations", what, n)
	}
}

func BenchmarkStep(b *testing.B) {
	refused := heard(150)
	refused.Advertisement.VRID++
	for _, bench := range []struct {
		name  string
		event vrrp.Received
	}{{"received in Backup", heard(150)}, {"discarded in Backup", heard(50)}, {"refused", refused}} {
		b.Run(bench.name, func(b *testing.B) {
			router := mustNew(b, parameters())
			router.Step(beginning(), vrrp.Startup{})
			b.ReportAllocs()
			for b.Loop() {
				router.Step(beginning(), bench.event)
			}
		})
	}
	b.Run("advertising", func(b *testing.B) {
		router, now := newActive(b, parameters())
		b.ReportAllocs()
		for b.Loop() {
			now = now.Add(time.Second)
			router.Step(now, vrrp.TimerExpired{})
		}
	})
	b.Run("rival of Active", func(b *testing.B) {
		router, now := newActive(b, parameters())
		e := heard(50)
		b.ReportAllocs()
		for b.Loop() {
			router.Step(now, e)
		}
	})
}
