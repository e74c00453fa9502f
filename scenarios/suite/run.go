package suite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"takeover/report"
	"takeover/scenarios/catalog"
	"takeover/scenarios/check"
	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/scenarios/live"
)

// Options say what Run does.
type Options struct {
	Fault   string // a name of package fault
	Subject string // default vipd; a+b+c for a subject a seat
	// Configs are keepalived.conf files, one a node; the built-in failover
	// cluster when there are none.
	Configs []string
	// Cluster takes the place of Configs when it has seats.
	Cluster live.Cluster
	// Periods are those of the probes; live.DefaultPeriods when zero.
	Periods live.Periods
	// VIPD is the vipd program; it is looked for when empty.
	VIPD string
	// Nginx is the nginx program, or live.NoNginx; it is looked for when empty.
	Nginx string
	// Phase is where in the advertisement interval the fault falls, from 0 to
	// below 1.
	Phase float64
	Seed  uint64 // only recorded
	// Directory gets the trial's files; it is made when it is not there.
	Directory string
	// Progress, if given, is told each phase, from another goroutine.
	Progress func(history.PhaseName)
}

// Result is what a trial left.
type Result struct {
	Events    []history.Event
	Measures  report.Measures
	Judgement history.Judgement
	Directory string
}

// Run carries one trial out and reads what it left. A cluster that does not
// do what it should is no error; one that never settles is.
func Run(ctx context.Context, o Options) (*Result, error) {
	plan, err := o.plan()
	if err != nil {
		return nil, err
	}
	trial, err := live.Start(plan, o.Directory, func(p live.Progress) {
		if o.Progress != nil && p.Phase != "" {
			o.Progress(p.Phase)
		}
	})
	if err != nil {
		return nil, err
	}
	err = trial.Wait(ctx)
	trial.End()
	if err != nil {
		return nil, err
	}
	return Read(o.Directory)
}

func (o Options) plan() (live.Plan, error) {
	if o.Subject == "" {
		o.Subject = "vipd"
	}
	f, err := fault.DrillNamed(o.Fault)
	if err != nil {
		return live.Plan{}, err
	}
	programs, err := live.FindPrograms(o.VIPD, o.Nginx)
	if err != nil {
		return live.Plan{}, err
	}
	if err := live.CheckSubject(o.Subject, programs); err != nil {
		return live.Plan{}, err
	}
	cluster, err := o.cluster()
	if err != nil {
		return live.Plan{}, err
	}
	if o.Periods == (live.Periods{}) {
		o.Periods = live.DefaultPeriods()
	}
	return live.Plan{
		Scenario: "failover", Fault: f.Name(), Subject: o.Subject, Run: 1, Seed: o.Seed,
		PhaseFraction: o.Phase, Cluster: cluster, Programs: programs, Periods: o.Periods,
	}, nil
}

func (o Options) cluster() (live.Cluster, error) {
	if len(o.Cluster.Seats) > 0 {
		return o.Cluster, nil
	}
	var sources []live.Source
	if len(o.Configs) == 0 {
		for _, file := range catalog.Failover() {
			sources = append(sources, live.Source{Name: file.Name, Text: file.Text})
		}
	}
	for _, name := range o.Configs {
		text, err := os.ReadFile(name)
		if err != nil {
			return live.Cluster{}, err
		}
		sources = append(sources, live.Source{Name: name, Text: text})
	}
	return live.ReadCluster(sources)
}

// Read reads what a trial left in its directory, on any machine.
func Read(directory string) (*Result, error) {
	file, err := os.Open(filepath.Join(directory, live.HistoryFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	events, err := history.Read(file)
	if err != nil {
		return nil, err
	}
	measures, err := report.Analyze(events)
	if err != nil {
		return nil, fmt.Errorf("trial in %s: %w", directory, err)
	}
	return &Result{Events: events, Measures: measures, Judgement: check.Judge(events), Directory: directory}, nil
}
