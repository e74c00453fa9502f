package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/probe"
	"takeover/topology"
	"takeover/topology/sandbox"
)

// exactHosts is up to how many hosts each gets a thread that watches it.
const exactHosts = 16

// probeTimeout is when a request is given up.
const probeTimeout = time.Second

// observe starts everything that watches from now to the end: the canary, the
// captures at every port, and the addresses and links of every host.
func (s *Stand) observe() error {
	s.observers = append(s.observers, probe.StartCanary(s.clock, s.log))
	if err := s.capture(); err != nil {
		return err
	}
	for _, host := range s.plan.Spec.Hosts {
		if host.Role == topology.RoleObserver {
			continue
		}
		watch, err := probe.WatchHost(s.clock, s.log, probe.HostOptions{
			Host: host.Name, Namespace: s.lab.Host(host.Name).Network.Path(),
			Neighbours: host.Role == topology.RoleClient || host.Role == topology.RoleRouter, Exact: len(s.plan.Spec.Hosts) <= exactHosts,
		})
		if err != nil {
			return err
		}
		s.observers = append(s.observers, watch)
	}
	return nil
}

// observeOwners asks all the time who owns the VIP.
func (w *World) observeOwners() error {
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

// capture listens at every host's ports; an observer's are left out, which
// carry nothing but its own questions.
func (s *Stand) capture() error {
	o := probe.CaptureOptions{Namespace: s.lab.Switch().Path(), Ports: s.ports("")}
	if s.plan.Pcap {
		file, err := os.Create(filepath.Join(sandbox.Dir, CaptureFile))
		if err != nil {
			return err
		}
		o.PCAPNG = file
		s.closers = append(s.closers, file.Close)
	}
	watch, err := probe.StartCapture(s.clock, s.log, o)
	if err != nil {
		return err
	}
	s.observers = append(s.observers, watch)
	return nil
}

// ports are those of a place: a host, one of its links as HOST/INTERFACE, or
// empty: all but those of observers.
func (s *Stand) ports(place string) []probe.Port {
	name, device, _ := strings.Cut(place, "/")
	var ports []probe.Port
	for _, host := range s.plan.Spec.Hosts {
		if name != "" && host.Name != name || host.Role == topology.RoleObserver {
			continue
		}
		for _, link := range s.lab.Host(host.Name).Links {
			if device == "" || link.Interface == device {
				ports = append(ports, probe.Port{Host: host.Name, Interface: link.Port})
			}
		}
	}
	return ports
}

// macs leads from the nodes' MAC addresses, and those that they give the VIP,
// to their names.
func (w *World) macs() map[string]string {
	macs := map[string]string{}
	for _, seat := range w.plan.Cluster.Seats {
		macs[w.mac(seat.Name)] = seat.Name
		if v := w.daemon(seat.Name); v != nil && v.subject.virtualMAC != nil {
			macs[v.subject.virtualMAC(w.plan.Cluster)] = seat.Name
		}
	}
	return macs
}

// startClient starts the client's probes, as a process in its host.
func (w *World) startClient() error {
	o := probe.ClientOptions{
		Host: w.cluster.Client.Name, VIP: w.plan.Cluster.VIPs[0].Addr(),
		ICMPPeriod: w.plan.Periods.ICMP, HTTPPeriod: w.plan.Periods.HTTP, Timeout: probeTimeout,
		Origin: w.clock.Origin(), MACs: w.macs(), Bodies: map[string]string{},
	}
	for _, seat := range w.plan.Cluster.Seats {
		o.Bodies[seat.Address.Addr().String()] = seat.Name
	}
	w.addLoad(&o)
	options, err := json.Marshal(o)
	if err != nil {
		return err
	}
	machine, err := w.lab.Host(w.cluster.Client.Name).Machine()
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
	if w.isClosing() {
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
