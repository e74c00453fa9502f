package main

import (
	"fmt"
	"log/syslog"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
)

// options are what the command line says.
type options struct {
	file       string
	configID   string
	pidFile    string
	vrrpPID    string
	bfdPID     string
	control    string
	namespace  string
	foreground bool

	console   bool
	detail    int
	format    string
	facility  string
	logFile   string
	noSyslog  bool
	dump      bool
	umask     string
	coreDump  bool
	noRestart bool

	tests      bool
	testLog    string
	version    bool
	signal     string
	noWatchdog bool

	onlyCheckers bool
	onlyVRRP     bool
	genhash      bool
	// accepted are flags of keepalived's that have no effect here, as far as
	// they were given.
	accepted []string
}

// Log formats.
const (
	formatText = "text"
	formatJSON = "json"
)

const (
	defaultPIDFile = "/run/vipd.pid"
	// noControl is --control's word for no socket at all.
	noControl = "none"
)

// ignored is a flag of keepalived's that has no effect here.
type ignored struct {
	name, short, form, why string
}

// ignoredFlags are accepted, so that a unit file of keepalived's goes on
// working; each is logged with its reason.
var ignoredFlags = []ignored{
	{"no_bfd", "B", "", "bfd_instance blocks run whenever there are some"},
	{"all", "", "", "there is one worker for everything"},
	{"flush-log-file", "", "", "every line is written at once"},
	{"release-vips", "X", "", "addresses are always removed"},
	{"dont-release-vrrp", "V", "", "addresses are always removed at the end"},
	{"dont-release-ipvs", "I", "", "there is no IPVS yet"},
	{"checkers_pid", "c", "FILE", "there are no health checkers yet"},
	{"address-monitoring", "a", "", "vipd events tells of the virtual ones"},
	{"all-config", "e", "", "a missing file is an error anyway"},
	{"snmp", "x", "", "there is no SNMP"},
	{"snmp-agent-socket", "A", "FILE", "there is no SNMP"},
	{"core-dump-pattern", "M", "[PATTERN]", "core_pattern belongs to the whole host; -m allows for core dumps"},
	{"no-mem-check", "", "", "nothing is to be checked"},
	{"perf", "", "[all|run|end]", "see perf(1) -p"},
	{"debug", "", "[OPTIONS]", "see -D"},
}

// optional are the flags whose value must follow without a space, if there is
// one (getopt(3), optional_argument), and what stands for none.
var optional = map[string]string{
	"log-file": "/tmp/vipd.log", "config-test": " ", "core-dump-pattern": "core", "perf": "run", "debug": " ",
}

func flags(o *options) *pflag.FlagSet {
	f := pflag.NewFlagSet("vipd", pflag.ContinueOnError)
	f.SortFlags = false
	f.Usage = func() {}
	f.StringVarP(&o.file, "use-file", "f", "/etc/keepalived/keepalived.conf", "configuration `FILE`")
	f.StringVarP(&o.configID, "config-id", "i", "", "`ID` of the lines that begin with @ID and count (default: the host's name)")
	f.BoolVarP(&o.foreground, "dont-fork", "n", false, "stay in the foreground")
	f.BoolVarP(&o.console, "log-console", "l", false, "log to standard error, not to syslog")
	f.CountVarP(&o.detail, "log-detail", "D", "log every detail")
	f.Lookup("log-detail").DefValue = "0"
	f.StringVar(&o.format, "log-format", formatText, "`text|json`")
	f.StringVarP(&o.facility, "log-facility", "S", "daemon", "`FACILITY` of syslog: 0 to 7, local0 to local7, user or daemon")
	f.StringVarP(&o.logFile, "log-file", "g", "", "log to `FILE` as well")
	f.BoolVarP(&o.noSyslog, "no-syslog", "G", false, "do not log to syslog")
	f.BoolVarP(&o.dump, "dump-conf", "d", false, "log the configuration as keepalived.data has it")
	f.StringVarP(&o.pidFile, "pid", "p", "", "pid `FILE` (default "+defaultPIDFile+")")
	f.StringVarP(&o.vrrpPID, "vrrp_pid", "r", "", "`FILE` for the worker's pid as well")
	f.StringVarP(&o.bfdPID, "bfd_pid", "b", "", "`FILE` for the worker's pid as well")
	f.StringVar(&o.control, "control", "", "control socket `PATH|none` (default beside the pid file, with .sock)")
	f.StringVarP(&o.namespace, "namespace", "s", "", "run in the network namespace `NAME`")
	f.StringVarP(&o.umask, "umask", "u", "", "`MASK` for files that are made (default: as started, dumps 0177)")
	f.BoolVarP(&o.noRestart, "dont-respawn", "R", false, "do not start a worker anew that died")
	f.BoolVar(&o.noWatchdog, "no-watchdog", false, "let a worker hang, as one in a debugger does; else it is killed and replaced")
	f.BoolVarP(&o.coreDump, "core-dump", "m", false, "allow for core dumps")
	f.BoolVarP(&o.onlyVRRP, "vrrp", "P", false, "run VRRP only, as vipd does")
	f.BoolVarP(&o.onlyCheckers, "check", "C", false, "refused: there are no health checkers yet")
	f.BoolVarP(&o.genhash, "genhash", "T", false, "refused: see genhash(1)")
	f.StringVarP(&o.testLog, "config-test", "t", "", "check the configuration; exit 0 when clean, else 5; `[FILE]` takes the messages")
	f.StringVar(&o.signal, "signum", "", "print the number of the `SIGNAL` STOP, RELOAD, DATA, STATS, STATS_CLEAR or JSON")
	f.BoolVarP(&o.version, "version", "v", false, "print the version")
	for _, i := range ignoredFlags {
		usage := "accepted, without effect: " + i.why
		switch i.form {
		case "":
			f.BoolP(i.name, i.short, false, usage)
		default:
			f.StringP(i.name, i.short, "", "`"+i.form+"` "+usage)
		}
	}
	for name, none := range optional {
		f.Lookup(name).NoOptDefVal = none
	}
	return f
}

