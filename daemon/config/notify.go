package config

import (
	"math"
	"time"
)

// Command is a program that is run when something happens.
type Command struct {
	Words    []string // the program and its arguments, split as keepalived splits
	User     string   // empty: Global's
	Group    string
	Position Position
}

// Notifies are what is run when the state of an instance or of a sync group
// changes; nil: nothing.
type Notifies struct {
	Master, Backup, Fault, Stop *Command
	Deleted                     *Command // of an instance only, as is LowerHeard
	LowerHeard                  *Command // notify_master_rx_lower_pri
	Any                         *Command // notify: it is told which event, behind its own arguments
	// DeletedNamed is notify_deleted: what a reload takes away is DELETED
	// instead of FAULT.
	DeletedNamed bool
	// PriorityChanges is notify_priority_changes: FIFOs are told of the
	// effective priority.
	PriorityChanges bool
}

// NotifyFIFO is notify_fifo or vrrp_notify_fifo; Path is empty: none.
type NotifyFIFO struct {
	Path        string
	User, Group string   // whose it is to be; empty: it is left as it is
	Script      *Command // is run with the path behind its arguments; nil: none
}

// defaultScriptTimeout is that of startup_script and shutdown_script.
const defaultScriptTimeout = 10 * time.Second

// commandKeyword is the row of a script that is run when something happens.
func commandKeyword[T any](name string, of func(*T) **Command) keyword[T] {
	return keyword[T]{
		name: name, form: "SCRIPT [USER [GROUP]]", min: 1, max: math.MaxInt, first: true,
		set: func(c *converter, to *T, s *Statement) { *of(to) = c.command(s) },
	}
}

// command reads SCRIPT [USER [GROUP]].
func (c *converter) command(s *Statement) *Command {
	words, _, err := commandWords(s.Raw)
	if err != nil {
		c.fail(s.Position, "%s: %v", s.Keyword(), err)
		return nil
	}
	written, _ := splitQuoted(s.Raw) // it was split already
	owner := written[2:]
	command := &Command{Words: words[:len(words)-len(owner)], Position: s.Position}
	if len(owner) > 0 {
		command.User, command.Group = user(owner)
	}
	c.programs = append(c.programs, Program{Path: words[0], User: command.User, Position: s.Position})
	return command
}

// notifyKeywords are the rows that instances and sync groups have.
func notifyKeywords[T any](of func(*T) *Notifies) []keyword[T] {
	script := func(name string, field func(*Notifies) **Command) keyword[T] {
		return commandKeyword(name, func(to *T) **Command { return field(of(to)) })
	}
	return []keyword[T]{
		script("notify_master", func(n *Notifies) **Command { return &n.Master }),
		script("notify_backup", func(n *Notifies) **Command { return &n.Backup }),
		script("notify_fault", func(n *Notifies) **Command { return &n.Fault }),
		script("notify_stop", func(n *Notifies) **Command { return &n.Stop }),
		script("notify", func(n *Notifies) **Command { return &n.Any }),
		flagKeyword("notify_priority_changes", func(to *T) *bool { return &of(to).PriorityChanges }),
	}
}

// instanceNotifyKeywords are those of instances alone.
var instanceNotifyKeywords = []keyword[instanceDraft]{
	{name: "notify_deleted", form: "[SCRIPT [USER [GROUP]]]", max: math.MaxInt, first: true, set: func(c *converter, to *instanceDraft, s *Statement) {
		to.Notify.DeletedNamed = true
		if len(s.Arguments()) > 0 {
			to.Notify.Deleted = c.command(s)
		}
	}},
	commandKeyword("notify_master_rx_lower_pri", func(to *instanceDraft) **Command { return &to.Notify.LowerHeard }),
}

// globalNotifyKeywords are those of global_defs.
var globalNotifyKeywords = []keyword[globalDraft]{
	commandKeyword("startup_script", func(to *globalDraft) **Command { return &to.StartupScript }),
	commandKeyword("shutdown_script", func(to *globalDraft) **Command { return &to.ShutdownScript }),
	scriptTimeout("startup_script_timeout", func(to *globalDraft) *time.Duration { return &to.StartupTimeout }),
	scriptTimeout("shutdown_script_timeout", func(to *globalDraft) *time.Duration { return &to.ShutdownTimeout }),
	fifoKeyword("notify_fifo", func(to *globalDraft) *NotifyFIFO { return &to.FIFO }),
	commandKeyword("notify_fifo_script", func(to *globalDraft) **Command { return &to.FIFO.Script }),
	fifoKeyword("vrrp_notify_fifo", func(to *globalDraft) *NotifyFIFO { return &to.VRRPFIFO }),
	commandKeyword("vrrp_notify_fifo_script", func(to *globalDraft) **Command { return &to.VRRPFIFO.Script }),
	flagKeyword("vrrp_notify_priority_changes", func(to *globalDraft) *bool { return &to.instance.Notify.PriorityChanges }),
	{name: "fifo_write_vrrp_states_on_reload", set: func(_ *converter, to *globalDraft, _ *Statement) { to.FIFOOnReload = true }},
}

func scriptTimeout(name string, of func(*globalDraft) *time.Duration) keyword[globalDraft] {
	return keyword[globalDraft]{name: name, form: "1 to 1000", min: 1, max: 1, set: func(c *converter, to *globalDraft, s *Statement) {
		if value, ok := c.integer(s, name, s.Arguments()[0], 1, 1000); ok {
			*of(to) = time.Duration(value) * time.Second
		}
	}}
}

func fifoKeyword(name string, of func(*globalDraft) *NotifyFIFO) keyword[globalDraft] {
	return keyword[globalDraft]{name: name, form: "PATH [USER [GROUP]]", min: 1, max: 3, first: true, set: func(_ *converter, to *globalDraft, s *Statement) {
		fifo := of(to)
		fifo.Path = s.Arguments()[0]
		if owner := s.Arguments()[1:]; len(owner) > 0 {
			fifo.User, fifo.Group = user(owner)
		}
	}}
}
