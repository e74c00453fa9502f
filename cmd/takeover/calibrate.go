package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"takeover/scenarios/check"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
)

// calibrateFlags are the flags of the calibrate command.
type calibrateFlags struct {
	cycles int
	seed   uint64
	out    string
	format string
	pcap   bool
	icmp   time.Duration
}

// mostCycles bounds what one call may ask for: 50 minutes.
const mostCycles = 10_000

func newCalibrate() *cobra.Command {
	var f calibrateFlags
	periods := live.DefaultPeriods()
	command := &cobra.Command{
		Use:   "calibrate",
		Short: "Measure a subject whose every move is known, to see how far measurements are off",
		Long: "Calibrate puts puppets in the place of the VRRP daemons. They hand the virtual IP\n" +
			"to each other at moments that are drawn beforehand: one removes it, the other\n" +
			"advertises, takes it, announces it later; then the first has it for a while beside\n" +
			"the other. Each puppet says when its system calls returned. The same observers and\n" +
			"the same code as in a drill measure all that, and the table says how far they are\n" +
			fmt.Sprintf("from the truth. At most %s in 99 of 100 cycles is right. Cycles in which the\n", check.CalibrationMax) +
			"machine stood still are left out.",
		Example: "  takeover calibrate\n" +
			"  takeover calibrate --cycles 1000 --format json",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if !command.Flags().Changed("seed") {
				f.seed = randomSeed()
			}
			return f.run(command)
		},
	}
	flags := command.Flags()
	flags.IntVar(&f.cycles, "cycles", 100, fmt.Sprintf("how often the VIP changes hands, 1 to %d", mostCycles))
	flags.Uint64Var(&f.seed, "seed", 0, "what the moments are drawn from (default random)")
	flags.StringVar(&f.out, "out", "", "directory of the run (default runs/DATE-TIME)")
	flags.StringVar(&f.format, "format", formatText, "result on standard output: text or json")
	flags.BoolVar(&f.pcap, "pcap", false, "keep every frame of every port in capture.pcapng")
	flags.DurationVar(&f.icmp, "icmp-period", periods.ICMP, "time between echo requests")
	return command
}

func (f *calibrateFlags) check() error {
	switch {
	case f.cycles < 1 || f.cycles > mostCycles:
		return fmt.Errorf("--cycles %d: from 1 to %d", f.cycles, mostCycles)
	case f.icmp < 100*time.Microsecond || f.icmp > 10*time.Millisecond:
		return fmt.Errorf("--icmp-period %s: from 100us to 10ms", f.icmp)
	case f.format != formatText && f.format != formatJSON:
		return fmt.Errorf("--format %q: text or json", f.format)
	}
	return nil
}

func (f *calibrateFlags) run(command *cobra.Command) error {
	if err := f.check(); err != nil {
		return usage(err)
	}
	sources, err := readSources(nil)
	if err != nil {
		return couldNotRun(err)
	}
	cluster, err := live.ReadCluster(sources)
	if err != nil {
		return couldNotRun(err)
	}
	periods := live.DefaultPeriods()
	periods.ICMP, periods.HTTP = f.icmp, 0
	directory, err := runDirectory(f.out, time.Now())
	if err != nil {
		return couldNotRun(err)
	}
	fmt.Fprintf(os.Stderr, "%d cycles, about %s\n", f.cycles, live.CalibrationTime(f.cycles).Round(time.Second))
	plan := live.CalibrationPlan{Cluster: cluster, Periods: periods, Seed: f.seed, Cycles: f.cycles, Pcap: f.pcap}
	trial, err := live.StartCalibration(plan, directory, func(live.Progress) {})
	if err != nil {
		return couldNotRun(err)
	}
	err = trial.Wait(command.Context())
	trial.End()
	if err != nil {
		return couldNotRun(err)
	}
	if command.Context().Err() != nil {
		return exitError{exitInconclusive, fmt.Errorf("interrupted: %w", command.Context().Err())}
	}
	calibration, err := readCalibration(filepath.Join(directory, live.HistoryFile))
	if err != nil {
		return couldNotRun(err)
	}
	if err := printCalibration(command.OutOrStdout(), f, calibration); err != nil {
		return couldNotRun(err)
	}
	switch calibration.Verdict {
	case history.Pass:
		return nil
	case history.Inconclusive:
		return exitError{exitInconclusive, nil}
	case history.Fail:
	}
	return exitError{exitFail, nil}
}

func readCalibration(path string) (check.Calibration, error) {
	file, err := os.Open(path)
	if err != nil {
		return check.Calibration{}, err
	}
	defer file.Close()
	events, err := history.Read(file)
	if err != nil {
		return check.Calibration{}, err
	}
	return check.Calibrate(events)
}

func printCalibration(out io.Writer, f *calibrateFlags, c check.Calibration) error {
	if f.format == formatJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(c)
	}
	fmt.Fprintf(out, "%d cycles with seed %d\n\n", c.Cycles, f.seed)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "measure\tresolution\tmedian\tp99\tmax\tsamples\tmissing\tleft out\t")
	for _, m := range c.Measures {
		resolution := "-"
		if m.Resolution > 0 {
			resolution = micro(m.Resolution)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t\n",
			m.Name, resolution, micro(m.Median), micro(m.P99), micro(m.Max), m.Samples, m.Missing, m.LeftOut)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\nDistances from the truth, beyond the resolution; left out: the machine stood still meanwhile.\n%s: %s\n", c.Verdict, c.Reason)
	return err
}

func micro(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }
