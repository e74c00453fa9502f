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
func (w *World) prepareProcess(f fault.Fault, host string) (injection, error) {
	n := w.nodes[host]
	if n == nil {
		return injection{}, errors.New("it is no node")
	}
	restartDaemon := func() error { return n.restart(w, n.isDaemon, n.startDaemon) }
	switch f.Kind { //nolint:exhaustive // the rest is not built yet
	case fault.NginxKilled:
		n.expect(n.web)
		return injection{n.kill(isWeb), func() error { return n.restart(w, isWeb, n.startWeb) }}, nil
	case fault.DaemonStopped:
		n.expect(n.daemon)
		daemon := n.daemon
		return injection{
			func() error { return unix.Kill(daemon.PID, unix.SIGTERM) },
			func() error { return errors.Join(awaitEnd(daemon), restartDaemon()) },
		}, nil
	case fault.DaemonKilled:
		n.expect(n.daemon)
		return injection{n.kill(n.isDaemon), restartDaemon}, nil
	case fault.WorkerKilled:
		n.expect(n.daemon)
		return injection{n.kill(n.isWorker), restartDaemon}, nil
	case fault.GuardianKilled:
		n.expect(n.daemon)
		return injection{n.kill(n.isGuardian), restartDaemon}, nil
	case fault.DaemonPaused:
		return injection{
			n.signal((*sandbox.Host).StopAll, n.isDaemon),
			n.signal((*sandbox.Host).ContinueAll, n.isDaemon),
		}, nil
	default:
		return injection{}, ErrNotBuilt
	}
}

// prepareLink makes the faults of links and traffic.
func (w *World) prepareLink(f fault.Fault, host string) (injection, error) {
	port := w.lab.Host(host).Links[0].Port
	switch f.Kind { //nolint:exhaustive // the rest is not built yet
	case fault.AdvertsDropped:
		return injection{
			func() error { return w.drops.DropVRRP(port, true) },
			func() error { return w.drops.DropVRRP(port, false) },
		}, nil
	case fault.LinkLoss:
		return injection{
			func() error { return w.lab.SetPort(port, false) },
			func() error { return w.lab.SetPort(port, true) },
		}, nil
	default:
		return injection{}, ErrNotBuilt
	}
}

// kill ends all processes that match, at once; there must be one.
func (n *node) kill(match func(sandbox.Info) bool) func() error {
	return n.signal((*sandbox.Host).KillAll, match)
}

// signal sends a signal to all processes that match; there must be one.
func (n *node) signal(
	send func(*sandbox.Host, func(sandbox.Info) bool) ([]sandbox.Info, error), match func(sandbox.Info) bool,
) func() error {
	return func() error {
		machine, err := n.host.Machine()
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
func (n *node) isWorker(info sandbox.Info) bool {
	main := info.PID == n.daemon.PID
	return n.isDaemon(info) && main == (n.subject.name != "keepalived")
}

// isGuardian matches the process that watches over the worker.
func (n *node) isGuardian(info sandbox.Info) bool {
	return n.isDaemon(info) && !n.isWorker(info)
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

// restart starts a program again unless it came back by itself.
func (n *node) restart(w *World, match func(sandbox.Info) bool, start func(*World) error) error {
	machine, err := n.host.Machine()
	if err != nil {
		return err
	}
	all, err := machine.Processes()
	if err != nil {
		return err
	}
	if slices.ContainsFunc(all, match) {
		return nil
	}
	return start(w)
}
