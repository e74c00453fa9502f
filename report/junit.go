package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// The elements of JUnit's XML, as CI systems read it.
type (
	junitSuites struct {
		XMLName xml.Name     `xml:"testsuites"`
		Suites  []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr,omitempty"`
		Skipped  int         `xml:"skipped,attr"`
		Time     string      `xml:"time,attr"` // seconds
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Error   *junitMessage `xml:"error"`
		Failure *junitMessage `xml:"failure"`
		Skipped *junitMessage `xml:"skipped"`
		Output  string        `xml:"system-out,omitempty"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// Case is one test of a JUnit report.
type Case struct {
	Class, Name string
	Length      time.Duration
	Judgement   history.Judgement
	Error       string // why there is no verdict; usually empty
	Output      string
}

// JUnit writes one test case a trial. An inconclusive trial is skipped, with
// the reason.
func JUnit(w io.Writer, r Run) error {
	var cases []Case
	for _, t := range r.Trials {
		m := t.Measures
		cases = append(cases, Case{
			Class: "takeover." + m.Scenario, Name: fmt.Sprintf("%s, %s, run %d", m.Fault, m.Subject, m.Run),
			Length: m.Length, Judgement: t.Judgement, Output: summaryLine(m),
		})
	}
	return JUnitCases(w, cases)
}

// JUnitCases writes the cases. An inconclusive one is skipped, with the reason,
// and one without a verdict is an error.
func JUnitCases(w io.Writer, cases []Case) error {
	suite := junitSuite{Name: "takeover"}
	total := time.Duration(0)
	for _, t := range cases {
		c := junitCase{Class: t.Class, Name: t.Name, Time: fmt.Sprintf("%.3f", t.Length.Seconds()), Output: t.Output}
		total += t.Length
		switch {
		case t.Error != "":
			first, _, _ := strings.Cut(t.Error, "\n")
			c.Error = &junitMessage{Message: first, Text: t.Error}
			suite.Errors++
		case t.Judgement.Verdict == history.Fail:
			c.Failure = message(t.Judgement)
			suite.Failures++
		case t.Judgement.Verdict == history.Inconclusive:
			c.Skipped = message(t.Judgement)
			suite.Skipped++
		}
		suite.Cases = append(suite.Cases, c)
	}
	suite.Tests, suite.Time = len(suite.Cases), fmt.Sprintf("%.3f", total.Seconds())
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return fmt.Errorf("write the report as JUnit: %w", err)
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(junitSuites{Suites: []junitSuite{suite}}); err != nil {
		return fmt.Errorf("write the report as JUnit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// message has the worst finding in front and all in its text.
func message(j history.Judgement) *junitMessage {
	m := &junitMessage{}
	var lines []string
	for _, f := range j.Findings {
		lines = append(lines, findingLine(f))
		if m.Message == "" && f.Verdict == j.Verdict {
			first, _, _ := strings.Cut(f.Text, "\n")
			m.Message = f.Check + ": " + first
		}
	}
	m.Text = strings.Join(lines, "\n")
	return m
}

// summaryLine is the trial's figures in a line.
func summaryLine(m Measures) string {
	if m.Failover == nil {
		return "no fault was injected"
	}
	icmp := m.Failover.Streams[history.StreamICMP]
	return fmt.Sprintf("%s: TBM %s, PLBM %s, reversion %s",
		actives(m.Failover), tbmCell(icmp), plbmCell(icmp), reversionCell(m))
}
