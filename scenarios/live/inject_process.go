package live

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/fault"
	"takeover/topology/sandbox"
)

// prepareProcess makes the faults of processes.
func (s *Stand) prepareProcess(f fault.Fault, host string) (injection, error) {
	if f.Kind == fault.NginxKilled {
		return s.prepareWeb(host)
	}
	v := s.daemon(host)
	if v == nil {
		return injection{}, errors.New("it has no VRRP daemon")
	}
	restart := func() error { return v.restart(s) }
	switch f.Kind { //nolint:exhaustive // the rest is not built yet
	case fault.DaemonStopped:
		daemon := v.expect()
		return injection{
			func() error { return unix.Kill(daemon.PID, unix.SIGTERM) },
			func() error { return errors.Join(awaitEnd(daemon), restart()) },
		}, nil
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
		return injection{
			v.signal((*sandbox.Host).StopAll, v.owns),
			v.signal((*sandbox.Host).ContinueAll, v.owns),
		}, nil
	default:
		return injection{}, ErrNotBuilt
	}
}

func (s *Stand) prepareWeb(host string) (injection, error) {
	v := s.web(host)
	if v == nil {
		return injection{}, errors.New("it has no web server")
	}
	v.expect()
	return injection{v.kill(v.owns), func() error { return v.restart(s) }}, nil
}

// prepareLink makes the faults of links and traffic.
func (s *Stand) prepareLink(f fault.Fault, host string) (injection, error) {
	links := s.lab.Host(host).Links
	if len(links) == 0 {
		return injection{}, errors.New("it has no link")
	}
	port := links[0].Port
	switch f.Kind { //nolint:exhaustive // the rest is not built yet
	case fault.AdvertsDropped:
		return injection{
			func() error { return s.drops.DropVRRP(port, true) },
			func() error { return s.drops.DropVRRP(port, false) },
		}, nil
	case fault.LinkLoss:
		return injection{
			func() error { return s.lab.SetPort(port, false) },
			func() error { return s.lab.SetPort(port, true) },
		}, nil
	default:
		return injection{}, ErrNotBuilt
	}
}

// kill ends all processes that match, at once; there must be one.
func (v *service) kill(match func(sandbox.Info) bool) func() error {
	return v.signal((*sandbox.Host).KillAll, match)
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

// restart starts the program again unless it came back by itself.
func (v *service) restart(s *Stand) error {
	machine, err := v.host.Machine()
	if err != nil {
		return err
	}
	all, err := machine.Processes()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, v.owns) {
		return nil
	}
	return v.start(s)
}
