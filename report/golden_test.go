package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"takeover/report"
	"takeover/scenarios/history"
	"takeover/scenarios/history/historytest"
)

var update = flag.Bool("update", false, "write the golden files anew")

func analyze(o historytest.Options) report.Measures {
	m, err := report.Analyze(historytest.Play(o))
	if err != nil {
		panic(err)
	}
	return m
}

func passed(m report.Measures) report.Trial {
	return report.Trial{Measures: m, Judgement: history.Judgement{Verdict: history.Pass, Findings: []history.Finding{}}}
}

// oneRun is a trial of every fault, one of them failed, one inconclusive.
var oneRun = sync.OnceValue(func() report.Run {
	var trials []report.Trial
	for _, fault := range historytest.Faults() {
		trials = append(trials, passed(analyze(historytest.Options{Fault: fault, Phase: 400 * time.Millisecond})))
	}
	trials[2].Judgement = history.Judgement{Verdict: history.Inconclusive, Findings: []history.Finding{{
		Check: "timing", Verdict: history.Inconclusive, Text: "the machine stood still for 31ms", Events: []int{4711},
	}}}
	trials[4].Judgement = history.Judgement{Verdict: history.Fail, Findings: []history.Finding{{
		Check: "ownership", Verdict: history.Fail, Text: "stale <entry> & more", Events: []int{1, 2},
	}, {
		Check: "liveness", Verdict: history.Fail, Text: "no proof\n  but more lines", Events: []int{},
	}}}
	return report.NewRun(trials)
})

// twoSubjects is one trial each of two faults with two subjects.
var twoSubjects = sync.OnceValue(func() report.Run {
	var trials []report.Trial
	for _, subject := range []string{"vipd", "keepalived"} {
		for _, fault := range []string{"nginx-killed", "daemon-stopped"} {
			trials = append(trials, passed(analyze(historytest.Options{Fault: fault, Subject: subject, Phase: 100 * time.Millisecond})))
		}
	}
	return report.NewRun(trials)
})

// severalRuns is two faults with two subjects, five runs each; one of them
// never answers.
var severalRuns = sync.OnceValue(func() report.Run {
	var trials []report.Trial
	for _, fault := range []string{"daemon-killed", "daemon-stopped"} {
		for _, subject := range []string{"vipd", "keepalived"} {
			for run := 1; run <= 5; run++ {
				o := historytest.Options{Fault: fault, Subject: subject, Run: run, Phase: time.Duration(run) * 180 * time.Millisecond}
				if subject == "keepalived" {
					o.Late = time.Duration(run) * 700 * time.Microsecond
				}
				trials = append(trials, passed(analyze(o)))
			}
		}
	}
	return report.NewRun(trials)
})

func TestGolden(t *testing.T) {
	text := func(o report.TextOptions) func(io.Writer, report.Run) error {
		return func(w io.Writer, r report.Run) error { return report.Text(w, r, o) }
	}
	for _, c := range []struct {
		file  string
		run   func() report.Run
		write func(io.Writer, report.Run) error
	}{
		{"one-run.txt", oneRun, text(report.TextOptions{})},
		{"one-run-color.txt", oneRun, text(report.TextOptions{Color: true, Brief: true})},
		{"two-subjects.txt", twoSubjects, text(report.TextOptions{Brief: true})},
		{"several-runs.txt", severalRuns, text(report.TextOptions{Brief: true})},
		{"none.txt", func() report.Run { return report.NewRun(nil) }, text(report.TextOptions{})},
		{"two-subjects.json", twoSubjects, report.JSON},
		{"one-run.xml", oneRun, report.JUnit},
	} {
		t.Run(c.file, func(t *testing.T) {
			var got bytes.Buffer
			if err := c.write(&got, c.run()); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", c.file)
			if *update {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s (-want +got); -update writes it anew:\n%s", path, diff)
			}
		})
	}
}

func TestTextFitsTheTerminal(t *testing.T) {
	for name, run := range map[string]func() report.Run{
		"one run": oneRun, "two subjects": twoSubjects, "several runs": severalRuns,
	} {
		var text bytes.Buffer
		if err := report.Text(&text, run(), report.TextOptions{}); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(text.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 130 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
			if strings.ContainsRune(line, '\x1b') {
				t.Errorf("%s: colour that was not asked for: %q", name, line)
			}
		}
	}
}

func TestMachineFormatsAreWellFormed(t *testing.T) {
	var out bytes.Buffer
	if err := report.JSON(&out, severalRuns()); err != nil {
		t.Fatal(err)
	}
	var run report.Run
	decoder := json.NewDecoder(&out)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&run); err != nil || len(run.Trials) != 20 || run.Format != report.Format {
		t.Errorf("%d trials, format %d, %v", len(run.Trials), run.Format, err)
	}
	out.Reset()
	if err := report.JUnit(&out, oneRun()); err != nil {
		t.Fatal(err)
	}
	var suites struct {
		Suites []struct {
			Tests    int `xml:"tests,attr"`
			Failures int `xml:"failures,attr"`
			Skipped  int `xml:"skipped,attr"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(out.Bytes(), &suites); err != nil {
		t.Fatal(err)
	}
	if s := suites.Suites[0]; s.Tests != 7 || s.Failures != 1 || s.Skipped != 1 {
		t.Errorf("counts %+v", s)
	}
}
