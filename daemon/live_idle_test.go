package daemon

import (
	"os/exec"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// BenchmarkLiveIdle has a cluster with BFD at 3 x 3 ms do nothing for RUNS
// minutes (1), and counts what should not happen: sessions that went Down and
// takeovers. With hogs, as many busy processes as there are processors run
// beside. Where a thread on one of the processors, that only waits, was late
// by stalled or more at that moment, the machine did it: the rest is
// unexplained.
func BenchmarkLiveIdle(b *testing.B) {
	for _, test := range []struct {
		name string
		hogs int
	}{{"quiet", 0}, {"hogs", runtime.NumCPU()}} {
		b.Run(test.name, func(b *testing.B) {
			for b.Loop() {
				l, active := watchedByBFD.start(b, "vipd")
				<-time.After(3 * time.Second) // the sessions come up at one packet a second
				for range test.hogs {
					startHog(b)
				}
				mark, started := l.mark(), time.Now()
				stalls := watchStalls(b, time.Duration(trials(b, 1))*time.Minute)
				b.ReportMetric(float64(takeovers(l.seen.since(mark))), "takeovers")
				downs, unexplained := 0, 0
				for _, at := range sessionsDown(active) {
					if at.Before(started) {
						continue
					}
					downs++
					if !stalls.about(at) {
						unexplained++
					}
				}
				b.ReportMetric(float64(downs), "sessions-down")
				b.ReportMetric(float64(unexplained), "unexplained")
				b.ReportMetric(float64(len(stalls.ends)), "stalls")
				b.ReportMetric(stalls.longest.Seconds()*1e3, "longest-stall-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// takeovers counts how often node 2 began to announce.
func takeovers(frames []frame) int {
	n, since := 0, time.Time{}
	for _, f := range frames {
		if f.node != 2 || f.advertisement {
			continue
		}
		if f.at.Sub(since) > 100*time.Millisecond {
			n++
		}
		since = f.at
	}
	return n
}

var downLine = regexp.MustCompile(`(?m)^time=(\S+) .*session=peer up=false`)

func sessionsDown(s *subject) []time.Time {
	var all []time.Time
	for _, match := range downLine.FindAllStringSubmatch(s.logText(), -1) {
		if at, err := time.Parse(time.RFC3339, match[1]); err == nil {
			all = append(all, at)
		}
	}
	return all
}

// stalled is a lateness that, on both sides of a session, can make up the
// 6 ms that a packet of it may be late.
const stalled = 3 * time.Millisecond

// stalls are when a processor did not run what was ready.
type stalls struct {
	mutex   sync.Mutex
	ends    []time.Time
	longest time.Duration
}

// about reports whether there was one in the Detection Time before, or right
// after: whoever stalls is logged late.
func (s *stalls) about(at time.Time) bool {
	for _, end := range s.ends {
		if d := at.Sub(end); d > -20*time.Millisecond && d < 20*time.Millisecond {
			return true
		}
	}
	return false
}

// watchStalls watches every processor for a time.
func watchStalls(b *testing.B, bound time.Duration) *stalls {
	b.Helper()
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		b.Fatal(err)
	}
	found := &stalls{}
	var watching sync.WaitGroup
	for cpu, left := 0, all.Count(); left > 0; cpu++ {
		if !all.IsSet(cpu) {
			continue
		}
		left--
		watching.Go(func() { found.watch(cpu, bound) })
	}
	watching.Wait()
	return found
}

func (s *stalls) watch(cpu int, bound time.Duration) {
	runtime.LockOSThread() // never unlocked: the thread ends with its affinity
	var own unix.CPUSet
	own.Set(cpu)
	_ = unix.SchedSetaffinity(0, &own)
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
	nap := unix.NsecToTimespec(int64(time.Millisecond))
	for end := time.Now().Add(bound); time.Now().Before(end); {
		due := time.Now().Add(time.Millisecond)
		_ = unix.Nanosleep(&nap, nil) // a signal makes it early
		if late := time.Since(due); late >= stalled {
			s.mutex.Lock()
			s.ends = append(s.ends, time.Now())
			s.longest = max(s.longest, late)
			s.mutex.Unlock()
		}
	}
}

// startHog keeps a processor busy until the benchmark ends.
func startHog(b *testing.B) {
	b.Helper()
	hog := exec.Command("sh", "-c", "while :; do :; done")
	if err := hog.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = hog.Process.Kill()
		_ = hog.Wait() // it says that it was killed
	})
}
