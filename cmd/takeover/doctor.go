package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"takeover/scenarios/live"
	"takeover/topology/doctor"
)

func newDoctor() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Find out what this machine can do",
		Long: "Doctor tries in a sandbox what labs and faults need of the kernel and of this\n" +
			"user, looks for the programs that they run, and says what to do about what is\n" +
			"missing. The exit code is 3 when no lab can be built here.",
		Example: "  takeover doctor\n  takeover doctor --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			diagnosis, err := diagnose(c)
			if err != nil {
				return couldNotRun(err)
			}
			if asJSON {
				err = printJSON(c.OutOrStdout(), diagnosis)
			} else {
				err = diagnosis.print(c.OutOrStdout())
			}
			if err != nil {
				return couldNotRun(err)
			}
			for _, finding := range diagnosis.Findings {
				if finding.Required && !finding.Works {
					return couldNotRun(fmt.Errorf("no lab can be built here: %s: %s", finding.Name, finding.Problem))
				}
			}
			return nil
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return command
}

// diagnosis is what doctor found.
type diagnosis struct {
	Kernel   string           `json:"kernel"`
	Root     bool             `json:"root"`
	Findings []doctor.Finding `json:"findings"`
	Programs []program        `json:"programs"`
}

// program is one that labs run.
type program struct {
	Name    string `json:"name"`
	Path    string `json:"path,omitempty"`
	Version string `json:"version"`
	Remedy  string `json:"remedy,omitempty"` // where it is missing
}

func diagnose(c *cobra.Command) (diagnosis, error) {
	d := diagnosis{Kernel: kernel(), Root: os.Geteuid() == 0}
	var err error
	if d.Findings, err = doctor.Examine(c.Context()); err != nil {
		return d, err
	}
	programs, err := live.FindPrograms("", "")
	if err != nil {
		return d, err
	}
	zebra := ""
	if programs.FRR != "" {
		zebra = programs.FRR + "/vrrpd"
	}
	nsenter, _ := exec.LookPath("nsenter")
	for _, p := range []struct{ name, path, flag, remedy string }{
		{"vipd", programs.VIPD, "--version", "make build, or --vipd PATH"},
		{"keepalived", programs.Keepalived, "--version", "apt install keepalived"},
		{"nginx", programs.Nginx, "-v", "apt install nginx-light (a built-in server stands in)"},
		{"frr", zebra, "--version", "apt install frr"},
		{"nsenter", nsenter, "--version", "apt install util-linux"},
	} {
		found := program{Name: p.name, Path: p.path, Version: live.VersionLine(p.path, p.flag)}
		if p.path == "" {
			found.Remedy = p.remedy
		}
		d.Programs = append(d.Programs, found)
	}
	return d, nil
}

func (d diagnosis) print(out io.Writer) error {
	fmt.Fprintf(out, "%s, %s\n\n", d.Kernel, choose(d.Root, "as root", "as an ordinary user"))
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "CAPABILITY\tWORKS\tFOR\tWHAT TO DO")
	for _, f := range d.Findings {
		remedy := f.Problem
		if f.Remedy != "" {
			remedy += ": " + f.Remedy
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", f.Name, choose(f.Works, "yes", "no"), f.For, remedy)
	}
	fmt.Fprintln(table, "\t\t\t")
	fmt.Fprintln(table, "PROGRAM\tTHERE\tVERSION\tWHAT TO DO")
	for _, p := range d.Programs {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", p.Name, choose(p.Path != "", "yes", "no"), p.Version, p.Remedy)
	}
	return table.Flush()
}
