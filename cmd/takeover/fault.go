package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"takeover/scenarios/fault"
	"takeover/scenarios/live/control"
)

func newFault() *cobra.Command {
	command := &cobra.Command{
		Use:   "fault",
		Short: "Apply faults to a lab, and undo them",
		Long:  "Fault strikes a lab that stands. A fault is in force until it is cleared; what it\nhas done is undone exactly then, also when its target is gone.",
	}
	command.AddCommand(newFaultApply(), newFaultClear(), newFaultLs())
	return command
}

func newFaultApply() *cobra.Command {
	var f labFlags
	command := &cobra.Command{
		Use:   "apply [LAB] FAULT TARGET [KEY=VALUE...]",
		Short: "Apply a fault to hosts of a lab",
		Long: "Apply injects a fault. TARGET is a host, or one of " + targetNames() + ".\n\n" +
			"Faults:\n" + kindList(),
		Example: "  takeover fault apply failover link-loss active\n  takeover fault apply daemon-paused node2",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			lab, rest, err := f.pick(args, 2)
			if err != nil {
				return err
			}
			if len(rest) < 2 {
				return usage(fmt.Errorf("fault apply: name a fault and a target"))
			}
			if _, err := fault.Parse(rest[0], rest[2:]...); err != nil {
				return usage(err)
			}
			applied, err := lab.Control().Strike(c.Context(), control.Strike{
				Fault: strings.Join(append(rest[:1:1], rest[2:]...), " "), Target: rest[1],
			})
			for _, force := range applied {
				fmt.Fprintf(c.OutOrStdout(), "%d: %s on %s\n", force.ID, force.Fault, force.Host)
			}
			return controlError(err)
		},
	}
	f.add(command)
	command.ValidArgsFunction = f.complete(func(f *labFlags, args []string) []string {
		named := 0
		if len(args) > 0 && slices.Contains(labNames(f, nil), args[0]) {
			named = 1
		}
		switch len(args) - named {
		case 0:
			return append(labNames(f, args), fault.Names()...)
		case 1:
			suggested := hostNames(f, args[:named])
			for _, target := range fault.Targets() {
				suggested = append(suggested, string(target))
			}
			return suggested
		default:
			var keys []string
			for _, key := range fault.Kind(args[named]).Takes() {
				keys = append(keys, key+"=")
			}
			return keys
		}
	})
	return command
}

func targetNames() string {
	var names []string
	for _, target := range fault.Targets() {
		names = append(names, string(target))
	}
	return strings.Join(names, ", ")
}

func kindList() string {
	var list strings.Builder
	for _, kind := range fault.Kinds() {
		text := fault.Fault{Kind: kind}.Summary()
		if takes := kind.Requires(); len(takes) > 0 {
			text += " (needs " + strings.Join(takes, ", ") + ")"
		}
		fmt.Fprintf(&list, "  %-22s %s\n", kind, text)
	}
	return strings.TrimRight(list.String(), "\n")
}

func newFaultClear() *cobra.Command {
	var (
		f   labFlags
		all bool
	)
	command := &cobra.Command{
		Use:     "clear [LAB] NUMBER... | --all",
		Short:   "Undo faults that are in force",
		Example: "  takeover fault clear failover 1\n  takeover fault clear --all",
		RunE: func(c *cobra.Command, args []string) error {
			lab, rest, err := f.pick(args, choose(all, 0, 1))
			if err != nil {
				return err
			}
			if all == (len(rest) > 0) {
				return usage(fmt.Errorf("fault clear: give the numbers of faults, or --all"))
			}
			if all {
				return controlError(lab.Control().ClearAll(c.Context()))
			}
			for _, text := range rest {
				id, err := strconv.Atoi(text)
				if err != nil {
					return usage(fmt.Errorf("%q is no lab that is up, and no number of a fault", text))
				}
				if err := lab.Control().Clear(c.Context(), id); err != nil {
					return controlError(err)
				}
			}
			return nil
		},
	}
	f.add(command)
	command.Flags().BoolVar(&all, "all", false, "every fault in force, the latest first")
	command.ValidArgsFunction = f.complete(labNames)
	return command
}

func newFaultLs() *cobra.Command {
	var (
		f      labFlags
		asJSON bool
	)
	command := &cobra.Command{
		Use:     "ls [LAB]",
		Short:   "List the faults in force",
		Example: "  takeover fault ls failover",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			lab, err := f.pickOnly(args)
			if err != nil {
				return err
			}
			status, err := lab.Control().Status(c.Context())
			if err != nil {
				return controlError(err)
			}
			if asJSON {
				return printJSON(c.OutOrStdout(), status.Faults)
			}
			if len(status.Faults) == 0 {
				fmt.Fprintln(c.OutOrStdout(), "no faults in force")
			}
			return printFaults(c.OutOrStdout(), status)
		},
	}
	f.add(command)
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	command.ValidArgsFunction = f.complete(labNames)
	return command
}
