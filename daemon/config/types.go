package config

import (
	"math"
	"net"
	"net/netip"
	"time"
)

// Global is the global_defs block, without what it says for every instance:
// that is in the instances already.
type Global struct {
	RouterID             string // default: the host's name, filled by the daemon when empty
	ScriptUser           string // default: keepalived_script if that user exists, else root; empty here
	ScriptGroup          string
	EnableScriptSecurity bool
	GARPDelay            time.Duration // vrrp_garp_master_delay, default 5 s; already in every Instance
	GARPRepeat           int           // vrrp_garp_master_repeat, default 5; already in every Instance
	GARPInterval         time.Duration // vrrp_garp_interval: between two gratuitous ARPs of one interface; 0: none
	GNAInterval          time.Duration // vrrp_gna_interval: the same for Neighbor Advertisements
	InstanceName         string        // instance: what the daemon is called, where it has a name
	DumpsNamed           bool          // data_use_instance: NetNamespace and InstanceName are in the names of .data files
	Umask                *int          // umask, at most 0777; nil: as the daemon is started
	NetNamespace         string        // net_namespace: where it runs; empty: where it is started
	DynamicInterfaces    bool          // dynamic_interfaces: interfaces need not exist
	StartupDelay         time.Duration // vrrp_startup_delay: before any instance starts; 0: none
	FIFO, VRRPFIFO       NotifyFIFO    // notify_fifo, vrrp_notify_fifo
	FIFOOnReload         bool          // fifo_write_vrrp_states_on_reload: FIFOs are told of what a reload did not change, too
	StartupScript        *Command      // startup_script; nil: none
	ShutdownScript       *Command      // shutdown_script; nil: none
	StartupTimeout       time.Duration // startup_script_timeout: 1 s to 1000 s, default 10 s
	ShutdownTimeout      time.Duration // shutdown_script_timeout: the same
}

// Script is a vrrp_script block. See keepalived.conf(5).
type Script struct {
	Name     string
	Command  []string      // the program and its arguments, split as keepalived splits
	Interval time.Duration // default 1 s; fractions allowed
	Timeout  time.Duration // default: Interval
	Weight   int           // -253 to 253, default 0: failure is a fault
	Reverse  bool          // weight's `reverse`
	Rise     int           // default 1
	Fall     int           // default 1
	InitFail bool          // init_fail
	User     string        // empty: Global's
	Group    string
	Position Position
}

// InitialState is the `state` keyword of a vrrp_instance.
type InitialState uint8

// The initial states. MASTER is no more than a wish: below priority 255 the
// router starts as Backup and waits its full Active_Down_Interval.
const (
	InitialBackup InitialState = iota
	InitialMaster
)

// Instance is a vrrp_instance block. What it leaves out is filled in: from
// global_defs, else with keepalived's default.
type Instance struct {
	Name           string
	InitialState   InitialState
	Interface      string
	VRID           uint8
	Priority       uint8         // default 100; 255 if state MASTER and unset is keepalived's default
	Version        int           // 2 or 3; default 2, of IPv6 always 3
	IPv6           bool          // the family: that of the first address, or native_ipv6
	AdvertInterval time.Duration // default 1 s; version 2: whole seconds to 255 s, version 3: 10 ms to 40.95 s in steps of 10 ms
	Strict         bool          // strict_mode: what it forbids or sets is done already
	Accept         bool          // Accept_Mode; default: true, with Strict only at priority 255
	Notify         Notifies
	Position       Position

	AuthType AuthType // version 2 only
	AuthPass string   // empty: no authentication; at most 8 bytes are used
	HMAC     *HMAC    // auth_hmac; excludes the above

	NoPreempt        bool
	PreemptDelay     time.Duration // up to 1000 s
	DownTimerAdverts int           // Advertisement_Intervals in Active_Down_Interval, 1 to 100, default 3

	// Source is where its advertisements come from (mcast_src_ip,
	// unicast_src_ip); invalid: the interface's own address.
	Source      netip.Addr
	TrackSource bool       // track_src_ip: the loss of Source is a fault
	Group       netip.Addr // the multicast group; invalid in unicast
	// UnicastPeers makes it a unicast one. It is never empty then: an empty
	// list is an error, not a fall-back to multicast.
	UnicastPeers       []UnicastPeer
	UnicastTTL         uint8 // TTL or hop limit that is sent to peers, default 255
	CheckUnicastSource bool  // only peers may speak; also set by a peer's TTL
	// PlainChecksum leaves the pseudo-header out of version 3's checksum over
	// IPv4 (v3_checksum_as_v2).
	PlainChecksum bool

	VMAC *VMAC // use_vmac; nil: the interface's own address

	VirtualAddresses  []VirtualAddress // at least 1, of the instance's family, at most 255
	ExcludedAddresses []VirtualAddress // virtual_ipaddress_excluded: of any family and number, not advertised

	GARPDelay            time.Duration // garp_master_delay, default: Global's; 0: no second set
	GARPRepeat           int           // garp_master_repeat, default: Global's; at least 1
	GARPRefresh          time.Duration // garp_master_refresh, whole seconds; 0: no refresh
	GARPRefreshRepeat    int           // garp_master_refresh_repeat, at least 1
	GARPLowerPrioDelay   time.Duration // garp_lower_prio_delay, default: vrrp_garp_master_delay; with Strict 0
	GARPLowerPrioRepeat  int           // garp_lower_prio_repeat, default: vrrp_garp_master_repeat; with Strict 0
	LowerPrioNoAdvert    bool          // lower_prio_no_advert: an Active does not answer a lower priority
	HigherPrioSendAdvert bool          // higher_prio_send_advert: an Active advertises before it yields
	// SkipCheckAddresses is skip_check_adv_addr: the addresses in an
	// advertisement are compared only if its sender is another than before.
	SkipCheckAddresses bool

	DontTrackPrimary bool // dont_track_primary: Interface may be down
	TrackScripts     []TrackScript
	TrackInterfaces  []TrackInterface
	TrackProcesses   []Tracked
	TrackFiles       []Tracked
	TrackBFDs        []Tracked

	// The rest goes beyond keepalived; see docs/configuration.md.
	VIPLease    time.Duration // vip_lease: LeaseAutomatic, LeaseOff, or whole seconds
	FastPreempt FastPreempt
	BFDExpire   BFDExpire
}

