package main

import (
	"fmt"
	"io"
	"iter"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"takeover/daemon/control"
)

// printStatus prints a status for a person.
func printStatus(w io.Writer, s control.Status, now time.Time) {
	fmt.Fprintf(w, "%s, process %d, up %s", s.Program, s.PID, age(now, s.StartedAt))
	if s.Restarts > 0 {
		fmt.Fprintf(w, ", started anew %d times", s.Restarts)
	}
	fmt.Fprintf(w, "\n%s, loaded %s ago", s.Configuration, age(now, s.LoadedAt))
	if s.Warnings > 0 {
		fmt.Fprintf(w, " with %d warnings", s.Warnings)
	}
	if s.Guardian.PID != 0 {
		fmt.Fprintf(w, "\nguardian %d\n", s.Guardian.PID)
	} else {
		fmt.Fprint(w, "\nno guardian\n")
	}
	if lost := lostText(s); lost != "" {
		fmt.Fprintln(w, lost)
	}
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "INSTANCE\tSTATE\tFOR\tPRIORITY\tACTIVE\tADDRESSES\tINTERFACE\tVRID")
	for _, i := range s.Instances {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", i.Name, i.State, age(now, i.Since),
			priorityText(i), activeText(i), addressesText(i), i.Interface, i.VRID)
	}
	_ = t.Flush() // w is a string, or its error shows there
	for _, i := range s.Instances {
		if i.Fault != "" {
			fmt.Fprintf(w, "%s: %s\n", i.Name, i.Fault)
		}
	}
	printParts(w, s, now)
}

// printParts prints what instances depend on.
func printParts(w io.Writer, s control.Status, now time.Time) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(s.Groups) > 0 {
		fmt.Fprint(t, "\nGROUP\tSTATE\tMEMBERS\n")
	}
	for _, g := range s.Groups {
		fmt.Fprintf(t, "%s\t%s\t%s\n", g.Name, g.State, strings.Join(g.Members, ", "))
	}
	if len(s.Trackers) > 0 {
		fmt.Fprint(t, "\nTRACKER\tSTATE\tFOR\tDETAIL\n")
	}
	for _, tracker := range s.Trackers {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", tracker.Name, tracker.State, age(now, tracker.Since), tracker.Detail)
	}
	if len(s.Sessions) > 0 {
		fmt.Fprint(t, "\nBFD SESSION\tSTATE\tFOR\tREASON\n")
	}
	for _, session := range s.Sessions {
		state := "down"
		if session.Up {
			state = "up"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", session.Name, state, age(now, session.Since), session.Reason)
	}
	_ = t.Flush() // likewise
}

// lostText tells what nobody will see any more; empty: nothing.
func lostText(s control.Status) string {
	var parts []string
	add := func(count uint64, what string) {
		if count > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", count, what))
		}
	}
	add(s.LogLost, "lines of the log lost")
	add(s.EventsLost, "events lost")
	add(s.ClientsDropped, "control clients dropped")
	return strings.Join(parts, ", ")
}

// age is how long ago a time was, in two units at most.
func age(now, t time.Time) string {
	d := max(now.Sub(t), 0)
	switch {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	case d < 48*time.Hour:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	}
	hours := int(d / time.Hour)
	return fmt.Sprintf("%dd%dh", hours/24, hours%24)
}

// priorityText is the priority, and the configured one where it is another.
func priorityText(i control.Instance) string {
	if i.Priority == i.ConfiguredPriority {
		return strconv.Itoa(int(i.Priority))
	}
	return fmt.Sprintf("%d of %d", i.Priority, i.ConfiguredPriority)
}

func activeText(i control.Instance) string {
	switch {
	case i.Active == nil:
		return "-"
	case i.Active.Self:
		return "itself"
	}
	return fmt.Sprintf("%s (%d)", i.Active.Address, i.Active.Priority)
}

// addressesText names an only address, and else counts.
func addressesText(i control.Instance) string {
	set := 0
	for _, a := range i.Addresses {
		if a.Set {
			set++
		}
	}
	switch {
	case len(i.Addresses) == 1 && set == 1:
		return i.Addresses[0].Prefix.String()
	case len(i.Addresses) == 1:
		return "(" + i.Addresses[0].Prefix.String() + ")"
	}
	return fmt.Sprintf("%d of %d", set, len(i.Addresses))
}

// eventLine is an event for a person.
func eventLine(e control.Event) string {
	words := []string{e.Time.Format("2006-01-02 15:04:05.000"), string(e.Kind)}
	words = append(words, e.Instance, e.Name)
	if e.Interface != "" {
		words = append(words, "on "+e.Interface)
	}
	if e.From != "" {
		words = append(words, e.From, "->")
	}
	words = append(words, e.To)
	line := strings.Join(slices.DeleteFunc(words, func(word string) bool { return word == "" }), " ")
	if e.Reason != "" {
		line += ": " + e.Reason
	}
	if e.Count > 0 {
		line += fmt.Sprintf(" (%d)", e.Count)
	}
	return line
}

// firstLine is text up to its first end of a line.
func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// bytesLines are the lines of text.
func bytesLines(text []byte) iter.Seq[string] {
	return strings.SplitSeq(strings.TrimSuffix(string(text), "\n"), "\n")
}
