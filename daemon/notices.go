package daemon

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/notify"
	"takeover/daemon/track"
)

const (
	// scriptGrace is between SIGTERM and SIGKILL for a script that is ended.
	scriptGrace = time.Second
	// noticesTimeout is how long the daemon waits at its end for notify scripts.
	noticesTimeout = 5 * time.Second
	// fifoScriptTimeout is how long the script of a FIFO may go on behind its end.
	fifoScriptTimeout = time.Second
)

// notices tells scripts and FIFOs what becomes of instances and groups. It
// belongs to the loop, which never waits for it.
type notices struct {
	logger   *slog.Logger
	runner   *notify.Runner
	run      notify.Run
	fifos    []*fifo
	commands map[*config.Command]notify.Command // those that may be run
	groups   map[string]*config.SyncGroup       // by their members
	told     map[string]notify.Event            // what was said of a group last
}

// fifo is a FIFO with what runs for it.
type fifo struct {
	of     config.NotifyFIFO
	pipe   *notify.FIFO
	cancel context.CancelFunc
	ended  sync.WaitGroup // of its script
}

func execute(ctx context.Context, c notify.Command) (bool, string) {
	return track.Execute(ctx, c.Words, c.Credential, scriptGrace)
}

func newNotices(logger *slog.Logger) *notices {
	return &notices{
		logger: logger, runner: notify.NewRunner(execute, logger), run: execute, told: make(map[string]notify.Event),
	}
}

// adopt goes over to what a configuration says.
func (n *notices) adopt(c *config.Config) {
	n.commands = commandsOf(c, n.logger)
	n.groups = make(map[string]*config.SyncGroup)
	for g := range c.Groups {
		for _, member := range c.Groups[g].Members {
			n.groups[member] = &c.Groups[g]
		}
	}
	wanted := slices.DeleteFunc([]config.NotifyFIFO{c.Global.FIFO, c.Global.VRRPFIFO}, func(f config.NotifyFIFO) bool {
		return f.Path == ""
	})
	former := n.fifos
	n.fifos = nil
	for _, w := range wanted {
		at := slices.IndexFunc(former, func(f *fifo) bool { return config.Same(w, f.of) })
		if at < 0 {
			n.open(w, former)
			continue
		}
		n.fifos = append(n.fifos, former[at])
	}
	for _, f := range former {
		if !slices.Contains(n.fifos, f) {
			go f.end(n.logger) // its script may take its time
		}
	}
	maps.DeleteFunc(n.told, func(group string, _ notify.Event) bool {
		return !slices.ContainsFunc(c.Groups, func(g config.SyncGroup) bool { return g.Name == group })
	})
}

