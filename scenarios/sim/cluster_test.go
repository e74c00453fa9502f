package sim

import (
	"testing"
	"time"
)

func everything() *Draw {
	return &Draw{
		Options: DefaultOptions(3), Routers: true, Version: true, Interval: true,
		Preempt: true, Guardian: true, Lease: true, DownTimer: true, PeerLoss: true, Segments: true, Faults: 6,
	}
}

func TestExplorationFindsNothing(t *testing.T) {
	count := uint64(5000)
	if testing.Short() {
		count = 500
	}
	e, err := everything().Explore(t.Context(), 1, count, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.Violation != nil {
		t.Errorf("%s\n%s", e.Violation.Finding, e.Violation.Schedule)
		v := e.Violation.Shrink()
		t.Fatalf("%s\n%s", v.Finding, v.Schedule)
	}
	t.Logf("%+v", e)
}

func BenchmarkThreeRouters(b *testing.B) {
	s := &Schedule{Options: DefaultOptions(3), Seed: 7}
	c, err := NewCluster(s, nil)
	if err != nil {
		b.Fatal(err)
	}
	c.Advance(10 * time.Second)
	b.ReportAllocs()
	b.ResetTimer()
	c.Advance(c.now + time.Duration(b.N)*time.Second)
	b.ReportMetric(1e9/(float64(b.Elapsed().Nanoseconds())/float64(b.N)), "x-real-time")
}

func BenchmarkSchedules(b *testing.B) {
	e, err := everything().Explore(b.Context(), 1, uint64(b.N), nil)
	if err != nil {
		b.Fatal(err)
	}
	if e.Violation != nil {
		b.Fatal(e.Violation.Finding)
	}
	b.ReportMetric(float64(e.Schedules)/b.Elapsed().Seconds(), "schedules/s")
}
