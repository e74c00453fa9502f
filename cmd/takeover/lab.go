package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"takeover/scenarios/live/control"
	"takeover/scenarios/live/labs"
)

// labFlags are the flags of every command that deals with labs.
type labFlags struct{ directory string }

func (f *labFlags) add(command *cobra.Command) {
	command.Flags().StringVar(&f.directory, "dir", "", "where labs live (default $XDG_RUNTIME_DIR/takeover, /run/takeover or /tmp/takeover-UID)")
	_ = command.MarkFlagDirname("dir") // it was added just now
}

// home is where the labs live. Completions come here without the flags'
// variables.
func (f *labFlags) home() (string, error) {
	home, err := labs.Home(cmp.Or(f.directory, os.Getenv(variableOf("dir"))))
	if err != nil {
		return "", couldNotRun(err)
	}
	return home, nil
}

// living are the labs that are up.
func (f *labFlags) living() ([]labs.Lab, error) {
	home, err := f.home()
	if err != nil {
		return nil, err
	}
	all, err := labs.List(home)
	if err != nil {
		return nil, couldNotRun(err)
	}
	return slices.DeleteFunc(all, func(l labs.Lab) bool { return !l.Alive }), nil
}

// pick takes the lab off the front of the arguments, or takes the only one that
// is up. With least arguments or fewer left there is no lab among them.
func (f *labFlags) pick(args []string, least int) (labs.Lab, []string, error) {
	living, err := f.living()
	if err != nil {
		return labs.Lab{}, nil, err
	}
	var names []string
	for _, lab := range living {
		if len(args) > least && lab.Name == args[0] {
			return lab, args[1:], nil
		}
		names = append(names, lab.Name)
	}
	switch {
	case len(living) == 0:
		return labs.Lab{}, nil, usage(hinted(errors.New("no lab is up"), "takeover up failover"))
	case len(living) > 1 && len(args) > least:
		return labs.Lab{}, nil, usage(fmt.Errorf("no lab %q is up; there are %s", args[0], strings.Join(names, ", ")))
	case len(living) > 1:
		return labs.Lab{}, nil, usage(fmt.Errorf("name a lab: %s", strings.Join(names, ", ")))
	}
	return living[0], args, nil
}

// pickOnly is pick for a command that takes no more than a lab.
func (f *labFlags) pickOnly(args []string) (labs.Lab, error) {
	lab, rest, err := f.pick(args, 0)
	if err == nil && len(rest) > 0 {
		err = usage(fmt.Errorf("no lab %q is up; there is %s", rest[0], lab.Name))
	}
	return lab, err
}

// controlError gives an error of package control its exit code.
func controlError(err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, control.ErrUsage):
		return usage(err)
	default:
		return couldNotRun(err)
	}
}

// completionTimeout bounds how long a completion may take.
const completionTimeout = time.Second

// completion suggests words for the arguments of a command, after those that
// are there.
type completion func(f *labFlags, args []string) []string

func (f *labFlags) complete(suggest completion) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		words := suggest(f, args)
		return slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, typed) }), cobra.ShellCompDirectiveNoFileComp
	}
}

// labNames suggests labs that are up, as the first argument.
func labNames(f *labFlags, args []string) []string {
	if len(args) > 0 {
		return nil
	}
	living, err := f.living()
	if err != nil {
		return nil
	}
	var names []string
	for _, lab := range living {
		names = append(names, lab.Name)
	}
	return names
}

// hostNames suggests labs, and hosts of the lab that is named or the only one.
func hostNames(f *labFlags, args []string) []string {
	suggested := labNames(f, args)
	lab, rest, err := f.pick(args, 0)
	if err != nil || len(rest) > 0 {
		return suggested
	}
	ctx, cancel := context.WithTimeout(context.Background(), completionTimeout)
	defer cancel()
	status, err := lab.Control().Status(ctx)
	if err != nil {
		return suggested
	}
	for _, host := range status.Hosts {
		suggested = append(suggested, host.Name)
	}
	return suggested
}

// isTerminal says whether a file is one, or another device.
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
