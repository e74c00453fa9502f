package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	account "os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Program is something that a configuration runs.
type Program struct {
	Path     string // the file, or a name that is searched in PATH
	User     string // who runs it; empty: Global's
	Check    bool   // its result counts: of vrrp_script
	Position Position
}

// program remembers what a statement runs. Its text is split as that of
// vrrp_script.
func (c *converter) program(s *Statement, user string, check bool) {
	command, _, err := commandWords(s.Raw)
	if err != nil {
		c.fail(s.Position, "%s: %v", s.Keyword(), err)
		return
	}
	c.programs = append(c.programs, Program{Path: command[0], User: user, Check: check, Position: s.Position})
}

// Machine is what configurations refer to.
type Machine struct {
	HasInterface func(name string) bool
	Lstat        func(path string) (fs.FileInfo, error)
	Stat         func(path string) (fs.FileInfo, error)
	Readlink     func(path string) (string, error) // the whole path without symbolic links
	HasUser      func(name string) bool
	IsRoot       func(user string) bool // whether a program of the user, who may be "", runs as root
	Path         []string               // where programs are searched
}

// ThisMachine is the one that it runs on.
func ThisMachine() Machine {
	return Machine{
		HasInterface: func(name string) bool { _, err := net.InterfaceByName(name); return err == nil },
		HasUser:      func(name string) bool { _, err := account.Lookup(name); return err == nil },
		Lstat:        os.Lstat,
		Stat:         os.Stat,
		Readlink:     filepath.EvalSymlinks,
		IsRoot:       runsAsRoot,
		Path:         filepath.SplitList(os.Getenv("PATH")),
	}
}

// runsAsRoot knows keepalived's default: keepalived_script if that user
// exists.
func runsAsRoot(name string) bool {
	if name == "" {
		name = "keepalived_script"
	}
	known, err := account.Lookup(name)
	return err != nil || known.Uid == "0"
}

// CheckMachine adds to Warnings and Notes what of the configuration the
// machine does not have, or has in a way that is not safe.
func (c *Config) CheckMachine(m Machine) {
	before := len(c.Warnings)
	if !c.Global.DynamicInterfaces && c.Global.NetNamespace == "" {
		c.checkInterfaces(m)
	}
	// keepalived looks at programs only when all interfaces are there.
	kind := FaultOfSafety
	if len(c.Warnings) > before {
		kind = FaultOfText
	}
	c.checkUsers(m)
	c.checkPrograms(m, kind)
	sortByLine(c.Warnings)
	sortByLine(c.Notes)
}

func (c *Config) warn(at Position, kind Kind, hint, format string, args ...any) {
	c.Warnings = append(c.Warnings, &Error{Position: at, Message: fmt.Sprintf(format, args...), Hint: hint, Kind: kind})
}

// checkInterfaces reports interfaces that are not there, each once.
func (c *Config) checkInterfaces(m Machine) {
	told := map[string]bool{}
	for i := range c.Instances {
		if vmac := c.Instances[i].VMAC; vmac != nil {
			told[vmac.Name] = true // vipd makes it
		}
	}
	check := func(name string, at Position) {
		if !told[name] && !m.HasInterface(name) {
			told[name] = true
			c.warn(at, FaultOfText, "`ip link` lists those that do; make it first, or write dynamic_interfaces in global_defs",
				"interface %s does not exist", name)
		}
	}
	for i := range c.Instances {
		instance := &c.Instances[i]
		check(instance.Interface, instance.Position)
		for _, list := range [][]VirtualAddress{instance.VirtualAddresses, instance.ExcludedAddresses} {
			for _, address := range list {
				check(address.Device, address.Position)
			}
		}
		for _, tracked := range instance.TrackInterfaces {
			check(tracked.Name, tracked.Position)
		}
	}
}

// checkUsers reports users that do not exist.
func (c *Config) checkUsers(m Machine) {
	check := func(name string, at Position) {
		if name != "" && !m.HasUser(name) {
			c.warn(at, FaultOfText, "", "there is no user %q", name)
		}
	}
	check(c.Global.ScriptUser, Position{File: c.File, Line: 1})
	for _, script := range c.Scripts {
		check(script.User, script.Position)
	}
}

// checkPrograms follows keepalived (check_script_secure in lib/notify.c): it
// does not run what it cannot find, nor, with enable_script_security, as root
// what others than root can change. That enable_script_security is not there
// is one warning for all, of the given kind.
func (c *Config) checkPrograms(m Machine, kind Kind) {
	unprotected := -1
	for i, program := range c.Programs {
		user := cmp.Or(program.User, c.Global.ScriptUser)
		path, err := m.find(program.Path)
		if err != nil {
			c.report(program, FaultOfText, "", "program %s: %v", program.Path, err)
			continue
		}
		if unprotected < 0 {
			unprotected = i
		}
		if !c.Global.EnableScriptSecurity || !m.IsRoot(user) {
			continue
		}
		if part := m.unsafe(path); part != "" {
			c.report(program, FaultOfText, "it is not run as root: give it and its directories to root, and let no other write there (chmod go-w "+part+")",
				"program %s: others than root can change %s", program.Path, part)
		}
	}
	if unprotected >= 0 && !c.Global.EnableScriptSecurity && len(c.Instances) > 0 {
		program := c.Programs[unprotected]
		c.warn(program.Position, kind, "write it in global_defs",
			"programs are run (%s and perhaps others) without enable_script_security", program.Path)
	}
}

// report is a warning of a program whose result counts, else a note.
func (c *Config) report(p Program, kind Kind, hint, format string, args ...any) {
	one := &Error{Position: p.Position, Message: fmt.Sprintf(format, args...), Hint: hint, Kind: kind}
	if p.Check {
		c.Warnings = append(c.Warnings, one)
	} else {
		c.Notes = append(c.Notes, one)
	}
}

// find is the file of a program, without symbolic links.
func (m Machine) find(name string) (string, error) {
	if strings.Contains(name, "/") {
		path, err := m.Readlink(name)
		if err != nil {
			return "", reason(err)
		}
		return path, nil
	}
	for _, directory := range m.Path {
		path := filepath.Join(directory, name)
		if info, err := m.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return m.Readlink(path)
		}
	}
	return "", errors.New("no such program in PATH")
}

// unsafe is the first part of an absolute path that others than root can
// change, or empty.
func (m Machine) unsafe(path string) string {
	parts := []string{path}
	for directory := filepath.Dir(path); ; directory = filepath.Dir(directory) {
		parts = append(parts, directory)
		if directory == filepath.Dir(directory) {
			break
		}
	}
	for _, part := range slices.Backward(parts) {
		info, err := m.Lstat(part)
		if err != nil {
			continue // it was there a moment ago
		}
		owner, group := uint32(0), uint32(0)
		if status, ok := info.Sys().(*syscall.Stat_t); ok {
			owner, group = status.Uid, status.Gid
		}
		mode := info.Mode()
		shared := mode.Perm()&0o002 != 0 || group != 0 && mode.Perm()&0o020 != 0
		if owner != 0 || shared && mode&fs.ModeSticky == 0 {
			return part
		}
	}
	return ""
}
