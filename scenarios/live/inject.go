package live

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/topology/sandbox"
)

func (p Plan) fault() fault.Fault {
	f, err := fault.Named(p.Fault)
	if err != nil {
		panic(err) // Validate came first
	}
	return f
}

// Inject implements scenarios.World.
func (w *World) Inject(_ context.Context, f fault.Fault, host string) (time.Duration, error) {
	n := w.nodes[host]
	if n == nil {
		return 0, fmt.Errorf("%s is no node", host)
	}
	w.mu.Lock()
	w.settled = true
	w.mu.Unlock()
	apply := w.injection(f, n)
	last := w.lastAdvert(host)
	start := w.clock.Now()
	err := apply()
	took := w.clock.Now() - start
	w.log.Append(start, host, history.FaultStart{Fault: f.Name(), Undo: f.Undo(), Phase: start - last, Took: took})
	return start, err
}

// lastAdvert is when host last sent an advertisement.
func (w *World) lastAdvert(host string) time.Duration {
	var last time.Duration
	for _, event := range w.log.Events() {
		if advert, ok := event.Body.(history.Advert); ok && advert.Direction == history.FromHost && event.Host == host {
			last = max(last, event.At)
		}
	}
	return last
}

// injection is the call that applies a fault, with all that takes time done
// beforehand.
func (w *World) injection(f fault.Fault, n *node) func() error {
	port := n.host.Links[0].Port
	switch f.Kind { //nolint:exhaustive // the rest is not built yet
	case fault.NginxKilled:
		n.expect(n.web)
		return n.kill(isWeb)
	case fault.AdvertsDropped:
		return func() error { return w.drops.DropVRRP(port, true) }
	case fault.LinkLoss:
		return func() error { return w.lab.SetPort(port, false) }
	case fault.DaemonStopped:
		n.expect(n.daemon)
		return func() error { return unix.Kill(n.daemon.PID, unix.SIGTERM) }
	case fault.DaemonKilled:
		n.expect(n.daemon)
		return n.kill(n.isDaemon)
	case fault.WorkerKilled:
		n.expect(n.daemon)
		return n.kill(n.isWorker)
	case fault.GuardianKilled:
		n.expect(n.daemon)
		return n.kill(n.isGuardian)
	case fault.DaemonPaused:
		return n.signal((*sandbox.Host).StopAll, n.isDaemon)
	default:
		return func() error { return fmt.Errorf("fault %s is not built here", f.Name()) }
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

// Heal implements scenarios.World.
func (w *World) Heal(_ context.Context, f fault.Fault, host string) error {
	n := w.nodes[host]
	start := w.clock.Now()
	var err error
	switch f.Kind { //nolint:exhaustive // the rest is not built yet
	case fault.NginxKilled:
		err = n.restart(w, isWeb, n.startWeb)
	case fault.AdvertsDropped:
		err = w.drops.DropVRRP(n.host.Links[0].Port, false)
	case fault.LinkLoss:
		err = w.lab.SetPort(n.host.Links[0].Port, true)
	case fault.DaemonStopped:
		if err = awaitEnd(n.daemon); err == nil {
			err = n.restart(w, n.isDaemon, n.startDaemon)
		}
	case fault.DaemonKilled, fault.WorkerKilled, fault.GuardianKilled:
		err = n.restart(w, n.isDaemon, n.startDaemon)
	case fault.DaemonPaused:
		err = n.signal((*sandbox.Host).ContinueAll, n.isDaemon)()
	default:
		err = fmt.Errorf("fault %s is not built here", f.Name())
	}
	end := w.clock.Now()
	w.log.Append(end, host, history.FaultEnd{Fault: f.Name(), Took: end - start})
	return err
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
