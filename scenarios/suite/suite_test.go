package suite_test

import (
	"os"
	"runtime"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"takeover/scenarios/check"
	"takeover/scenarios/live"
	"takeover/scenarios/suite"
	"takeover/topology/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main(live.Roles())
	os.Exit(m.Run())
}

func TestSuite(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	RegisterFailHandler(Fail)
	RunSpecs(t, "Failover")
	for _, failure := range failures { // ginkgo's own summary tells only where
		t.Log(failure)
	}
}

// failures are what the specs that failed said, for the end of the output.
var failures []string

var _ = ReportAfterEach(func(report SpecReport) {
	if report.Failed() {
		failures = append(failures, report.FullText()+": "+report.FailureMessage())
	}
})

// The timers of the built-in cluster: node2's Skew_Time and
// Active_Down_Interval, node1's, and what a reader of tables grants beyond.
const (
	skew2     = 157 * time.Second / 256
	down2     = 3*time.Second + skew2
	down1     = 3*time.Second + 156*time.Second/256
	detection = 2 * time.Second // interval and timeout of the check
	starting  = time.Second     // for a daemon to start again
)

func orderly(within time.Duration) func(*suite.Result) {
	return func(r *suite.Result) {
		Expect(r).To(suite.HaveFailedOverTo("node2"))
		Expect(r).To(suite.HaveFailedOverWithin(within + check.AnswerMargin))
		Expect(r).To(suite.HaveNoDualActive())
		Expect(r).To(suite.HaveRevertedWithin(down1 + detection + starting))
	}
}

// abandoned is a failover beside a dead node that keeps the address.
func abandoned(r *suite.Result) {
	Expect(r).To(suite.HaveFailedOverWithin(down2 + check.AnswerMargin))
	splitBrain(r)
}

// splitBrain is a failover beside an Active that keeps the address. When the
// client first asks the new one is a matter of luck: both announce themselves.
func splitBrain(r *suite.Result) {
	Expect(r).To(suite.HaveFailedOverTo("node2"))
	Expect(r).NotTo(suite.HaveNoDualActive())
	Expect(r).NotTo(suite.HaveDualActiveWithin(time.Second))
	Expect(r).To(suite.HaveRevertedWithin(down1 + starting))
}

// undisturbed is no failover at all.
func undisturbed(r *suite.Result) {
	Expect(r).NotTo(suite.HaveFailedOverWithin(time.Hour))
	Expect(r).To(suite.HaveNoDualActive())
	Expect(r).To(suite.HaveLostAtMost(0))
}

func drill(fault, subject string, matchers func(*suite.Result)) expectation {
	return expectation{options: suite.Options{Fault: fault, Subject: subject}, matchers: matchers}
}

func expectations() []expectation {
	var all []expectation
	for _, subject := range live.Subjects() {
		all = append(all,
			drill("nginx-killed", subject, orderly(detection+skew2)),
			drill("adverts-dropped", subject, splitBrain),
			drill("link-loss", subject, orderly(down2)),
			drill("daemon-stopped", subject, orderly(skew2)),
		)
	}
	return append(all,
		drill("daemon-killed", "keepalived", abandoned),
		drill("daemon-paused", "keepalived", abandoned),
		drill("daemon-killed", "vipd", orderly(down2)), // the kernel ends the VIP lease
		drill("daemon-paused", "vipd", orderly(down2)), // the kernel ends the VIP lease
		drill("worker-killed", "vipd", orderly(skew2)),
		drill("guardian-killed", "vipd", undisturbed),
	)
}

var _ = Describe("a cluster of three nodes", Ordered, ContinueOnFailure, func() {
	var running *trials

	BeforeAll(func(ctx SpecContext) {
		running = startTrials(ctx, runtime.NumCPU()+1, expectations())
	}, NodeTimeout(3*time.Minute))

	for _, e := range expectations() {
		It(e.options.Fault+" with "+e.options.Subject, Label(e.options.Fault, e.options.Subject), func(ctx SpecContext) {
			e.matchers(running.quiet(ctx, e))
		}, SpecTimeout(10*time.Minute))
	}
})
