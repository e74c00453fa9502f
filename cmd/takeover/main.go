package main

import (
	"context"
	"errors"
	"maps"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"takeover/scenarios/live/labs"
	"takeover/topology/doctor"
	"takeover/topology/sandbox"
)

// version is set by the linker.
var version = "devel"

func main() {
	sandbox.Main(roles())
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// The second Ctrl-C is not caught: it ends the program, and with it all.
	context.AfterFunc(ctx, stop)

	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitPass
	}
	if exit, ok := errors.AsType[exitError](err); ok {
		if exit.err != nil {
			printError(root.ErrOrStderr(), exit.err)
		}
		return exit.code
	}
	printError(root.ErrOrStderr(), err) // cobra's own: flags, arguments, commands
	return exitUsage
}

// roles are the parts that this program plays in processes of its own.
func roles() map[string]sandbox.Role {
	all := labs.Roles()
	maps.Copy(all, doctor.Roles())
	return all
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "takeover",
		Short: "Break VRRP clusters on purpose and measure how long the virtual IP is gone",
		Long: "Takeover builds VRRP clusters out of Linux network namespaces, breaks them on\n" +
			"purpose, and measures how long the virtual IP is gone, whether two nodes hold\n" +
			"it at once, what is lost, and why.",
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(
		newUp(), newDown(), newLs(), newInspect(), newExec(), newShell(), newLogs(), newEvents(), newCapture(),
		newGraph(), newFault(), newDoctor(), newGC(),
		newDrill(), newRun(), newChaos(), newReport(), newSim(), newCalibrate(), newValidate(),
	)
	root.PersistentPreRunE = flagsFromEnvironment
	root.SetHelpCommand(&cobra.Command{Hidden: true})
	return root
}
