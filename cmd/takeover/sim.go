package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"takeover/daemon/vrrp"
	"takeover/scenarios/history"
	"takeover/scenarios/sim"
)

// simFlags are the flags of the sim command.
type simFlags struct {
	hours      float64
	schedules  uint64
	schedule   string
	history    string
	seed       uint64
	routers    int
	priorities []int
	nopreempt  bool
	protocol   uint8
	ipv6       bool
	interval   time.Duration
	segments   int
	downTimer  int
	peerLoss   string
	guardian   bool
	lease      time.Duration
	faults     int
	every      time.Duration
	network    sim.Network
	codec      bool
	format     string
}

func newSim() *cobra.Command {
	var f simFlags
	command := &cobra.Command{
		Use:   "sim",
		Short: "Run virtual routers in virtual time, under random faults, and judge every step",
		Long: "Sim runs the virtual routers of vipd on a simulated segment. It judges every step\n" +
			"by the RFC's timers and by what each router could know.\n\n" +
			"  --hours H       one long run, with a random fault now and then (--fault-every)\n" +
			"  --schedules N   N random schedules, each healed in the end, on all processors.\n" +
			"                  What no flag sets is drawn for each: routers, priorities,\n" +
			"                  protocol, interval, preemption, guardians, leases, the length\n" +
			"                  of Active_Down_Interval, what the loss of a peer does, and\n" +
			"                  sync groups over two segments\n" +
			"  --schedule F    one schedule from a file, such as a violation prints\n\n" +
			"A violation is shrunk and printed as a schedule; the exit code is then 1.",
		Example: "  takeover sim --routers 3 --hours 1000 --seed 7\n" +
			"  takeover sim --schedules 100000\n" +
			"  takeover sim --schedule found.schedule --history found.jsonl",
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if !command.Flags().Changed("seed") {
				f.seed = randomSeed()
			}
			return f.run(command)
		},
	}
	f.define(command)
	return command
}

func (f *simFlags) define(command *cobra.Command) {
	o := sim.DefaultOptions(1)
	f.network = o.Network
	flags := command.Flags()
	flags.Float64Var(&f.hours, "hours", 0, "virtual hours of one long run")
	flags.Uint64Var(&f.schedules, "schedules", 0, "random schedules to explore")
	flags.StringVar(&f.schedule, "schedule", "", "file of the schedule to run")
	flags.StringVar(&f.history, "history", "", "with --schedule, file for the history of the run")
	flags.Uint64Var(&f.seed, "seed", 0, "what everything is drawn from; of the first schedule (default random)")
	flags.IntVar(&f.routers, "routers", 3, "how many routers, with the priorities 100, 99, ...")
	flags.IntSliceVar(&f.priorities, "priorities", nil, "priority of each router, instead")
	flags.BoolVar(&f.nopreempt, "nopreempt", false, "no router preempts")
	flags.Uint8Var(&f.protocol, "protocol", 2, "VRRP version: 2 or 3")
	flags.BoolVar(&f.ipv6, "ipv6", false, "IPv6, with --protocol 3")
	flags.DurationVar(&f.interval, "interval", o.Interval, "Advertisement_Interval")
	flags.IntVar(&f.segments, "segments", 1, "segments: with 2 each host has a virtual router on both, in one sync group")
	flags.IntVar(&f.downTimer, "down-timer-adverts", sim.RFCDownTimerAdverts, "intervals in Active_Down_Interval, 1 to 100")
	flags.StringVar(&f.peerLoss, "peer-loss", "ignored", "what a Backup does that is told that its Active is gone: ignored, expires or skews")
	flags.BoolVar(&f.guardian, "guardian", true, "a guardian says priority 0 for a crashed router")
	flags.DurationVar(&f.lease, "lease", 0, "lifetime of an address that nobody renews (0: for ever)")
	flags.IntVar(&f.faults, "faults", 6, "the most faults of a schedule")
	flags.DurationVar(&f.every, "fault-every", time.Hour, "with --hours, virtual time between faults (0: none)")
	flags.DurationVar(&f.network.Delay, "delay", f.network.Delay, "how long an advertisement is under way")
	flags.DurationVar(&f.network.Jitter, "jitter", f.network.Jitter, "how much longer it may be, at random")
	flags.Float64Var(&f.network.Loss, "loss", 0, "share of advertisements that is lost, 0 to 1")
	flags.Float64Var(&f.network.Duplicate, "duplicate", 0, "share that arrives twice, 0 to 1")
	flags.BoolVar(&f.codec, "codec", false, "send every advertisement through its bytes")
	flags.StringVar(&f.format, "format", formatText, "result on standard output: text or json")
}

