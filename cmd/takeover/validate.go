package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"takeover/scenarios/live"
	"takeover/scenarios/scene"
	"takeover/topology"
	"takeover/topology/file"
)

func newValidate() *cobra.Command {
	var schema string
	command := &cobra.Command{
		Use:   "validate FILE.lab.yaml|FILE.scenario.yaml...",
		Short: "Check topology and scenario files",
		Long: "Validate reads topology files and the keepalived.conf files that they name, and\n" +
			"scenario files with their topologies, and prints everything that is wrong with\n" +
			"them, with line and column. A name without a slash or a dot is a topology that\n" +
			"ships with the program:\n\n" + shippedList(),
		Example: "  takeover validate failover\n" +
			"  takeover validate --schema > lab.schema.json\n" +
			"  takeover validate --schema=scenario > scenario.schema.json",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 && schema == "" {
				return errors.New("validate: name a file, or give --schema")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			switch schema {
			case "":
			case "lab":
				_, err := c.OutOrStdout().Write(file.Schema())
				return err
			case "scenario":
				_, err := c.OutOrStdout().Write(scene.Schema())
				return err
			default:
				return usage(fmt.Errorf("--schema %q: lab or scenario", schema))
			}
			return validateAll(c.OutOrStdout(), c.ErrOrStderr(), args)
		},
	}
	command.Flags().StringVar(&schema, "schema", "", "print the JSON Schema of a kind of files: lab or scenario")
	command.Flags().Lookup("schema").NoOptDefVal = "lab"
	return command
}

func shippedList() string {
	var list strings.Builder
	for _, name := range file.Shipped() {
		summary := ""
		if spec, err := file.OpenShipped(name); err == nil {
			summary = spec.Summary
		}
		fmt.Fprintf(&list, "  %-18s %s\n", name, summary)
	}
	return strings.TrimRight(list.String(), "\n")
}

// readTopology reads a file, or the shipped topology of that name.
func readTopology(name string) (topology.Spec, error) {
	if !strings.ContainsAny(name, "./") {
		return file.OpenShipped(name)
	}
	return file.Read(name)
}

// validateAll reads every file, whatever is wrong with those before.
func validateAll(out, errs io.Writer, names []string) error {
	bad := 0
	for _, name := range names {
		about, err := validateFile(name)
		if err == nil {
			fmt.Fprintf(out, "%s: ok: %s\n", name, about)
			continue
		}
		bad++
		if problems, ok := errors.AsType[*file.Problems](err); ok {
			fmt.Fprint(errs, problems.Pretty())
			continue
		}
		if path, ok := errors.AsType[*os.PathError](err); ok {
			err = fmt.Errorf("%s: %w", name, path.Err)
		}
		fmt.Fprintln(errs, err)
	}
	if bad > 0 {
		return usage(fmt.Errorf("%d of %s can't be used", bad, counted(len(names), "file")))
	}
	return nil
}

// validateFile reads a file and says what is in it.
func validateFile(name string) (about string, err error) {
	if strings.HasSuffix(name, scene.Suffix) {
		s, err := scene.Read(name)
		if err != nil {
			return "", err
		}
		spec, err := readTopology(s.Topology)
		if err != nil {
			return "", err
		}
		plan := live.ScenePlan{Scene: s, Stand: live.StandPlan{Spec: spec}}
		return counted(len(s.Schedule), "step") + " on " + spec.Name, plan.ValidateScene()
	}
	spec, err := readTopology(name)
	if err != nil {
		return "", err
	}
	_, err = live.ReadTopology(spec)
	return census(spec), err
}

func census(spec topology.Spec) string {
	links, processes := 0, 0
	for _, host := range spec.Hosts {
		links += len(host.Links)
		processes += len(host.Processes)
	}
	return strings.Join([]string{
		counted(len(spec.Hosts), "host"), counted(len(spec.Segments), "segment"),
		counted(links, "link"), counted(processes, "process"),
	}, ", ")
}

// counted is a number of things in words.
func counted(n int, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "s"):
		return fmt.Sprintf("%d %ses", n, thing)
	default:
		return fmt.Sprintf("%d %ss", n, thing)
	}
}
