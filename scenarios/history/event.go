package history

import (
	"net/netip"
	"time"
)

// Event is one thing observed.
type Event struct {
	ID   int           // its place in the log, from 1
	At   time.Duration // since the trial's origin
	Host string        // the host concerned; empty for the trial as a whole
	Body Body
}

// Body is what was observed. The set is closed.
//
//sumtype:decl
type Body interface {
	Kind() Kind
	isBody()
}

// Kind names a Body on disk.
type Kind string

// The kinds of events.
const (
	KindTrial        Kind = "trial"
	KindPhase        Kind = "phase"
	KindFaultArmed   Kind = "fault-armed"
	KindFaultStart   Kind = "fault-start"
	KindFaultEnd     Kind = "fault-end"
	KindAdvert       Kind = "advert"
	KindARP          Kind = "arp"
	KindNA           Kind = "na"
	KindAddress      Kind = "address"
	KindLink         Kind = "link"
	KindNeighbour    Kind = "neighbour"
	KindProbe        Kind = "probe"
	KindOwners       Kind = "owners"
	KindConnection   Kind = "connection"
	KindForwarding   Kind = "forwarding"
	KindUsage        Kind = "usage"
	KindProcessStart Kind = "process-start"
	KindProcessExit  Kind = "process-exit"
	KindTransition   Kind = "transition"
	KindCanary       Kind = "canary"
	KindTruth        Kind = "truth"
	KindNote         Kind = "note"
)

// Trial is the first event of every history: what was set up. Everything
// that a judge needs to know beforehand stands in it.
type Trial struct {
	Format   int       `json:"format"` // of the history, now 1
	Scenario string    `json:"scenario"`
	Fault    string    `json:"fault"`
	Subject  string    `json:"subject"` // vipd, keepalived, ...; a mixed cluster names each seat in Nodes
	Run      int       `json:"run"`     // from 1
	Seed     uint64    `json:"seed"`
	Started  time.Time `json:"started"` // wall clock at the origin
	Cluster  Cluster   `json:"cluster"`
	// ProbePeriods is the period of each stream of probes, by its name.
	ProbePeriods map[string]time.Duration `json:"probe_periods_ns"`
	// Expect is what the scenario declares beforehand.
	Expect Expectation `json:"expect"`
}

// Cluster is the virtual router and the hosts around it.
type Cluster struct {
	Version        int           `json:"version"`
	VRID           int           `json:"vrid"`
	VIPs           []netip.Addr  `json:"vips"` // the first is the one that is probed
	AdvertInterval time.Duration `json:"advert_interval_ns"`
	// DownTimerAdverts is how many intervals Active_Down_Interval has; 0 stands
	// for the RFC's 3.
	DownTimerAdverts int    `json:"down_timer_adverts,omitempty"`
	Nodes            []Node `json:"nodes"`
	Client           Peer   `json:"client"`
	// Check is the script that watches the web server, if there is one.
	Check *CheckScript `json:"check,omitempty"`
	// WebServer is what answers on port 80: nginx, or the stand-in's name.
	WebServer string `json:"web_server"`
}

// Node is a host that can own the VIP.
type Node struct {
	Name     string     `json:"name"`
	Address  netip.Addr `json:"address"`
	MAC      string     `json:"mac"` // lower case, colons
	Priority int        `json:"priority"`
	Preempt  bool       `json:"preempt"`
	Subject  string     `json:"subject"`
	// LinkLocal is its IPv6 link-local address, where its advertisements come
	// from in IPv6 (RFC 9568 §5.1.2.1); invalid in IPv4.
	LinkLocal netip.Addr `json:"link_local,omitzero"`
	// Options are those of its configuration, as keepalived.conf calls them,
	// with which its timers or its priority are not the RFC's alone.
	Options []string `json:"options,omitempty"`
	// Segment tells virtual routers on several segments apart, from 1; 0: there
	// is one. Nodes of the same Group are on one host, and are Active together
	// or not at all.
	Segment int    `json:"segment,omitempty"`
	Group   string `json:"group,omitempty"`
}

// Peer is a host that only asks.
type Peer struct {
	Name    string     `json:"name"`
	Address netip.Addr `json:"address"`
	MAC     string     `json:"mac"`
}

// CheckScript is a vrrp_script's timing as configured.
type CheckScript struct {
	Interval time.Duration `json:"interval_ns"`
	Timeout  time.Duration `json:"timeout_ns"`
	Fall     int           `json:"fall"`
	Rise     int           `json:"rise"`
	Weight   int           `json:"weight"` // 0: failure is a fault
}

