package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"github.com/spf13/pflag"

	"takeover/daemon"
	"takeover/daemon/config"
)

// Exit codes. Those of the configuration test are keepalived's.
const (
	exitOK         = 0
	exitError      = 1
	exitConfigTest = 5
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(arguments []string, stdout, stderr io.Writer) int {
	if len(arguments) > 0 && arguments[0] == daemon.GuardianArgument {
		return guard(arguments[1:], stderr)
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
	}
	c, err := config.Load(o.file)
	if err != nil {
		printError(stderr, err)
		if o.test {
			return exitConfigTest
		}
		return exitError
	}
	if o.test {
		return testResult(c, stderr)
	}
	report := takeReport()
	if !o.foreground && report == nil && os.Getenv(daemon.RestartsVariable) == "" {
		return background(stderr)
	}
	if err := serve(o, c, report); err != nil {
		printError(stderr, err)
		return exitError
	}
	return exitOK
}

// testResult reports a configuration without errors. As with keepalived, one
// with warnings is not clean.
func testResult(c *config.Config, stderr io.Writer) int {
	for _, warning := range c.Warnings {
		fmt.Fprintf(stderr, "warning: %v\n", warning)
	}
	if len(c.Warnings) > 0 {
		return exitConfigTest
	}
	return exitOK
}

// serve runs the daemon until it is told to end.
func serve(o options, c *config.Config, report *report) error {
	logger := newLogger(o)
	pid, err := lockPIDFile(o.pidFile)
	if err != nil {
		return err
	}
	defer pid.remove()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	others := make(chan os.Signal, 1)
	signal.Notify(others, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	defer signal.Stop(others)
	go refuse(logger, others)

	logger.Info("starting", "version", fullVersion(), "file", o.file, "pid", os.Getpid())
	err = daemon.Run(ctx, daemon.Options{
		Config:     c,
		Logger:     logger,
		Guardian:   true,
		NoWatchdog: o.noWatchdog,
		Restarts:   restarts(),
		Ready: func() {
			logger.Info("ready", "instances", len(c.Instances))
			report.ready()
		},
	})
	if err != nil {
		logger.Error("ended", "error", err)
		return err
	}
	logger.Info("ended")
	return nil
}

// refuse says of the signals that keepalived knows that they do nothing here.
func refuse(logger *slog.Logger, signals <-chan os.Signal) {
	for s := range signals {
		logger.Warn("signal has no meaning", "signal", s.String())
	}
}

// restarts is how often a guardian started this worker anew.
func restarts() int {
	n, err := strconv.Atoi(os.Getenv(daemon.RestartsVariable))
	if err != nil {
		return 0
	}
	return n
}

// guard is the life of the second process.
func guard(arguments []string, stderr io.Writer) int {
	o, err := parse(arguments)
	if err != nil {
		printError(stderr, err)
		return exitError
	}
	logger := newLogger(o)
	if err := daemon.Guard(logger, arguments); err != nil {
		logger.Error("guardian failed", "error", err)
		return exitError
	}
	return exitOK
}

// version is set by the linker.
var version = "devel"

// fullVersion is what --version prints.
func fullVersion() string {
	return fmt.Sprintf("vipd %s %s/%s", version, runtime.GOOS, runtime.GOARCH)
}
