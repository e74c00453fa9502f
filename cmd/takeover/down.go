package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"takeover/scenarios/live/labs"
)

// downBound is how long a lab may take to end in order.
const downBound = 15 * time.Second

func newDown() *cobra.Command {
	var (
		f   labFlags
		all bool
	)
	command := &cobra.Command{
		Use:   "down [LAB...]",
		Short: "Take labs down",
		Long: "Down ends labs with everything that runs in them and removes their directories,\n" +
			"logs and histories too. Without a name it takes the only one.",
		Example: "  takeover down failover\n  takeover down --all",
		RunE: func(c *cobra.Command, args []string) error {
			chosen, err := f.doomed(args, all)
			if err != nil {
				return err
			}
			var errs []error
			for _, lab := range chosen {
				ctx, cancel := context.WithTimeout(c.Context(), downBound)
				err := lab.Down(ctx)
				cancel()
				if err == nil {
					fmt.Fprintf(c.OutOrStdout(), "%s is down\n", lab.Name)
				}
				errs = append(errs, err)
			}
			if err := errors.Join(errs...); err != nil {
				return couldNotRun(err)
			}
			return nil
		},
	}
	f.add(command)
	command.Flags().BoolVar(&all, "all", false, "all labs")
	command.ValidArgsFunction = f.complete(func(f *labFlags, _ []string) []string { return labNames(f, nil) })
	return command
}

// doomed are the labs that are to be taken down; dead ones may be named as well.
func (f *labFlags) doomed(names []string, all bool) ([]labs.Lab, error) {
	home, err := f.home()
	if err != nil {
		return nil, err
	}
	if all {
		every, err := labs.List(home)
		if err != nil {
			return nil, couldNotRun(err)
		}
		return every, nil
	}
	if len(names) == 0 {
		lab, err := f.pickOnly(nil)
		return []labs.Lab{lab}, err
	}
	var chosen []labs.Lab
	for _, name := range names {
		lab, err := labs.Open(home, name)
		if errors.Is(err, labs.ErrNone) {
			return nil, usage(err)
		}
		if err != nil {
			return nil, couldNotRun(err)
		}
		chosen = append(chosen, lab)
	}
	return chosen, nil
}

func newLs() *cobra.Command {
	var (
		f      labFlags
		asJSON bool
	)
	command := &cobra.Command{
		Use:     "ls",
		Short:   "List labs",
		Long:    "Ls lists the labs of this user. One whose holder died is dead: nothing of it runs,\nand \"takeover gc\" removes its files.",
		Example: "  takeover ls\n  takeover ls --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			home, err := f.home()
			if err != nil {
				return err
			}
			all, err := labs.List(home)
			if err != nil {
				return couldNotRun(err)
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), listed(all))
			}
			return printLabs(c.OutOrStdout(), all)
		},
	}
	f.add(command)
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

// listing is a lab in the output of ls --json.
type listing struct {
	Name      string `json:"name"`
	Alive     bool   `json:"alive"`
	Directory string `json:"directory"`
	labs.Record
}

func listed(all []labs.Lab) []listing {
	list := []listing{}
	for _, lab := range all {
		list = append(list, listing{lab.Name, lab.Alive, lab.Directory, lab.Record})
	}
	return list
}

func printLabs(out io.Writer, all []labs.Lab) error {
	if len(all) == 0 {
		fmt.Fprintln(out, "no labs")
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "LAB\tTOPOLOGY\tHOSTS\tSUBJECT\tSTATE\tSINCE\tDIRECTORY")
	for _, lab := range all {
		state := "up"
		if !lab.Alive {
			state = "dead"
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", lab.Name, lab.Record.Topology, lab.Record.Hosts,
			lab.Record.Subject, state, lab.Record.Started.Local().Format("2006-01-02 15:04:05"), lab.Directory)
	}
	return table.Flush()
}

func printJSON(out io.Writer, value any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func newGC() *cobra.Command {
	var f labFlags
	command := &cobra.Command{
		Use:     "gc",
		Short:   "Remove what dead labs left",
		Long:    "Gc removes the directories of labs whose holder died. There is nothing else to\nremove: the kernel took all the rest down with the holder.",
		Example: "  takeover gc",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			home, err := f.home()
			if err != nil {
				return err
			}
			removed, err := labs.Collect(home)
			if len(removed) > 0 {
				fmt.Fprintf(c.OutOrStdout(), "removed: %s\n", strings.Join(removed, ", "))
			}
			if err != nil {
				return couldNotRun(err)
			}
			return nil
		},
	}
	f.add(command)
	return command
}
