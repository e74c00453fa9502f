package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"takeover/daemon/control"
)

// askTimeout bounds how long a running vipd may take to answer.
const askTimeout = 10 * time.Second

// asking is what the commands have in common that ask a running vipd.
type asking struct {
	*pflag.FlagSet
	options options
	json    bool
	watch   bool
	follow  bool
}

// newAsking are the flags that find the daemon.
func newAsking(command string) *asking {
	a := &asking{FlagSet: pflag.NewFlagSet("vipd "+command, pflag.ContinueOnError)}
	a.SortFlags = false
	a.Usage = func() {}
	a.StringVar(&a.options.control, "control", "", "control socket `PATH` (default beside the pid file, with .sock)")
	a.StringVarP(&a.options.pidFile, "pid", "p", "", "pid `FILE` that the daemon was started with (default "+defaultPIDFile+")")
	a.StringVarP(&a.options.namespace, "namespace", "s", "", "network namespace `NAME` that it was started with")
	return a
}

// ask parses the arguments and lets do ask the daemon, until Ctrl-C.
func (a *asking) ask(arguments []string, stdout, stderr io.Writer, do func(context.Context, *control.Client) error) int {
	return a.parsed(arguments, stdout, stderr, func() error { return a.connect(do) })
}

// parsed parses the arguments and then does something.
func (a *asking) parsed(arguments []string, stdout, stderr io.Writer, do func() error) int {
	err := a.Parse(arguments)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(stdout, "Usage: %s [FLAGS]\n\n%s", a.Name(), a.FlagUsages())
		return exitOK
	case err == nil && a.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", a.Arg(0))
	case err == nil:
		err = do()
	}
	if err != nil {
		printError(stderr, err)
		return exitError
	}
	return exitOK
}

// untilInterrupted is done at Ctrl-C.
func untilInterrupted() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
}

func (a *asking) connect(do func(context.Context, *control.Client) error) error {
	ctx, stop := untilInterrupted()
	defer stop()
	client, err := control.Dial(ctx, a.options.controlPath())
	if err != nil {
		return &notRunningError{err}
	}
	defer client.Close()
	if err := do(ctx, client); ctx.Err() == nil {
		return err
	}
	return nil
}

// notRunningError says that no vipd can be asked.
type notRunningError struct{ error }

func (e *notRunningError) Unwrap() error { return e.error }

// status is the command of that name.
func status(arguments []string, stdout, stderr io.Writer) int {
	a := newAsking("status")
	a.BoolVar(&a.json, "json", false, "print JSON")
	a.BoolVar(&a.watch, "watch", false, "print it every second, until Ctrl-C")
	return a.ask(arguments, stdout, stderr, func(ctx context.Context, c *control.Client) error {
		for {
			if err := a.printStatus(ctx, c, stdout); err != nil || !a.watch {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Second):
			}
		}
	})
}

// clearScreen moves to the top left and erases what follows (console_codes(4)).
const clearScreen = "\x1b[H\x1b[J"

func (a *asking) printStatus(ctx context.Context, c *control.Client, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if a.json {
		encoder := json.NewEncoder(w)
		if !a.watch {
			encoder.SetIndent("", "  ")
		}
		return encoder.Encode(status)
	}
	var b strings.Builder
	printStatus(&b, status, time.Now())
	if a.watch {
		fmt.Fprint(w, clearScreen)
	}
	fmt.Fprint(w, b.String())
	return nil
}

// events is the command of that name.
func events(arguments []string, stdout, stderr io.Writer) int {
	a := newAsking("events")
	a.BoolVarP(&a.follow, "follow", "f", false, "go on with what happens, until Ctrl-C")
	a.BoolVar(&a.json, "json", false, "print JSON, one event a line")
	return a.ask(arguments, stdout, stderr, func(ctx context.Context, c *control.Client) error {
		return c.Events(ctx, a.follow, func(e control.Event) error {
			if a.json {
				return json.NewEncoder(stdout).Encode(e)
			}
			_, err := fmt.Fprintln(stdout, eventLine(e))
			return err
		})
	})
}

// reload is the command of that name.
func reload(arguments []string, stdout, stderr io.Writer) int {
	return newAsking("reload").ask(arguments, stdout, stderr, func(ctx context.Context, c *control.Client) error {
		return c.Reload(ctx)
	})
}