// Values of VIPLease that are no times.
const (
	LeaseAutomatic time.Duration = 0  // where the interval allows it
	LeaseOff       time.Duration = -1 // virtual addresses stay until they are removed
)

// FastPreempt is fast_preempt: what follows when the priority of an Active
// drops.
type FastPreempt uint8

// The ways of fast_preempt.
const (
	FastPreemptOff    FastPreempt = iota // the RFC's
	FastPreemptResign                    // the Active sends priority 0 and competes as a Backup
	FastPreemptAdvert                    // the Active advertises at once, and a better Backup waits Skew_Time only
)

// BFDExpire is bfd_expire: what a Backup does when a tracked BFD session with
// the current Active fails.
type BFDExpire uint8

// The ways of bfd_expire. Unless it is off, the loss of a session of weight 0
// is no fault: a Backup could not take over from within a fault.
const (
	BFDExpireOff  BFDExpire = iota
	BFDExpireOn             // Active_Down_Timer ends at once
	BFDExpireSkew           // Active_Down_Timer is at most Skew_Time
)

// AuthType is the auth_type of authentication (RFC 2338 section 5.3.6).
type AuthType uint8

// The authentication types.
const (
	AuthNone AuthType = iota
	AuthPassword
	AuthHeader // AH; IPv4 only
)

// HMAC is an auth_hmac block: advertisements with a trailer that signs them.
type HMAC struct {
	Keys      []HMACKey // at least 1, of different ids
	ActiveKey uint8     // the id of the key that signs; always one of Keys
	// Window is by how much the sender's clock may differ: whole seconds, 1 s
	// to 300 s; default 3 Advertisement_Intervals, at least 5 s. 0 is
	// anti_replay monotonic: a sender's numbers must grow, no more.
	Window time.Duration
	Mode   HMACMode // with Strict always HMACEnforce
}

// HMACMode says how far a trailer is demanded.
type HMACMode uint8

// The modes of auth_hmac.
const (
	HMACEnforce     HMACMode = iota // sign, and refuse what is not signed
	HMACPermissive                  // sign, and accept what is not signed
	HMACReceiveOnly                 // accept what is not signed, and do not sign
)

// HMACKey is a key of auth_hmac. Secret reads it.
type HMACKey struct {
	ID       uint8  // 1 to 255
	Inline   string // as written: bytes, or hex:DIGITS
	File     string // where the same is found instead; empty: it is Inline
	Position Position
}

// UnicastPeer is a line of unicast_peer.
type UnicastPeer struct {
	Address  netip.Addr // of the instance's family
	MinTTL   uint8      // of what it sends; default 0
	MaxTTL   uint8      // default 255; not below MinTTL
	Position Position
}

// VMAC is the virtual router MAC address on an interface of its own
// (RFC 9568 section 7.3).
type VMAC struct {
	Name         string           // of the interface; empty: the daemon's choice
	Hardware     net.HardwareAddr // 6 bytes; nil: 00-00-5E-00-01-VRID, of IPv6 00-00-5E-00-02-VRID
	TransmitBase bool             // vmac_xmit_base: advertisements leave from the base interface
}

// VirtualAddress is a line of virtual_ipaddress or virtual_ipaddress_excluded.
type VirtualAddress struct {
	Prefix    netip.Prefix // the address with its host bits; a bare address is a /32, of IPv6 a /128
	Device    string       // never empty; default: the instance's interface, which stands for its VMAC's too
	Broadcast netip.Addr   // brd; invalid when none was given
	Scope     Scope        // scope, default global; IPv4 only
	Label     string       // IPv4 only
	Flags     AddressFlags // of IPv6 FlagNoDAD is set unless -nodad is written
	// PreferredLifetime is preferred_lft in whole seconds; nil: for ever. An
	// IPv6 /128 has 0, which deprecates it, unless its line says otherwise.
	PreferredLifetime *time.Duration
	NoTrack           bool // no_track: its loss is no reason to leave Active
	Position          Position
}

