package mutants_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"takeover/scenarios/catalog"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
	"takeover/scenarios/scene"
	"takeover/scenarios/suite/mutants"
	"takeover/topology/file"
	"takeover/topology/sandbox"
)

var asked = flag.String("mutants", "", "the mutants to be played, joined by commas, or all; unless given, two")

// few are played where none are asked for.
const few = "announcement-left-out,priority-0-ignored"

const (
	// parallel is how many trials there are at a time.
	parallel = 3
	// attempts is how often one is played whose verdict is inconclusive.
	attempts = 8
	// trialBound is how long one may take on a busy machine.
	trialBound = 90 * time.Second
)

func TestMain(m *testing.M) {
	sandbox.Main(live.Roles())
	os.Exit(m.Run())
}

// row is a mutant with its scenario, or the daemon as it is with one of theirs.
type row struct {
	mutants.Mutant
	judgement history.Judgement
	played    int // how often
	err       error
}

// asItIs is the name of the daemon without a change.
const asItIs = "none"

// isRight: a mutant is caught by the judge that is to catch it, and the daemon as
// it is passes.
func (r *row) isRight() bool {
	switch {
	case r.err != nil:
		return false
	case r.Name == asItIs:
		return r.judgement.Verdict == history.Pass
	}
	return slices.Contains(r.failed(), r.Check)
}

// failed are the judges that failed it.
func (r *row) failed() []string {
	var names []string
	for _, f := range r.judgement.Findings {
		if f.Verdict == history.Fail && !slices.Contains(names, f.Check) {
			names = append(names, f.Check)
		}
	}
	return names
}

// TestMutantsAreCaught: each by its scenario, which the daemon as it is passes.
func TestMutantsAreCaught(t *testing.T) {
	if testing.Short() {
		t.Skip("takes minutes")
	}
	rows := rowsOf(t)
	directory := t.TempDir()
	module, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	free := make(chan struct{}, parallel)
	var building sync.Mutex // go build itself uses all processors
	var playing sync.WaitGroup
	for _, r := range rows {
		free <- struct{}{}
		playing.Go(func() {
			defer func() { <-free }()
			building.Lock()
			directory := filepath.Join(directory, r.Scenario+"-"+r.Name)
			program, err := r.Build(t.Context(), module, directory)
			building.Unlock()
			if r.err = err; err == nil {
				r.play(t.Context(), program, filepath.Join(directory, "trial"))
			}
			if *asked != "" {
				fmt.Fprintf(os.Stderr, "%s with mutant %s: %s\n", r.Scenario, r.Name, r.outcome())
			}
		})
	}
	playing.Wait()
	printTable(os.Stdout, rows)
	for _, r := range rows {
		switch {
		case errors.Is(r.err, errBusy) && *asked == "":
			t.Logf("%s with mutant %s: %v", r.Scenario, r.Name, r.err)
		case !r.isRight():
			t.Errorf("%s with mutant %s: %s; %v", r.Scenario, r.Name, r.outcome(), r.err)
			for _, f := range r.judgement.Findings {
				t.Logf("    %s: %s: %s", f.Verdict, f.Check, f.Text)
			}
		}
	}
}

// errBusy means that the machine is too busy for any verdict. Where mutants are
// asked for that is an error.
var errBusy = errors.New("the machine is too busy")

// rowsOf are the mutants that are played, and first the daemon as it is with each
// of their scenarios.
func rowsOf(t *testing.T) []*row {
	t.Helper()
	chosen := mutants.All()
	if *asked != "all" {
		chosen = nil
		for name := range strings.SplitSeq(cmp.Or(*asked, few), ",") {
			m, ok := mutants.Named(name)
			if !ok {
				t.Fatalf("there is no mutant %q", name)
			}
			chosen = append(chosen, m)
		}
	}
	var rows []*row
	for _, m := range chosen {
		isPlayed := func(r *row) bool { return r.Scenario == m.Scenario }
		if !slices.ContainsFunc(rows, isPlayed) {
			rows = append(rows, &row{Mutant: mutants.Mutant{Name: asItIs, Breaks: "nothing", Scenario: m.Scenario}})
		}
	}
	for _, m := range chosen {
		rows = append(rows, &row{Mutant: m})
	}
	return rows
}

// play plays the scenario until the verdict is conclusive. Of a mutant it goes
// on, too, while another judge failed it and the right one is inconclusive.
func (r *row) play(ctx context.Context, program, directory string) {
	s, err := catalog.Scene(r.Scenario)
	if err != nil {
		r.err = err
		return
	}
	spec, err := file.OpenShipped(s.Topology)
	if err != nil {
		r.err = err
		return
	}
	programs, err := live.FindPrograms(program, "")
	if err != nil {
		r.err = err
		return
	}
	plan := live.ScenePlan{Scene: s, Stand: live.StandPlan{Spec: spec, Subject: "vipd", Programs: programs}}
	for r.played < attempts {
		r.played++
		plan.Seed = uint64(r.played)
		events, err := trial(ctx, plan, fmt.Sprintf("%s-%d", directory, r.played))
		if err != nil {
			r.err = err
			return
		}
		r.judgement = scene.Judge(s, "", events)
		if r.isRight() || !r.isInconclusive() {
			return
		}
	}
	r.err = errBusy
}

func (r *row) isInconclusive() bool {
	return slices.ContainsFunc(r.judgement.Findings, func(f history.Finding) bool { return f.Verdict == history.Inconclusive })
}

func trial(ctx context.Context, plan live.ScenePlan, directory string) ([]history.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, trialBound)
	defer cancel()
	return live.PlayScene(ctx, plan, directory, func(live.Progress) {})
}

func (r *row) outcome() string {
	switch {
	case errors.Is(r.err, errBusy):
		return string(history.Inconclusive)
	case r.err != nil:
		return "not played"
	case r.Name == asItIs:
		return string(r.judgement.Verdict)
	case r.isRight():
		return "caught"
	}
	return "survived"
}

func printTable(out io.Writer, rows []*row) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "MUTANT\tWHAT IS BROKEN\tSCENARIO\tFAILED\tVERDICT")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", r.Name, r.Breaks, r.Scenario, strings.Join(r.failed(), ", "), r.outcome())
	}
	_ = w.Flush() // as what is printed
}
