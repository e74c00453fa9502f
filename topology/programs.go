package topology

import (
	"path"
	"slices"
	"strings"
)

// programs wants a host's files and processes to be whole.
func (v *validation) programs(host Host, at []any) {
	files := map[string]bool{}
	for _, file := range host.Files {
		where := below(at, "files", file.Path)
		switch {
		case !path.IsAbs(file.Path) || path.Clean(file.Path) != file.Path || file.Path == "/":
			v.fail(where, "file %q: a path is absolute and has no . or ..", file.Path)
		case files[file.Path]:
			v.fail(where, "file %s: given twice", file.Path)
		}
		files[file.Path] = true
	}
	names := map[string]bool{}
	for i, process := range host.Processes {
		where := below(at, "processes", i)
		v.process(process, where)
		if names[process.Name] {
			v.fail(where, "process %q is there twice: give one of them another name", process.Name)
		}
		names[process.Name] = true
	}
	daemons := slices.DeleteFunc(slices.Clone(host.Processes), func(p Process) bool { return !p.Kind.IsDaemon() })
	if len(daemons) > 1 {
		v.fail(below(at, "processes"), "a host runs one VRRP daemon, not %d", len(daemons))
	}
}

// IsDaemon reports whether processes of the kind are VRRP daemons.
func (k ProcessKind) IsDaemon() bool {
	return slices.Contains([]ProcessKind{ProcessSubject, ProcessVIPD, ProcessKeepalived, ProcessFRR}, k)
}

func (v *validation) process(p Process, where []any) {
	switch {
	case !slices.Contains(ProcessKinds(), p.Kind):
		v.fail(where, "unknown kind of process %q", p.Kind)
	case p.Kind == ProcessCommand && (len(p.Command) == 0 || p.Command[0] == ""):
		v.fail(where, "a process of kind command needs a command")
	case p.Kind != ProcessCommand && len(p.Command) > 0:
		v.fail(where, "a process of kind %s takes no command", p.Kind)
	case p.Kind.IsDaemon() && p.Config == "":
		v.fail(where, "a process of kind %s needs a config", p.Kind)
	}
	for _, variable := range p.Environment {
		name, _, ok := strings.Cut(variable, "=")
		if !ok || name == "" || strings.ContainsRune(variable, 0) {
			v.fail(where, "environment: %q is not NAME=VALUE", variable)
		}
	}
	if !hostName.MatchString(p.Name) {
		v.fail(where, "process %q: a name has 1 to 32 lower-case letters, digits and hyphens and starts with a letter", p.Name)
	}
}
