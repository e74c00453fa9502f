package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"takeover/report"
	"takeover/scenarios/catalog"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
	"takeover/scenarios/scene"
	"takeover/topology/file"
)

// runFlags are the flags of the run command.
type runFlags struct {
	subjects []string
	seed     uint64
	runs     int
	out      string
	format   string
	parallel int
	pcap     bool
	list     bool
	all      bool
	vipd     string
	nginx    string
}

func newRun() *cobra.Command {
	var f runFlags
	command := &cobra.Command{
		Use:   "run NAME|FILE.scenario.yaml...",
		Short: "Play scenarios: faults on a schedule, and what must hold",
		Long: "Run stands up each scenario's topology, waits until it has settled, plays the\n" +
			"schedule of faults, undoes them all, and judges what was expected. A name without\n" +
			"a slash or a dot is a scenario that ships with the program: see --list.",
		Example: "  takeover run --list\n" +
			"  takeover run link-loss --subject keepalived\n" +
			"  takeover run own.scenario.yaml --seed 7 --out result",
		RunE: func(command *cobra.Command, args []string) error {
			if !command.Flags().Changed("seed") {
				f.seed = randomSeed()
			}
			if f.list {
				return listScenes(command.OutOrStdout())
			}
			return f.run(command, args)
		},
		ValidArgs: catalog.Scenes(),
	}
	flags := command.Flags()
	flags.StringSliceVar(&f.subjects, "subject", nil, "daemons under test (default those that the scenario names)")
	flags.Uint64Var(&f.seed, "seed", 0, "what is drawn is drawn from it (default random)")
	flags.IntVar(&f.runs, "runs", 1, "trials for each scenario and subject")
	flags.StringVar(&f.out, "out", "", "directory of the run (default runs/DATE-TIME)")
	flags.StringVar(&f.format, "format", formatText, "result on standard output: text or json")
	flags.IntVar(&f.parallel, "parallel", live.DefaultParallel(), "trials at the same time")
	flags.BoolVar(&f.pcap, "pcap", false, "keep every frame of every port in capture.pcapng")
	flags.BoolVar(&f.list, "list", false, "list the scenarios that ship with the program")
	flags.BoolVar(&f.all, "all", false, "play all that ship with the program")
	flags.StringVar(&f.vipd, "vipd", "", "the vipd program (default beside this one, then PATH)")
	flags.StringVar(&f.nginx, "nginx", "", "the nginx program, or none for the built-in server (default PATH)")
	return command
}

func listScenes(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, name := range catalog.Scenes() {
		s, err := catalog.Scene(name)
		if err != nil {
			return couldNotRun(err)
		}
		fmt.Fprintf(w, "%s\t%s\n", name, s.Summary)
	}
	return w.Flush()
}

// readScene reads a file, or the shipped scenario of that name.
func readScene(name string) (scene.Scene, error) {
	if !strings.ContainsAny(name, "./") {
		return catalog.Scene(name)
	}
	return scene.Read(name)
}

// sceneTrial is a scenario with a subject.
type sceneTrial struct {
	Name      string            `json:"name"` // its directory
	Scenario  string            `json:"scenario"`
	Subject   string            `json:"subject"`
	Run       int               `json:"run,omitempty"` // of several, from 1
	Error     string            `json:"error,omitempty"`
	Judgement history.Judgement `json:"judgement"`
	plan      live.ScenePlan
	version   string
	length    time.Duration
	err       error
}

// who is the subject, and which of several runs it is.
func (t *sceneTrial) who() string {
	if t.Run == 0 {
		return t.Subject
	}
	return fmt.Sprintf("%s, run %d", t.Subject, t.Run)
}

