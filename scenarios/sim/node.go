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

// group is what the nodes of a host are in that are Active together: a
// *vrrp.Group, or what a test puts in its place.
type group interface {
	Step(now time.Time, member int, event vrrp.Event) []vrrp.MemberAction
}

// groupBuilder makes the group of a process that starts.
type groupBuilder func([]*vrrp.VirtualRouter) (group, error)

func realGroup(members []*vrrp.VirtualRouter) (group, error) { return vrrp.NewGroup(members...) }

// node is a host with a router in it, or its part on one segment.
type node struct {
	index      int // in the cluster: segment after segment
	host       int // its index in the options
	segment    int // from 0
	group      group
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

// nodes is how many nodes the cluster has.
func (o *Options) nodes() int { return len(o.Routers) * max(1, o.Segments) }

// hostOf is the index of the router in the options that a node belongs to, and
// segmentOf its segment, from 0.
func (o *Options) hostOf(index int) int    { return index % len(o.Routers) }
func (o *Options) segmentOf(index int) int { return index / len(o.Routers) }

// name is what everybody calls the node.
func (o *Options) name(index int) string {
	name := routerName(o.hostOf(index))
	if segment := o.segmentOf(index); segment > 0 {
		name += fmt.Sprintf("/%d", segment+1)
	}
	return name
}

// vrid is the virtual router's.
const vrid = 51

// address is that of the node of that index.
func (o *Options) address(index int) netip.Addr {
	host := o.hostOf(index)
	return o.on(o.segmentOf(index), 101+host, 0x101+host)
}

// virtualAddress is the virtual router's on a segment.
func (o *Options) virtualAddress(segment int) netip.Addr { return o.on(segment, 200, 0x200) }

// on is an address on a segment: on the first 10.0.0.n in IPv4, fe80::m in
// IPv6.
func (o *Options) on(segment, n, m int) netip.Addr {
	if o.IPv6 {
		return netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 13: byte(segment), 14: byte(m >> 8), 15: byte(m)})
	}
	return netip.AddrFrom4([4]byte{10, 0, byte(segment), byte(n)})
}

// groupAddress is where advertisements go (RFC 9568 §5.1.1.2, §5.1.2.2).
func (o *Options) groupAddress() netip.Addr {
	if o.IPv6 {
		return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})
	}
	return netip.AddrFrom4([4]byte{224, 0, 0, 18})
}

// parameters are those of the node of that index.
func (o *Options) parameters(index int) vrrp.Parameters {
	router := o.Routers[o.hostOf(index)]
	return vrrp.Parameters{
		Version: o.Version, VRID: vrid, Priority: router.Priority, AdvertisementInterval: o.Interval,
		PrimaryAddress: o.address(index), VirtualAddresses: []netip.Addr{o.virtualAddress(o.segmentOf(index))},
		NoPreempt: router.NoPreempt, AnnounceCount: 1,
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