// AddressFlags are flags of an address, with rtnetlink's numbers (IFA_F_ in
// linux/if_addr.h).
type AddressFlags uint32

// The flags that a virtual address may have.
const (
	FlagNoDAD           AddressFlags = 0x02  // no Duplicate Address Detection
	FlagHome            AddressFlags = 0x10  // home
	FlagManageTemporary AddressFlags = 0x100 // mngtmpaddr
	FlagNoPrefixRoute   AddressFlags = 0x200 // noprefixroute
	FlagAutoJoin        AddressFlags = 0x400 // autojoin
)

// Scope is where an address is valid, with rtnetlink's numbers
// (enum rt_scope_t in linux/rtnetlink.h).
type Scope uint8

// The scopes that the `scope` option of virtual_ipaddress knows.
const (
	ScopeGlobal  Scope = 0
	ScopeSite    Scope = 200
	ScopeLink    Scope = 253
	ScopeHost    Scope = 254
	ScopeNowhere Scope = 255
)

// TrackScript is a line of track_script, of the instance or of its sync group.
type TrackScript struct {
	Name     string
	Weight   *int // nil: the script's own
	Reverse  bool // the script's own unless the line says otherwise
	Position Position
}

// TrackInterface is a line of track_interface, of the instance or of its sync
// group.
type TrackInterface struct {
	Name     string
	Weight   int  // -253 to 253, default 0: down is a fault
	Reverse  bool // weight's `reverse`
	Position Position
}

// Tracked is a line of track_process, track_file or track_bfd, of the instance
// or of its sync group. Weight and Reverse are those of what it names unless
// the line says otherwise.
type Tracked struct {
	Name     string
	Weight   int // of a process or a file -254 to 254, of a BFD session -253 to 253; 0: a fault
	Reverse  bool
	Position Position
}

// SyncGroup is a vrrp_sync_group block. What a group tracks is in each of its
// members.
type SyncGroup struct {
	Name    string
	Members []string // the names of instances, at least 1; each is in one group at most
	// TrackingWeight is sync_group_tracking_weight: without it the members
	// track nothing of their own with a weight.
	TrackingWeight bool
	Notify         Notifies
	Position       Position
}

// Process is a vrrp_track_process block.
type Process struct {
	Name       string
	Command    string // the name of the program, with FullCommand its first argument
	Parameters []string
	// FullCommand looks at the command line and not at the name in
	// /proc/PID/comm. Parameters and a Match imply it.
	FullCommand    bool
	Match          ParameterMatch
	Weight         int // -254 to 254, default 0: no quorum is a fault
	Reverse        bool
	Quorum         int           // at least so many processes: 0 to 65535, default 1
	QuorumMax      int           // at most so many; default NoQuorumMax
	TerminateDelay time.Duration // how long too few are tolerated, up to 1 h; default 0
	ForkDelay      time.Duration // how long too many, or just enough, are not believed, up to 1 h; default 0
	Position       Position
}

// NoQuorumMax is a QuorumMax without effect.
const NoQuorumMax = math.MaxInt

// ParameterMatch is how the parameters of a process are compared.
type ParameterMatch uint8

// The ways of param_match.
const (
	MatchAny     ParameterMatch = iota // they are not compared
	MatchExact                         // the same parameters
	MatchPartial                       // the first ones are the same
	MatchInitial                       // so are they, and the last of them may be longer
)

// File is a track_file block (vrrp_track_file is an old name of it).
type File struct {
	Name      string
	Path      string
	Weight    int // -254 to 254, default 1: what the file's number is multiplied with; 0: a number other than 0 is a fault
	Reverse   bool
	Init      *int // init_file: what is written to a file that is not there; nil: nothing
	Overwrite bool // Init is written in any case
	Position  Position
}

// BFD is a bfd_instance block: one session (RFC 5880).
type BFD struct {
	Name       string
	Neighbor   netip.Addr
	Source     netip.Addr    // of Neighbor's family; invalid: the kernel's choice
	MinRx      time.Duration // 1 ms to 4294967 ms, default 10 ms
	MinTx      time.Duration // the same
	IdleTx     time.Duration // 1 s to 4294967 ms, default 1 s
	Multiplier uint8         // 1 to 255, default 5
	Passive    bool
	TTL        uint8 // that is sent, and of single hop expected; default 255, where keepalived has 64 for IPv6
	MaxHops    int   // -1 to 255: by how much less than TTL may arrive; default 0
	Multihop   bool  // RFC 5883; port 4784
	Weight     int   // -253 to 253, default 0: down is a fault
	Reverse    bool
	VRRP       bool // instances may track it; true unless only `checker` is written
	Position   Position
}