// trials checks everything that the user gave before anything is built.
func (f *runFlags) trials(names []string) ([]*sceneTrial, error) {
	switch {
	case f.parallel < 1 || f.parallel > 100:
		return nil, usage(fmt.Errorf("--parallel %d: from 1 to 100", f.parallel))
	case f.runs < 1 || f.runs > 1000:
		return nil, usage(fmt.Errorf("--runs %d: from 1 to 1000", f.runs))
	case f.format != formatText && f.format != formatJSON:
		return nil, usage(fmt.Errorf("--format %q: text or json", f.format))
	case f.all:
		names = append(slices.Clone(catalog.Scenes()), names...)
	case len(names) == 0:
		return nil, usage(hinted(errors.New("run: name a scenario"), "takeover run --list names those that ship with the program"))
	}
	if duplicate(names) != "" {
		return nil, usage(fmt.Errorf("%s is named twice", duplicate(names)))
	}
	programs, err := live.FindPrograms(f.vipd, f.nginx)
	if err != nil {
		return nil, couldNotRun(err)
	}
	versions := map[string]string{}
	var all []*sceneTrial
	for _, name := range names {
		s, err := readScene(name)
		if err != nil {
			return nil, sceneError(name, err)
		}
		spec, err := readTopology(s.Topology)
		if err != nil {
			return nil, topologyError(s.Topology, err)
		}
		subjects := s.Subjects
		if f.subjects != nil {
			subjects = f.subjects
		}
		for _, subject := range subjects {
			if _, asked := versions[subject]; !asked {
				versions[subject] = programs.Version(subject)
			}
			plan := live.ScenePlan{Scene: s, Seed: f.seed, Stand: live.StandPlan{Spec: spec, Subject: subject, Programs: programs, Pcap: f.pcap}}
			if err := plan.Validate(); errors.Is(err, live.ErrNotInstalled) {
				return nil, couldNotRun(err)
			} else if err != nil {
				return nil, usage(fmt.Errorf("%s: %w", name, err))
			}
			repeated := f.repeat(sceneTrial{Scenario: s.Name, Subject: subject, plan: plan, version: versions[subject]})
			if slices.ContainsFunc(all, func(other *sceneTrial) bool { return other.Name == repeated[0].Name }) {
				return nil, usage(fmt.Errorf("there are two scenarios %s with %s", s.Name, subject))
			}
			all = append(all, repeated...)
		}
	}
	return all, nil
}

// repeat is the trial as often as asked for. Each but the first has a seed of its
// own, counted from the run's.
func (f *runFlags) repeat(t sceneTrial) []*sceneTrial {
	all := make([]*sceneTrial, f.runs)
	for n := range all {
		one := t
		one.Name = t.Scenario + "-" + t.Subject
		if f.runs > 1 {
			one.Run = n + 1
			one.Name += fmt.Sprintf("-%d", one.Run)
		}
		one.plan.Seed += uint64(n)
		all[n] = &one
	}
	return all
}

// sceneError shows what is wrong with a scenario file.
func sceneError(name string, err error) error {
	if problems, ok := errors.AsType[*file.Problems](err); ok {
		return usage(errors.New(strings.TrimSpace(problems.Pretty())))
	}
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = fmt.Errorf("%s: %w", name, path.Err)
	}
	return usage(err)
}

func (f *runFlags) run(command *cobra.Command, names []string) error {
	trials, err := f.trials(names)
	if err != nil {
		return err
	}
	directory, err := runDirectory(f.out, time.Now())
	if err != nil {
		return couldNotRun(err)
	}
	if err := f.manifest(trials).write(directory); err != nil {
		return couldNotRun(err)
	}
	f.carryOut(command.Context(), trials, directory)
	record, err := json.MarshalIndent(map[string]any{"seed": f.seed, "command_line": os.Args, "trials": trials}, "", "  ")
	if err == nil {
		err = recordScenes(trials, record, directory)
	}
	if err != nil {
		return couldNotRun(err)
	}
	return f.conclude(trials, record, directory, command.OutOrStdout())
}

// carryOut runs the trials, some at a time, and shows how they go.
func (f *runFlags) carryOut(ctx context.Context, trials []*sceneTrial, directory string) {
	progress := newProgress(os.Stderr, len(trials))
	defer progress.close()
	free := make(chan struct{}, f.parallel)
	var running sync.WaitGroup
	for _, t := range trials {
		free <- struct{}{}
		running.Go(func() {
			entry, begin := live.Entry{Name: t.Name}, time.Now()
			progress.Started(entry, nil)
			t.carryOut(ctx, filepath.Join(directory, t.Name), func(said live.Progress) { progress.Progressed(entry, said) })
			t.length = time.Since(begin)
			progress.Ended(entry, t.err)
			<-free
		})
	}
	running.Wait()
}

