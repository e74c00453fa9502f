package daemon

import (
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"
)

// BenchmarkLiveIdle has a cluster with BFD at 3 x 3 ms do nothing for RUNS
// minutes (1), and counts what should not happen: sessions that went Down and
// takeovers. With hogs, as many busy processes as there are processors run
// beside. The canary is the longest that a thread which only waits was late:
// beyond 6 ms a session has a right to go Down.
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
				mark, downs := l.mark(), sessionsDown(active)
				<-time.After(time.Duration(trials(b, 1)) * time.Minute)
				takeovers := 0
				for _, f := range l.seen.since(mark) {
					if f.node == 2 && !f.advertisement {
						takeovers++
					}
				}
				b.ReportMetric(float64(takeovers), "announcements-of-the-backup")
				b.ReportMetric(float64(sessionsDown(active)-downs), "sessions-down")
				b.ReportMetric(float64(l.overslept.Load())/1e6, "canary-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

func sessionsDown(s *subject) int {
	return strings.Count(s.logText(), "session=peer up=false")
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
