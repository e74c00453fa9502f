package vrrp

import (
	"net/netip"
	"time"
)

// Version is the protocol version of an advertisement.
type Version uint8

// The protocol versions.
const (
	Version2 Version = 2 // RFC 3768
	Version3 Version = 3 // RFC 9568
)

// State is the state of a virtual router (RFC 9568 §6.4).
type State uint8

// The states of a virtual router.
const (
	Initialize State = iota
	Backup
	Active
)

// AuthenticationType is the Auth Type field of version 2 (RFC 3768 §5.3.6).
type AuthenticationType uint8

// The authentication types of version 2. RFC 2338 §5.3.6 gave 1 (a password in
// the clear) and 2 (AH) their meaning; RFC 3768 reserves both and keeps only
// 0. What AH signs is the packet around the advertisement: see AH.
const (
	AuthenticationNone AuthenticationType = 0
	AuthenticationPass AuthenticationType = 1
	AuthenticationAH   AuthenticationType = 2
)

// Authentication is what a version 2 advertisement carries behind its
// addresses. For AuthenticationPass Data is the password, filled up with
// zeros (RFC 2338 §5.3.10); for the others it is zero when sent and ignored
// when received (RFC 3768 §5.3.10).
type Authentication struct {
	Type AuthenticationType
	Data [8]byte
}

// Advertisement is one decoded VRRP advertisement.
type Advertisement struct {
	Version  Version
	VRID     uint8
	Priority uint8 // 0 means that the Active stops (RFC 3768 §5.3.4)
	// Interval is the sender's Advertisement_Interval: whole seconds from 1 s
	// to 255 s in version 2, steps of 10 ms up to 40.95 s in version 3.
	Interval time.Duration
	// Addresses are the virtual addresses, at most 255. Advertisements that
	// the machine sends share one list: read it, do not change it.
	Addresses      []netip.Addr
	Authentication Authentication // version 2 only
	// PlainChecksum says that the checksum of version 3 over IPv4 leaves out
	// the pseudo-header. Over IPv6 it never does (RFC 9568 §5.2.8).
	PlainChecksum bool
}

// FastPreempt says how a Backup that became the better router, because the
// Active's priority dropped, takes over before the Active is silent. All but
// FastPreemptOff goes beyond the RFC.
type FastPreempt uint8

// The ways of fast preemption.
const (
	// FastPreemptOff is the RFC: a Backup waits for silence, or discards the
	// lower advertisements until Active_Down_Timer ends.
	FastPreemptOff FastPreempt = iota
	// FastPreemptResign is spoken by any router: an Active whose priority
	// drops sends priority 0, removes its addresses, and competes for them as
	// a Backup whose Active_Down_Timer is its new Skew_Time.
	FastPreemptResign
	// FastPreemptAdvert needs it on both sides: an Active whose priority
	// drops advertises at once, and a preempting Backup that hears the
	// Active's priority fall below its own waits for Skew_Time only.
	FastPreemptAdvert
)

// PeerLoss says what a Backup does when the liveness detection (BFD) of the
// current Active fails. All but PeerLossIgnored goes beyond the RFC.
type PeerLoss uint8

// What the loss of the current Active does.
const (
	PeerLossIgnored PeerLoss = iota
	PeerLossExpires          // Active_Down_Timer ends at once
	PeerLossSkews            // Active_Down_Timer is at most Skew_Time, so that one of several Backups is first
)

