package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/pflag"

	"takeover/daemon/config"
)

// Exit codes of a configuration test, which are keepalived's, but that it has
// 0 for a configuration that is not there.
const (
	exitNoWord     = 2 // a keyword lacks a word
	exitNoConfig   = 4 // no such file
	exitConfigTest = 5 // errors or warnings
	exitUnsafe     = 6 // only that programs run without enable_script_security, or that an included file is missing
)

// checkOptions are those of `vipd check`.
type checkOptions struct {
	json    bool
	explain bool
	id      string
}

// check is `vipd check FILE ...`.
func check(arguments []string, stdout, stderr io.Writer) int {
	var o checkOptions
	f := pflag.NewFlagSet("vipd check", pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	f.BoolVar(&o.json, "json", false, "print the result as JSON")
	f.BoolVar(&o.explain, "explain", false, "print the configuration as it has effect, with defaults")
	f.StringVarP(&o.id, "config-id", "i", "", "what `@ID` lines are compared with (default: the host's name)")
	err := f.Parse(arguments)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprint(stdout, "Usage: vipd check [flags] FILE ...\n\n"+f.FlagUsages())
		return exitOK
	case err != nil:
		printError(stderr, err)
		return exitError
	case f.NArg() == 0:
		printError(stderr, errors.New("vipd check needs the name of a file"))
		return exitError
	case o.json && o.explain:
		printError(stderr, errors.New("--json and --explain exclude each other"))
		return exitError
	}
	code := exitOK
	results := []checkResult{}
	for _, file := range f.Args() {
		result := checkFile(file, config.Options{ID: o.id})
		results = append(results, result)
		code = max(code, result.code)
		if !o.json {
			result.print(stderr)
		}
		if o.explain {
			_, _ = stdout.Write(result.explained) // its reader may have gone
		}
	}
	if o.json {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(results) // its reader may have gone
	}
	return code
}

// checkResult is what there is to say of one file.
type checkResult struct {
	File     string    `json:"file"`
	Verdict  string    `json:"verdict"` // clean, warning or error
	Errors   []message `json:"errors"`
	Warnings []message `json:"warnings"`
	Notes    []message `json:"notes"`
	// Unimplemented are the keywords that are accepted and have no effect yet.
	Unimplemented []message `json:"unimplemented"`

	code      int
	failure   error // of a file that cannot be read
	explained []byte
}

// message is one config.Error.
type message struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Use     string `json:"used_at,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	text    string
}

func messages(all []*config.Error) []message {
	found := []message{}
	for _, one := range all {
		at := one.Position
		found = append(found, message{at.File, at.Line, at.Use, one.Message, one.Hint, one.Error()})
	}
	return found
}

// checkFile reads a configuration as the daemon would, and looks at what it
// refers to.
func checkFile(file string, o config.Options) checkResult {
	result := checkResult{
		File: file, Verdict: "error", code: exitConfigTest,
		Errors: []message{}, Warnings: []message{}, Notes: []message{}, Unimplemented: []message{},
	}
	c, err := o.Load(file)
	if err != nil {
		faults := config.List(err)
		result.Errors = messages(faults)
		switch {
		case len(faults) == 0:
			result.code, result.failure = exitNoConfig, err
			result.Errors = []message{{File: file, Message: err.Error()}}
		case has(faults, config.FaultOfForm):
			result.code = exitNoWord
		case has(faults, config.FaultOfFile):
			result.code = exitUnsafe
		}
		return result
	}
	c.CheckMachine(config.ThisMachine())
	result.Warnings, result.Notes, result.Unimplemented = messages(c.Warnings), messages(c.Notes), messages(c.Unimplemented)
	result.Verdict, result.code = "clean", exitOK
	if len(c.Warnings) > 0 {
		result.Verdict, result.code = "warning", exitConfigTest
	}
	if has(c.Warnings, config.FaultOfSafety) {
		result.code = exitUnsafe
	}
	if tree, err := o.LoadTree(file); err == nil {
		result.explained = config.Explain(tree, c)
	}
	return result
}

func has(all []*config.Error, kind config.Kind) bool {
	return slices.ContainsFunc(all, func(e *config.Error) bool { return e.Kind == kind })
}

// print prints the result for a person.
func (r checkResult) print(w io.Writer) {
	if r.failure != nil {
		printError(w, r.failure)
		return
	}
	for _, list := range []struct {
		kind string
		all  []message
	}{{"error", r.Errors}, {"warning", r.Warnings}, {"note", r.Notes}, {"note", r.Unimplemented}} {
		for _, one := range list.all {
			fmt.Fprintf(w, "%s: %s\n", list.kind, one.text)
		}
	}
	switch n := len(r.Unimplemented); n {
	case 0:
	case 1:
		fmt.Fprintf(w, "%s: 1 keyword accepted, not implemented\n", r.File)
	default:
		fmt.Fprintf(w, "%s: %d keywords accepted, not implemented\n", r.File, n)
	}
}

// test is -t, which keepalived has, too: check on the configuration file.
func test(o options, stderr io.Writer) int {
	if o.testLog != "" {
		file, err := os.OpenFile(o.testLog, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
		if err != nil {
			printError(stderr, err)
			return exitError
		}
		defer file.Close()
		stderr = file
	}
	result := checkFile(o.file, config.Options{ID: o.configID})
	result.print(stderr)
	return result.code
}
