package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"takeover/scenarios/history"
	"takeover/scenarios/live"
	"takeover/scenarios/live/control"
	"takeover/scenarios/live/labs"
	"takeover/topology/file"
	"takeover/topology/sandbox"
)

// upFlags are the flags of the up command.
type upFlags struct {
	labFlags
	name       string
	subject    string
	vipd       string
	nginx      string
	pcap       bool
	foreground bool
}

func newUp() *cobra.Command {
	var f upFlags
	command := &cobra.Command{
		Use:   "up TOPOLOGY",
		Short: "Stand a lab up and hold it in the background",
		Long: "Up builds a topology with all its processes, waits until every virtual router has\n" +
			"settled, and says who is Active. A process in the background holds the lab until\n" +
			"\"takeover down\"; when that process dies, however it dies, nothing of the lab is\n" +
			"left. Several labs stand side by side, each with a name of its own.\n\n" +
			"TOPOLOGY is a file, NAME.lab.yaml, or one that ships with the program:\n\n" + shippedList(),
		Example: "  takeover up failover\n" +
			"  takeover up failover --name second --subject keepalived\n" +
			"  takeover up ./mine.lab.yaml --foreground",
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.run(c, args[0]) },
	}
	f.add(command)
	flags := command.Flags()
	flags.StringVar(&f.name, "name", "", "the lab's name (default the topology's)")
	flags.StringVar(&f.subject, "subject", "vipd", "what processes of the kind subject are: "+strings.Join(live.Subjects(), ", ")+"; or joined by + one each")
	flags.StringVar(&f.vipd, "vipd", "", "the vipd program (default beside this one, then PATH)")
	flags.StringVar(&f.nginx, "nginx", "", "the nginx program, or none for the built-in server (default PATH)")
	flags.BoolVar(&f.pcap, "pcap", false, "keep every frame of every port in capture.pcapng")
	flags.BoolVar(&f.foreground, "foreground", false, "hold the lab in this process until Ctrl-C")
	command.ValidArgsFunction = func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := slices.DeleteFunc(file.Shipped(), func(n string) bool { return !strings.HasPrefix(n, typed) })
		return names, cobra.ShellCompDirectiveDefault
	}
	return command
}

// order checks everything that the user gave before anything is built.
func (f *upFlags) order(name string) (labs.Order, error) {
	order := labs.Order{Takeover: version, Plan: live.StandPlan{Subject: f.subject, Pcap: f.pcap}}
	var err error
	if order.Plan.Spec, err = readTopology(name); err != nil {
		return order, topologyError(name, err)
	}
	if order.Plan.Programs, err = live.FindPrograms(f.vipd, f.nginx); err != nil {
		return order, couldNotRun(err)
	}
	err = order.Plan.Validate()
	if errors.Is(err, live.ErrNotInstalled) || errors.Is(err, sandbox.ErrNoPermission) {
		return order, couldNotRun(err)
	}
	if err != nil {
		return order, usage(err)
	}
	return order, nil
}

// topologyError shows what is wrong with a topology file.
func topologyError(name string, err error) error {
	if problems, ok := errors.AsType[*file.Problems](err); ok {
		return usage(errors.New(strings.TrimSpace(problems.Pretty())))
	}
	if path, ok := errors.AsType[*os.PathError](err); ok {
		err = hinted(fmt.Errorf("%s: %w", name, path.Err), "a name without a slash or a dot is one of %s", strings.Join(file.Shipped(), ", "))
	}
	return usage(err)
}

func (f *upFlags) run(command *cobra.Command, topology string) error {
	order, err := f.order(topology)
	if err != nil {
		return err
	}
	if f.name == "" {
		f.name = order.Plan.Spec.Name
	}
	if err := labs.CheckName(f.name); err != nil {
		return usage(err)
	}
	home, err := f.home()
	if err != nil {
		return err
	}
	claim, err := labs.NewClaim(home, f.name)
	if errors.Is(err, labs.ErrHeld) {
		return usage(hinted(err, "takeover down %s, or give the new one another --name", f.name))
	}
	if err != nil {
		return couldNotRun(err)
	}
	ctx := command.Context()
	lab := labs.Lab{Name: f.name, Directory: claim.Directory, Alive: true}
	line := newLiveLine(os.Stderr, lab)
	greet := func() {
		took := line.close()
		f.greet(ctx, command.OutOrStdout(), lab, took)
	}
	if f.foreground {
		err = claim.Hold(ctx, order, func(p live.Progress) {
			if p.Phase == history.PhaseSettled {
				greet()
			}
		})
	} else if err = claim.Detach(ctx, order, func(live.Progress) {}); err == nil {
		greet()
	}
	line.close()
	return upError(ctx, err)
}

