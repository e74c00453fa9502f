package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/pflag"

	"takeover/daemon"
	"takeover/daemon/config"
)

// Exit codes. Those of a configuration test are in check.go.
const (
	exitOK    = 0
	exitError = 1
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// runCommand is the command that is meant when none is named.
const runCommand = "run"

// commands are what the first argument may name; without one it is run.
var commands = map[string]func(arguments []string, stdout, stderr io.Writer) int{
	"check":   check,
	"status":  status,
	"events":  events,
	"reload":  reload,
	"metrics": metrics,
	"version": func(arguments []string, stdout, stderr io.Writer) int {
		if len(arguments) > 0 {
			printError(stderr, fmt.Errorf("unexpected argument %q", arguments[0]))
			return exitError
		}
		fmt.Fprintln(stdout, fullVersion())
		return exitOK
	},
}

func run(arguments []string, stdout, stderr io.Writer) int {
	if len(arguments) > 0 {
		if arguments[0] == daemon.GuardianArgument {
			return guard(arguments[1:], stderr)
		}
		if command, is := commands[arguments[0]]; is {
			return command(arguments[1:], stdout, stderr)
		}
	}
	o, err := parse(arguments)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprint(stdout, usage())
		return exitOK
	case err != nil:
		printError(stderr, err)
		return exitError
	case o.version:
		fmt.Fprintln(stdout, fullVersion())
		return exitOK
	case o.signal != "":
		return printSignal(o.signal, stdout, stderr)
	case o.isTest():
		return test(o, stderr)
	}
	if err := start(o, stderr); err != nil {
		if !errors.Is(err, errReported) {
			printError(stderr, err)
		}
		return exitError
	}
	return exitOK
}

// errReported is an error that another process has told of.
var errReported = errors.New("the background process has failed")

// start becomes the daemon, or what starts it in the background.
func start(o options, stderr io.Writer) error {
	if err := enterNamespace(o.namespace); err != nil {
		return err
	}
	kept, err := openKeepsake()
	if err != nil {
		return err
	}
	c, text, wrong := o.load()
	if wrong == nil {
		err = kept.keep(text)
	} else {
		// A worker that is started anew goes on with what its predecessor had.
		if c, err = kept.load(o.file); restarts() == 0 || err != nil {
			return wrong
		}
	}
	if err != nil {
		return err
	}
	if o.namespace == "" {
		if err := enterNamespace(c.Global.NetNamespace); err != nil {
			return err
		}
	}
	if o.namespace == "" {
		o.namespace = c.Global.NetNamespace
		if err := enterNamespace(o.namespace); err != nil {
			return err
		}
	}
	report := takeReport()
	if !o.foreground && report == nil && os.Getenv(daemon.RestartsVariable) == "" {
		if background(stderr) != exitOK {
			return errReported
		}
		return nil
	}
	return serve(o, beginning{config: c, wrong: wrong, kept: kept}, report)
}

// load reads the configuration, and returns as well what it comes to as a text.
func (o *options) load() (*config.Config, []byte, error) {
	tree, err := config.Options{ID: o.configID}.LoadTree(o.file)
	if err != nil {
		return nil, nil, err
	}
	c, err := config.Convert(tree)
	if err != nil {
		return nil, nil, err
	}
	return c, config.Explain(tree, c), nil
}

// beginning is what the daemon starts with.
type beginning struct {
	config *config.Config
	wrong  error // of the file: the configuration is the one that was in force
	kept   keepsake
}

// version is set by the linker.
var version = "devel"

// fullVersion is what --version prints.
func fullVersion() string {
	return fmt.Sprintf("vipd %s %s/%s", version, runtime.GOOS, runtime.GOARCH)
}