// The bounds of what one call may ask for.
const (
	mostHours     = 500_000
	mostSchedules = 1_000_000_000
	mostFaults    = 1_000
	mostLong      = 1_000_000 // faults of a long run
)

func (f *simFlags) check() error {
	modes := 0
	for _, given := range []bool{f.hours != 0, f.schedules != 0, f.schedule != ""} {
		if given {
			modes++
		}
	}
	switch {
	case modes != 1:
		return hinted(errors.New("give one of --hours, --schedules and --schedule"), "takeover sim --schedules 1000")
	case !(f.hours >= 0 && f.hours <= mostHours):
		return fmt.Errorf("--hours %g: above 0, up to %d", f.hours, mostHours)
	case f.schedules > mostSchedules:
		return fmt.Errorf("--schedules %d: from 1 to %d", f.schedules, mostSchedules)
	case f.history != "" && f.schedule == "":
		return errors.New("--history: only with --schedule")
	case f.routers < 1 || f.routers > 64:
		return fmt.Errorf("--routers %d: from 1 to 64", f.routers)
	case f.faults < 1 || f.faults > mostFaults:
		return fmt.Errorf("--faults %d: from 1 to %d", f.faults, mostFaults)
	case f.every < 0 || f.every > 0 && f.hours*float64(time.Hour)/float64(f.every) > mostLong:
		return fmt.Errorf("--fault-every %s: at most %d faults in a run", f.every, mostLong)
	case f.format != formatText && f.format != formatJSON:
		return fmt.Errorf("--format %q: text or json", f.format)
	}
	for _, priority := range f.priorities {
		if priority < 1 || priority > 255 {
			return fmt.Errorf("--priorities %d: from 1 to 255", priority)
		}
	}
	return nil
}

// draw is what the flags leave open, and what they set.
func (f *simFlags) draw(command *cobra.Command) (*sim.Draw, error) {
	o := sim.DefaultOptions(f.routers)
	if len(f.priorities) > 0 {
		o.Routers = make([]sim.Router, len(f.priorities))
		for i, priority := range f.priorities {
			o.Routers[i].Priority = uint8(priority)
		}
	}
	for i := range o.Routers {
		o.Routers[i].NoPreempt = f.nopreempt
	}
	o.Version, o.Interval, o.Network = vrrp.Version(f.protocol), f.interval, f.network
	if o.DownTimerAdverts = f.downTimer; o.DownTimerAdverts == sim.RFCDownTimerAdverts {
		o.DownTimerAdverts = 0 // not worth a line of a schedule
	}
	if f.segments != 1 {
		o.Segments = f.segments
	}
	var err error
	if o.PeerLoss, err = sim.ParsePeerLoss(f.peerLoss); err != nil {
		return nil, fmt.Errorf("--peer-loss: %w", err)
	}
	o.IPv6, o.Guardian, o.Lease, o.Codec = f.ipv6, f.guardian, f.lease, f.codec
	if err := o.Check(); err != nil {
		return nil, err
	}
	free := func(names ...string) bool {
		for _, name := range names {
			if f.schedules == 0 || command.Flags().Changed(name) {
				return false
			}
		}
		return true
	}
	return &sim.Draw{
		Options: o, Faults: f.faults,
		Routers: free("routers", "priorities"), Version: free("protocol", "ipv6", "interval"), Interval: free("interval"),
		Preempt: free("nopreempt"), Guardian: free("guardian"), Lease: free("lease"),
		DownTimer: free("down-timer-adverts"), PeerLoss: free("peer-loss"), Segments: free("segments"),
	}, nil
}

