package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"takeover/scenarios/catalog"
	"takeover/scenarios/fault"
	"takeover/scenarios/live"
	"takeover/topology/sandbox"
)

// drillFlags are the flags of the drill command.
type drillFlags struct {
	subjects []string
	faults   []string
	runs     int
	seed     uint64
	out      string
	format   string
	parallel int
	keep     bool
	pcap     bool
	vipd     string
	nginx    string
	icmp     time.Duration
	http     time.Duration
}

// mostRuns bounds what one call may ask for.
const mostRuns = 10_000

func newDrill() *cobra.Command {
	var f drillFlags
	periods := live.DefaultPeriods()
	command := &cobra.Command{
		Use:   "drill [NODE1.conf NODE2.conf ...]",
		Short: "Break a cluster in five ways and measure each failover",
		Long: "Drill builds the cluster, one node for each keepalived.conf, with Nginx on every\n" +
			"node, injects one fault into the Active of each trial, heals it, and reports how\n" +
			"long the virtual IP was gone and why. The files may be for version 2 or 3, IPv4\n" +
			"or IPv6, multicast or unicast. Without files it takes the built-in cluster: three\n" +
			"nodes with the priorities 100, 99 and 98, and the VIP 10.0.0.200.\n\n" +
			"Faults:\n" + faultList(),
		Example: "  takeover drill\n" +
			"  takeover drill --subject vipd,keepalived --fault daemon-stopped --runs 10\n" +
			"  takeover drill --subject vipd+keepalived+keepalived\n" +
			"  takeover drill --subject keepalived node1.conf node2.conf node3.conf",
		RunE: func(command *cobra.Command, args []string) error {
			if !command.Flags().Changed("seed") {
				f.seed = randomSeed()
			}
			return f.run(command, args)
		},
	}
	flags := command.Flags()
	flags.StringSliceVar(&f.subjects, "subject", []string{"vipd"}, "daemons under test: "+strings.Join(live.Subjects(), ", ")+"; one on all nodes, or joined by + one a node")
	flags.StringSliceVar(&f.faults, "fault", nil, "faults to inject (default the first five)")
	flags.IntVar(&f.runs, "runs", 1, "trials for each fault and subject")
	flags.Uint64Var(&f.seed, "seed", 0, "what the phases are drawn from (default random)")
	flags.StringVar(&f.out, "out", "", "directory of the run (default runs/DATE-TIME)")
	flags.StringVar(&f.format, "format", formatText, "report on standard output: text or json")
	flags.IntVar(&f.parallel, "parallel", live.DefaultParallel(), "trials at the same time")
	flags.BoolVar(&f.keep, "keep", false, "leave the labs up afterwards until Ctrl-C")
	flags.BoolVar(&f.pcap, "pcap", false, "keep every frame of every port in capture.pcapng")
	flags.StringVar(&f.vipd, "vipd", "", "the vipd program (default beside this one, then PATH)")
	flags.StringVar(&f.nginx, "nginx", "", "the nginx program, or none for the built-in server (default PATH)")
	flags.DurationVar(&f.icmp, "icmp-period", periods.ICMP, "time between echo requests")
	flags.DurationVar(&f.http, "http-period", periods.HTTP, "time between HTTP requests")
	return command
}

func faultList() string {
	var list strings.Builder
	for _, f := range fault.Drillable() {
		fmt.Fprintf(&list, "  %-16s %s\n", f.Name(), f.Summary())
	}
	return strings.TrimRight(list.String(), "\n")
}

func randomSeed() uint64 {
	var seed [8]byte
	_, _ = rand.Read(seed[:]) // documented never to fail
	return binary.LittleEndian.Uint64(seed[:]) >> 32
}

// campaign checks everything that the user gave before anything is built.
func (f *drillFlags) campaign(files []string) (live.Campaign, error) {
	c := live.Campaign{
		Scenario: "failover", Subjects: f.subjects, Runs: f.runs, Seed: f.seed, Parallel: f.parallel,
		Periods: live.DefaultPeriods(), Pcap: f.pcap, Keep: f.keep,
	}
	c.Periods.ICMP, c.Periods.HTTP = f.icmp, f.http
	if err := f.checkNumbers(); err != nil {
		return c, usage(err)
	}
	var err error
	if c.Faults, err = chooseFaults(f.faults); err != nil {
		return c, usage(err)
	}
	if c.Programs, err = live.FindPrograms(f.vipd, f.nginx); err != nil {
		return c, couldNotRun(err)
	}
	for _, subject := range f.subjects {
		if err := live.CheckSubject(subject, c.Programs); errors.Is(err, live.ErrUnknownSubject) {
			return c, usage(err)
		} else if err != nil {
			return c, couldNotRun(err)
		}
	}
	sources, err := readSources(files)
	if err != nil {
		return c, usage(err)
	}
	if c.Cluster, err = live.ReadCluster(sources); err != nil {
		return c, usage(err)
	}
	for _, entry := range c.Entries()[:len(c.Faults)*len(c.Subjects)] {
		if err := entry.Plan.Validate(); err != nil {
			return c, usage(err)
		}
	}
	return c, nil
}

