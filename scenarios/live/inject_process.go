package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/fault"
	"takeover/topology/sandbox"
)

// prepareProcess makes the faults of processes.
func (s *Stand) prepareProcess(f fault.Fault, host string) (injection, error) {
	switch f.Kind { //nolint:exhaustive // the rest is the daemon's
	case fault.NginxKilled:
		return s.prepareWeb(host)
	case fault.WebFails:
		return s.prepareWrongWeb(f, host)
	case fault.ProcessKilled:
		return s.prepareSignal(f, host)
	case fault.ProcessPaused:
		return s.preparePause(s.named(host, f.Process), host)
	case fault.DiskFull:
		return s.prepareFullDisk(f, host)
	case fault.CPUHogs:
		return s.prepareHogs(f, host)
	case fault.CPUQuota:
		return s.prepareQuota(f, host)
	case fault.HostFrozen:
		return s.preparePause(everything, host)
	case fault.HostCrashed, fault.HostRebooted:
		return s.prepareCrash(f, host), nil
	}
	v := s.daemon(host)
	if v == nil {
		return injection{}, errors.New("it has no VRRP daemon")
	}
	return s.prepareDaemon(f, v)
}

// prepareDaemon makes the faults of the VRRP daemon.
func (s *Stand) prepareDaemon(f fault.Fault, v *service) (injection, error) {
	restart := func() error { return v.restart(s) }
	switch f.Kind { //nolint:exhaustive // of other processes and families
	case fault.DaemonStopped:
		daemon := v.expect()
		return injection{
			func() error { return terminate(daemon) },
			func() error { return errors.Join(awaitEnd(daemon), restart()) },
		}, nil
	case fault.DaemonRestarted:
		daemon := v.expect()
		var restarting *going
		return injection{func() error {
			restarting = goOn(func(context.Context) error { return errors.Join(awaitEnd(daemon), restart()) })
			return terminate(daemon)
		}, func() error { return restarting.wait() }}, nil
	case fault.DaemonReloaded:
		return s.prepareReload(f, v)
	case fault.DaemonKilled:
		v.expect()
		return injection{v.kill(v.owns), restart}, nil
	case fault.WorkerKilled:
		v.expect()
		return injection{v.kill(v.isWorker), restart}, nil
	case fault.GuardianKilled:
		v.expect()
		return injection{v.kill(v.isGuardian), restart}, nil
	case fault.DaemonPaused:
		return s.preparePause(v.owns, v.on.Name)
	case fault.ScriptFails:
		return s.prepareScript(f, v)
	case fault.FilesLimited:
		return v.prepareLimit(unix.RLIMIT_NOFILE, uint64(f.Count))
	case fault.MemoryLimited:
		return v.prepareLimit(unix.RLIMIT_AS, uint64(f.Size))
	default:
		return injection{}, ErrNotBuilt
	}
}

// terminate tells a process to end.
func terminate(p *sandbox.Process) error {
	if err := unix.Kill(p.PID, unix.SIGTERM); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

func (s *Stand) prepareWeb(host string) (injection, error) {
	v := s.web(host)
	if v == nil {
		return injection{}, errors.New("it has no web server")
	}
	v.expect()
	return injection{v.kill(v.owns), func() error { return v.restart(s) }}, nil
}

// kill ends all processes that match, at once; there must be one.
func (v *service) kill(match func(sandbox.Info) bool) func() error {
	return v.signal(func(machine *sandbox.Host, match func(sandbox.Info) bool) ([]sandbox.Info, error) {
		killed, err := machine.KillAll(match)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.killed = killed
		return killed, err
	}, match)
}

// signal sends a signal to all processes that match; there must be one.
func (v *service) signal(
	send func(*sandbox.Host, func(sandbox.Info) bool) ([]sandbox.Info, error), match func(sandbox.Info) bool,
) func() error {
	return func() error {
		machine, err := v.host.Machine()
		if err != nil {
			return err
		}
		reached, err := send(machine, match)
		if err == nil && len(reached) == 0 {
			err = errors.New("no such process")
		}
		return err
	}
}

// isWorker matches the process that speaks VRRP: keepalived's child, and the
// others' main process.
func (v *service) isWorker(info sandbox.Info) bool {
	main := info.PID == v.running().PID
	return v.owns(info) && main == (v.subject.name != "keepalived")
}

// isGuardian matches the process that watches over the worker.
func (v *service) isGuardian(info sandbox.Info) bool {
	return v.owns(info) && !v.isWorker(info)
}

// stopBound is how long a program may take to end after SIGTERM.
const stopBound = 5 * time.Second

func awaitEnd(p *sandbox.Process) error {
	select {
	case <-p.Done():
		return nil
	case <-time.After(stopBound):
		return fmt.Errorf("%s did not end within %s after SIGTERM", p.Name, stopBound)
	}
}

// dyingBound is how long processes may take to be gone after the first of them
// is: those that were killed with it are there for a moment, those that live on
// without it stay.
const dyingBound = time.Second

// restart starts the program again unless it came back by itself.
func (v *service) restart(s *Stand) error {
	v.mu.Lock()
	killed := v.killed
	v.killed = nil
	v.mu.Unlock()
	if err := awaitDead(killed); err != nil {
		return err
	}
	machine, err := v.host.Machine()
	if err != nil {
		return err
	}
	for end := time.Now().Add(dyingBound); ; time.Sleep(askRest) {
		all, err := machine.Processes()
		if err != nil {
			return err
		}
		switch {
		case !slices.ContainsFunc(all, v.owns):
			return v.start(s)
		case v.runs() || time.Now().After(end):
			return nil
		}
	}
}

// runs says whether the service's first process has not ended.
func (v *service) runs() bool {
	process := v.running()
	if process == nil {
		return false
	}
	select {
	case <-process.Done():
		return false
	default:
		return true
	}
}

// awaitDead waits until killed processes have let go of their files and locks:
// one that is dying has them for a moment after it can't be listed any more.
func awaitDead(killed []sandbox.Info) error {
	for end := time.Now().Add(stopBound); ; time.Sleep(askRest) {
		if !slices.ContainsFunc(killed, func(info sandbox.Info) bool { return !isDead(info.PID) }) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("processes did not end within %s after SIGKILL", stopBound)
		}
	}
}

// isDead says that no thread of the process is left but the first, as a zombie:
// while there is another one, the files are open.
func isDead(pid int) bool {
	state := stateOf(pid)
	if state != 0 && state != 'Z' && state != 'X' {
		return false
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	return err != nil || len(threads) <= 1
}

// stateOf is a process's state, which stands after its name in parentheses
// (proc_pid_stat(5)); 0 when there is no such process.
func stateOf(pid int) byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, after, _ := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte(" "))
	if len(after) == 0 {
		return 0
	}
	return after[0]
}

func isStopped(pid int) bool { return stateOf(pid) == 'T' }
