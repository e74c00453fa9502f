package fault

import (
	"fmt"
	"slices"
	"strings"
)

// Fault is one disturbance of one host. The set is closed.
//
//sumtype:decl
type Fault interface {
	// Name is what the command line and reports call it.
	Name() string
	// Summary says in a few words what happens.
	Summary() string
	// Undo says in a few words what heals it.
	Undo() string
	isFault()
}

type (
	// NginxKilled ends the web server, its master and workers, with SIGKILL.
	NginxKilled struct{}
	// AdvertsDropped drops the host's VRRP advertisements in the switch, and
	// nothing else.
	AdvertsDropped struct{}
	// LinkLoss takes the carrier away at the switch's port.
	LinkLoss struct{}
	// DaemonStopped ends the VRRP daemon in order, with SIGTERM.
	DaemonStopped struct{}
	// DaemonKilled ends all processes of the VRRP daemon at once, with SIGKILL.
	DaemonKilled struct{}
	// WorkerKilled ends only the daemon's process that speaks VRRP, with
	// SIGKILL: vipd's worker, keepalived's VRRP child.
	WorkerKilled struct{}
	// GuardianKilled ends only the process that watches over the worker, with
	// SIGKILL: vipd's guardian, keepalived's parent.
	GuardianKilled struct{}
	// DaemonPaused stops all processes of the VRRP daemon at once, with
	// SIGSTOP: they hang, or get no processor, and the host lives on.
	DaemonPaused struct{}
)

func (NginxKilled) isFault()    {}
func (AdvertsDropped) isFault() {}
func (LinkLoss) isFault()       {}
func (DaemonStopped) isFault()  {}
func (DaemonKilled) isFault()   {}
func (WorkerKilled) isFault()   {}
func (GuardianKilled) isFault() {}
func (DaemonPaused) isFault()   {}

// Name implements Fault.
func (NginxKilled) Name() string    { return "nginx-killed" }
func (AdvertsDropped) Name() string { return "adverts-dropped" }
func (LinkLoss) Name() string       { return "link-loss" }
func (DaemonStopped) Name() string  { return "daemon-stopped" }
func (DaemonKilled) Name() string   { return "daemon-killed" }
func (WorkerKilled) Name() string   { return "worker-killed" }
func (GuardianKilled) Name() string { return "guardian-killed" }
func (DaemonPaused) Name() string   { return "daemon-paused" }

// Summary implements Fault.
func (NginxKilled) Summary() string { return "SIGKILL to nginx's master and workers" }

func (AdvertsDropped) Summary() string { return "the switch drops the host's VRRP (IP protocol 112)" }
func (LinkLoss) Summary() string       { return "carrier down at the switch's port" }
func (DaemonStopped) Summary() string  { return "SIGTERM to the VRRP daemon" }
func (DaemonKilled) Summary() string   { return "SIGKILL to all processes of the VRRP daemon" }
func (WorkerKilled) Summary() string   { return "SIGKILL to the daemon's process that speaks VRRP" }
func (GuardianKilled) Summary() string { return "SIGKILL to the process that watches over it" }
func (DaemonPaused) Summary() string   { return "SIGSTOP to all processes of the VRRP daemon" }

// Undo implements Fault.
func (NginxKilled) Undo() string    { return "start nginx" }
func (AdvertsDropped) Undo() string { return "let VRRP pass" }
func (LinkLoss) Undo() string       { return "port up" }
func (DaemonStopped) Undo() string  { return "start the daemon" }
func (DaemonKilled) Undo() string   { return "start the daemon" }
func (WorkerKilled) Undo() string   { return "start the daemon if it did not come back by itself" }
func (GuardianKilled) Undo() string { return "start the daemon if it did not come back by itself" }
func (DaemonPaused) Undo() string   { return "SIGCONT" }

// All returns every fault.
func All() []Fault {
	return append(Drill(), WorkerKilled{}, GuardianKilled{}, DaemonPaused{})
}

// Drill returns the five that a drill injects when it is asked for none.
func Drill() []Fault {
	return []Fault{NginxKilled{}, AdvertsDropped{}, LinkLoss{}, DaemonStopped{}, DaemonKilled{}}
}

// Named returns the fault of that name.
func Named(name string) (Fault, error) {
	all := All()
	i := slices.IndexFunc(all, func(f Fault) bool { return f.Name() == name })
	if i < 0 {
		return nil, fmt.Errorf("unknown fault %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return all[i], nil
}

// Names returns the names of all faults.
func Names() []string {
	var names []string
	for _, f := range All() {
		names = append(names, f.Name())
	}
	return names
}