// Parameters describe one virtual router on one interface (RFC 9568 §6.1).
// The zero value of every field below AnnounceDelay is the RFC's behaviour.
type Parameters struct {
	Version  Version
	VRID     uint8 // 1 to 255
	Priority uint8 // 1 to 255; 255 is the address owner
	// AdvertisementInterval is 1 s to 255 s in whole seconds in version 2,
	// 10 ms to 40.95 s in steps of 10 ms in version 3. A Backup of version 3
	// uses the interval that it learns from the Active.
	AdvertisementInterval time.Duration
	// PrimaryAddress is the source of its advertisements, without a zone:
	// unicast IPv4, or link-local IPv6 in version 3. (With unicast peers any
	// unicast IPv6 address.) It gives the virtual router its family.
	PrimaryAddress netip.Addr
	// VirtualAddresses are 1 to 255 different ones of the family, in the
	// order they are set.
	VirtualAddresses []netip.Addr
	// ExcludedAddresses are set, removed and announced like the others, after
	// them, but are not advertised (keepalived's virtual_ipaddress_excluded).
	// They are of any family and number.
	ExcludedAddresses []netip.Addr
	NoPreempt         bool           // Preempt_Mode false
	Authentication    Authentication // version 2 only
	// PlainChecksum is for what is sent; see Advertisement. Received, both are
	// accepted. True is RFC 9568 §5.2.8, false is RFC 5798 as keepalived and
	// FRR have it, who refuse the other.
	PlainChecksum bool

	// AnnounceCount announcements (gratuitous ARP or unsolicited Neighbor
	// Advertisement) go out for each address on becoming Active, and again
	// AnnounceDelay later while still Active. A zero delay means once, a zero
	// count none. Neither is negative.
	AnnounceCount int
	AnnounceDelay time.Duration

	// AnnounceRefresh, if not zero, repeats AnnounceRefreshCount (at least 1)
	// announcements for each address while Active, each such time.
	AnnounceRefresh      time.Duration
	AnnounceRefreshCount int
	// RivalAnnounceCount and RivalAnnounceDelay are those of the announcements
	// that follow a rival's advertisement; see Step. Nil stands for
	// AnnounceCount and no repetition. Sooner than that each address is
	// announced once more 0.1 s and 1 s after the rival, whose own
	// announcements may have come after the answer. A Backup that takes over
	// from one that it outranks repeats its announcements in the same way.
	RivalAnnounceCount *int
	RivalAnnounceDelay time.Duration
	// SilentToRivals keeps an Active from answering a rival's advertisement
	// with one of its own (vrrp_lower_prio_no_advert). It still announces.
	SilentToRivals bool
	// AdvertBeforeYielding has an Active that hears a better one advertise
	// once more before it yields (vrrp_higher_prio_send_advert), so that the
	// better one learns of it and announces its addresses again.
	AdvertBeforeYielding bool

	// PreemptDelay is for how long a Backup that outranks the Active it hears
	// first lets it be, counted from the first lower advertisement after it
	// became Backup. The Active's silence ends it. FastPreemptAdvert waits for
	// it as well.
	PreemptDelay time.Duration
	// StartupDelay is how long Startup stays in Initialize.
	StartupDelay time.Duration
	// DownTimerAdverts is how many Advertisement_Intervals Active_Down_Interval
	// has, 1 to 100; 0 stands for the RFC's 3.
	DownTimerAdverts int
	// CheckAddresses refuses advertisements whose list of addresses is another
	// one, in whatever order, but for those of an address owner. RFC 9568 §7.1
	// and RFC 3768 §7.1 leave it open.
	CheckAddresses bool
	FastPreempt    FastPreempt
	PeerLoss       PeerLoss
}

// Event is what happens to a virtual router. The set is closed.
//
//sumtype:decl
type Event interface{ isEvent() }

