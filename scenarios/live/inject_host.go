package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/fault"
	"takeover/topology/sandbox"
)

// everything matches every process.
func everything(sandbox.Info) bool { return true }

// named matches the processes of a host's service of that name, and those of a
// program that is called so.
func (s *Stand) named(host, name string) func(sandbox.Info) bool {
	v := s.find(func(v *service) bool { return v.on.Name == host && v.name == name })
	return func(info sandbox.Info) bool { return info.Name == name || v != nil && v.owns(info) }
}

// reach sends a signal to the host's processes that match.
func (s *Stand) reach(
	host string, send func(*sandbox.Host, func(sandbox.Info) bool) ([]sandbox.Info, error), match func(sandbox.Info) bool,
) error {
	machine, err := s.lab.Host(host).Machine()
	if err != nil {
		return err
	}
	_, err = send(machine, match)
	return err
}

// mustRun is an error when no process of the host matches.
func (s *Stand) mustRun(host, name string, match func(sandbox.Info) bool) error {
	machine, err := s.lab.Host(host).Machine()
	if err != nil {
		return err
	}
	all, err := machine.Processes()
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, match) {
		return fmt.Errorf("no process %s runs", name)
	}
	return nil
}

// preparePause stops what matches. What stood still before stays so in the end.
func (s *Stand) preparePause(match func(sandbox.Info) bool, host string) (injection, error) {
	if err := s.mustRun(host, "of that name", match); err != nil {
		return injection{}, err
	}
	ours := map[int]bool{}
	stopping := func(info sandbox.Info) bool {
		if match(info) && !ours[info.PID] && !isStopped(info.PID) {
			ours[info.PID] = true
		}
		return ours[info.PID]
	}
	return injection{
		func() error { return s.reach(host, (*sandbox.Host).StopAll, stopping) },
		func() error {
			return s.reach(host, (*sandbox.Host).ContinueAll, func(info sandbox.Info) bool { return ours[info.PID] })
		},
	}, nil
}

// prepareSignal sends any signal; what ends of it is started again.
func (s *Stand) prepareSignal(f fault.Fault, host string) (injection, error) {
	signal := unix.SignalNum("SIG" + strings.TrimPrefix(f.Signal, "SIG"))
	switch signal { //nolint:exhaustive // the rest goes to the processes as it is
	case 0:
		return injection{}, fmt.Errorf("unknown signal %q", f.Signal)
	case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
		return injection{}, fmt.Errorf("SIG%s ends nothing; %s is the fault for it", f.Signal, fault.ProcessPaused)
	}
	match := s.named(host, f.Process)
	if err := s.mustRun(host, f.Process, match); err != nil {
		return injection{}, err
	}
	var struck []*service
	var ending []*sandbox.Process
	for _, v := range s.services {
		if v.on.Name == host && (v.name == f.Process || v.program == f.Process) {
			struck, ending = append(struck, v), append(ending, v.expect())
		}
	}
	var killed []sandbox.Info
	send := func() error {
		machine, err := s.lab.Host(host).Machine()
		if err != nil {
			return err
		}
		if signal == unix.SIGKILL {
			killed, err = machine.KillAll(match)
		} else {
			_, err = machine.SignalAll(match, signal)
		}
		return err
	}
	return injection{send, func() error {
		for _, process := range ending {
			if process != nil && !endures(signal) {
				// One that ignores the signal runs on; then there is nothing to restart.
				_ = awaitEnd(process)
			}
		}
		return errors.Join(awaitDead(killed), s.startAgain(struck))
	}}, nil
}

// endures says that programs commonly outlive a signal.
func endures(signal unix.Signal) bool {
	lasting := []unix.Signal{
		unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH, unix.SIGCONT, unix.SIGCHLD, unix.SIGURG, unix.SIGPIPE,
	}
	return slices.Contains(lasting, signal)
}

// startAgain starts those that do not run.
func (s *Stand) startAgain(services []*service) error {
	var errs []error
	for _, v := range services {
		errs = append(errs, v.restart(s))
	}
	return errors.Join(errs...)
}

