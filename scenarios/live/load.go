package live

import (
	"cmp"
	"context"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"takeover/scenarios/history"
	"takeover/scenarios/probe"
	"takeover/scenarios/scene"
	"takeover/topology"
	"takeover/topology/sandbox"
)

// echoRole is the echo server of a host, and echoName what its process is called.
const (
	echoRole = "echo"
	echoName = "echo-server"
)

// serveEcho is the echo server of the host args[0].
func serveEcho(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("the echo server takes its host's name, not %d arguments", len(args))
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	return probe.ServeEcho(ctx, args[0])
}

// echoOn is the echo server on a host, as a process of the topology.
func echoOn(host topology.Host) arrangement {
	path, args := sandbox.RoleCommand(echoRole, host.Name)
	return arrangement{
		on: host, name: echoName, program: echoRole, path: path, args: func(*service) []string { return args },
		spec: topology.Process{Kind: topology.ProcessCommand, Name: echoName, Command: args},
	}
}

// addLoad adds what the scene asks beside echo requests and HTTP.
func (w *World) addLoad(o *probe.ClientOptions) {
	o.UDPPeriod, o.TCPPeriod, o.KeepAlivePeriod = time.Duration(w.load.UDP), time.Duration(w.load.TCP), time.Duration(w.load.KeepAlive)
	if c := w.load.Connections; c != nil {
		o.Connections, o.HeartbeatPeriod = c.Count, heartbeat(c)
	}
}

func heartbeat(c *scene.Connections) time.Duration {
	return cmp.Or(time.Duration(c.Every), scene.HeartbeatEvery)
}

// probePeriods are those of all streams of the scene's load.
func (w *World) probePeriods() map[string]time.Duration {
	periods := map[string]time.Duration{}
	for stream, period := range map[string]time.Duration{
		history.StreamICMP: w.plan.Periods.ICMP, history.StreamHTTP: w.plan.Periods.HTTP,
		history.StreamUDP: time.Duration(w.load.UDP), history.StreamTCP: time.Duration(w.load.TCP),
		history.StreamKeepAlive: time.Duration(w.load.KeepAlive),
	} {
		if period > 0 {
			periods[stream] = period
		}
	}
	if c := w.load.Connections; c != nil {
		periods[history.StreamConnections] = heartbeat(c)
	}
	return periods
}

// observeMore watches the bridges' tables, and what the daemons use.
func (w *World) observeMore() error {
	o := probe.ForwardingOptions{Namespace: w.lab.Switch().Path(), Ports: w.ports(""), Bridges: map[string]string{}}
	for _, host := range w.Stand.plan.Spec.Hosts {
		for _, link := range w.lab.Host(host.Name).Links {
			o.Bridges[link.Port] = link.Segment
		}
	}
	tables, err := probe.WatchForwarding(w.clock, w.log, o)
	if err != nil {
		return err
	}
	w.observers = append(w.observers, tables, probe.WatchUsage(w.clock, w.log, w.daemons))
	return nil
}

// daemons are the VRRP daemons that run.
func (w *World) daemons() []probe.Daemon {
	var all []probe.Daemon
	for _, v := range w.services {
		process := v.running()
		if !v.isDaemon() || process == nil {
			continue
		}
		select {
		case <-process.Done():
		default:
			all = append(all, probe.Daemon{Host: v.on.Name, Name: v.subject.name, PID: process.PID})
		}
	}
	return all
}
