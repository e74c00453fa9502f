package main

import (
	"fmt"
	"io"
	"syscall"
)

// The signals that make dumps. keepalived takes real-time signals for those
// that it had to find a number for: SIGRTMIN+2 and SIGRTMAX-1, as glibc counts.
const (
	signalReload     = syscall.SIGHUP
	signalData       = syscall.SIGUSR1
	signalStats      = syscall.SIGUSR2
	signalJSON       = syscall.Signal(36)
	signalStatsClear = syscall.Signal(63)
)

var signals = map[string]syscall.Signal{
	"STOP": syscall.SIGTERM, "RELOAD": signalReload, "DATA": signalData,
	"STATS": signalStats, "STATS_CLEAR": signalStatsClear, "JSON": signalJSON,
}

// printSignal is keepalived's --signum.
func printSignal(name string, stdout, stderr io.Writer) int {
	number, known := signals[name]
	if !known {
		printError(stderr, fmt.Errorf("--signum %q is none of STOP, RELOAD, DATA, STATS, STATS_CLEAR and JSON", name))
		return exitError
	}
	fmt.Fprintln(stdout, int(number))
	return exitOK
}
