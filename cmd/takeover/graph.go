package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"takeover/scenarios/live/control"
)

func newGraph() *cobra.Command {
	var (
		f    labFlags
		file string
	)
	command := &cobra.Command{
		Use:   "graph [LAB]",
		Short: "Draw a lab",
		Long: "Graph draws the segments and hosts of a lab as they stand, with the owner of each\n" +
			"virtual address and the faults in force: as text, or as SVG into a file.",
		Example: "  takeover graph failover\n  takeover graph failover --svg failover.svg",
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
			switch file {
			case "":
				return drawText(c.OutOrStdout(), drawingOf(status))
			case "-":
				return drawSVG(c.OutOrStdout(), lab.Name, drawingOf(status))
			}
			var text strings.Builder
			if err := drawSVG(&text, lab.Name, drawingOf(status)); err != nil {
				return couldNotRun(err)
			}
			if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
				return usage(err)
			}
			return nil
		},
	}
	f.add(command)
	command.Flags().StringVar(&file, "svg", "", "the SVG file to write; - is standard output")
	command.ValidArgsFunction = f.complete(labNames)
	return command
}

// mostDrawn is how many hosts of a segment are drawn one by one.
const mostDrawn = 8

// drawing is a lab as it is drawn: each host below its first segment.
type drawing struct {
	segments []drawnSegment
}

type drawnSegment struct {
	control.Segment
	hosts []drawnHost
	more  int // hosts that are not drawn
}

// drawnHost is a host with the words that belong to it.
type drawnHost struct {
	name, role string
	links      []drawnLink
	owns       []drawnVIP
	faults     []string
	stopped    []string // processes that ended
}

type drawnVIP struct{ segment, text string }

type drawnLink struct {
	device, segment string
	addresses       string
	broken          bool
}

func drawingOf(s control.Status) drawing {
	var d drawing
	for _, segment := range s.Segments {
		drawn := drawnSegment{Segment: segment}
		for _, host := range s.Hosts {
			if len(host.Interfaces) == 0 || host.Interfaces[0].Segment != segment.Name {
				continue
			}
			// Those that run something or are struck are drawn in any case.
			if len(drawn.hosts) >= mostDrawn && len(host.Processes) == 0 && len(faultsOn(s, host.Name)) == 0 {
				drawn.more++
				continue
			}
			drawn.hosts = append(drawn.hosts, drawHost(s, host))
		}
		d.segments = append(d.segments, drawn)
	}
	return d
}

func drawHost(s control.Status, host control.Host) drawnHost {
	drawn := drawnHost{name: host.Name, role: host.Role}
	virtual := map[string]bool{}
	for _, router := range s.Routers {
		for _, vip := range router.VIPs {
			virtual[vip.String()] = true
		}
		if slices.Contains(router.Owners, host.Name) {
			drawn.owns = append(drawn.owns, drawnVIP{router.Segment, fmt.Sprintf("%s (VRID %d)", joined(router.VIPs), router.VRID)})
		}
	}
	for _, device := range host.Interfaces {
		if device.Segment == "" {
			continue
		}
		var own []string
		for _, address := range device.Addresses {
			if !virtual[address.Addr().String()] {
				own = append(own, address.String())
			}
		}
		drawn.links = append(drawn.links, drawnLink{
			device: device.Name, segment: device.Segment, addresses: strings.Join(own, " "),
			broken: !device.Up || !device.Carrier,
		})
	}
	for _, fault := range faultsOn(s, host.Name) {
		drawn.faults = append(drawn.faults, fault.Fault)
	}
	for _, process := range host.Processes {
		if !process.Running {
			drawn.stopped = append(drawn.stopped, process.Name)
		}
	}
	return drawn
}

// drawText draws each segment with its hosts below it, as a tree.
func drawText(out io.Writer, d drawing) error {
	var text strings.Builder
	for _, segment := range d.segments {
		fmt.Fprintf(&text, "%s\n", segmentTitle(segment.Segment))
		lines := segmentLines(d, segment)
		for i, line := range lines {
			fmt.Fprintf(&text, "%s %s\n", choose(i == len(lines)-1, "└─", "├─"), line)
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func segmentTitle(s control.Segment) string {
	title := s.Name
	if len(s.Prefixes) > 0 {
		title += "  " + joined(s.Prefixes)
	}
	if len(s.Uplinks) > 0 {
		title += "  bridged with " + strings.Join(s.Uplinks, ", ")
	}
	return title
}

// segmentLines are the links to a segment, those of hosts that are drawn below
// another one too.
func segmentLines(d drawing, segment drawnSegment) []string {
	var lines []string
	for _, other := range d.segments {
		for _, host := range other.hosts {
			for _, link := range host.links {
				if link.segment != segment.Name {
					continue
				}
				words := []string{fmt.Sprintf("%-10s %-6s %s", host.name, link.device, link.addresses)}
				if link.broken {
					words = append(words, "(no carrier)")
				}
				for _, vip := range host.owns {
					if vip.segment == segment.Name {
						words = append(words, "● "+vip.text)
					}
				}
				for _, name := range host.stopped {
					words = append(words, "✗ "+name)
				}
				for _, fault := range host.faults {
					words = append(words, "⚡ "+fault)
				}
				lines = append(lines, strings.Join(words, "  "))
			}
		}
	}
	if segment.more > 0 {
		lines = append(lines, fmt.Sprintf("and %d hosts more", segment.more))
	}
	return lines
}
