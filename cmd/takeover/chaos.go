package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"takeover/scenarios/chaos"
	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
	"takeover/scenarios/scene"
	"takeover/topology"
	"takeover/topology/doctor"
)

// chaosFlags are the flags of the chaos command.
type chaosFlags struct {
	topology  string
	subject   string
	minutes   float64
	trials    int
	seed      uint64
	length    time.Duration
	density   float64
	faults    []string
	without   []string
	keepGoing bool
	shrink    int
	parallel  int
	out       string
	format    string
	pcap      bool
	vipd      string
	nginx     string
}

func newChaos() *cobra.Command {
	var f chaosFlags
	command := &cobra.Command{
		Use:   "chaos",
		Short: "Draw overlapping faults until something breaks, and find the smallest cause",
		Long: "Chaos plays one schedule of faults after the other, each drawn from a seed: the\n" +
			"first from --seed, the next from the one after it. Two owners of the virtual\n" +
			"address, and a daemon that ends, must be explained by a fault in force; when all\n" +
			"are undone, the right node must have the address and answer. At the first\n" +
			"violation it ends, and makes the schedule smaller as long as the violation recurs:\n" +
			"what is left is a scenario file for takeover run. See docs/chaos.md.",
		Example: "  takeover chaos --topology failover --minutes 10 --seed 1\n" +
			"  takeover chaos --subject vipd+keepalived+vipd --trials 20\n" +
			"  takeover chaos --faults link-loss,daemon-killed --density 3",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if !command.Flags().Changed("seed") {
				f.seed = randomSeed()
			}
			if !command.Flags().Changed("minutes") && f.trials > 0 {
				f.minutes = 0
			}
			return f.run(command)
		},
	}
	flags := command.Flags()
	flags.StringVar(&f.topology, "topology", "failover", "topology: a shipped one or a *.lab.yaml file")
	flags.StringVar(&f.subject, "subject", "vipd", "daemon under test: "+strings.Join(live.Subjects(), ", ")+"; one on all nodes, or joined by + one a node")
	flags.Float64Var(&f.minutes, "minutes", 10, "for how long new trials are begun")
	flags.IntVar(&f.trials, "trials", 0, "how many trials there are; with --minutes whichever ends first")
	flags.Uint64Var(&f.seed, "seed", 0, "of the first trial (default random)")
	flags.DurationVar(&f.length, "length", 15*time.Second, "within which time a trial's faults come and go")
	flags.Float64Var(&f.density, "density", 2, "how many faults are in force at a time, on average")
	flags.StringSliceVar(&f.faults, "faults", nil, "kinds of faults to draw from (default all that this machine can inject)")
	flags.StringSliceVar(&f.without, "without", nil, "kinds of faults to leave out")
	flags.BoolVar(&f.keepGoing, "keep-going", false, "do not end at the first violation")
	flags.IntVar(&f.shrink, "shrink", 60, "most trials to make a violation's schedule smaller; 0: leave it")
	flags.IntVar(&f.parallel, "parallel", live.DefaultParallel(), "trials at the same time")
	flags.StringVar(&f.out, "out", "", "directory of the run (default runs/DATE-TIME)")
	flags.StringVar(&f.format, "format", formatText, "result on standard output: text or json")
	flags.BoolVar(&f.pcap, "pcap", false, "keep every frame of every port in capture.pcapng")
	flags.StringVar(&f.vipd, "vipd", "", "the vipd program (default beside this one, then PATH)")
	flags.StringVar(&f.nginx, "nginx", "", "the nginx program, or none for the built-in server (default PATH)")
	return command
}

// check refuses numbers that can't be.
func (f *chaosFlags) check() error {
	switch {
	case !(f.minutes >= 0 && f.minutes <= 1440):
		return fmt.Errorf("--minutes %g: from 0 to 1440", f.minutes)
	case f.trials < 0 || f.trials > mostRuns:
		return fmt.Errorf("--trials %d: from 1 to %d", f.trials, mostRuns)
	case f.trials == 0 && f.minutes == 0:
		return errors.New("chaos: give --minutes or --trials")
	case f.length < chaos.LengthMin || f.length > chaos.LengthMax:
		return fmt.Errorf("--length %s: from %s to %s", f.length, chaos.LengthMin, chaos.LengthMax)
	case !(f.density >= chaos.DensityMin && f.density <= chaos.DensityMax):
		return fmt.Errorf("--density %g: from %g to %g", f.density, chaos.DensityMin, chaos.DensityMax)
	case f.shrink < 0 || f.shrink > mostRuns:
		return fmt.Errorf("--shrink %d: from 0 to %d", f.shrink, mostRuns)
	case f.parallel < 1 || f.parallel > 100:
		return fmt.Errorf("--parallel %d: from 1 to 100", f.parallel)
	case f.format != formatText && f.format != formatJSON:
		return fmt.Errorf("--format %q: text or json", f.format)
	}
	for flag, names := range map[string][]string{"--faults": f.faults, "--without": f.without} {
		for _, name := range names {
			if !slices.Contains(fault.Names(), name) {
				return hinted(fmt.Errorf("%s: unknown fault %q%s", flag, name, scene.Nearest(name, fault.Names())), "docs/faults.md has them all")
			}
		}
	}
	return nil
}

