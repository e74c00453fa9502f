package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"takeover/scenarios/history"
)

func newEvents() *cobra.Command {
	var (
		f              labFlags
		follow, asJSON bool
		kinds          []string
	)
	command := &cobra.Command{
		Use:   "events [LAB]",
		Short: "Print what happens in a lab",
		Long: "Events prints what was observed in a lab: addresses and links that come and go,\n" +
			"transitions, faults, processes. --kind names the kinds of events instead, among\n" +
			"them those that are many: " + strings.Join(chatter, ", ") + ".",
		Example: "  takeover events failover\n  takeover events -f failover --kind advert,transition\n  takeover events --json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			for _, kind := range kinds {
				if !slices.Contains(allKinds(), kind) {
					return usage(fmt.Errorf("--kind: there is no kind %q of events; there are %s", kind, strings.Join(allKinds(), ", ")))
				}
			}
			lab, err := f.pickOnly(args)
			if err != nil {
				return err
			}
			stream, err := lab.Control().Events(c.Context(), 0, follow)
			if err != nil {
				return controlError(err)
			}
			defer stream.Close()
			err = printEvents(c.OutOrStdout(), stream, asJSON, func(kind string) bool {
				return slices.Contains(kinds, kind) || len(kinds) == 0 && (asJSON || !slices.Contains(chatter, kind))
			})
			if c.Context().Err() != nil {
				return nil
			}
			return controlError(err)
		},
	}
	f.add(command)
	flags := command.Flags()
	flags.BoolVarP(&follow, "follow", "f", false, "go on with what happens from now on, until Ctrl-C")
	flags.BoolVar(&asJSON, "json", false, "print the lines of the history, all kinds")
	flags.StringSliceVar(&kinds, "kind", nil, "only these kinds")
	command.ValidArgsFunction = f.complete(labNames)
	_ = command.RegisterFlagCompletionFunc("kind", cobra.FixedCompletions(allKinds(), cobra.ShellCompDirectiveNoFileComp))
	return command
}

// chatter are the kinds of which there are too many to look at.
var chatter = []string{
	string(history.KindAdvert), string(history.KindARP), string(history.KindNA),
	string(history.KindNeighbour), string(history.KindCanary), string(history.KindTrial),
}

func allKinds() []string {
	return append([]string{
		string(history.KindPhase), string(history.KindFaultArmed), string(history.KindFaultStart), string(history.KindFaultEnd),
		string(history.KindAddress), string(history.KindLink), string(history.KindTransition),
		string(history.KindProcessStart), string(history.KindProcessExit), string(history.KindNote),
	}, chatter...)
}

// printEvents prints the lines of a history whose kind is wanted.
func printEvents(out io.Writer, stream io.Reader, asJSON bool, wanted func(kind string) bool) error {
	lines := bufio.NewReaderSize(stream, 1<<16)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
		var event history.Event
		if err := json.Unmarshal(line, &event); err != nil {
			return err
		}
		switch {
		case !wanted(string(event.Body.Kind())):
		case asJSON:
			_, err = out.Write(line)
		default:
			_, err = fmt.Fprintf(out, "%10.3f s  %-10s %-13s %s\n", event.At.Seconds(), event.Host, event.Body.Kind(), eventText(event.Body))
		}
		if err != nil {
			return err
		}
	}
}

// eventText says what an event is in a few words.
func eventText(body history.Body) string {
	switch b := body.(type) {
	case history.Phase:
		return string(b.Name)
	case history.Address:
		return fmt.Sprintf("%s %s %s", choose(b.Present, "added", "removed"), b.Prefix, b.Interface)
	case history.Link:
		return fmt.Sprintf("%s %s, %s", b.Interface, choose(b.Up, "up", "down"), choose(b.Carrier, "carrier", "no carrier"))
	case history.Transition:
		return strings.TrimSpace(fmt.Sprintf("%s %s %s", b.Instance, b.To, b.Reason))
	case history.ProcessStart:
		return fmt.Sprintf("%s (%d)", b.Name, b.PID)
	case history.ProcessExit:
		return fmt.Sprintf("%s (%d) %s", b.Name, b.PID, b.Status)
	case history.FaultArmed:
		return fmt.Sprintf("%d %s; undo: %s", b.ID, b.Fault, b.Undo)
	case history.FaultStart:
		return fmt.Sprintf("%d %s", b.ID, b.Fault)
	case history.FaultEnd:
		return fmt.Sprintf("%d %s", b.ID, b.Fault)
	case history.Note:
		return b.Text
	case history.Advert:
		return fmt.Sprintf("%s VRID %d, priority %d, from %s %s", b.Direction, b.VRID, b.Priority, b.Source, b.Problem)
	case history.ARP:
		return fmt.Sprintf("%s %s: %s is at %s, for %s", b.Direction, b.Operation, b.SenderIP, b.SenderMAC, b.TargetIP)
	case history.NA:
		return fmt.Sprintf("%s %s is at %s", b.Direction, b.Target, b.TargetMAC)
	case history.Neighbour:
		return fmt.Sprintf("%s is at %s (%s)", b.IP, b.MAC, b.State)
	case history.Canary:
		return b.DelayMax.String()
	case history.Trial:
		return b.Scenario
	case history.Probe, history.Owners, history.Connection, history.Forwarding, history.Usage, history.Truth: // no lab has them
		return ""
	}
	return ""
}

func choose[T any](condition bool, yes, no T) T {
	if condition {
		return yes
	}
	return no
}
