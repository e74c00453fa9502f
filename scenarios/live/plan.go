package live

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/config"
	"takeover/scenarios/fault"
	"takeover/scenarios/history"
	"takeover/topology"
)

// Plan is everything about one trial. It goes to the sandbox as JSON.
type Plan struct {
	Scenario      string
	Fault         string
	Subject       string // one for every seat, or one a seat joined by +
	Run           int    // from 1
	Seed          uint64
	PhaseFraction float64 // see scenarios.Scenario
	Cluster       Cluster
	Programs      Programs
	Periods       Periods
	Pcap          bool // keep all frames in capture.pcapng
	Keep          bool // leave the lab up afterwards until told to stop
}

// Cluster is a virtual router and the nodes that take turns at it, read from
// their configuration files.
type Cluster struct {
	Segment       string // where it is; of several that are bridged one
	Seats         []Seat
	Client        netip.Prefix
	VIPs          []netip.Prefix
	VRID          int
	Version       int
	Interval      time.Duration
	Unicast       bool
	AnnounceDelay time.Duration
	Check         *history.CheckScript
}

// Seat is a node's place: its address and the configuration that its subject
// reads.
type Seat struct {
	Name      string
	Instance  string // what its configuration calls the virtual router
	Address   netip.Prefix
	Interface string
	Priority  int
	Preempt   bool
	Options   []string // see history.Node
	File      string   // where Config came from
	Config    string
}

// Periods are those of the probes.
type Periods struct {
	ICMP, HTTP, Owners time.Duration
}

// DefaultPeriods are 1 ms for echo requests, 10 ms for HTTP requests and 10 ms
// for asking who owns the VIP.
func DefaultPeriods() Periods {
	return Periods{ICMP: time.Millisecond, HTTP: 10 * time.Millisecond, Owners: 10 * time.Millisecond}
}

// Source is a configuration file's name and text.
type Source struct {
	Name string
	Text []byte
}

// The last byte of the addresses that the seats and the client get in the
// VIP's own /24, or in IPv6 the last group in the VIP's own /64; they move on
// when the VIP is in their way.
const (
	firstSeat   = 101
	clientSeat  = 10
	firstSeat6  = 0x101
	clientSeat6 = 0x10
	seatBits    = 24
	seatBits6   = 64
	mostSeats   = 50
)

// ReadCluster reads one configuration a node: node1, node2, ... in their
// order. Every file must have one vrrp_instance, and all must describe the
// same virtual router. All faults are returned, joined.
func ReadCluster(sources []Source) (Cluster, error) {
	if len(sources) < 2 || len(sources) > mostSeats {
		return Cluster{}, fmt.Errorf("a cluster has 2 to %d nodes, a configuration file each; %d given", mostSeats, len(sources))
	}
	var (
		c    Cluster
		errs []error
	)
	for number, source := range sources {
		parsed, err := config.Parse(source.Name, source.Text)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if len(parsed.Instances) != 1 {
			errs = append(errs, fmt.Errorf("%s: %d vrrp_instance blocks; a drill's file has one", source.Name, len(parsed.Instances)))
			continue
		}
		seat, common := seatOf(fmt.Sprintf("node%d", number+1), source, parsed, parsed.Instances[0])
		if err := checkSending(parsed.Instances[0], common); err != nil {
			errs = append(errs, err)
		}
		if len(c.Seats) == 0 {
			common.Seats = c.Seats
			c = common
		} else if err := c.sameRouter(parsed, common); err != nil {
			errs = append(errs, err)
		}
		c.Seats = append(c.Seats, seat)
	}
	if err := errors.Join(errs...); err != nil {
		return Cluster{}, err
	}
	return c, c.assignAddresses()
}