// prepare checks everything that the user gave before anything is built.
func (f *chaosFlags) prepare(ctx context.Context) (*chaosRun, error) {
	if err := f.check(); err != nil {
		return nil, usage(err)
	}
	programs, err := live.FindPrograms(f.vipd, f.nginx)
	if err != nil {
		return nil, couldNotRun(err)
	}
	spec, err := readTopology(f.topology)
	if err != nil {
		return nil, topologyError(f.topology, err)
	}
	name := f.topology
	if strings.ContainsAny(name, "./") { // a scenario's path is from its own directory
		if name, err = filepath.Abs(name); err != nil {
			return nil, couldNotRun(err)
		}
	}
	facts, err := chaosFacts(name, spec)
	if err != nil {
		return nil, usage(err)
	}
	r := &chaosRun{
		chaosFlags: f, facts: facts, version: programs.Version(f.subject),
		stand: live.StandPlan{Spec: spec, Subject: f.subject, Programs: programs, Pcap: f.pcap},
	}
	able, err := injectable(ctx)
	if err != nil {
		return nil, couldNotRun(err)
	}
	r.options = chaos.Options{Length: f.length, Density: f.density, Subject: f.subject}
	for _, kind := range fault.Kinds() {
		asked := len(f.faults) == 0 || slices.Contains(f.faults, string(kind))
		if asked && able(kind) && facts.Fits(kind) && !slices.Contains(f.without, string(kind)) {
			r.options.Kinds = append(r.options.Kinds, kind)
		}
	}
	if len(r.options.Kinds) == 0 {
		return nil, exitError{exitNothingToRun, errors.New("chaos: none of these faults can be injected here")}
	}
	err = r.plan(f.seed, chaos.Draw(f.seed, facts, r.options)).Validate()
	if errors.Is(err, live.ErrNotInstalled) {
		return nil, couldNotRun(err)
	} else if err != nil {
		return nil, usage(err)
	}
	return r, nil
}

// chaosFacts are what schedules are drawn for: the topology's first virtual
// router.
func chaosFacts(name string, spec topology.Spec) (chaos.Facts, error) {
	clusters, err := live.ReadTopology(spec)
	switch {
	case err != nil:
		return chaos.Facts{}, err
	case len(clusters) == 0 || len(clusters[0].Seats) < 2:
		return chaos.Facts{}, fmt.Errorf("topology %s has no virtual router with two nodes", spec.Name)
	}
	c := clusters[0]
	seats := slices.Clone(c.Seats)
	slices.SortStableFunc(seats, func(a, b live.Seat) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), b.Address.Addr().Compare(a.Address.Addr()))
	})
	facts := chaos.Facts{
		Topology: name, Interval: c.Interval, Web: true, Script: c.Check != nil, IPv4: c.VIPs[0].Addr().Is4(), Best: seats[0].Name,
	}
	timers := history.Cluster{Version: c.Version, AdvertInterval: c.Interval}
	for _, seat := range seats {
		facts.Nodes = append(facts.Nodes, seat.Name)
		timers.Nodes = append(timers.Nodes, history.Node{Priority: seat.Priority})
		if !seat.Preempt || len(seat.Options) > 0 {
			facts.Best = "" // its timers or its priority say otherwise
		}
	}
	facts.Down = timers.LongestDownInterval()
	for _, host := range spec.Hosts {
		if slices.Contains(facts.Nodes, host.Name) {
			daemon, web := chaosProcesses(host)
			facts.Daemon, facts.Web = cmp.Or(facts.Daemon, daemon), facts.Web && web
		}
		for _, link := range host.Links {
			if slices.Contains(link.Addresses, c.Client) {
				facts.Client = host.Name
			}
		}
	}
	return facts, nil
}

// chaosProcesses are a node's VRRP daemon, and whether it has a web server that
// is called as it should.
func chaosProcesses(host topology.Host) (daemon string, web bool) {
	for _, process := range host.Processes {
		switch process.Kind {
		case topology.ProcessNginx:
			web = web || process.Name == string(topology.ProcessNginx)
		case topology.ProcessSubject, topology.ProcessVIPD, topology.ProcessKeepalived, topology.ProcessFRR:
			daemon = process.Name
		case topology.ProcessCommand:
		}
	}
	return daemon, web
}

// provisions are what doctor calls the capabilities of faults. What is not here no
// Stand offers.
var provisions = map[fault.Capability]string{
	fault.NeedNFTables: "nftables", fault.NeedWire: "packet-socket", fault.NeedTmpfs: "tmpfs",
	fault.NeedTimens: "time-namespace", fault.NeedDatapath: "packet-socket",
}

// injectable says which kinds of faults this machine can inject.
func injectable(ctx context.Context) (func(fault.Kind) bool, error) {
	findings, err := doctor.Examine(ctx)
	if err != nil {
		return nil, err
	}
	works := map[string]bool{}
	for _, finding := range findings {
		if finding.Required && !finding.Works {
			return nil, hinted(fmt.Errorf("no lab can be built here: %s: %s", finding.Name, finding.Problem), "%s", finding.Remedy)
		}
		works[finding.Name] = finding.Works
	}
	return func(kind fault.Kind) bool {
		return !slices.ContainsFunc(fault.Fault{Kind: kind}.Needs(), func(need fault.Capability) bool { return !works[provisions[need]] })
	}, nil
}
