package main

import (
	"errors"
	"fmt"
	"io"
)

// The exit codes.
const (
	exitPass         = 0
	exitFail         = 1
	exitInconclusive = 2
	exitCouldNotRun  = 3
	exitNothingToRun = 4
	exitUsage        = 64
)

// exitError ends the program with a code, and a message unless err is nil.
type exitError struct {
	code int
	err  error
}

func (e exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// hintError is an error with a word on what to do about it.
type hintError struct {
	err  error
	hint string
}

func (e hintError) Error() string { return e.err.Error() }
func (e hintError) Unwrap() error { return e.err }

func hinted(err error, format string, args ...any) error {
	return hintError{err, fmt.Sprintf(format, args...)}
}

func usage(err error) error       { return exitError{exitUsage, err} }
func couldNotRun(err error) error { return exitError{exitCouldNotRun, err} }

// printError prints "error:", and "hint:" where there is one.
func printError(w io.Writer, err error) {
	fmt.Fprintf(w, "error: %v\n", err)
	if hint, ok := errors.AsType[hintError](err); ok {
		fmt.Fprintf(w, "hint: %s\n", hint.hint)
	}
}