// seatOf reads what concerns one node, and what all must have in common.
func seatOf(name string, source Source, parsed *config.Config, instance config.Instance) (Seat, Cluster) {
	c := Cluster{
		Segment: segmentName,
		VRID:    int(instance.VRID), Version: instance.Version, Interval: instance.AdvertInterval,
		Unicast: len(instance.UnicastPeers) > 0, AnnounceDelay: instance.GARPDelay, Check: checkOf(parsed, instance),
	}
	for _, vip := range instance.VirtualAddresses {
		c.VIPs = append(c.VIPs, vip.Prefix)
	}
	// The first is the one that is probed, which a link-local one cannot be.
	slices.SortStableFunc(c.VIPs, func(a, b netip.Prefix) int {
		return cmp.Compare(scopeOf(a.Addr()), scopeOf(b.Addr()))
	})
	seat := Seat{
		Name: name, Instance: instance.Name, Interface: instance.Interface,
		Priority: int(instance.Priority), Preempt: !instance.NoPreempt, Options: optionsOf(parsed, instance),
		File: source.Name, Config: string(source.Text),
	}
	if instance.Source.IsValid() && !instance.Source.IsLinkLocalUnicast() {
		seat.Address = netip.PrefixFrom(instance.Source, subnetBits(instance.Source))
	}
	return seat, c
}

// optionsOf are the options that the RFC's timers and the priority don't
// explain.
func optionsOf(parsed *config.Config, i config.Instance) []string {
	weighted := func(t config.Tracked) bool { return t.Weight != 0 }
	var options []string
	for _, o := range []struct {
		name string
		used bool
	}{
		{"vrrp_startup_delay", parsed.Global.StartupDelay > 0},
		{"preempt_delay", i.PreemptDelay > 0},
		{"down_timer_adverts", i.DownTimerAdverts != 0 && i.DownTimerAdverts != rfcDownTimerAdverts},
		{"higher_prio_send_advert", i.HigherPrioSendAdvert},
		{"fast_preempt", i.FastPreempt != config.FastPreemptOff},
		{"track_interface", slices.ContainsFunc(i.TrackInterfaces, func(t config.TrackInterface) bool { return t.Weight != 0 })},
		{"track_process", slices.ContainsFunc(i.TrackProcesses, weighted)},
		{"track_file", slices.ContainsFunc(i.TrackFiles, weighted)},
		{"track_bfd", len(i.TrackBFDs) > 0},
	} {
		if o.used {
			options = append(options, o.name)
		}
	}
	return options
}

// rfcDownTimerAdverts is the RFC's (RFC 9568 §6.1).
const rfcDownTimerAdverts = 3

// checkSending says what a drill cannot build of how the node sends: a virtual
// MAC address, unicast peers without an address of the node's own, and one that
// is not beside the VIP.
func checkSending(instance config.Instance, c Cluster) error {
	at := fmt.Sprintf("%s:%d", instance.Position.File, instance.Position.Line)
	switch source := instance.Source; {
	case instance.VMAC != nil:
		return fmt.Errorf("%s: use_vmac: a drill tells its nodes apart by their own MAC addresses", at)
	case len(instance.UnicastPeers) > 0 && !source.IsValid():
		return fmt.Errorf("%s: unicast_peer without unicast_src_ip: a drill gives the node that address", at)
	case source.IsValid() && !source.IsLinkLocalUnicast() && len(c.VIPs) > 0 &&
		!netip.PrefixFrom(source, subnetBits(source)).Masked().Contains(c.VIPs[0].Addr()):
		return fmt.Errorf("%s: the node's address %s is not in one /%d with %s, as a drill needs it",
			at, source, subnetBits(source), c.VIPs[0].Addr())
	}
	return nil
}

// subnetBits is the prefix length of the one subnet.
func subnetBits(a netip.Addr) int {
	if a.Is6() {
		return seatBits6
	}
	return seatBits
}

func scopeOf(a netip.Addr) int {
	if a.IsLinkLocalUnicast() {
		return 1
	}
	return 0
}

func checkOf(parsed *config.Config, instance config.Instance) *history.CheckScript {
	for _, track := range instance.TrackScripts {
		for _, script := range parsed.Scripts {
			if script.Name != track.Name {
				continue
			}
			weight := script.Weight
			if track.Weight != nil {
				weight = *track.Weight
			}
			return &history.CheckScript{
				Interval: script.Interval, Timeout: script.Timeout,
				Fall: script.Fall, Rise: script.Rise, Weight: weight,
			}
		}
	}
	return nil
}

