package sim

import (
	"fmt"
	"net/netip"
	"time"

	"takeover/daemon/vrrp"
	"takeover/scenarios/check/conduct"
)

// machine is what a node runs: a *vrrp.VirtualRouter, or what a test puts in
// its place.
type machine interface {
	Step(now time.Time, event vrrp.Event) []vrrp.Action
	Deadline() (time.Time, bool)
}

// builder makes the machine of a process that starts.
type builder func(vrrp.Parameters) (machine, error)

func realMachine(p vrrp.Parameters) (machine, error) { return vrrp.New(p) }

// node is a host with a router in it.
type node struct {
	index      int
	parameters vrrp.Parameters
	machine    machine
	clock      clock
	// wake is when something is due here by itself, on the run's clock.
	wake time.Duration

	alive   bool // there is a process
	paused  bool
	plugged bool
	// priority is the one in force, that faults change.
	priority uint8
	enabled  bool // the machine has had its Startup
	state    vrrp.State
	holds    bool
	lost     bool // the address ended while the process stood still

	renewed  time.Duration // local: when the lease was renewed last
	farewell time.Duration // when the guardian of a crashed process acts
	orphaned bool          // the crashed process was Active

	queue []packet // waits for a paused process
	// said is what the router sends, ready to be read, at each priority that it
	// had.
	said []spoken
}

// spoken is an advertisement as others receive it.
type spoken struct {
	priority uint8
	event    vrrp.Event
	bytes    []byte // with Options.Codec
}

// spoken is what the router says at a priority; nil when it never did.
func (n *node) spoken(priority uint8) *spoken {
	for i := range n.said {
		if n.said[i].priority == priority {
			return &n.said[i]
		}
	}
	return nil
}

// routerName is what everybody calls the router of that index.
func routerName(index int) string { return fmt.Sprintf("node%d", index+1) }

// vrid is the virtual router's.
const vrid = 51

// address is that of the router of that index.
func (o *Options) address(index int) netip.Addr { return o.host(101+index, 0x101+index) }

// virtualAddress is the virtual router's.
func (o *Options) virtualAddress() netip.Addr { return o.host(200, 0x200) }

// host is an address on the segment: 10.0.0.n in IPv4, fe80::m in IPv6.
func (o *Options) host(n, m int) netip.Addr {
	if o.IPv6 {
		return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 14: byte(m >> 8), 15: byte(m)})
	}
	return netip.AddrFrom4([4]byte{10, 0, 0, byte(n)})
}

// groupAddress is where advertisements go (RFC 9568 §5.1.1.2, §5.1.2.2).
func (o *Options) groupAddress() netip.Addr {
	if o.IPv6 {
		return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})
	}
	return netip.AddrFrom4([4]byte{224, 0, 0, 18})
}

// parameters are those of the router of that index.
func (o *Options) parameters(index int) vrrp.Parameters {
	return vrrp.Parameters{
		Version: o.Version, VRID: vrid, Priority: o.Routers[index].Priority, AdvertisementInterval: o.Interval,
		PrimaryAddress: o.address(index), VirtualAddresses: []netip.Addr{o.virtualAddress()},
		NoPreempt: o.Routers[index].NoPreempt, AnnounceCount: 1,
		DownTimerAdverts: o.DownTimerAdverts, PeerLoss: o.PeerLoss,
	}
}

// runs says that the node's process does what is due.
func (n *node) runs() bool { return n.alive && !n.paused }

// arm finds out when something is due next.
func (n *node) arm(lease time.Duration) {
	if n.alive && !n.paused {
		n.wake = never
		if deadline, running := n.machine.Deadline(); running {
			n.wake = n.clock.when(time.Duration(deadline.UnixNano()))
		}
		return
	}
	n.wake = n.farewell
	if n.holds && lease > 0 {
		n.wake = min(n.wake, n.clock.when(n.renewed+lease))
	}
}

// moment is now on both clocks.
func (n *node) moment(now time.Duration) conduct.Moment {
	return conduct.Moment{At: now, Local: n.clock.show(now)}
}
