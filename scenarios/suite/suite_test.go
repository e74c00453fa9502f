package suite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
}

// trialBound is how long one trial may take on a busy machine.
const trialBound = 90 * time.Second

// expectation is what a spec wants of a trial.
type expectation struct {
	fault, subject string
	matchers       func(*suite.Result)
}

func (e expectation) name() string { return e.subject + "-" + e.fault }

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

func expectations() []expectation {
	var all []expectation
	for _, subject := range live.Subjects() {
		all = append(all,
			expectation{"nginx-killed", subject, orderly(detection + skew2)},
			expectation{"adverts-dropped", subject, splitBrain},
			expectation{"link-loss", subject, orderly(down2)},
			expectation{"daemon-stopped", subject, orderly(skew2)},
			expectation{"daemon-killed", subject, abandoned},
		)
	}
	return append(all,
		expectation{"worker-killed", "vipd", orderly(skew2)},
		expectation{"guardian-killed", "vipd", undisturbed},
	)
}

// trials runs every trial once, some at a time, while the specs wait for
// theirs.
type trials struct {
	directory, vipd string
	results         map[string]chan outcome
}

type outcome struct {
	result *suite.Result
	err    error
}

func startTrials(ctx context.Context, directory, vipd string, all []expectation) *trials {
	t := &trials{directory: directory, vipd: vipd, results: map[string]chan outcome{}}
	places := make(chan struct{}, runtime.NumCPU()+1)
	for i, e := range all {
		t.results[e.name()] = make(chan outcome, 1)
		go func() {
			places <- struct{}{}
			defer func() { <-places }()
			result, err := t.run(ctx, e, 0, float64(i)/float64(len(all)))
			t.results[e.name()] <- outcome{result, err}
		}()
	}
	return t
}

func (t *trials) run(ctx context.Context, e expectation, try int, phase float64) (*suite.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, trialBound)
	defer cancel()
	return suite.Run(ctx, suite.Options{
		Fault: e.fault, Subject: e.subject, VIPD: t.vipd, Phase: phase,
		Directory: filepath.Join(t.directory, fmt.Sprintf("%s-%d", e.name(), try)),
	})
}

// quiet returns a trial's result from a machine that was not too busy for
// bounds to mean anything: after one that was, it tries again, twice.
func (t *trials) quiet(ctx context.Context, e expectation) *suite.Result {
	GinkgoHelper()
	var first outcome
	Eventually(ctx, t.results[e.name()]).Should(Receive(&first))
	result, err := first.result, first.err
	for try := 1; err == nil && result.Busy() && try <= 2; try++ {
		result, err = t.run(ctx, e, try, 0.5)
	}
	if errors.Is(err, live.ErrNotInstalled) || errors.Is(err, sandbox.ErrNoPermission) {
		Skip(err.Error())
	}
	Expect(err).NotTo(HaveOccurred())
	if result.Busy() {
		Skip("the machine was too busy in three trials: " + result.Judgement.Findings[0].Text)
	}
	return result
}

var _ = Describe("a cluster of three nodes", Ordered, ContinueOnFailure, func() {
	var running *trials

	BeforeAll(func(ctx SpecContext) {
		directory := GinkgoT().TempDir()
		vipd := filepath.Join(directory, "vipd")
		out, err := exec.CommandContext(ctx, "go", "build", "-o", vipd, "takeover/cmd/vipd").CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(out))
		background, cancel := context.WithCancel(context.Background())
		DeferCleanup(cancel)
		running = startTrials(background, directory, vipd, expectations())
	}, NodeTimeout(3*time.Minute))

	for _, e := range expectations() {
		It(e.fault+" with "+e.subject, Label(e.fault, e.subject), func(ctx SpecContext) {
			e.matchers(running.quiet(ctx, e))
		}, SpecTimeout(10*time.Minute))
	}
})
