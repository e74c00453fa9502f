package live

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/scenarios/live/control"
	"takeover/scenarios/probe"
	"takeover/topology"
	"takeover/topology/lab"
)

// controlled is a Stand as package control sees it.
type controlled struct{ *Stand }

var _ control.Lab = controlled{}

// Status implements control.Lab.
func (c controlled) Status() control.Status {
	s := control.Status{
		Topology: c.plan.Spec.Name, Subject: c.plan.Subject, Started: c.begun, Settled: true,
		Routers: []control.Router{}, Faults: []control.Fault{},
	}
	if c.why() != "" {
		s.Settled, s.Why = false, c.why()
	}
	for _, segment := range c.plan.Spec.Segments {
		s.Segments = append(s.Segments, control.Segment{Name: segment.Name, Prefixes: segment.Prefixes, Uplinks: segment.Uplinks})
	}
	for _, host := range c.plan.Spec.Hosts {
		if host.Role != topology.RoleObserver {
			s.Hosts = append(s.Hosts, c.host(host))
		}
	}
	for _, cluster := range c.clusters {
		s.Routers = append(s.Routers, c.router(cluster))
	}
	for _, force := range c.InForce() {
		s.Faults = append(s.Faults, asFault(force))
	}
	return s
}

// why is what keeps the lab from being settled; empty: nothing.
func (s *Stand) why() string {
	for _, v := range s.services {
		if v.running() == nil {
			return fmt.Sprintf("%s on %s is not started yet", v.name, v.on.Name)
		}
	}
	return s.unsettled()
}

func (c controlled) host(spec topology.Host) control.Host {
	built := c.lab.Host(spec.Name)
	h := control.Host{Name: spec.Name, Role: string(spec.Role), Interfaces: []control.Interface{}, Processes: []control.Process{}}
	linked := map[string]bool{"lo": true}
	for _, link := range built.Links {
		linked[link.Interface] = true
		h.Interfaces = append(h.Interfaces, c.device(spec.Name, link))
	}
	for _, name := range c.picture.devices(spec.Name) { // those that a daemon made
		if !linked[name] {
			h.Interfaces = append(h.Interfaces, c.device(spec.Name, lab.Link{Link: topology.Link{Interface: name}}))
		}
	}
	for _, v := range c.services {
		if v.on.Name == spec.Name {
			h.Processes = append(h.Processes, v.state())
		}
	}
	return h
}

func (c controlled) device(host string, link lab.Link) control.Interface {
	state := c.picture.link(host, link.Interface)
	return control.Interface{
		Name: link.Interface, Segment: link.Segment, Port: link.Port, MAC: link.MAC.String(),
		Up: state.Up, Carrier: state.Carrier, Addresses: c.picture.of(host, link.Interface),
	}
}

// state is how the process of a service stands.
func (v *service) state() control.Process {
	p := control.Process{Name: v.name, Kind: string(v.spec.Kind)}
	process := v.running()
	if process == nil {
		return p
	}
	p.PID = process.PID
	select {
	case <-process.Done():
		p.Status = process.Status()
	default:
		p.Running = true
	}
	return p
}

func (c controlled) router(cluster Cluster) control.Router {
	r := control.Router{Segment: cluster.Segment, VRID: cluster.VRID, Version: cluster.Version}
	for _, vip := range cluster.VIPs {
		r.VIPs = append(r.VIPs, vip.Addr())
	}
	owners, _ := c.picture.holders(r.VIPs[0])
	r.Owners = append([]string{}, owners...) // empty in JSON, not null
	for _, seat := range cluster.Seats {
		r.Nodes = append(r.Nodes, control.Node{
			Host: seat.Name, Priority: seat.Priority, State: c.picture.state(seat.Name, seat.Instance),
		})
	}
	return r
}

func asFault(f Force) control.Fault {
	return control.Fault{ID: f.ID, Fault: f.Fault.String(), Host: f.Host, Since: f.Since, Undo: f.Fault.Undo()}
}

// Strike implements control.Lab. When the fault can't be applied to one of the
// hosts it is undone on the others.
func (c controlled) Strike(ctx context.Context, f fault.Fault, target fault.Target) ([]control.Fault, error) {
	hosts, err := target.Resolve(c.situation(), rand.New(rand.NewPCG(rand.Uint64(), 0)))
	if err != nil {
		return nil, control.Usage(err)
	}
	var applied []control.Fault
	for _, host := range hosts {
		force, err := c.Apply(ctx, f, host)
		if err != nil {
			for _, before := range slices.Backward(applied) {
				err = errors.Join(err, c.Stand.Clear(ctx, before.ID))
			}
			return nil, err
		}
		applied = append(applied, asFault(force))
	}
	return applied, nil
}

// Clear implements control.Lab.
func (c controlled) Clear(ctx context.Context, id int) error {
	if !slices.ContainsFunc(c.InForce(), func(f Force) bool { return f.ID == id }) {
		return control.Usage(fmt.Errorf("no fault %d is in force", id))
	}
	return c.Stand.Clear(ctx, id)
}

// situation is what a fault's target is chosen from: the nodes of the first
// virtual router, its one owner, the first client, and all the rest.
func (s *Stand) situation() fault.Situation {
	var situation fault.Situation
	if len(s.clusters) > 0 {
		seats := slices.Clone(s.clusters[0].Seats)
		slices.SortStableFunc(seats, func(a, b Seat) int { return cmp.Compare(b.Priority, a.Priority) })
		for _, seat := range seats {
			situation.Nodes = append(situation.Nodes, seat.Name)
		}
		if owners, _ := s.picture.holders(s.firstVIP()); len(owners) == 1 {
			situation.Active = owners[0]
		}
	}
	for _, host := range s.plan.Spec.Hosts {
		switch {
		case slices.Contains(situation.Nodes, host.Name):
		case situation.Client == "" && host.Role == topology.RoleClient:
			situation.Client = host.Name
		default:
			situation.Others = append(situation.Others, host.Name)
		}
	}
	return situation
}

func (s *Stand) firstVIP() netip.Addr { return s.clusters[0].VIPs[0].Addr() }

// Capture implements control.Lab.
func (c controlled) Capture(ctx context.Context, place string, out io.Writer) error {
	ports := c.ports(place)
	if len(ports) == 0 {
		return control.Usage(fmt.Errorf("there is no link %q", place))
	}
	log := history.NewLog(nil) // what is captured is in the lab's history anyway
	log.Keep(1)
	watch, err := probe.StartCapture(c.clock, log, probe.CaptureOptions{
		Namespace: c.lab.Switch().Path(), Ports: ports, PCAPNG: out, Live: true,
	})
	if err != nil {
		return err
	}
	<-ctx.Done()
	return watch.Close()
}

// Enter implements control.Lab.
func (c controlled) Enter(host string) (int, error) {
	built := c.lab.Host(host)
	if built == nil {
		return 0, control.Usage(fmt.Errorf("there is no host %q", host))
	}
	machine, err := built.Machine()
	if err != nil {
		return 0, err
	}
	return machine.PID(), nil
}
