package fault

import "time"

// Kind is the name of a fault. The set is closed.
type Kind string

// Family is what a kind of fault disturbs.
type Family string

// The families.
const (
	FamilyProcess   Family = "process"
	FamilyLink      Family = "link"
	FamilyTraffic   Family = "traffic"
	FamilyAddress   Family = "address"
	FamilyTime      Family = "time"
	FamilyInterface Family = "interface"
)

// Capability is something that a kernel, a user or a machine may lack.
type Capability string

// The capabilities.
const (
	NeedNFTables Capability = "nftables"       // for bridges
	NeedWire     Capability = "wire"           // packet sockets and a relay
	NeedTmpfs    Capability = "tmpfs"          // with a size
	NeedTimens   Capability = "time-namespace" // Linux 5.6
	NeedOwnClock Capability = "own-clock"      // the whole machine is ours
	NeedDatapath Capability = "packet-socket"  // frames of any make
)

// Kinds of faults of processes.
const (
	NginxKilled     Kind = "nginx-killed"
	DaemonStopped   Kind = "daemon-stopped"
	DaemonKilled    Kind = "daemon-killed"
	WorkerKilled    Kind = "worker-killed"
	GuardianKilled  Kind = "guardian-killed"
	DaemonPaused    Kind = "daemon-paused"
	DaemonRestarted Kind = "daemon-restarted"
	DaemonReloaded  Kind = "daemon-reloaded"
	ProcessKilled   Kind = "process-killed"
	ProcessPaused   Kind = "process-paused"
	WebFails        Kind = "web-fails"
	ScriptFails     Kind = "script-fails"
	FilesLimited    Kind = "files-limited"
	MemoryLimited   Kind = "memory-limited"
	DiskFull        Kind = "disk-full"
	CPUHogs         Kind = "cpu-hogs"
	CPUQuota        Kind = "cpu-quota"
	HostFrozen      Kind = "host-frozen"
	HostCrashed     Kind = "host-crashed"
	HostRebooted    Kind = "host-rebooted"
)

// Kinds of faults of links and segments.
const (
	LinkLoss          Kind = "link-loss"
	LinkDown          Kind = "link-down"
	LinkFlaps         Kind = "link-flaps"
	OneWayLoss        Kind = "one-way-loss"
	Partition         Kind = "partition"
	MTUHole           Kind = "mtu-hole"
	MACMoved          Kind = "mac-moved"
	MACForgotten      Kind = "mac-forgotten"
	MulticastSnooped  Kind = "multicast-snooped"
	AdvertsDropped    Kind = "adverts-dropped"
	TrafficDropped    Kind = "traffic-dropped"
	TrafficDelayed    Kind = "traffic-delayed"
	TrafficReordered  Kind = "traffic-reordered"
	TrafficDuplicated Kind = "traffic-duplicated"
	TrafficCorrupted  Kind = "traffic-corrupted"
	TrafficShaped     Kind = "traffic-shaped"
	TrafficReplayed   Kind = "traffic-replayed"
)

// Kinds of faults of addresses, clocks and interfaces.
const (
	VIPDeleted           Kind = "vip-deleted"
	VIPAdded             Kind = "vip-added"
	AddressDuplicated    Kind = "address-duplicated"
	NeighbourPoisoned    Kind = "neighbour-poisoned"
	AdvertForged         Kind = "advert-forged"
	RivalStarted         Kind = "rival-started"
	ClockOffset          Kind = "clock-offset"
	ClockStepped         Kind = "clock-stepped"
	InterfaceRemoved     Kind = "interface-removed"
	InterfaceRenamed     Kind = "interface-renamed"
	InterfacePromiscuous Kind = "interface-promiscuous"
	NetlinkOverrun       Kind = "netlink-overrun"
)

// description is what there is to say of a kind.
type description struct {
	kind     Kind
	family   Family
	summary  string
	undo     string
	requires []string
	takes    []string
	needs    []Capability
	defaults func(*Parameters)
}

var (
	traffic  = []string{"protocol", "direction", "peer"}
	choosing = []string{"probability", "every", "first", "burst_enter", "burst_leave"}
)

func with(lists ...[]string) []string {
	var all []string
	for _, list := range lists {
		all = append(all, list...)
	}
	return all
}

func anyTraffic(p *Parameters) {
	p.Protocol = orElse(p.Protocol, "all")
	p.Direction = orElse(p.Direction, "both")
}

