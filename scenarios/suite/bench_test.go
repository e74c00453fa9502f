package suite_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"takeover/report"
	"takeover/report/stat"
	"takeover/scenarios/catalog"
	"takeover/scenarios/fault"
	"takeover/scenarios/live"
	"takeover/scenarios/suite"
)

// benchRuns is how many trials each figure is made of; RUNS overrides it.
func benchRuns(b *testing.B, usual int) int {
	b.Helper()
	text := os.Getenv("RUNS")
	if text == "" {
		return usual
	}
	runs, err := strconv.Atoi(text)
	if err != nil || runs < 1 {
		b.Fatalf("RUNS=%q: a number of trials", text)
	}
	return runs
}

// watchNothing is a live.Watcher for a campaign that nobody looks at.
type watchNothing struct{}

func (watchNothing) Started(live.Entry, *live.Trial)      {}
func (watchNothing) Progressed(live.Entry, live.Progress) {}
func (watchNothing) Ended(live.Entry, error)              {}

// campaign runs trials of the built-in cluster and sums them up.
func campaign(b *testing.B, c live.Campaign) (report.Run, time.Duration) {
	b.Helper()
	vipd := filepath.Join(b.TempDir(), "vipd")
	if out, err := exec.Command("go", "build", "-o", vipd, "takeover/cmd/vipd").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	var sources []live.Source
	for _, file := range catalog.Failover() {
		sources = append(sources, live.Source{Name: file.Name, Text: file.Text})
	}
	var err error
	if c.Programs, err = live.FindPrograms(vipd, ""); err != nil {
		b.Fatal(err)
	}
	if c.Cluster, err = live.ReadCluster(sources); err != nil {
		b.Fatal(err)
	}
	for _, subject := range c.Subjects {
		if err := live.CheckSubject(subject, c.Programs); err != nil {
			b.Skip(err)
		}
	}
	c.Scenario, c.Seed, c.Periods = "failover", 1, live.DefaultPeriods()
	start := time.Now()
	outcomes := c.Run(context.Background(), b.TempDir(), watchNothing{})
	took := time.Since(start)
	var trials []report.Trial
	for _, outcome := range outcomes {
		if outcome.Err != nil {
			b.Logf("%s left out: %v", outcome.Entry.Name, outcome.Err)
			continue
		}
		result, err := suite.Read(outcome.Directory)
		if err != nil {
			b.Fatal(err)
		}
		trials = append(trials, report.Trial{Measures: result.Measures, Judgement: result.Judgement})
	}
	return report.NewRun(trials), took
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// reportSummary prints the median and the 99th percentile of a figure.
func reportSummary(b *testing.B, name string, s *stat.Summary[time.Duration]) {
	b.Helper()
	if s == nil {
		b.Logf("no trial has %s", name)
		return
	}
	b.ReportMetric(milliseconds(s.Median), name+"-median-ms")
	b.ReportMetric(milliseconds(s.P99), name+"-p99-ms")
	b.ReportMetric(float64(s.N), name+"-trials")
}

// BenchmarkTakeoverOverhead measures, side by side, how long the daemons need
// beyond the RFC's timers: from the last advertisement, or the one of priority
// 0, to the first gratuitous ARP on the wire, less the timer.
func BenchmarkTakeoverOverhead(b *testing.B) {
	for b.Loop() {
		run, _ := campaign(b, live.Campaign{
			Subjects: []string{"vipd", "keepalived"}, Faults: []fault.Fault{fault.Of(fault.DaemonStopped)},
			Runs: benchRuns(b, 30), Parallel: 2,
		})
		for _, group := range run.Groups {
			reportSummary(b, group.Subject, group.Overhead)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkWorkerKilled measures the failover after SIGKILL to the process
// that speaks VRRP, by TBM. vipd's guardian is alive: Skew_Time is 613.3 ms.
func BenchmarkWorkerKilled(b *testing.B) {
	for b.Loop() {
		run, _ := campaign(b, live.Campaign{
			Subjects: []string{"vipd", "keepalived"}, Faults: []fault.Fault{fault.Of(fault.WorkerKilled)},
			Runs: benchRuns(b, 10), Parallel: 2,
		})
		for _, group := range run.Groups {
			reportSummary(b, group.Subject, group.TBM)
		}
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkTwoOwners measures for how long two nodes own the VIP, as seen on
// the segment, after all processes of the Active's daemon are killed or
// stopped at once, until they are started or continued: the kernel takes
// vipd's leases away.
func BenchmarkTwoOwners(b *testing.B) {
	for b.Loop() {
		run, _ := campaign(b, live.Campaign{
			Subjects: []string{"vipd", "keepalived"}, Faults: []fault.Fault{fault.Of(fault.DaemonKilled), fault.Of(fault.DaemonPaused)},
			Runs: benchRuns(b, 15), Parallel: live.DefaultParallel(),
		})
		for _, group := range run.Groups {
			name := group.Fault + "-" + group.Subject
			reportSummary(b, name, group.TwoOwnersUnderFault)
			if two := group.TwoOwnersUnderFault; two != nil {
				b.ReportMetric(milliseconds(two.Max), name+"-max-ms")
			}
		}
	}
	b.ReportMetric(0, "ns/op")
}

// BenchmarkDrill measures a whole drill: five faults with one subject.
func BenchmarkDrill(b *testing.B) {
	for _, subject := range live.Subjects() {
		b.Run(fmt.Sprintf("subject=%s", subject), func(b *testing.B) {
			for b.Loop() {
				_, took := campaign(b, live.Campaign{
					Subjects: []string{subject}, Faults: fault.Drill(), Runs: 1, Parallel: live.DefaultParallel(),
				})
				b.ReportMetric(took.Seconds(), "s/drill")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}
