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

	"takeover/scenarios/chaos"
	"takeover/scenarios/history"
	"takeover/scenarios/scene"
)

// chaosReport is what a call of the chaos command comes to.
type chaosReport struct {
	Topology    string           `json:"topology"`
	Subject     string           `json:"subject"`
	Version     string           `json:"version,omitempty"`
	Seed        uint64           `json:"seed"`
	CommandLine []string         `json:"command_line"`
	Took        float64          `json:"took_s"`
	Interrupted bool             `json:"interrupted,omitempty"`
	Verdicts    map[string]int   `json:"verdicts"` // pass, fail, inconclusive, not run
	Faults      map[string]int   `json:"faults"`   // by their kinds, as they were injected
	LeftOut     int              `json:"left_out"` // those that found nothing to strike
	Violations  []chaosViolation `json:"violations"`
	Trials      []*chaosTrial    `json:"trials"`
}

// chaosViolation is the first of its check.
type chaosViolation struct {
	Seed     uint64         `json:"seed"`
	Check    string         `json:"check"`
	Text     string         `json:"text"`
	Faults   int            `json:"faults"` // of the schedule as it was drawn
	Smallest *chaosSmallest `json:"smallest,omitempty"`
	scene    scene.Scene
	struck   []chaos.Struck
}

// chaosSmallest is the smallest schedule that shows a violation.
type chaosSmallest struct {
	File   string     `json:"file"`
	Steps  []string   `json:"steps"`
	Rate   chaos.Rate `json:"rate"`
	Trials int        `json:"trials"` // that were spent to find it
	scene  scene.Scene
}

const notRun = "not run"

func (r *chaosRun) report(trials []*chaosTrial) *chaosReport {
	report := &chaosReport{
		Topology: r.facts.Topology, Subject: r.subject, Version: r.version, Seed: r.seed, CommandLine: os.Args,
		Verdicts: map[string]int{}, Faults: map[string]int{}, Violations: []chaosViolation{}, Trials: trials,
	}
	known := map[string]bool{}
	for _, t := range trials {
		if t.err != nil {
			report.Verdicts[notRun]++
		} else {
			report.Verdicts[string(t.Judgement.Verdict)]++
		}
		for _, name := range t.Faults {
			report.Faults[name]++
		}
		report.LeftOut += t.LeftOut
		if f, violated := t.violation(); violated && !known[f.Check] {
			known[f.Check] = true
			report.Violations = append(report.Violations, chaosViolation{
				Seed: t.Seed, Check: f.Check, Text: f.Text, Faults: len(t.scene.Schedule), scene: t.scene, struck: t.struck,
			})
		}
	}
	return report
}

// conclude writes the report, prints it, and turns it into the exit code.
func (c *chaosReport) conclude(r *chaosRun, out io.Writer) error {
	c.Took = time.Since(r.began).Seconds()
	record, err := json.MarshalIndent(c, "", "  ")
	if err == nil {
		record = append(record, '\n')
		err = os.WriteFile(filepath.Join(r.directory, "report.json"), record, 0o644)
	}
	if err != nil {
		return couldNotRun(err)
	}
	if r.format == formatJSON {
		fmt.Fprintf(out, "%s", record)
	} else {
		c.print(out)
		fmt.Fprintf(out, "\nrun directory: %s\n", r.directory)
	}
	var errs []error
	for _, t := range c.Trials {
		if t.err != nil {
			errs = append(errs, fmt.Errorf("trial %s: %w", t.scene.Name, t.err))
		}
	}
	passed, unclear := c.Verdicts[string(history.Pass)], c.Verdicts[string(history.Inconclusive)]
	switch {
	case len(c.Violations) > 0:
		return exitError{code: exitFail}
	case len(errs) > 0:
		return couldNotRun(errors.Join(errs...))
	case c.Interrupted || passed <= unclear: // little was learnt
		return exitError{code: exitInconclusive}
	}
	return nil
}

func (c *chaosReport) print(out io.Writer) {
	faults := 0
	for _, n := range c.Faults {
		faults += n
	}
	fmt.Fprintf(out, "%s on %s with %s: ", counted(len(c.Trials), "trial"), c.Topology, strings.TrimSpace(c.Subject+" "+c.Version))
	var parts []string
	for _, verdict := range []string{string(history.Pass), string(history.Fail), string(history.Inconclusive), notRun} {
		if n := c.Verdicts[verdict]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, verdict))
		}
	}
	fmt.Fprintf(out, "%s\n", strings.Join(parts, ", "))
	fmt.Fprintf(out, "%s of %s, %d more found nothing to strike; seed %d, %.0f s\n",
		counted(faults, "fault"), counted(len(c.Faults), "kind"), c.LeftOut, c.Seed, c.Took)
	if c.Interrupted {
		fmt.Fprintln(out, "It was interrupted.")
	}
	for _, v := range c.Violations {
		fmt.Fprintf(out, "\n%s (seed %d, %s): %s\n", v.Check, v.Seed, counted(v.Faults, "fault"), v.Text)
		if v.Smallest == nil {
			continue
		}
		fmt.Fprintf(out, "  the smallest schedule, after %s; it recurred in %s:\n", counted(v.Smallest.Trials, "trial"), rateText(v.Smallest.Rate))
		for _, step := range v.Smallest.Steps {
			fmt.Fprintf(out, "    %s\n", step)
		}
		fmt.Fprintf(out, "  takeover run %s --seed %d\n", v.Smallest.File, v.Seed)
	}
}

// stepText is a step in words.
func stepText(s scene.Step) string {
	text := fmt.Sprintf("%s: %s on %s for %s", s.At, s.Fault, s.Target, s.For)
	if s.Phase != nil {
		text += fmt.Sprintf(", at %s of an interval", *s.Phase)
	}
	return text
}

func rateText(r chaos.Rate) string {
	if r.Recurred+r.Held+r.Unclear == 0 {
		return "the trial that found it, and was not measured"
	}
	text := fmt.Sprintf("%d of %s", r.Recurred, counted(r.Recurred+r.Held, "trial"))
	if r.Unclear > 0 {
		text += fmt.Sprintf(" (%d more were inconclusive)", r.Unclear)
	}
	return text
}