func orElse[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// catalogue are all kinds. Its order is that of every listing.
var catalogue = []description{
	{NginxKilled, FamilyProcess, "SIGKILL to nginx's master and workers", "start nginx", nil, nil, nil, nil},
	{AdvertsDropped, FamilyTraffic, "the switch drops the host's VRRP (IP protocol 112)", "let VRRP pass", nil, nil, []Capability{NeedNFTables}, nil},
	{LinkLoss, FamilyLink, "carrier down at the switch's port", "port up", nil, nil, nil, nil},
	{DaemonStopped, FamilyProcess, "SIGTERM to the VRRP daemon", "start the daemon", nil, nil, nil, nil},
	{DaemonKilled, FamilyProcess, "SIGKILL to all processes of the VRRP daemon", "start the daemon", nil, nil, nil, nil},
	{WorkerKilled, FamilyProcess, "SIGKILL to the daemon's process that speaks VRRP", "start the daemon if it did not come back by itself", nil, nil, nil, nil},
	{GuardianKilled, FamilyProcess, "SIGKILL to the process that watches over it", "start the daemon if it did not come back by itself", nil, nil, nil, nil},
	{DaemonPaused, FamilyProcess, "SIGSTOP to all processes of the VRRP daemon", "SIGCONT", nil, nil, nil, nil},

	{DaemonRestarted, FamilyProcess, "SIGTERM to the VRRP daemon, and it is started again at once", "nothing is left to heal", nil, nil, nil, nil},
	{
		DaemonReloaded, FamilyProcess, "the VRRP daemon reads its configuration again (SIGHUP): the same, edited, or spoiled", "the configuration as it was, read again",
		[]string{"mode"},
		[]string{"priority", "address"},
		nil, nil,
	},
	{
		ProcessKilled, FamilyProcess, "a signal to all processes of that name", "start it again if it ended",
		[]string{"process"},
		[]string{"signal"},
		nil,
		func(p *Parameters) { p.Signal = orElse(p.Signal, "KILL") },
	},
	{ProcessPaused, FamilyProcess, "SIGSTOP to all processes of that name", "SIGCONT", []string{"process"}, nil, nil, nil},
	{
		WebFails, FamilyProcess, "the web server answers wrongly, late or not at all", "the web server as it was",
		[]string{"mode"},
		[]string{"delay"},
		nil,
		func(p *Parameters) { p.Delay = orElse(p.Delay, Duration(2*time.Second)) },
	},
	{ScriptFails, FamilyProcess, "the check script fails, hangs or can't be executed", "the script as it was", []string{"mode"}, nil, nil, nil},
	{FilesLimited, FamilyProcess, "the daemon may have no more than count file descriptors", "the limit as it was", []string{"count"}, nil, nil, nil},
	{MemoryLimited, FamilyProcess, "the daemon may have no more than size bytes of address space", "the limit as it was", []string{"size"}, nil, nil, nil},
	{DiskFull, FamilyProcess, "no space is left under path", "what was there before", []string{"path"}, nil, []Capability{NeedTmpfs}, nil},
	{
		CPUHogs, FamilyProcess, "busy processes beside the daemon", "they end", nil,
		[]string{"count"},
		nil,
		func(p *Parameters) { p.Count = orElse(p.Count, 2) },
	},
	{CPUQuota, FamilyProcess, "the host's processes run for percent of the time, in turns of 100 ms", "no quota", []string{"percent"}, nil, nil, nil},
	{HostFrozen, FamilyProcess, "no process of the host runs", "they go on", nil, nil, nil, nil},
	{HostCrashed, FamilyProcess, "all processes of the host end at once, its links are silent", "the host starts with what it had", nil, nil, nil, nil},
	{
		HostRebooted, FamilyProcess, "the host crashes, and starts again after a time", "start it now if it has not", nil,
		[]string{"after"},
		nil,
		func(p *Parameters) { p.After = orElse(p.After, Duration(5*time.Second)) },
	},

	{LinkDown, FamilyLink, "ip link set down, in the host", "ip link set up", nil, []string{"interface"}, nil, nil},
	{
		LinkFlaps, FamilyLink, "carrier down and up again, every period", "port up", nil,
		[]string{"period", "down"},
		nil,
		func(p *Parameters) {
			p.Period = orElse(p.Period, Duration(time.Second))
			p.Down = orElse(p.Down, p.Period/2)
		},
	},
	{OneWayLoss, FamilyLink, "everything is lost one way", "let it pass", []string{"direction"}, nil, []Capability{NeedNFTables}, nil},
	{
		Partition, FamilyLink, "the switch parts the hosts", "whole again", nil,
		[]string{"mode", "groups", "protocol"},
		[]Capability{NeedNFTables},
		func(p *Parameters) {
			p.Mode, p.Protocol = orElse(p.Mode, "isolate"), orElse(p.Protocol, "all")
		},
	},
	{MTUHole, FamilyLink, "frames beyond size bytes are lost in silence", "all sizes pass", []string{"size"}, nil, []Capability{NeedNFTables}, nil},
	{MACMoved, FamilyLink, "the switch believes the host's MAC address to be at another port", "learnt anew", nil, []string{"peer"}, nil, nil},
	{MACForgotten, FamilyLink, "the switch forgets what it learnt of the host", "learnt anew", nil, nil, nil, nil},
	{MulticastSnooped, FamilyLink, "the switch keeps multicast from the host's ports, as one that snoops and heard no report", "floods again", nil, nil, []Capability{NeedNFTables}, nil},

	{TrafficDropped, FamilyTraffic, "frames are lost", "all pass", nil, with(traffic, choosing), []Capability{NeedNFTables}, anyTraffic},
	{TrafficDelayed, FamilyTraffic, "frames are late", "in time", []string{"delay"}, with(traffic, []string{"jitter"}, choosing), []Capability{NeedWire}, anyTraffic},
	{
		TrafficReordered, FamilyTraffic, "frames overtake each other", "in order", nil, with(traffic, choosing, []string{"delay"}),
		[]Capability{NeedWire},
		func(p *Parameters) {
			anyTraffic(p)
			p.Delay = orElse(p.Delay, Duration(10*time.Millisecond))
		},
	},
	{
		TrafficDuplicated, FamilyTraffic, "frames come more than once", "once", nil, with(traffic, choosing, []string{"count"}),
		[]Capability{NeedWire},
		func(p *Parameters) {
			anyTraffic(p)
			p.Count = orElse(p.Count, 1)
		},
	},
	{
		TrafficCorrupted, FamilyTraffic, "bits of frames turn over", "whole", nil, with(traffic, choosing, []string{"count"}),
		[]Capability{NeedWire},
		func(p *Parameters) {
			anyTraffic(p)
			p.Count = orElse(p.Count, 1)
		},
	},
	{TrafficShaped, FamilyTraffic, "no more than rate bytes a second pass", "no bound", []string{"rate"}, with(traffic, []string{"size"}), []Capability{NeedWire}, anyTraffic},
	{
		TrafficReplayed, FamilyTraffic, "the host's last such frame comes again, every period", "no more",
		[]string{"protocol"},
		[]string{"period", "count"},
		[]Capability{NeedWire},
		func(p *Parameters) { p.Period = orElse(p.Period, Duration(time.Second)) },
	},

	{VIPDeleted, FamilyAddress, "ip address del of a virtual address, from outside the daemon", "nothing is left to heal", nil, []string{"address"}, nil, nil},
	{VIPAdded, FamilyAddress, "ip address add of a virtual address on a host that is not Active", "it is deleted, unless the host is Active now", nil, []string{"address"}, nil, nil},
	{AddressDuplicated, FamilyAddress, "a stranger on the segment answers for an address of the host", "the stranger leaves", nil, []string{"address"}, nil, nil},
	{NeighbourPoisoned, FamilyAddress, "the host's neighbour entry for the virtual address points elsewhere", "the entry is deleted", nil, []string{"address", "peer"}, nil, nil},
	{
		AdvertForged, FamilyAddress, "forged advertisements, every period, count times", "no more", nil,
		[]string{"priority", "vrid", "version", "ttl", "interval", "address", "period", "count", "mode"},
		[]Capability{NeedDatapath},
		func(p *Parameters) {
			p.Period, p.Count = orElse(p.Period, Duration(time.Second)), orElse(p.Count, 1)
		},
	},
	{
		RivalStarted, FamilyAddress, "a second cluster with the same VRID on the segment", "it ends", nil,
		[]string{"priority", "address"},
		nil,
		func(p *Parameters) { p.Priority = orElse(p.Priority, 254) },
	},

	{ClockOffset, FamilyTime, "the daemon is started anew with its monotonic and boot clocks ahead by offset", "started anew without", []string{"offset"}, nil, []Capability{NeedTimens}, nil},
	{ClockStepped, FamilyTime, "the wall clock jumps by offset", "it jumps back", []string{"offset"}, nil, []Capability{NeedOwnClock}, nil},

	{
		InterfaceRemoved, FamilyInterface, "ip link delete; it is created again after a time", "created again with its addresses", nil,
		[]string{"interface", "after"},
		nil,
		func(p *Parameters) { p.After = orElse(p.After, Duration(2*time.Second)) },
	},
	{InterfaceRenamed, FamilyInterface, "ip link set name", "its old name", nil, []string{"interface"}, nil, nil},
	{InterfacePromiscuous, FamilyInterface, "the host's interface takes every frame", "its own only", nil, []string{"interface"}, nil, nil},
	{
		NetlinkOverrun, FamilyInterface, "so many changes of addresses that the daemon's netlink socket overruns", "they are deleted", nil,
		[]string{"count"},
		nil,
		func(p *Parameters) { p.Count = orElse(p.Count, 10_000) },
	},
}

// kinds finds a description, order are the catalogue's kinds.
var kinds, order = index(catalogue)

func index(all []description) (map[Kind]description, []Kind) {
	found := map[Kind]description{}
	var names []Kind
	for _, d := range all {
		found[d.kind] = d
		names = append(names, d.kind)
	}
	return found, names
}