type (
	// Startup leaves Initialize (RFC 9568 §6.4.1). A no-op elsewhere.
	Startup struct{}
	// Shutdown returns to Initialize; an Active sends priority 0 first
	// (RFC 9568 §6.4.2, §6.4.3). The same event serves a fault: a lost link
	// or a failed check of weight 0; Reason says which, and is passed on in
	// StateChanged.
	Shutdown struct{ Reason string }
	// TimerExpired says that the time of Deadline has come. Early or stale,
	// it is a no-op. After a pause, report what was received meanwhile
	// before TimerExpired: else a Backup takes over from an Active whose
	// advertisements only wait to be read.
	TimerExpired struct{}
	// Received is an advertisement that Decode accepted, and the source
	// address of its packet: plain IPv4, not mapped into IPv6, or IPv6 without
	// a zone. Initialize ignores it. The machine keeps nothing of its lists:
	// they may be overwritten after Step.
	Received struct {
		Source        netip.Addr
		Advertisement Advertisement
	}
	// PriorityChanged sets the priority in force, 1 to 254; other values are
	// a no-op, and so is any change to an address owner (255). The running
	// timers continue and nothing is sent out of turn, unless FastPreempt
	// says so: the next advertisement carries the new priority, and the next
	// time that Active_Down_Timer is set it is set with the new Skew_Time.
	PriorityChanged struct{ Priority uint8 }
	// AddressLost says that a virtual address vanished from an Active's
	// interface by another's hand. The Active puts it back and announces it.
	// A no-op in other states and for addresses that are not its own.
	AddressLost struct{ Address netip.Addr }
	// PeerLost says that the liveness detection of a neighbour failed. A
	// Backup whose current Active it is does what Parameters.PeerLoss says;
	// a no-op for others and in other states.
	PeerLost struct{ Address netip.Addr }
	// Resign makes an Active a Backup: priority 0, removal, and an
	// Active_Down_Timer of Active_Down_Interval. A no-op in other states. It
	// serves an operator's hand-over and a sync group.
	Resign struct{ Reason string }
	// TakeOver makes a Backup Active at once, as the end of Active_Down_Timer
	// does. A no-op in other states. It serves a router that joins a sync group
	// whose members are Active.
	TakeOver struct{ Reason string }
	// Reconfigured puts other parameters in force, if Accepts has no objection;
	// else it is a no-op. The state stays. A Backup's timer moves by what
	// Active_Down_Interval has changed; an Active advertises at once if its
	// advertisements change, then removes and sets what differs in the lists
	// of addresses. StartupDelay stays, and the priority in force, which is for
	// PriorityChanged; except from and to that of an address owner: a Backup
	// that becomes one takes over.
	Reconfigured struct{ Parameters Parameters }
)

func (Startup) isEvent()         {}
func (Shutdown) isEvent()        {}
func (TimerExpired) isEvent()    {}
func (Received) isEvent()        {}
func (PriorityChanged) isEvent() {}
func (AddressLost) isEvent()     {}
func (PeerLost) isEvent()        {}
func (Resign) isEvent()          {}
func (TakeOver) isEvent()        {}
func (Reconfigured) isEvent()    {}

// Action is what a virtual router wants done. The set is closed, and the
// order of a list of actions is a contract: on the way to Active the
// advertisement comes first, then each address directly followed by its
// announcements; on the way out the advertisement of priority 0 comes before
// any removal. An advertisement always comes before everything else; Discard
// and StateChanged come last.
//
//sumtype:decl
type Action interface{ isAction() }

type (
	// SendAdvertisement sends to the other virtual routers.
	SendAdvertisement struct{ Advertisement Advertisement }
	// SetAddress puts a virtual address on the interface. Each is removed
	// before it is set again, except after AddressLost.
	SetAddress struct{ Address netip.Addr }
	// RemoveAddress takes a virtual address off the interface.
	RemoveAddress struct{ Address netip.Addr }
	// Announce sends Count gratuitous ARPs or unsolicited Neighbor
	// Advertisements for an address.
	Announce struct {
		Address netip.Addr
		Count   int
	}
	// Discard says that an advertisement was refused, and why.
	Discard struct {
		Source  netip.Addr
		Refusal Refusal
	}
	// StateChanged says that the state changed, and why in a few words.
	StateChanged struct {
		From, To State
		Reason   string
	}
)

func (SendAdvertisement) isAction() {}
func (SetAddress) isAction()        {}
func (RemoveAddress) isAction()     {}
func (Announce) isAction()          {}
func (Discard) isAction()           {}
func (StateChanged) isAction()      {}

// Refusal is a reason for which an advertisement is not believed. Each is
// counted by the daemon.
type Refusal uint8

// The reasons of refusal. Decode finds those about the packet's form, the
// machine those about its own parameters, and RefusedTTL is for whoever reads
// the IP header.
const (
	RefusedLength         Refusal = iota + 1 // shorter than its fields say
	RefusedVersion                           // not the configured version
	RefusedType                              // not an advertisement
	RefusedChecksum                          // damaged on its way, or wrongly built
	RefusedTTL                               // not 255: it crossed a router
	RefusedVRID                              // no such virtual router here
	RefusedAuthentication                    // type or data differ
	RefusedInterval                          // version 2: another Advertisement_Interval
	RefusedOwner                             // another speaks for an address that this router owns
	RefusedSource                            // our own packet, or no unicast source
	RefusedAddresses                         // another list of addresses
	RefusedPeer                              // unicast, and not from a configured peer
)
