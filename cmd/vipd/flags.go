package main

import (
	"fmt"

	"github.com/spf13/pflag"
)

// options are what the command line says.
type options struct {
	file       string
	pidFile    string
	foreground bool
	console    bool
	detail     bool
	test       bool
	version    bool
	noWatchdog bool
	format     string
}

// Log formats.
const (
	formatText = "text"
	formatJSON = "json"
)

func flags(o *options) *pflag.FlagSet {
	f := pflag.NewFlagSet("vipd", pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	f.StringVarP(&o.file, "use-file", "f", "/etc/keepalived/keepalived.conf", "configuration `FILE`")
	f.BoolVarP(&o.foreground, "dont-fork", "n", false, "stay in the foreground")
	f.BoolVarP(&o.console, "log-console", "l", false, "log to standard error, not to syslog")
	f.BoolVarP(&o.detail, "log-detail", "D", false, "log every detail")
	f.StringVar(&o.format, "log-format", formatText, "`text|json`")
	f.StringVarP(&o.pidFile, "pid", "p", "/run/vipd.pid", "pid `FILE`")
	f.BoolVarP(&o.test, "config-test", "t", false, "check the configuration; exit 0 when clean, else 5")
	f.BoolVar(&o.noWatchdog, "no-watchdog", false, "let a worker hang, as one in a debugger does; else it is killed and replaced")
	f.BoolVarP(&o.version, "version", "v", false, "print the version")
	return f
}

// parse reads the command line. pflag.ErrHelp says that help was asked for.
func parse(arguments []string) (options, error) {
	var o options
	f := flags(&o)
	if err := f.Parse(arguments); err != nil {
		return options{}, err
	}
	if f.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	if o.format != formatText && o.format != formatJSON {
		return options{}, fmt.Errorf("--log-format %q is neither %s nor %s", o.format, formatText, formatJSON)
	}
	return o, nil
}

func usage() string {
	return "Usage: vipd [flags]\n\n" + flags(new(options)).FlagUsages()
}
