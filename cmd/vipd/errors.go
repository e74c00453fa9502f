package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"takeover/daemon"
	"takeover/daemon/control"
)

// printError prints each of the errors that err joins, and what may help.
func printError(w io.Writer, err error) {
	for _, one := range separate(err) {
		fmt.Fprintf(w, "error: %v\n", one)
		if hint := hintFor(one); hint != "" {
			fmt.Fprintf(w, "hint: %s\n", hint)
		}
	}
}

func separate(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}

func hintFor(err error) string {
	var missing *daemon.MissingInterfaceError
	var running *runningError
	var notRunning *notRunningError
	var inUse *control.InUseError
	switch {
	case errors.As(err, &missing):
		return "interfaces must exist before vipd starts; `ip link` lists them"
	case errors.As(err, &notRunning) && errors.Is(err, os.ErrPermission):
		return "the control socket is for root and its group"
	case errors.As(err, &notRunning):
		return "is vipd running? Say -p or --control as it was started"
	case errors.As(err, &inUse):
		return "give this one another path with --control, or none"
	case errors.As(err, &running):
		return "stop it, or give this one another pid file with -p"
	case errors.Is(err, syscall.EPERM):
		return "vipd needs the capabilities NET_ADMIN and NET_RAW: run it as root"
	case errors.Is(err, os.ErrPermission):
		return "run vipd as root"
	}
	return ""
}
