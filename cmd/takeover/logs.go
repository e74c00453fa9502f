package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"takeover/scenarios/live/labs"
)

// followPeriod is how often followed files are looked at.
const followPeriod = 100 * time.Millisecond

func newLogs() *cobra.Command {
	var (
		f      labFlags
		follow bool
		last   int
	)
	command := &cobra.Command{
		Use:   "logs [LAB] [HOST [PROCESS]]",
		Short: "Print the logs of a lab's processes",
		Long: "Logs prints what the processes of a lab said, of all hosts, of one, or of one\n" +
			"process. With more than one log each line says whose it is. The web servers' logs\n" +
			"of requests are left out unless they are named: takeover logs node1 nginx-access",
		Example: "  takeover logs failover node1 vipd\n  takeover logs -f failover\n  takeover logs --last 5",
		Args:    cobra.MaximumNArgs(3),
		RunE: func(c *cobra.Command, args []string) error {
			lab, rest, err := f.pick(args, 0)
			if err != nil {
				return err
			}
			sources, err := logSources(lab, rest)
			if err != nil {
				return usage(err)
			}
			out := bufio.NewWriter(c.OutOrStdout())
			for _, source := range sources {
				if err := source.copy(out, last); err != nil {
					return couldNotRun(err)
				}
			}
			if err := out.Flush(); err != nil || !follow {
				return err
			}
			return followLogs(c.Context(), lab, sources, out)
		},
	}
	f.add(command)
	command.Flags().BoolVarP(&follow, "follow", "f", false, "go on with what is said from now on, until Ctrl-C")
	command.Flags().IntVar(&last, "last", 0, "only so many lines of each log (0: all)")
	command.ValidArgsFunction = f.complete(hostNames)
	return command
}

// logSource is a log that is read.
type logSource struct {
	path   string
	prefix string // of every line
	offset int64
	rest   []byte // of a line without an end
}

// accessSuffix ends the names of logs with a line for every request: they are
// printed when they are asked for.
const accessSuffix = "-access"

// logSources are the logs of all hosts, of a host, or of a process of it.
func logSources(lab labs.Lab, place []string) ([]*logSource, error) {
	hosts := lab.Hosts()
	if len(place) > 0 {
		if !slices.Contains(hosts, place[0]) {
			return nil, fmt.Errorf("%q is no lab that is up, and no host of %s that runs something; there are %s", place[0], lab.Name, strings.Join(hosts, ", "))
		}
		hosts = place[:1]
	}
	var sources []*logSource
	for _, host := range hosts {
		names, path := lab.Logs(host)
		if len(place) > 1 {
			if !slices.Contains(names, place[1]) {
				return nil, fmt.Errorf("%s has no process %q; there are %s", host, place[1], strings.Join(names, ", "))
			}
			names = place[1:2]
		} else {
			names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, accessSuffix) })
		}
		for _, name := range names {
			sources = append(sources, &logSource{path: path(name), prefix: host + " " + name + "  "})
		}
	}
	if len(sources) == 1 {
		sources[0].prefix = ""
	}
	return sources, nil
}

// copy writes the whole lines that are new; with last only so many of them.
func (s *logSource) copy(out io.Writer, last int) error {
	file, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Seek(s.offset, io.SeekStart); err != nil {
		return err
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return err
	}
	s.offset += int64(len(data))
	data = append(s.rest, data...)
	end := strings.LastIndexByte(string(data), '\n') + 1
	s.rest = slices.Clone(data[end:])
	lines := slices.Collect(strings.Lines(string(data[:end])))
	if last > 0 && len(lines) > last {
		lines = lines[len(lines)-last:]
	}
	for _, line := range lines {
		if _, err := io.WriteString(out, s.prefix+line); err != nil {
			return err
		}
	}
	return nil
}

// followLogs goes on until ctx ends or the lab is gone.
func followLogs(ctx context.Context, lab labs.Lab, sources []*logSource, out *bufio.Writer) error {
	ticker := time.NewTicker(followPeriod)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		for _, source := range sources {
			if err := source.copy(out, 0); errors.Is(err, os.ErrNotExist) {
				return out.Flush() // the lab is down
			} else if err != nil {
				return couldNotRun(err)
			}
		}
		if err := out.Flush(); err != nil {
			return couldNotRun(err)
		}
		if !lab.StillAlive() {
			return nil
		}
	}
}
