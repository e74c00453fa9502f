package wire_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"takeover/topology/impair/wire"
)

// BenchmarkWire relays frames of 60 bytes: as many as it can, and 10,000 a
// second, each time beside the bare bridge in the same run. added is what the
// wire adds to the way from host to host.
func BenchmarkWire(b *testing.B) {
	b.Run("throughput", func(b *testing.B) {
		for b.Loop() {
			var f struct{ Bare, Relayed, Ruled rate }
			figures(b, "throughput", &f)
			b.ReportMetric(f.Bare.PerSecond, "bare-frames/s")
			b.ReportMetric(f.Relayed.PerSecond, "relayed-frames/s")
			b.ReportMetric(f.Relayed.Busy-f.Bare.Busy, "relay-cpu-ns/frame")
			b.ReportMetric(f.Ruled.PerSecond, "five-rules-frames/s")
			b.ReportMetric(f.Ruled.Busy-f.Bare.Busy, "five-rules-cpu-ns/frame")
		}
		b.ReportMetric(0, "ns/op")
	})
	b.Run("latency", func(b *testing.B) {
		for b.Loop() {
			var f struct{ Bare, Wire, Late []time.Duration }
			figures(b, "latency", &f)
			micro := func(all []time.Duration, share float64) float64 {
				slices.Sort(all)
				return float64(all[int(share*float64(len(all)-1))].Nanoseconds()) / 1000
			}
			b.ReportMetric(micro(f.Bare, 0.5), "bare-us")
			b.ReportMetric(micro(f.Wire, 0.5)-micro(f.Bare, 0.5), "added-us")
			b.ReportMetric(micro(f.Wire, 0.99)-micro(f.Bare, 0.99), "added-p99-us")
			const delay = 5000
			b.ReportMetric(micro(f.Late, 0.5)-micro(f.Wire, 0.5)-delay, "delay-error-us")
			b.ReportMetric(micro(f.Late, 0.9)-micro(f.Wire, 0.5)-delay, "delay-error-p90-us")
		}
		b.ReportMetric(0, "ns/op")
	})
}

func figures(b *testing.B, part string, into any) {
	b.Helper()
	if err := json.Unmarshal([]byte(sandboxed(b, part)), into); err != nil {
		b.Fatal(err)
	}
}

// rate is how many frames came a second, and how long each kept a processor
// busy beside the sender's own thread, in ns: where others need the processors too,
// the second tells more.
type rate struct{ PerSecond, Busy float64 }

// sent is how many frames a throughput is measured with.
const sent = 400_000

func measureThroughput(b *bench) error {
	var f struct{ Bare, Relayed, Ruled rate }
	var err error
	if f.Bare, err = b.throughput(); err != nil {
		return err
	}
	w, err := b.begin()
	if err != nil {
		return err
	}
	if f.Relayed, err = b.throughput(); err != nil {
		return err
	}
	if err := w.SetRules(fiveRules()); err != nil {
		return err
	}
	if f.Ruled, err = b.throughput(); err != nil {
		return err
	}
	if err := json.NewEncoder(b.out).Encode(f); err != nil {
		return err
	}
	return w.Remove()
}

func fiveRules() []wire.Rule {
	var rules []wire.Rule
	for _, protocol := range []string{"vrrp", "arp", "tcp:80", "bfd", "all"} {
		rules = append(rules, wire.Rule{Name: protocol, Act: wire.Drop, Match: wire.Match{Protocol: protocol}, Choice: wire.Choice{Every: 1000}})
	}
	return rules
}

// throughput sends as fast as it can and counts what comes.
func (b *bench) throughput() (r rate, err error) {
	frame := b.frame("node1", "node2", "")[:60]
	messages, vectors := make([]message, 64), make([]unix.Iovec, 64)
	for i := range messages {
		vectors[i].Base = &frame[0]
		vectors[i].SetLen(len(frame))
		messages[i].Iov = &vectors[i]
		messages[i].SetIovlen(1)
	}
	before, err := b.received()
	if err != nil {
		return r, err
	}
	begin, busy, sending := time.Now(), processor(unix.RUSAGE_SELF), make(chan time.Duration, 1)
	go func() {
		runtime.LockOSThread()
		own := processor(unix.RUSAGE_THREAD)
		for n := 0; n < sent; n += len(messages) {
			sendAll(b.fds["node1"], messages)
		}
		sending <- processor(unix.RUSAGE_THREAD) - own
	}()
	last, at := before, begin
	var own time.Duration // the sender's; it may stand still for long
	for quiet := time.Now(); own == 0 || time.Since(quiet) < 200*time.Millisecond; {
		select {
		case own = <-sending:
			quiet = time.Now()
		case <-time.After(5 * time.Millisecond):
		}
		now, err := b.received()
		if err != nil {
			return r, err
		}
		if now > last {
			last, at = now, time.Now()
			quiet = at
		}
	}
	busy = processor(unix.RUSAGE_SELF) - busy - own
	return rate{float64(last-before) / at.Sub(begin).Seconds(), float64(busy) / float64(last-before)}, nil
}