// Expectation is what a scenario declares before it runs.
type Expectation struct {
	// Detection is how the Backup learns of the fault: see the constants.
	Detection Detection `json:"detection"`
	// TwoOwners says that two owners between the fault and the bound after
	// its healing follow from the fault; the reason is for the reader.
	TwoOwners       bool   `json:"two_owners"`
	TwoOwnersReason string `json:"two_owners_reason,omitempty"`
}

// Detection is the way in which a fault comes to the Backup's notice.
type Detection string

// The ways of detection.
const (
	// DetectSilence: the advertisements stop at the fault.
	DetectSilence Detection = "silence"
	// DetectPriorityZero: the Active says goodbye at the fault.
	DetectPriorityZero Detection = "priority-0"
	// DetectCheck: the Active's own check script notices first.
	DetectCheck Detection = "check"
)

// Phase marks the progress of a trial.
type Phase struct {
	Name PhaseName `json:"name"`
}

// PhaseName is a stage of a trial.
type PhaseName string

// The phases in their order. Settled is when the cluster was found settled;
// Faulted and Healed stand right behind the fault's start and end.
const (
	PhaseSettling PhaseName = "settling"
	PhaseSettled  PhaseName = "settled"
	PhaseFaulted  PhaseName = "faulted"
	PhaseHealed   PhaseName = "healed"
	PhaseDone     PhaseName = "done"
	// PhaseInterrupted takes the place of Done when the trial was cut short.
	PhaseInterrupted PhaseName = "interrupted"
	// PhaseFailed takes the place of Done when the trial could not go on.
	PhaseFailed PhaseName = "failed"
)

// FaultArmed is the moment before a fault is applied to Host: what will undo it
// is known from here on.
type FaultArmed struct {
	ID    int    `json:"id"`    // of the fault in this trial, from 1
	Fault string `json:"fault"` // its name and parameters
	Undo  string `json:"undo"`
}

// FaultStart is the moment just before a fault takes effect. Host is its target.
type FaultStart struct {
	ID    int    `json:"id,omitempty"` // that of its FaultArmed
	Fault string `json:"fault"`
	Undo  string `json:"undo"` // what heals it, recorded before it is applied
	// Phase is the distance from the Active's last advertisement.
	Phase time.Duration `json:"phase_ns"`
	// Took is how long the injecting calls took.
	Took time.Duration `json:"took_ns"`
}

// FaultEnd is the moment when a fault's healing was complete. Host is its
// target.
type FaultEnd struct {
	ID    int           `json:"id,omitempty"`
	Fault string        `json:"fault"`
	Took  time.Duration `json:"took_ns"`
}

// Direction is a frame's way through the port where it was seen.
type Direction string

// The directions, as seen from the host on the port.
const (
	FromHost Direction = "from-host" // the host sent it; seen before the switch decides about it
	ToHost   Direction = "to-host"   // the switch delivers it to the host
)

// Advert is a VRRP advertisement at the switch's port of Host.
type Advert struct {
	Direction Direction     `json:"direction"`
	Version   int           `json:"version"`
	VRID      int           `json:"vrid"`
	Priority  int           `json:"priority"`
	Interval  time.Duration `json:"interval_ns"`
	Source    netip.Addr    `json:"source"`
	// Destination is the group, or a unicast peer.
	Destination netip.Addr   `json:"destination,omitzero"`
	VIPs        []netip.Addr `json:"vips"`
	// Problem says what is wrong with it, when something is (checksum, TTL).
	Problem string `json:"problem,omitempty"`
}

// ARP is an ARP packet at the switch's port of Host.
type ARP struct {
	Direction  Direction  `json:"direction"`
	Operation  string     `json:"operation"` // request or reply
	SenderIP   netip.Addr `json:"sender_ip"`
	SenderMAC  string     `json:"sender_mac"`
	TargetIP   netip.Addr `json:"target_ip"`
	TargetMAC  string     `json:"target_mac"`
	Gratuitous bool       `json:"gratuitous"` // sender and target address are the same
}

// NA is an unsolicited Neighbor Advertisement (RFC 4861 §4.4) at the switch's
// port of Host.
type NA struct {
	Direction Direction  `json:"direction"`
	Target    netip.Addr `json:"target"`
	// TargetMAC is the target's link-layer address, empty without that option.
	TargetMAC string `json:"target_mac"`
	Override  bool   `json:"override"`
	// Problem says what is wrong with it, when something is.
	Problem string `json:"problem,omitempty"`
}