// open opens a FIFO, perhaps one that had another owner or script, and starts
// its script. Without it the daemon goes on, as keepalived does.
func (n *notices) open(of config.NotifyFIFO, former []*fifo) {
	var owner *notify.Owner
	if of.User != "" {
		credential, err := track.ResolveUser(of.User, of.Group)
		if err != nil {
			n.logger.Error("fifo not opened", "fifo", of.Path, "error", err)
			return
		}
		owner = &notify.Owner{UID: os.Geteuid(), GID: os.Getegid()}
		if credential != nil {
			owner = &notify.Owner{UID: int(credential.Uid), GID: int(credential.Gid)}
		}
	}
	pipe, err := notify.OpenFIFO(of.Path, owner)
	if err != nil {
		n.logger.Error("fifo not opened", "error", err)
		return
	}
	for _, f := range former {
		if f.of.Path == of.Path {
			pipe.Inherit(f.pipe)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &fifo{of: of, pipe: pipe, cancel: cancel}
	n.fifos = append(n.fifos, f)
	if of.Script == nil {
		return
	}
	command, may := n.commands[of.Script]
	if !may {
		return
	}
	command.Words = append(slices.Clone(command.Words), of.Path)
	f.ended.Go(func() { notify.Keep(ctx, n.run, command, n.logger) })
}

// end closes a FIFO. Its script can read what is left in it.
func (f *fifo) end(logger *slog.Logger) {
	f.pipe.Close()
	timer := time.AfterFunc(fifoScriptTimeout, f.cancel)
	f.ended.Wait()
	timer.Stop()
	f.cancel()
	if err := f.pipe.Remove(); err != nil {
		logger.Error("fifo not removed", "error", err)
	}
}

// close waits, not for ever, until everything was told, and ends the rest.
func (n *notices) close() {
	if n == nil {
		return
	}
	n.runner.Close(noticesTimeout)
	for _, f := range n.fifos {
		f.end(n.logger)
	}
	n.fifos = nil
}

// say tells the FIFOs, and has those of the commands run that may be.
func (n *notices) say(notice notify.Notice, commands ...*config.Command) {
	var allowed []notify.Command
	for k, c := range commands {
		command, may := n.commands[c]
		if !may {
			continue
		}
		if k > 0 { // that of `notify`
			command.Words = slices.Concat(command.Words, notice.Arguments())
		}
		allowed = append(allowed, command)
	}
	n.runner.Add(notice, allowed...)
	n.write(notice)
}

func (n *notices) write(notice notify.Notice) {
	for _, f := range n.fifos {
		if err := f.pipe.Write(notice); err != nil {
			n.logger.Warn("fifo is full", "error", err)
		}
	}
}

// commandFor is the script of an event.
func commandFor(n *config.Notifies, event notify.Event) *config.Command {
	switch event {
	case notify.Master:
		return n.Master
	case notify.Backup:
		return n.Backup
	case notify.Fault:
		return n.Fault
	case notify.Stop:
		return n.Stop
	case notify.Deleted:
		return n.Deleted
	case notify.LowerHeard:
		return n.LowerHeard
	case notify.None, notify.MasterPriority, notify.BackupPriority:
	}
	return nil
}

// hasNotices reports whether anything is told of in that way.
func hasNotices(c *config.Config) bool {
	return len(commandsIn(c)) > 0 || c.Global.FIFO.Path != "" || c.Global.VRRPFIFO.Path != ""
}

// commandsIn are all that a configuration has run when something happens.
func commandsIn(c *config.Config) []*config.Command {
	g := &c.Global
	all := []*config.Command{g.FIFO.Script, g.VRRPFIFO.Script, g.StartupScript, g.ShutdownScript}
	add := func(n *config.Notifies) {
		all = append(all, n.Master, n.Backup, n.Fault, n.Stop, n.Deleted, n.LowerHeard, n.Any)
	}
	for i := range c.Instances {
		add(&c.Instances[i].Notify)
	}
	for i := range c.Groups {
		add(&c.Groups[i].Notify)
	}
	return slices.DeleteFunc(all, func(one *config.Command) bool { return one == nil })
}

// RunsScripts reports whether a configuration has programs run.
func RunsScripts(c *config.Config) bool { return len(c.Scripts)+len(commandsIn(c)) > 0 }

// commandsOf are those that may be run. As with keepalived, one whose user does
// not exist is not, nor with enable_script_security one that would run as root
// although others than root could change it.
func commandsOf(c *config.Config, logger *slog.Logger) map[*config.Command]notify.Command {
	type key struct{ program, user, group string }
	type verdict struct {
		credential *syscall.Credential
		err        error
	}
	known := make(map[key]verdict)
	commands := make(map[*config.Command]notify.Command)
	for _, one := range commandsIn(c) {
		user, group := one.User, one.Group
		if user == "" {
			user, group = c.Global.ScriptUser, cmp.Or(group, c.Global.ScriptGroup)
		}
		k := key{one.Words[0], user, group}
		v, is := known[k]
		if !is {
			v.credential, v.err = track.ResolveUser(user, group)
			runsAsRoot := v.credential == nil || v.credential.Uid == 0
			if v.err == nil && runsAsRoot && c.Global.EnableScriptSecurity {
				v.err = track.SecurityProblem(k.program)
			}
			known[k] = v
			if v.err != nil {
				logger.Error("script is not run", "script", k.program, "at", one.Position.String(), "error", v.err)
			}
		}
		if v.err == nil {
			commands[one] = notify.Command{Words: one.Words, Credential: v.credential}
		}
	}
	return commands
}

// runOnce runs the script of the daemon's start or end, and waits for it,
// unless ctx ends.
func runOnce(ctx context.Context, c *config.Config, logger *slog.Logger, what string, one *config.Command, timeout time.Duration) {
	if one == nil {
		return
	}
	command, may := commandsOf(c, logger)[one]
	if !may {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	began := time.Now()
	success, status := execute(ctx, command)
	log := logger.Info
	if !success {
		log = logger.Warn
	}
	log(what, "script", one.Words[0], "status", status, "took", time.Since(began))
}