// servicesOf are those of a host, in the order in which they are started.
func (s *Stand) servicesOf(host string) []*service {
	return slices.DeleteFunc(slices.Clone(s.services), func(v *service) bool { return v.on.Name != host })
}

// prepareCrash silences the links first, so that nobody hears of the processes'
// ends, and ends all of them at once. A host that starts again has what its Spec
// gives it, and nothing that its processes left in the kernel. A port that
// another fault holds down stays so.
func (s *Stand) prepareCrash(f fault.Fault, host string) injection {
	services, ports := s.servicesOf(host), s.portNames(host)
	if s.holdsDown(host) {
		ports = ports[1:]
	}
	set := func(up bool) error {
		var errs []error
		for _, port := range ports {
			errs = append(errs, s.lab.SetPort(port, up))
		}
		return errors.Join(errs...)
	}
	var killed []sandbox.Info
	kill := func() error {
		machine, err := s.lab.Host(host).Machine()
		if err != nil {
			return err
		}
		victims, err := machine.KillAll(everything)
		killed = append(killed, victims...)
		return err
	}
	var rebooting *going
	booted := false
	boot := func() error {
		booted = true
		err := errors.Join(kill(), awaitDead(killed), s.lab.Host(host).Reset(), set(true))
		return errors.Join(err, s.startAgain(services))
	}
	return injection{
		func() error {
			for _, v := range services {
				v.expect()
			}
			err := errors.Join(set(false), kill())
			if err == nil && f.Kind == fault.HostRebooted {
				rebooting = later(time.Duration(f.After), boot)
			}
			return err
		},
		func() error {
			if err := rebooting.end(); booted {
				return err
			}
			return boot()
		},
	}
}

// holdsDown says that a fault in force holds the host's first port down.
func (s *Stand) holdsDown(host string) bool {
	return slices.ContainsFunc(s.forces, func(force Force) bool {
		return force.Host == host && (force.Fault.Kind == fault.LinkLoss || force.Fault.Kind == fault.LinkFlaps)
	})
}

// hogRole is a process that is busy for ever.
const hogRole = "hog"

func hog([]string) error {
	for n := 0; ; n++ {
		_ = n * n
	}
}

func (s *Stand) prepareHogs(f fault.Fault, host string) (injection, error) {
	machine, err := s.lab.Host(host).Machine()
	if err != nil {
		return injection{}, err
	}
	var hogs []*sandbox.Process
	return injection{
		func() error {
			for range f.Count {
				command := sandbox.Command{Name: hogRole, Env: append(environment(), "GOMAXPROCS=1")}
				command.Path, command.Args = sandbox.RoleCommand(hogRole)
				process, err := machine.Start(command)
				if err != nil {
					return err
				}
				hogs = append(hogs, process)
			}
			return nil
		},
		func() error {
			var errs []error
			for _, process := range hogs {
				if err := unix.Kill(process.PID, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
					errs = append(errs, err)
				}
				errs = append(errs, awaitEnd(process))
			}
			return errors.Join(errs...)
		},
	}, nil
}

// quotaPeriod is in which the processes run for their share: the kernel's own
// default for quotas is 100 ms, sched-bwc.rst.
const quotaPeriod = 100 * time.Millisecond

// prepareQuota stops and continues all processes of the host in turn. A control
// group would outlive a harness that is killed.
func (s *Stand) prepareQuota(f fault.Fault, host string) (injection, error) {
	if err := s.mustRun(host, "at all", everything); err != nil {
		return injection{}, err
	}
	run := quotaPeriod * time.Duration(f.Percent) / 100
	var turns *going
	goOnAll := func() error { return s.reach(host, (*sandbox.Host).ContinueAll, everything) }
	return injection{
		func() error {
			turns = goOn(func(ctx context.Context) error {
				for run < quotaPeriod {
					if err := s.reach(host, (*sandbox.Host).StopAll, everything); err != nil {
						return err
					}
					if !passes(ctx, quotaPeriod-run) {
						return nil
					}
					if err := goOnAll(); err != nil {
						return err
					}
					if !passes(ctx, run) {
						return nil
					}
				}
				return nil
			})
			return nil
		},
		func() error { return errors.Join(turns.end(), goOnAll()) },
	}, nil
}

