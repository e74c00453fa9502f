package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/probe"
	"takeover/topology/sandbox"
)

// probeTimeout is when a request is given up.
const probeTimeout = time.Second

// observe starts everything that watches from now to the trial's end.
func (w *World) observe() error {
	w.observers = append(w.observers, probe.StartCanary(w.clock, w.log))
	if err := w.capture(); err != nil {
		return err
	}
	for _, host := range w.lab.Spec.Hosts {
		if host.Name == observerName {
			continue
		}
		watch, err := probe.WatchHost(w.clock, w.log, probe.HostOptions{
			Host: host.Name, Namespace: w.lab.Host(host.Name).Network.Path(), Neighbours: host.Name == clientName,
		})
		if err != nil {
			return err
		}
		w.observers = append(w.observers, watch)
	}
	owners, err := probe.StartOwnerProbe(w.clock, w.log, probe.OwnerOptions{
		Namespace: w.lab.Host(observerName).Network.Path(), Interface: clientDevice,
		VIP: w.plan.Cluster.VIPs[0].Addr(), Period: w.plan.Periods.Owners, Hosts: w.macs(),
	})
	if err != nil {
		return err
	}
	w.observers = append(w.observers, owners)
	return nil
}

// capture listens at every host's port; the observer's is left out, which
// carries nothing but its own questions.
func (w *World) capture() error {
	o := probe.CaptureOptions{Namespace: w.lab.Switch().Path()}
	for _, host := range w.lab.Spec.Hosts {
		if host.Name != observerName {
			o.Ports = append(o.Ports, probe.Port{Host: host.Name, Interface: w.lab.Host(host.Name).Links[0].Port})
		}
	}
	if w.plan.Pcap {
		file, err := os.Create(filepath.Join(sandbox.Dir, CaptureFile))
		if err != nil {
			return err
		}
		o.PCAPNG = file
		w.closers = append(w.closers, file.Close)
	}
	watch, err := probe.StartCapture(w.clock, w.log, o)
	if err != nil {
		return err
	}
	w.observers = append(w.observers, watch)
	return nil
}

// macs leads from the nodes' MAC addresses, and those that they give the VIP,
// to their names.
func (w *World) macs() map[string]string {
	macs := map[string]string{}
	for i, seat := range w.plan.Cluster.Seats {
		macs[w.mac(seat.Name)] = seat.Name
		if virtual := w.subjects[i].virtualMAC; virtual != nil {
			macs[virtual(w.plan.Cluster)] = seat.Name
		}
	}
	return macs
}

// startClient starts the client's probes, as a process in its host.
func (w *World) startClient() error {
	o := probe.ClientOptions{
		Host: clientName, VIP: w.plan.Cluster.VIPs[0].Addr(),
		ICMPPeriod: w.plan.Periods.ICMP, HTTPPeriod: w.plan.Periods.HTTP, Timeout: probeTimeout,
		Origin: w.clock.Origin(), MACs: w.macs(), Bodies: map[string]string{},
	}
	for _, seat := range w.plan.Cluster.Seats {
		o.Bodies[seat.Address.Addr().String()] = seat.Name
	}
	options, err := json.Marshal(o)
	if err != nil {
		return err
	}
	machine, err := w.lab.Host(clientName).Machine()
	if err != nil {
		return err
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		return err
	}
	command := sandbox.Command{Name: "the client's probes", Output: os.Stderr, Stdout: writer, Env: environment()}
	command.Path, command.Args = sandbox.RoleCommand(probeRole, string(options))
	process, err := machine.Start(command)
	_ = writer.Close()
	if err != nil {
		return errors.Join(err, reader.Close())
	}
	var reading sync.WaitGroup
	var readError error
	reading.Go(func() {
		readError = probe.ReadClient(reader, w.log)
		_ = reader.Close()
		if err := w.clientEnded(process); err != nil {
			readError = errors.Join(readError, err)
		}
	})
	w.client = func() error {
		unix.Kill(process.PID, unix.SIGTERM) //nolint:errcheck // it may have ended already
		reading.Wait()
		return readError
	}
	return nil
}

// clientEnded says whether the probes ended before they were told to.
func (w *World) clientEnded(process *sandbox.Process) error {
	w.mu.Lock()
	closing := w.closing
	w.mu.Unlock()
	if closing {
		return nil
	}
	err := fmt.Errorf("%s ended by themselves: %s", process.Name, process.Status())
	w.fail(err)
	return err
}

// runProbe is the client's probes in the client's host.
func runProbe(args []string) error {
	var o probe.ClientOptions
	if len(args) != 1 {
		return errors.New("the probes take their options as one argument")
	}
	if err := json.Unmarshal([]byte(args[0]), &o); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return probe.RunClient(ctx, o, os.Stdout)
}