func (f *drillFlags) checkNumbers() error {
	switch {
	case f.runs < 1 || f.runs > mostRuns:
		return fmt.Errorf("--runs %d: from 1 to %d", f.runs, mostRuns)
	case f.parallel < 1 || f.parallel > 100:
		return fmt.Errorf("--parallel %d: from 1 to 100", f.parallel)
	case f.icmp < 100*time.Microsecond || f.icmp > 10*time.Second:
		return fmt.Errorf("--icmp-period %s: from 100us to 10s", f.icmp)
	case f.http < time.Millisecond || f.http > 10*time.Second:
		return fmt.Errorf("--http-period %s: from 1ms to 10s", f.http)
	case f.format != formatText && f.format != formatJSON:
		return fmt.Errorf("--format %q: text or json", f.format)
	case len(f.subjects) == 0:
		return errors.New("--subject: name at least one")
	case duplicate(f.subjects) != "":
		return fmt.Errorf("--subject: %s is named twice", duplicate(f.subjects))
	case duplicate(f.faults) != "":
		return fmt.Errorf("--fault: %s is named twice", duplicate(f.faults))
	}
	return nil
}

func duplicate(names []string) string {
	for i, name := range names {
		if slices.Contains(names[:i], name) {
			return name
		}
	}
	return ""
}

func chooseFaults(names []string) ([]fault.Fault, error) {
	if len(names) == 0 {
		return fault.Drill(), nil
	}
	var chosen []fault.Fault
	for _, name := range names {
		f, err := fault.DrillNamed(name)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, f)
	}
	return chosen, nil
}

// mostConfig bounds a configuration file's size in bytes.
const mostConfig = 1 << 20

func readSources(files []string) ([]live.Source, error) {
	var sources []live.Source
	if len(files) == 0 {
		for _, file := range catalog.Failover() {
			sources = append(sources, live.Source{Name: file.Name, Text: file.Text})
		}
		return sources, nil
	}
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() || info.Size() > mostConfig {
			return nil, fmt.Errorf("%s: not a configuration file (a regular file of at most %d bytes)", name, mostConfig)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		sources = append(sources, live.Source{Name: name, Text: text})
	}
	return sources, nil
}

func (f *drillFlags) run(command *cobra.Command, files []string) error {
	campaign, err := f.campaign(files)
	if err != nil {
		return err
	}
	directory, err := runDirectory(f.out, time.Now())
	if err != nil {
		return couldNotRun(err)
	}
	if err := startRecord(campaign, directory); err != nil {
		return couldNotRun(err)
	}
	bar := newProgress(os.Stderr, len(campaign.Entries()))
	outcomes := campaign.Run(command.Context(), directory, bar)
	bar.close()
	if err := onlyBroken(outcomes); err != nil {
		return couldNotRun(err)
	}
	record := outcomeRecord(directory, outcomes)
	run, problems := record.read()
	if err := record.write(run); err != nil {
		return couldNotRun(err)
	}
	err = conclude(record, run, append(problems, failures(outcomes)...), f.format, command.OutOrStdout())
	if f.keep {
		holdLabs(command.Context(), outcomes)
	}
	return err
}

// failures are the errors of the trials that were not carried out to the end
// for a reason of the harness.
func failures(outcomes []live.Outcome) []error {
	var errs []error
	for _, outcome := range outcomes {
		if errors.Is(outcome.Err, live.ErrBroken) {
			errs = append(errs, fmt.Errorf("trial %s: %w", outcome.Entry.Name, outcome.Err))
		}
	}
	return errs
}

// onlyBroken returns the first error that is the sandbox's and not the
// cluster's, when no trial at all got further.
func onlyBroken(outcomes []live.Outcome) error {
	var first error
	for _, outcome := range outcomes {
		if !errors.Is(outcome.Err, live.ErrBroken) {
			return nil
		}
		if first == nil {
			first = outcome.Err
			if errors.Is(first, sandbox.ErrNoPermission) {
				first = hinted(first, "run as root, or allow user namespaces")
			}
		}
	}
	return first
}

// holdLabs tells how to get into the labs and waits for Ctrl-C.
func holdLabs(ctx context.Context, outcomes []live.Outcome) {
	enter := "-m -n -p -u -i"
	if os.Geteuid() != 0 {
		enter += " -U --preserve-credentials"
	}
	held := false
	for _, outcome := range outcomes {
		if pid, ok := outcome.Alive(); ok {
			held = true
			fmt.Fprintf(os.Stderr, "%-32s nsenter -t %d %s ip netns exec node1 bash\n", outcome.Entry.Name, pid, enter)
		}
	}
	if held && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "The labs are up; Ctrl-C takes them down.")
		<-ctx.Done()
	}
	for _, outcome := range outcomes {
		outcome.End()
	}
}

// runDirectory makes the directory of a run: out, or a new one below runs.
func runDirectory(out string, now time.Time) (string, error) {
	if out == "" {
		out = filepath.Join("runs", now.Format("20060102-150405"))
		for number := 2; ; number++ { // two drills started in the same second
			err := os.MkdirAll(filepath.Dir(out), 0o755)
			if err == nil {
				err = os.Mkdir(out, 0o755)
			}
			if !errors.Is(err, os.ErrExist) {
				return out, err
			}
			out = filepath.Join("runs", fmt.Sprintf("%s-%d", now.Format("20060102-150405"), number))
		}
	}
	entries, err := os.ReadDir(out)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return out, os.MkdirAll(out, 0o755)
	case err != nil:
		return out, err
	case len(entries) > 0:
		return out, hinted(fmt.Errorf("directory %s is not empty", out), "name a new one with --out")
	}
	return out, nil
}
