package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"takeover/report"
	"takeover/scenarios/check"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
)

// The formats of a report on standard output.
const (
	formatText = "text"
	formatJSON = "json"
)

// runRecord is a run's directory: the manifest, the trials' own directories,
// and the reports on them.
type runRecord struct {
	directory string
	trials    []string // names of the trials' directories
}

// startRecord writes the manifest of a run that is about to begin.
func startRecord(c live.Campaign, directory string) error {
	return newManifest(c, time.Now()).write(directory)
}

// outcomeRecord is the record of the trials that were begun.
func outcomeRecord(directory string, outcomes []live.Outcome) runRecord {
	r := runRecord{directory: directory}
	for _, outcome := range outcomes {
		r.trials = append(r.trials, outcome.Entry.Name)
	}
	return r
}

// openRecord reads which trials a stored run has.
func openRecord(directory string) (runRecord, error) {
	data, err := os.ReadFile(filepath.Join(directory, manifestFile))
	if err != nil {
		return runRecord{}, hinted(err, "name the directory of a run: the one with %s in it", manifestFile)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return runRecord{}, fmt.Errorf("%s in %s: %w", manifestFile, directory, err)
	}
	r := runRecord{directory: directory}
	for _, name := range m.Trials {
		if _, err := os.Stat(filepath.Join(directory, name, live.HistoryFile)); err == nil {
			r.trials = append(r.trials, name)
		}
	}
	return r, nil
}

// read reads and judges all trials. Those whose history has nothing to
// measure are left out; problems says why.
func (r runRecord) read() (run report.Run, problems []error) {
	var trials []report.Trial
	for _, name := range r.trials {
		trial, err := readTrial(filepath.Join(r.directory, name, live.HistoryFile))
		if err != nil {
			problems = append(problems, fmt.Errorf("trial %s: %w", name, err))
			continue
		}
		trials = append(trials, trial)
	}
	return report.NewRun(trials), problems
}

func readTrial(path string) (report.Trial, error) {
	file, err := os.Open(path)
	if err != nil {
		return report.Trial{}, err
	}
	defer file.Close()
	events, err := history.Read(file)
	if err != nil {
		return report.Trial{}, err
	}
	measures, err := report.Analyze(events)
	return report.Trial{Measures: measures, Judgement: check.Judge(events)}, err
}

// write stores the reports in the run's directory.
func (r runRecord) write(run report.Run) error {
	return errors.Join(
		r.writeFile("report.txt", func(w io.Writer) error { return report.Text(w, run, report.TextOptions{}) }),
		r.writeFile("report.json", func(w io.Writer) error { return report.JSON(w, run) }),
		r.writeFile("junit.xml", func(w io.Writer) error { return report.JUnit(w, run) }),
	)
}

func (r runRecord) writeFile(name string, write func(io.Writer) error) error {
	var text strings.Builder
	if err := write(&text); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(r.directory, name), []byte(text.String()), 0o644)
}

// print prints the report in a format, and where the rest is.
func (r runRecord) print(out io.Writer, run report.Run, format string) error {
	if format == formatJSON {
		return report.JSON(out, run)
	}
	file, isFile := out.(*os.File)
	color := isFile && term.IsTerminal(int(file.Fd())) && os.Getenv("NO_COLOR") == ""
	if err := report.Text(out, run, report.TextOptions{Color: color}); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nrun directory: %s\n", r.directory)
	return err
}

func exitCode(v history.Verdict) int {
	switch v {
	case history.Pass:
		return exitPass
	case history.Fail:
		return exitFail
	case history.Inconclusive:
		return exitInconclusive
	default:
		return exitCouldNotRun
	}
}

func newReport() *cobra.Command {
	format := formatText
	command := &cobra.Command{
		Use:     "report DIRECTORY",
		Short:   "Judge and report a stored run again",
		Long:    "Report reads the histories of a run's directory, on any machine and with no\nnamespace, judges them and prints the report.",
		Example: "  takeover report runs/20261122-201500",
		Args:    cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			if format != formatText && format != formatJSON {
				return usage(fmt.Errorf("--format %q: text or json", format))
			}
			record, err := openRecord(args[0])
			if err != nil {
				return usage(err)
			}
			run, problems := record.read()
			return conclude(record, run, problems, format, command.OutOrStdout())
		},
	}
	command.Flags().StringVar(&format, "format", format, "report on standard output: text or json")
	return command
}

// conclude prints the report and turns its verdict into the exit code.
func conclude(record runRecord, run report.Run, problems []error, format string, out io.Writer) error {
	switch {
	case len(run.Trials) == 0 && len(problems) > 0:
		return couldNotRun(errors.Join(problems...))
	case len(run.Trials) == 0:
		return exitError{exitNothingToRun, errors.New("no trial was begun")}
	}
	if err := record.print(out, run, format); err != nil {
		return couldNotRun(err)
	}
	if len(problems) > 0 {
		return couldNotRun(errors.Join(problems...))
	}
	if run.Verdict != history.Pass {
		return exitError{code: exitCode(run.Verdict)}
	}
	return nil
}
