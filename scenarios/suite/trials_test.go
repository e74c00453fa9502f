package suite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"takeover/scenarios/catalog"
	"takeover/scenarios/check"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
	"takeover/scenarios/suite"
	"takeover/topology/sandbox"
)

// trialBound is how long one trial may take on a busy machine.
const trialBound = 90 * time.Second

// expectation is what a spec wants of a trial.
type expectation struct {
	variant  *catalog.Variant // of the cluster; nil for the built-in one
	options  suite.Options
	limit    string // why there is no such trial; usually empty
	matchers func(*suite.Result)
}

func (e expectation) name() string {
	name := e.options.Subject + "-" + e.options.Fault
	if e.variant != nil {
		name = e.variant.String() + "-" + name
	}
	return name
}

// trials runs every trial once, some at a time, while the specs wait for
// theirs.
type trials struct {
	directory, vipd string
	results         map[string]chan outcome
	// alone is held by a trial that is repeated, and shared by the others.
	alone sync.RWMutex
	spent atomic.Int64 // on repetitions, in nanoseconds
}

type outcome struct {
	result *suite.Result
	err    error
}

// startTrials builds vipd and starts the trials, parallel of them at a time.
// They end with the spec's container.
func startTrials(ctx context.Context, parallel int, all []expectation) *trials {
	GinkgoHelper()
	directory := GinkgoT().TempDir()
	t := &trials{directory: directory, vipd: filepath.Join(directory, "vipd"), results: map[string]chan outcome{}}
	out, err := exec.CommandContext(ctx, "go", "build", "-o", t.vipd, "takeover/cmd/vipd").CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	background, cancel := context.WithCancel(context.Background())
	DeferCleanup(cancel)
	for _, e := range all {
		t.results[e.name()] = make(chan outcome, 1)
	}
	go func() {
		places := make(chan struct{}, parallel)
		for i, e := range all {
			places <- struct{}{}
			go func() {
				defer func() { <-places }()
				t.alone.RLock()
				defer t.alone.RUnlock()
				result, err := t.run(background, e, 0, float64(i)/float64(len(all)))
				t.results[e.name()] <- outcome{result, err}
			}()
		}
	}()
	return t
}

func (t *trials) run(ctx context.Context, e expectation, try int, phase float64) (*suite.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, trialBound)
	defer cancel()
	o := e.options
	o.VIPD, o.Phase = t.vipd, phase
	if e.variant != nil {
		var err error
		if o.Cluster, err = clusterOf(*e.variant); err != nil {
			return nil, err
		}
	}
	o.Directory = t.directoryOf(e, try)
	return suite.Run(ctx, o)
}

func (t *trials) runAlone(ctx context.Context, e expectation, try int) (*suite.Result, error) {
	t.alone.Lock()
	defer t.alone.Unlock()
	started := time.Now()
	defer func() { t.spent.Add(int64(time.Since(started))) }()
	return t.run(ctx, e, try, 0.5)
}

// isBusy reports whether the machine was too busy for a bound to mean anything,
// whatever else is said of the trial.
func isBusy(r *suite.Result) bool {
	return slices.ContainsFunc(r.Judgement.Findings, func(f history.Finding) bool {
		return f.Verdict == history.Inconclusive
	})
}

// isLate reports whether all that is said against a trial is that something
// came late. Beside other trials that counts only when it comes again alone.
func isLate(r *suite.Result) bool {
	late := 0
	for _, f := range r.Judgement.Findings {
		switch {
		case f.Verdict == history.Fail && f.Check != check.Timing && f.Check != check.Conduct:
			return false
		case f.Verdict == history.Fail:
			late++
		}
	}
	return late > 0
}

// repeatMax is how long a container's trials that said nothing may be repeated,
// in all: on a machine that stays busy more of it says no more.
const repeatMax = 40 * time.Second

func (t *trials) mayRepeat() bool { return t.spent.Load() < int64(repeatMax) }

// quiet returns a trial's result from a machine that was not too busy for
// bounds to mean anything: after one that was, it tries again, twice, with no
// other trial beside it. A cluster that did not settle has no result; whether it
// was the machine's fault, its history tells as well.
func (t *trials) quiet(ctx context.Context, e expectation) *suite.Result {
	GinkgoHelper()
	var first outcome
	Eventually(ctx, t.results[e.name()]).Should(Receive(&first))
	result, err := first.result, first.err
	for try := 1; try <= 2; try++ {
		why, again := t.again(e, result, err, try)
		if !again {
			break
		}
		AddReportEntry("repeated", why)
		result, err = t.runAlone(ctx, e, try)
	}
	if errors.Is(err, live.ErrNotInstalled) || errors.Is(err, sandbox.ErrNoPermission) {
		Skip(err.Error())
	}
	if still := t.unsettled(e, err); still > standstillMax {
		Skip(fmt.Sprintf("the machine was too busy: it stood still for %s, and %s", still, err))
	}
	Expect(err).NotTo(HaveOccurred())
	if result.Busy() || isBusy(result) && !t.mayRepeat() {
		Skip("the machine was too busy: " + busyWith(result))
	}
	return result
}

// again says whether a trial is to be repeated, and why.
func (t *trials) again(e expectation, r *suite.Result, err error, try int) (why string, again bool) {
	switch {
	case err != nil:
		return err.Error(), t.unsettled(e, err) > standstillMax && t.mayRepeat()
	case isBusy(r):
		return busyWith(r), t.mayRepeat()
	case isLate(r) && try == 1:
		return r.Judgement.Findings[0].Text, true
	}
	return "", false
}

// busyWith is what was said of the machine.
func busyWith(r *suite.Result) string {
	for _, f := range r.Judgement.Findings {
		if f.Verdict == history.Inconclusive {
			return f.Text
		}
	}
	return "nothing"
}

// standstillMax is for how long the machine may stand still at once before it
// explains that a cluster did not settle: two intervals, after which a guardian
// ends a worker that is Active, and a third node is about to take over.
const standstillMax = 200 * time.Millisecond

// unsettled is for how long the machine stood still at once in the latest trial
// that failed before its fault; 0 when the error is none of that kind.
func (t *trials) unsettled(e expectation, failure error) time.Duration {
	GinkgoHelper()
	if !errors.Is(failure, live.ErrFailed) {
		return 0
	}
	var longest time.Duration
	for try := range 3 {
		file, err := os.Open(filepath.Join(t.directoryOf(e, try), live.HistoryFile))
		if err != nil {
			break // there was no such try
		}
		events, err := history.Read(file)
		_ = file.Close()
		Expect(err).NotTo(HaveOccurred())
		longest = 0
		for _, canary := range history.Select[history.Canary](events) {
			longest = max(longest, canary.Body.Delay())
		}
	}
	return longest
}

func (t *trials) directoryOf(e expectation, try int) string {
	return filepath.Join(t.directory, fmt.Sprintf("%s-%d", e.name(), try))
}
