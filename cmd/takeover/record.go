package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"takeover/scenarios/check"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
)

// The formats of a report on standard output.
const (
	formatText = "text"
	formatJSON = "json"
)

// runRecord is a run's directory.
type runRecord struct {
	campaign  live.Campaign
	directory string
}

func newRunRecord(c live.Campaign, directory string) runRecord { return runRecord{c, directory} }

func (r runRecord) writeManifest() error {
	return newManifest(r.campaign, time.Now()).write(r.directory)
}

func (r runRecord) report(outcomes []live.Outcome, _ string, out io.Writer) (int, error) {
	var verdicts []history.Verdict
	for _, o := range outcomes {
		if o.Err != nil {
			fmt.Fprintln(out, o.Entry.Name, o.Err)
			verdicts = append(verdicts, history.Fail)
			continue
		}
		file, err := os.Open(filepath.Join(o.Directory, live.HistoryFile))
		if err != nil {
			return 0, err
		}
		events, err := history.Read(file)
		file.Close()
		if err != nil {
			return 0, err
		}
		j := check.Judge(events)
		fmt.Fprintln(out, o.Entry.Name, j)
		verdicts = append(verdicts, j.Verdict)
	}
	if history.Combine(verdicts) == history.Pass {
		return exitPass, nil
	}
	return exitFail, nil
}

func newReport() *cobra.Command {
	return &cobra.Command{Use: "report DIR", RunE: func(*cobra.Command, []string) error { return errors.New("later") }}
}
