package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"takeover/scenarios/live/control"
)

func newInspect() *cobra.Command {
	var (
		f      labFlags
		asJSON bool
	)
	command := &cobra.Command{
		Use:   "inspect [LAB]",
		Short: "Show how a lab stands",
		Long: "Inspect shows the hosts of a lab with their addresses and processes, who owns each\n" +
			"virtual address, and the faults in force, as seen from outside the hosts.",
		Example: "  takeover inspect failover\n  takeover inspect --json failover",
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
				return printJSON(c.OutOrStdout(), status)
			}
			return printStatus(c.OutOrStdout(), lab.Name, status)
		},
	}
	f.add(command)
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	command.ValidArgsFunction = f.complete(labNames)
	return command
}

// mostListed is how many hosts that run nothing are listed.
const mostListed = 20

func printStatus(out io.Writer, name string, s control.Status) error {
	settled := "settled"
	if !s.Settled {
		settled = "not settled: " + s.Why
	}
	fmt.Fprintf(out, "%s: topology %s, %s, up since %s, %s\n\n", name, s.Topology,
		counted(len(s.Hosts), "host"), s.Started.Local().Format("15:04:05"), settled)
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "HOST\tROLE\tINTERFACE\tSEGMENT\tADDRESSES\tPROCESSES")
	idle := 0
	for _, host := range s.Hosts {
		if len(host.Processes) == 0 {
			if idle++; idle > mostListed {
				continue
			}
		}
		printHost(table, host)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if idle > mostListed {
		fmt.Fprintf(out, "and %d hosts more that run nothing\n", idle-mostListed)
	}
	if err := printRouters(out, s.Routers); err != nil {
		return err
	}
	return printFaults(out, s)
}

// printHost writes a line for each interface of a host; the first has all that
// concerns the host itself.
func printHost(table io.Writer, host control.Host) {
	name, role, processes := host.Name, host.Role, processesText(host.Processes)
	interfaces := host.Interfaces
	if len(interfaces) == 0 {
		interfaces = []control.Interface{{Name: "-", Up: true, Carrier: true}}
	}
	for _, device := range interfaces {
		text := joined(device.Addresses)
		switch {
		case !device.Up:
			text += " (down)"
		case !device.Carrier:
			text += " (no carrier)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", name, role, device.Name, device.Segment, strings.TrimSpace(text), processes)
		name, role, processes = "", "", ""
	}
}

func processesText(processes []control.Process) string {
	var all []string
	for _, p := range processes {
		switch {
		case p.Running:
			all = append(all, p.Name)
		case p.PID == 0:
			all = append(all, p.Name+" (not started)")
		default:
			all = append(all, fmt.Sprintf("%s (%s)", p.Name, p.Status))
		}
	}
	return strings.Join(all, ", ")
}

func printRouters(out io.Writer, routers []control.Router) error {
	if len(routers) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "VIRTUAL ADDRESS\tVRID\tSEGMENT\tOWNER\tNODES")
	for _, r := range routers {
		owner := "nobody"
		if len(r.Owners) > 0 {
			owner = strings.Join(r.Owners, " and ")
		}
		var nodes []string
		for _, node := range r.Nodes {
			nodes = append(nodes, strings.TrimSpace(fmt.Sprintf("%s %d %s", node.Host, node.Priority, node.State)))
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\n", joined(r.VIPs), r.VRID, r.Segment, owner, strings.Join(nodes, ", "))
	}
	return table.Flush()
}

func printFaults(out io.Writer, s control.Status) error {
	if len(s.Faults) == 0 {
		return nil
	}
	fmt.Fprintln(out)
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "FAULT\tHOST\tWHAT\tSINCE\tUNDO")
	for _, fault := range s.Faults {
		since := s.Started.Add(fault.Since).Local().Format(time.TimeOnly)
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\t%s\n", fault.ID, fault.Host, fault.Fault, since, fault.Undo)
	}
	return table.Flush()
}

// faultsOn are the faults in force on a host.
func faultsOn(s control.Status, host string) []control.Fault {
	return slices.DeleteFunc(slices.Clone(s.Faults), func(f control.Fault) bool { return f.Host != host })
}