// manifest says what the run is made of.
func (f *runFlags) manifest(trials []*sceneTrial) manifest {
	var subjects, names, files []string
	for _, t := range trials {
		subjects = append(subjects, strings.Split(t.Subject, "+")...)
		names = append(names, t.Name)
		files = append(files, t.plan.Scene.Topology)
	}
	m := manifestOf(trials[0].plan.Stand.Programs, sortedOnce(subjects), f.seed, time.Now())
	m.Files, m.Trials = sortedOnce(files), names
	return m
}

func sortedOnce(texts []string) []string {
	slices.Sort(texts)
	return slices.Compact(texts)
}

// recordScenes writes the reports of the run, for people, programs and CI.
func recordScenes(trials []*sceneTrial, record []byte, directory string) error {
	var text, junit bytes.Buffer
	printScenes(&text, trials)
	var cases []report.Case
	for _, t := range trials {
		cases = append(cases, report.Case{
			Class: "takeover." + t.Scenario, Name: t.who(), Length: t.length, Judgement: t.Judgement, Error: t.Error,
			Output: t.plan.Scene.Summary,
		})
	}
	if err := report.JUnitCases(&junit, cases); err != nil {
		return err
	}
	for name, data := range map[string][]byte{
		"report.json": append(record, '\n'), "report.txt": text.Bytes(), "junit.xml": junit.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(directory, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// carryOut runs the trial, judges its history, and returns it.
func (t *sceneTrial) carryOut(ctx context.Context, directory string, said func(live.Progress)) []history.Event {
	t.Judgement = history.Judgement{Verdict: history.Inconclusive, Findings: []history.Finding{}}
	events, err := live.PlayScene(ctx, t.plan, directory, said)
	if err != nil {
		t.err, t.Error = err, err.Error()
		return nil
	}
	t.Judgement = scene.Judge(t.plan.Scene, t.version, events)
	return events
}

// conclude prints the result and turns it into the exit code.
func (f *runFlags) conclude(trials []*sceneTrial, record []byte, directory string, out io.Writer) error {
	var verdicts []history.Verdict
	var errs []error
	for _, t := range trials {
		verdicts = append(verdicts, t.Judgement.Verdict)
		if t.err != nil {
			errs = append(errs, fmt.Errorf("trial %s: %w", t.Name, t.err))
		}
	}
	if f.format == formatJSON {
		fmt.Fprintf(out, "%s\n", record)
	} else {
		printScenes(out, trials)
		fmt.Fprintf(out, "\nseed %d, run directory: %s\n", f.seed, directory)
	}
	switch verdict := history.Combine(verdicts); {
	case len(errs) > 0:
		return couldNotRun(errors.Join(errs...))
	case verdict != history.Pass:
		return exitError{code: exitCode(verdict)}
	}
	return nil
}

func printScenes(out io.Writer, trials []*sceneTrial) {
	for _, t := range trials {
		word, who := string(t.Judgement.Verdict), t.who()
		if t.version != "" {
			who = strings.Replace(who, t.Subject, t.Subject+" "+t.version, 1)
		}
		if t.err != nil {
			word = "not run"
		}
		fmt.Fprintf(out, "%-12s  %-34s  %s\n", word, t.Scenario, who)
		for _, finding := range t.Judgement.Findings {
			fmt.Fprintf(out, "    %s: %s\n", finding.Check, finding.Text)
		}
		for _, skip := range t.Judgement.Skipped {
			fmt.Fprintf(out, "    %s: %s\n", skip.Check, skip.Reason)
		}
		for _, line := range slices.Concat(t.Judgement.Observed.NearLines(), t.Judgement.Observed.Lines()) {
			fmt.Fprintf(out, "    %s\n", line)
		}
	}
}