// Address is an address appearing on or vanishing from an interface of Host.
type Address struct {
	Interface string       `json:"interface"`
	Prefix    netip.Prefix `json:"prefix"`
	Present   bool         `json:"present"`
	// Initial marks the ones that were there when the watch began.
	Initial bool `json:"initial,omitempty"`
}

// Link is a change of an interface of Host.
type Link struct {
	Interface string `json:"interface"`
	Up        bool   `json:"up"`      // administratively
	Carrier   bool   `json:"carrier"` // IFF_LOWER_UP
}

// Neighbour is a change in the neighbour table of Host.
type Neighbour struct {
	IP    netip.Addr `json:"ip"`
	MAC   string     `json:"mac,omitempty"` // empty while unresolved
	State string     `json:"state"`         // reachable, stale, delay, probe, failed, incomplete, ...; none when deleted
}

// The names of the streams of probes.
const (
	StreamICMP      = "icmp"       // echo requests to the VIP
	StreamHTTP      = "http"       // GET / on the VIP, a connection each
	StreamUDP       = "udp"        // datagrams to the echo server behind the VIP
	StreamTCP       = "tcp"        // connects to the echo server, until it says its name
	StreamKeepAlive = "keep-alive" // GET / on the VIP, over one connection as long as it lasts
)

// StreamConnections is the key in Trial.ProbePeriods of the heartbeats' period
// of long-lived connections.
const StreamConnections = "connections"

// Probe is one probe that was answered or given up. At is when it was sent.
type Probe struct {
	Stream string `json:"stream"`
	Seq    int    `json:"seq"` // from 0; due at the stream's start + Seq x period
	// RTT is the time to the answer, by the kernel's timestamp; 0 when lost.
	RTT time.Duration `json:"rtt_ns,omitempty"`
	// By is the host that answered: by its MAC for icmp, else by its words.
	By string `json:"by,omitempty"`
	// Error says why it was lost.
	Error string `json:"error,omitempty"`
}

// Lost says that no answer came.
func (p Probe) Lost() bool { return p.RTT == 0 }

// Owners is one question for the VIP, an ARP probe or a Neighbor Solicitation,
// asked from a port of the switch that belongs to no host, and all hosts that
// answered it: the owners as seen from the outside. At is when it was sent.
type Owners struct {
	Seq     int      `json:"seq"`
	VIP     string   `json:"vip"`
	Answers []string `json:"answers"` // names of hosts, sorted; empty when nobody owns it
}

// StreamOwners is the key of its period in Trial.ProbePeriods.
const StreamOwners = "owners"

// Connection is a turn in the life of a long-lived TCP connection of Host to the
// VIP, over which heartbeats go to and fro. One that is lost is opened again, as
// another.
type Connection struct {
	Number int    `json:"number"` // from 1, one for each connection
	Fate   Fate   `json:"fate"`
	By     string `json:"by"` // the host that accepted it
	// Heartbeats is how many were answered, SilenceMax the longest time without
	// an answer to any.
	Heartbeats int           `json:"heartbeats"`
	SilenceMax time.Duration `json:"silence_max_ns"`
	// Error says how it ended, if it did.
	Error string `json:"error,omitempty"`
}

// Fate is what became of a connection.
type Fate string

// The fates. The first is its begin; the last is said of those that are open when
// the probes end.
const (
	FateOpened   Fate = "opened"
	FateReset    Fate = "reset"     // by an RST, or the server closed it
	FateTimedOut Fate = "timed-out" // no heartbeat was answered for too long
	FateSurvived Fate = "survived"
)

// Forwarding is a change in the forwarding table of a segment's bridge: the port
// of Host is where frames for the MAC address go, or not any more.
type Forwarding struct {
	Bridge  string `json:"bridge"`
	MAC     string `json:"mac"`
	Present bool   `json:"present"`
}

// Usage is what a daemon in Host uses, with all processes that it started and
// that last: those that come and go between two looks, as scripts do, are left
// out.
type Usage struct {
	Name        string `json:"name"` // vipd, keepalived, ...
	PID         int    `json:"pid"`  // of its first process
	Processes   int    `json:"processes"`
	Threads     int    `json:"threads"`
	Descriptors int    `json:"descriptors"`
	AnonKiB     int    `json:"anon_kib"` // RssAnon of proc_pid_status(5), summed up
}

// ProcessStart is a process started in Host.
type ProcessStart struct {
	Name string   `json:"name"` // vipd, keepalived, nginx, ...
	PID  int      `json:"pid"`
	Args []string `json:"args"`
}

// ProcessExit is the end of a process in Host.
type ProcessExit struct {
	Name   string `json:"name"`
	PID    int    `json:"pid"`
	Status string `json:"status"` // "exit status 0", "signal: killed", or empty if unknown
}