// upError gives an error of a lab that did not come up its exit code.
func upError(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return couldNotRun(errors.New("interrupted: the lab was taken down"))
	case errors.Is(err, sandbox.ErrNoPermission):
		return couldNotRun(hinted(err, "run as root, or allow user namespaces; takeover doctor tells more"))
	case errors.Is(err, live.ErrFailed):
		return exitError{exitFail, fmt.Errorf("the lab was taken down: %s", strings.TrimPrefix(err.Error(), live.ErrFailed.Error()+": "))}
	default:
		return couldNotRun(err)
	}
}

// greet says what stands and how to go on.
func (f *upFlags) greet(ctx context.Context, out io.Writer, lab labs.Lab, took time.Duration) {
	status, err := lab.Control().Status(ctx)
	if err != nil {
		fmt.Fprintf(out, "%s is up\n", lab.Name)
		return
	}
	fmt.Fprintf(out, "%s is up: %s, in %.1f s\n", lab.Name, counted(len(status.Hosts), "host"), took.Seconds())
	for _, router := range status.Routers {
		fmt.Fprintf(out, "  %s\n", routerLine(router))
	}
	host := example(status)
	fmt.Fprintln(out)
	for _, hint := range [][2]string{
		{"inspect " + lab.Name, "how it stands"},
		{"exec " + lab.Name + " " + host + " -- ip address", "run a command in a host"},
		{"shell " + lab.Name + " " + host, "look around"},
		{"logs -f " + lab.Name, "what its processes say"},
		{"down " + lab.Name, "take it down"},
	} {
		fmt.Fprintf(out, "  takeover %-42s %s\n", hint[0], hint[1])
	}
}

// example is the host that a reader may want to enter first.
func example(status control.Status) string {
	for _, router := range status.Routers {
		if len(router.Owners) > 0 {
			return router.Owners[0]
		}
	}
	return status.Hosts[0].Name
}

// routerLine says who is Active in a virtual router.
func routerLine(r control.Router) string {
	var backups []string
	for _, node := range r.Nodes {
		if !slices.Contains(r.Owners, node.Host) {
			backups = append(backups, node.Host)
		}
	}
	who := "nobody has it"
	if len(r.Owners) > 0 {
		who = strings.Join(r.Owners, " and ") + " is Active"
	}
	if len(r.Owners) > 1 {
		who = strings.Join(r.Owners, " and ") + " have it"
	}
	if len(backups) > 0 {
		who += ", beside " + strings.Join(backups, ", ")
	}
	return fmt.Sprintf("%s (VRID %d on %s): %s", joined(r.VIPs), r.VRID, r.Segment, who)
}

func joined[T fmt.Stringer](things []T) string {
	var all []string
	for _, thing := range things {
		all = append(all, thing.String())
	}
	return strings.Join(all, " ")
}

// liveLine shows on a terminal how a lab comes up.
type liveLine struct {
	out   io.Writer
	lab   labs.Lab
	start time.Time
	quit  chan struct{}
	once  sync.Once
	done  sync.WaitGroup
}

// newLiveLine begins it; elsewhere than on a terminal nothing is shown.
func newLiveLine(out *os.File, lab labs.Lab) *liveLine {
	l := &liveLine{out: out, lab: lab, start: time.Now(), quit: make(chan struct{})}
	if term.IsTerminal(int(out.Fd())) {
		l.done.Go(l.paint)
	}
	return l
}

func (l *liveLine) paint() {
	ticker := time.NewTicker(repaint)
	defer ticker.Stop()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for {
		state := "building"
		if status, err := l.lab.Control().Status(ctx); err == nil {
			state = status.Why
		}
		fmt.Fprintf(l.out, "\r\x1b[K  %s  %s  %.1f s", l.lab.Name, state, time.Since(l.start).Seconds())
		select {
		case <-ticker.C:
		case <-l.quit:
			fmt.Fprint(l.out, "\r\x1b[K")
			return
		}
	}
}

// close takes the line off the screen and returns how long it was there. It may
// be called again.
func (l *liveLine) close() time.Duration {
	l.once.Do(func() { close(l.quit) })
	l.done.Wait()
	return time.Since(l.start)
}