func (f *simFlags) run(command *cobra.Command) error {
	if err := f.check(); err != nil {
		return usage(err)
	}
	draw, err := f.draw(command)
	if err != nil {
		return usage(err)
	}
	start := time.Now()
	var result simResult
	switch {
	case f.schedules > 0:
		result, err = f.explore(command.Context(), draw)
	case f.schedule != "":
		result, err = f.runFile(command.Context())
	default:
		schedule := draw.Long(f.seed, time.Duration(f.hours*float64(time.Hour)), f.every)
		result, err = runSchedule(command.Context(), schedule, nil)
	}
	if err != nil {
		return err
	}
	result.Seed, result.Took = f.seed, time.Since(start)
	if err := result.print(command.OutOrStdout(), f.format); err != nil {
		return couldNotRun(err)
	}
	switch {
	case result.Violation != nil:
		return exitError{code: exitFail}
	case command.Context().Err() != nil:
		return exitError{exitInconclusive, errors.New("interrupted before the end")}
	}
	return nil
}

func (f *simFlags) explore(ctx context.Context, draw *sim.Draw) (simResult, error) {
	bar := newSimProgress(os.Stderr, f.schedules)
	e, err := draw.Explore(ctx, f.seed, f.schedules, bar.ran)
	bar.close()
	if err != nil && ctx.Err() == nil {
		return simResult{}, couldNotRun(err)
	}
	result := simResult{Schedules: e.Schedules, Faults: e.Faults, Statistics: e.Total}
	if e.Violation != nil {
		result.violated(e.Violation)
	}
	return result, nil
}

// mostSchedule bounds a schedule file's size in bytes.
const mostSchedule = 64 << 20

func (f *simFlags) runFile(ctx context.Context) (simResult, error) {
	info, err := os.Stat(f.schedule)
	if err != nil {
		return simResult{}, usage(err)
	}
	if !info.Mode().IsRegular() || info.Size() > mostSchedule {
		return simResult{}, usage(fmt.Errorf("%s: not a schedule (a regular file of at most %d bytes)", f.schedule, mostSchedule))
	}
	text, err := os.ReadFile(f.schedule)
	if err != nil {
		return simResult{}, usage(err)
	}
	schedule, err := sim.Parse(strings.NewReader(string(text)))
	if err != nil {
		return simResult{}, usage(fmt.Errorf("%s: %w", f.schedule, err))
	}
	f.seed = schedule.Seed
	if f.history == "" {
		return runSchedule(ctx, schedule, nil)
	}
	file, err := os.Create(f.history)
	if err != nil {
		return simResult{}, couldNotRun(err)
	}
	defer file.Close()
	log := history.NewLog(file)
	result, err := runSchedule(ctx, schedule, log)
	if err = errors.Join(err, log.Flush(), file.Close()); err != nil {
		return result, couldNotRun(err)
	}
	return result, nil
}

// runSchedule runs one schedule; what it breaks is shrunk when nobody wants
// the history.
func runSchedule(ctx context.Context, s *sim.Schedule, log *history.Log) (simResult, error) {
	cluster, err := sim.NewCluster(s, log)
	if err != nil {
		return simResult{}, usage(err)
	}
	stop := context.AfterFunc(ctx, cluster.Interrupt)
	defer stop()
	run := cluster.Finish()
	result := simResult{Schedules: 1, Faults: uint64(len(s.Faults)), Statistics: run.Statistics}
	if run.Finding != nil {
		violation := &sim.Violation{Schedule: s, Finding: *run.Finding}
		if log != nil {
			result.Violation = violation
		} else {
			result.violated(violation)
		}
	}
	return result, nil
}