// Transition is a change of state as the daemon in Host itself reports it.
type Transition struct {
	Instance string `json:"instance"`
	From     string `json:"from,omitempty"`
	To       string `json:"to"`
	Reason   string `json:"reason,omitempty"`
}

// Canary is what kept everybody on the machine from going on, over the time
// since the canary before.
type Canary struct {
	// DelayMax is the largest scheduling delay of threads, one on each
	// processor, that do nothing but wake up every few milliseconds.
	DelayMax time.Duration `json:"delay_max_ns"`
	// LockMax is the longest wait for the kernel's lock of the network
	// configuration, which is one for all namespaces; 0 where it is not known.
	LockMax time.Duration `json:"lock_max_ns,omitempty"`
}

// Delay is the larger of both: a daemon that waits for the lock, to set or
// remove an address, does nothing else meanwhile, as one that is not let run.
func (c Canary) Delay() time.Duration { return max(c.DelayMax, c.LockMax) }

// Truth is what a puppet did: a subject that does what its timetable says, and
// says itself when. It is what measurements are compared with. Event.At is when
// the system call had returned.
type Truth struct {
	Cycle int  `json:"cycle"` // of the timetable, from 1
	Deed  Deed `json:"deed"`
	// Took is how long the system call took: the truth is known no better.
	Took time.Duration `json:"took_ns"`
}

// Deed is what a puppet can do.
type Deed string

// The deeds of a cycle, in their order: the first owner loses the VIP, the next
// one takes it and is announced later; then the first one has it for a while
// beside it.
const (
	DeedRemoved      Deed = "vip-removed"
	DeedAdvertised   Deed = "advertised"
	DeedAdded        Deed = "vip-added"
	DeedAnnounced    Deed = "announced"
	DeedAddedAgain   Deed = "vip-added-again"
	DeedRemovedAgain Deed = "vip-removed-again"
)

// Deeds are all of a cycle, in their order.
func Deeds() []Deed {
	return []Deed{DeedRemoved, DeedAdvertised, DeedAdded, DeedAnnounced, DeedAddedAgain, DeedRemovedAgain}
}

// Note is anything else worth keeping: a warning, a line for the reader.
type Note struct {
	Text string `json:"text"`
}

// Outcry begins the Note with which a line of a daemon's log is kept that no log
// should have: of a panic, or of a process that broke the rules of memory.
const Outcry = "log: "

// Kind implements Body.
func (Trial) Kind() Kind        { return KindTrial }
func (Phase) Kind() Kind        { return KindPhase }
func (FaultArmed) Kind() Kind   { return KindFaultArmed }
func (FaultStart) Kind() Kind   { return KindFaultStart }
func (FaultEnd) Kind() Kind     { return KindFaultEnd }
func (Advert) Kind() Kind       { return KindAdvert }
func (ARP) Kind() Kind          { return KindARP }
func (NA) Kind() Kind           { return KindNA }
func (Address) Kind() Kind      { return KindAddress }
func (Link) Kind() Kind         { return KindLink }
func (Neighbour) Kind() Kind    { return KindNeighbour }
func (Probe) Kind() Kind        { return KindProbe }
func (Owners) Kind() Kind       { return KindOwners }
func (Connection) Kind() Kind   { return KindConnection }
func (Forwarding) Kind() Kind   { return KindForwarding }
func (Usage) Kind() Kind        { return KindUsage }
func (ProcessStart) Kind() Kind { return KindProcessStart }
func (ProcessExit) Kind() Kind  { return KindProcessExit }
func (Transition) Kind() Kind   { return KindTransition }
func (Canary) Kind() Kind       { return KindCanary }
func (Truth) Kind() Kind        { return KindTruth }
func (Note) Kind() Kind         { return KindNote }

func (Trial) isBody()        {}
func (Phase) isBody()        {}
func (FaultArmed) isBody()   {}
func (FaultStart) isBody()   {}
func (FaultEnd) isBody()     {}
func (Advert) isBody()       {}
func (ARP) isBody()          {}
func (NA) isBody()           {}
func (Address) isBody()      {}
func (Link) isBody()         {}
func (Neighbour) isBody()    {}
func (Probe) isBody()        {}
func (Owners) isBody()       {}
func (Connection) isBody()   {}
func (Forwarding) isBody()   {}
func (Usage) isBody()        {}
func (ProcessStart) isBody() {}
func (ProcessExit) isBody()  {}
func (Transition) isBody()   {}
func (Canary) isBody()       {}
func (Truth) isBody()        {}
func (Note) isBody()         {}