// prepareLimit bounds a resource of all processes of the service, and of those
// that they start: getrlimit(2).
func (v *service) prepareLimit(resource int, limit uint64) (injection, error) {
	machine, err := v.host.Machine()
	if err != nil {
		return injection{}, err
	}
	each := func(set func(pid int) error) error {
		all, err := machine.Processes()
		if err != nil {
			return err
		}
		for _, info := range all {
			if !v.owns(info) {
				continue
			}
			if err := set(info.PID); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("limit %s (%d): %w", info.Name, info.PID, err)
			}
		}
		return nil
	}
	// Its first process may be gone: a guardian has replaced it.
	var before *unix.Rlimit
	if err := each(func(pid int) error {
		var limit unix.Rlimit
		err := unix.Prlimit(pid, resource, nil, &limit)
		if err == nil && before == nil {
			before = &limit
		}
		return err
	}); err != nil {
		return injection{}, err
	}
	if before == nil {
		return injection{}, errors.New("it does not run")
	}
	known := map[int]unix.Rlimit{}
	return injection{
		func() error {
			return each(func(pid int) error {
				var old unix.Rlimit
				if err := unix.Prlimit(pid, resource, nil, &old); err != nil {
					return err
				}
				known[pid] = old
				return unix.Prlimit(pid, resource, &unix.Rlimit{Cur: min(limit, old.Max), Max: old.Max}, nil)
			})
		},
		func() error { // those that they started meanwhile have inherited it
			return each(func(pid int) error {
				var now unix.Rlimit
				if err := unix.Prlimit(pid, resource, nil, &now); err != nil || now.Cur != min(limit, now.Max) {
					return err
				}
				old, ok := known[pid]
				if !ok {
					old = *before
				}
				return unix.Prlimit(pid, resource, &old, nil)
			})
		},
	}, nil
}

// mountRole changes mounts in the host where it runs.
const mountRole = "mount"

// The verbs of mountRole.
const (
	mountCover = "cover" // SOURCE PATH: the file is seen at PATH
	mountFull  = "full"  // PATH SCRATCH: what is there can be read; there is no room to write
	mountUndo  = "undo"  // PATH...: takes away what was mounted last at each
	mountGone  = "gone"  // PATH: removes the empty directory
)

func runMount(args []string) error {
	switch {
	case len(args) == 3 && args[0] == mountCover:
		return unix.Mount(args[1], args[2], "", unix.MS_BIND, "")
	case len(args) == 3 && args[0] == mountFull:
		return mountWithoutRoom(args[1], args[2])
	case len(args) == 2 && args[0] == mountGone:
		return os.Remove(args[1])
	case len(args) > 1 && args[0] == mountUndo:
		var errs []error
		for _, path := range args[1:] {
			if err := unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) {
				errs = append(errs, fmt.Errorf("unmount %s: %w", path, err))
			}
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("mount: unknown arguments %q", args)
}

// mount changes mounts in a host.
func (s *Stand) mount(host string, args ...string) error {
	machine, err := s.lab.Host(host).Machine()
	if err != nil {
		return err
	}
	var said strings.Builder
	command := sandbox.Command{Name: mountRole, Env: environment(), Output: &said}
	command.Path, command.Args = sandbox.RoleCommand(mountRole, args...)
	process, err := machine.Start(command)
	if err != nil {
		return err
	}
	if err := awaitEnd(process); err != nil {
		return err
	}
	if process.Status() != exitedWell {
		return fmt.Errorf("mount %s: %s", strings.Join(args, " "), strings.TrimSpace(said.String()))
	}
	return nil
}

// scratch is a directory of a host's own.
func (s *Stand) scratch(host string) string {
	return filepath.Join(sandbox.Dir, hostsDirectory, host)
}
