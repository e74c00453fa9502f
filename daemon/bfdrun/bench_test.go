package bfdrun

import (
	"fmt"
	"net/netip"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"takeover/daemon/transport"
)

// BenchmarkLiveSessions has sessions between two namespaces stay Up for two
// seconds an operation, and prints what both ends together take of one
// processor, what they allocate, and how often a session went Down that had no
// reason to. With hogs, as many busy processes as there are processors run
// beside. The canary is the latest that a thread was that only waits: when it
// comes near the Detection Time, the machine was too busy for the figures to
// mean anything.
//
//	go test -run '^$' -bench LiveSessions -benchtime 5x ./daemon/bfdrun
func BenchmarkLiveSessions(b *testing.B) {
	tests := []struct {
		sessions int
		interval time.Duration
		hogs     bool
	}{
		{200, 10 * time.Millisecond, false},
		{200, 10 * time.Millisecond, true},
		{1, 3 * time.Millisecond, false},
		{1, 3 * time.Millisecond, true},
		{1, time.Millisecond, false},
	}
	for _, test := range tests {
		name := fmt.Sprintf("%dx3x%s", test.sessions, test.interval)
		if test.hogs {
			name += "/hogs"
		}
		b.Run(name, func(b *testing.B) { benchmarkSessions(b, test.sessions, test.interval, test.hogs) })
	}
}

func benchmarkSessions(b *testing.B, sessions int, interval time.Duration, hogs bool) {
	const operation = 2 * time.Second
	l := newLab(b)
	ends := [2][]Neighbor{}
	for i := range sessions {
		for end := range ends {
			n := between(fmt.Sprintf("s%d", i), fmt.Sprintf("10.9.%d.1", i), fmt.Sprintf("10.9.%d.2", i))
			n.DesiredMinTx, n.RequiredMinRx, n.Multiplier = interval, interval, 3
			if end == 1 {
				n = reversed(n)
			}
			l.ip("-n", fmt.Sprintf("%s%d", l.names, end+1), "addr", "add", netip.PrefixFrom(n.Local, 24).String(), "dev", "eth0")
			ends[end] = append(ends[end], n)
		}
	}
	var downs atomic.Int32
	var up sync.WaitGroup // all have been Up once
	up.Add(2 * sessions)
	for end := range ends {
		r := l.run(end+1, ends[end]...)
		go func() {
			seen := make(map[string]bool)
			for e := range r.events {
				switch {
				case e.Up && !seen[e.Name]:
					seen[e.Name] = true
					up.Done()
				case !e.Up && !e.Administrative:
					downs.Add(1)
				}
			}
		}()
		defer close(r.events)
		defer r.stop()
	}
	up.Wait()
	downs.Store(0)
	if hogs {
		startHogs(b)
	}
	late := startCanary(b)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, began := processorTime(), time.Now()
	for b.Loop() {
		<-time.After(operation)
	}
	spent, elapsed := processorTime()-cpu, time.Since(began)
	runtime.ReadMemStats(&after)
	b.ReportMetric(100*spent.Seconds()/elapsed.Seconds(), "%cpu")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/elapsed.Seconds(), "allocs/s")
	b.ReportMetric(float64(downs.Load()), "falsedowns")
	b.ReportMetric(float64(late.Load())/1e6, "canary-ms")
}

// startCanary measures, until the end of the benchmark, how late a thread such
// as that of Run wakes up, in nanoseconds.
func startCanary(b *testing.B) *atomic.Int64 {
	var latest atomic.Int64
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and favored for ever: it ends with the goroutine
		w, err := transport.NewWaiter()
		if err != nil {
			b.Error(err)
			return
		}
		defer w.Close()
		if _, err := transport.FavorThread(); err != nil {
			b.Error(err)
		}
		for {
			select {
			case <-stop:
				return
			default:
			}
			due := time.Now().Add(4 * time.Millisecond)
			if err := w.Wait(due); err != nil {
				b.Error(err)
				return
			}
			latest.Store(max(latest.Load(), int64(time.Since(due))))
		}
	}()
	b.Cleanup(func() { close(stop); <-done })
	return &latest
}

// startHogs keeps every processor busy until the end of the benchmark.
func startHogs(b *testing.B) {
	for range runtime.NumCPU() {
		hog := exec.Command("sh", "-c", "while :; do :; done")
		if err := hog.Start(); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() {
			_ = hog.Process.Kill()
			_ = hog.Wait() // it says that it was killed
		})
	}
}

// processorTime is what this process has used so far.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