// sameRouter says where a file describes another virtual router than the
// first one does.
func (c Cluster) sameRouter(parsed *config.Config, other Cluster) error {
	position := parsed.Instances[0].Position
	differs := func(what string, here, first any) error {
		return fmt.Errorf("%s:%d: %s %v differs from %v in %s: the nodes of a cluster share it",
			position.File, position.Line, what, here, first, c.Seats[0].File)
	}
	switch {
	case other.VRID != c.VRID:
		return differs("virtual_router_id", other.VRID, c.VRID)
	case other.Version != c.Version:
		return differs("vrrp_version", other.Version, c.Version)
	case other.Interval != c.Interval:
		return differs("advert_int", other.Interval, c.Interval)
	case len(other.VIPs) == 0 || len(c.VIPs) == 0 || other.VIPs[0] != c.VIPs[0]:
		return differs("virtual_ipaddress", other.VIPs, c.VIPs)
	}
	return nil
}

// assignAddresses gives the seats and the client addresses beside the VIP.
func (c *Cluster) assignAddresses() error {
	vip := c.VIPs[0].Addr()
	if vip.IsLinkLocalUnicast() {
		return fmt.Errorf("%s: %s is the only virtual address; a drill probes one that is not link-local", c.Seats[0].File, vip)
	}
	taken := map[netip.Addr]bool{}
	for _, prefix := range c.VIPs {
		taken[prefix.Addr()] = true
	}
	for _, seat := range c.Seats {
		taken[seat.Address.Addr()] = true
	}
	next := func(last uint16) netip.Prefix {
		for {
			if address := beside(vip, last); !taken[address.Addr()] {
				taken[address.Addr()] = true
				return address
			}
			last++
		}
	}
	first, client := uint16(firstSeat), uint16(clientSeat)
	if vip.Is6() {
		first, client = firstSeat6, clientSeat6
	}
	c.Client = next(client)
	for i := range c.Seats {
		if !c.Seats[i].Address.IsValid() {
			c.Seats[i].Address = next(first + uint16(i))
		}
	}
	return nil
}

// beside is the address in the VIP's subnet that ends in last.
func beside(vip netip.Addr, last uint16) netip.Prefix {
	bytes := vip.AsSlice()
	bytes[len(bytes)-1] = byte(last)
	if vip.Is6() {
		bytes[len(bytes)-2] = byte(last >> 8)
	}
	address, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(address, subnetBits(address))
}

// Validate says whether the plan can be carried out at all.
func (p Plan) Validate() error {
	if _, err := fault.DrillNamed(p.Fault); err != nil {
		return err
	}
	chosen, err := seatSubjects(p.Subject, len(p.Cluster.Seats))
	if err != nil {
		return err
	}
	return checkFRR(p.Cluster, chosen)
}

// stand is the topology of a plan.
func (p Plan) stand() StandPlan {
	return StandPlan{Spec: p.Cluster.Spec(p.Scenario), Subject: p.Subject, Programs: p.Programs, Pcap: p.Pcap, Seed: p.Seed}
}

// Spec is the cluster as a topology: the client, the nodes with Nginx and the
// subject each, and the observer, all on one bridge.
func (c Cluster) Spec(name string) topology.Spec {
	spec := topology.Spec{Name: name, Segments: []topology.Segment{{Name: segmentName}}}
	add := func(host topology.Host, device string, addresses ...netip.Prefix) {
		host.Links = []topology.Link{{Interface: device, Segment: segmentName, Addresses: addresses}}
		spec.Hosts = append(spec.Hosts, host)
	}
	add(topology.Host{Name: clientName, Role: topology.RoleClient}, clientDevice, c.Client)
	for _, seat := range c.Seats {
		add(topology.Host{Name: seat.Name, Role: topology.RoleNode, Processes: []topology.Process{
			{Kind: topology.ProcessNginx, Name: string(topology.ProcessNginx)},
			{Kind: topology.ProcessSubject, Name: string(topology.ProcessSubject), Config: seat.Config, ConfigName: seat.File},
		}}, seat.Interface, seat.Address)
	}
	add(topology.Host{Name: observerName, Role: topology.RoleObserver}, clientDevice)
	return spec
}