// processor is the time that a thread or the process has had one.
func processor(who int) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(who, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// received is how many frames node2 has got.
func (b *bench) received() (frames uint64, err error) {
	handle, err := b.Host("node2").Open()
	if err != nil {
		return 0, err
	}
	defer handle.Close()
	device, err := handle.LinkByName("eth0")
	if err != nil {
		return 0, err
	}
	return device.Attrs().Statistics.RxPackets, nil
}

// perSecond is the rate at which latencies are measured, and samples how many.
const (
	perSecond = 10_000
	samples   = 10_000
)

func measureLatency(b *bench) error {
	var f struct{ Bare, Wire, Late []time.Duration }
	var err error
	if f.Bare, err = b.latencies(perSecond); err != nil {
		return err
	}
	w, err := b.begin(wire.Rule{Name: "none", Act: wire.Drop, Match: wire.Match{Protocol: "vrrp"}})
	if err != nil {
		return err
	}
	if f.Wire, err = b.latencies(perSecond); err != nil {
		return err
	}
	if err := w.SetRules([]wire.Rule{{Name: "late", Act: wire.Delay, Delay: 5 * time.Millisecond}}); err != nil {
		return err
	}
	if f.Late, err = b.latencies(1000); err != nil {
		return err
	}
	if err := json.NewEncoder(b.out).Encode(f); err != nil {
		return err
	}
	return w.Remove()
}

// latencies are from before a frame is sent until the kernel has it for node2.
func (b *bench) latencies(rate int) ([]time.Duration, error) {
	count := min(samples, rate)
	go func() {
		runtime.LockOSThread()
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		period := int64(time.Second) / int64(rate)
		var next unix.Timespec
		_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &next)
		for range count {
			frame := b.frame("node1", "node2", "")[:60]
			binary.BigEndian.PutUint64(frame[14:], uint64(time.Now().UnixNano()))
			_, _ = unix.Write(b.fds["node1"], frame)
			next = unix.NsecToTimespec(next.Nano() + period)
			for errors.Is(unix.ClockNanosleep(unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, &next, nil), unix.EINTR) {
			}
		}
	}()
	var all []time.Duration
	buffer, control := make([]byte, 100), make([]byte, 100)
	if err := unix.SetsockoptTimeval(b.fds["node2"], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 2}); err != nil {
		return nil, err
	}
	for len(all) < count {
		n, m, _, _, err := unix.Recvmsg(b.fds["node2"], buffer, control, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if errors.Is(err, unix.EAGAIN) && len(all) > count*9/10 {
			return all, nil // the rest was lost as the machine stood still
		}
		if err != nil {
			return nil, fmt.Errorf("after %d of %d: %w", len(all), count, err)
		}
		messages, err := unix.ParseSocketControlMessage(control[:m])
		if err != nil || n < 22 {
			return nil, fmt.Errorf("a frame of %d bytes: %w", n, err)
		}
		at := int64(binary.NativeEndian.Uint64(messages[0].Data))*int64(time.Second) + int64(binary.NativeEndian.Uint64(messages[0].Data[8:]))
		all = append(all, time.Duration(at-int64(binary.BigEndian.Uint64(buffer[14:]))))
	}
	return all, nil
}

// BenchmarkMachine decides about a frame by five rules.
func BenchmarkMachine(b *testing.B) {
	m := wire.NewMachine(1)
	if err := m.SetRules(fiveRules()); err != nil {
		b.Fatal(err)
	}
	frame := wire.Frame{Data: make([]byte, 60)}
	b.ReportAllocs()
	for b.Loop() {
		m.Take(0, frame)
	}
}