// parse reads the command line. pflag.ErrHelp says that help was asked for.
func parse(arguments []string) (options, error) {
	var o options
	f := flags(&o)
	if len(arguments) > 0 && arguments[0] == runCommand {
		arguments = arguments[1:]
	}
	if err := f.Parse(asLong(f, arguments)); err != nil {
		return options{}, err
	}
	if f.NArg() > 0 {
		return options{}, fmt.Errorf("unexpected argument %q", f.Arg(0))
	}
	o.tests, o.testLog = f.Changed("config-test"), strings.TrimSpace(o.testLog)
	for _, i := range ignoredFlags {
		if f.Changed(i.name) {
			o.accepted = append(o.accepted, "--"+i.name+": "+i.why)
		}
	}
	return o, o.check()
}

// isTest reports whether the configuration is to be checked, and no more.
func (o *options) isTest() bool { return o.tests }

// pidPath is where the pid file is. Daemons in several network namespaces do
// not share one.
func (o *options) pidPath() string {
	switch {
	case o.pidFile != "":
		return o.pidFile
	case o.namespace != "":
		return "/run/vipd_" + o.namespace + ".pid"
	}
	return defaultPIDFile
}

// controlPath is where the control socket is; empty: there is none.
func (o *options) controlPath() string {
	switch o.control {
	case noControl:
		return ""
	case "":
		return strings.TrimSuffix(o.pidPath(), ".pid") + ".sock"
	}
	return o.control
}

func (o *options) check() error {
	if o.format != formatText && o.format != formatJSON {
		return fmt.Errorf("--log-format %q is neither %s nor %s", o.format, formatText, formatJSON)
	}
	if _, err := facilityNamed(o.facility); err != nil {
		return err
	}
	if _, err := o.umaskBits(); err != nil {
		return err
	}
	switch {
	case o.genhash:
		return fmt.Errorf("--genhash is not part of vipd")
	case o.onlyCheckers && !o.onlyVRRP:
		return fmt.Errorf("--check: there are no health checkers yet")
	}
	return nil
}

// umaskBits reads --umask: a number as strtol(3) reads it, at most 0777; nil:
// none was given.
func (o *options) umaskBits() (*int, error) {
	if o.umask == "" {
		return nil, nil
	}
	bits, err := strconv.ParseUint(o.umask, 0, 9)
	if err != nil {
		return nil, fmt.Errorf("--umask %q is no number up to 0777", o.umask)
	}
	umask := int(bits)
	return &umask, nil
}

// facilityNamed is a facility of syslog: local0 to local7, also by the number
// alone.
func facilityNamed(name string) (syslog.Priority, error) {
	switch name {
	case "daemon":
		return syslog.LOG_DAEMON, nil
	case "user":
		return syslog.LOG_USER, nil
	}
	n, err := strconv.Atoi(strings.TrimPrefix(name, "local"))
	if err != nil || n < 0 || n > 7 {
		return 0, fmt.Errorf("--log-facility %q is none of 0 to 7, local0 to local7, user and daemon", name)
	}
	return syslog.LOG_LOCAL0 + syslog.Priority(n)<<3, nil
}

// asLong writes short flags as long ones, by the rules of getopt(3), which
// keepalived has: an optional value follows without a space, any other also
// with one.
func asLong(f *pflag.FlagSet, arguments []string) []string {
	var long []string
	for n := 0; n < len(arguments); n++ {
		a := arguments[n]
		if a == "--" {
			return append(long, arguments[n:]...)
		}
		if len(a) < 2 || a[0] != '-' || a[1] == '-' {
			long = append(long, a)
			continue
		}
		for rest := a[1:]; rest != ""; {
			flag := f.ShorthandLookup(rest[:1])
			if flag == nil || flag.Name == "help" {
				long = append(long, "-"+rest) // which is an error, or help
				break
			}
			rest = rest[1:]
			_, isOptional := optional[flag.Name]
			switch {
			case slices.Contains([]string{"bool", "count"}, flag.Value.Type()), isOptional && rest == "":
				long = append(long, "--"+flag.Name)
				continue
			case rest != "":
				long = append(long, "--"+flag.Name+"="+rest)
			case n+1 < len(arguments):
				n++
				long = append(long, "--"+flag.Name+"="+arguments[n])
			default:
				long = append(long, "--"+flag.Name) // which lacks its value
			}
			break
		}
	}
	return long
}

// noValue is how pflag tells of a flag that may lack its value, and has no other
// then.
const noValue = `[=" "]`

func usage() string {
	return `Usage: vipd [run] [FLAGS]         run the virtual routers of a keepalived.conf
       vipd check FILE            check a configuration
       vipd status [FLAGS]        what a running vipd does
       vipd events [-f] [FLAGS]   what has happened, and what happens
       vipd reload [FLAGS]        have it read its configuration again
       vipd metrics [FLAGS]       serve metrics for Prometheus
       vipd version

Flags of run, which are keepalived's where keepalived has them:

` + strings.ReplaceAll(flags(new(options)).FlagUsages(), noValue, strings.Repeat(" ", len(noValue)))
}
