package sim

import (
	"errors"
	"fmt"
	"time"

	"takeover/daemon/vrrp"
)

// Options are a cluster and what surrounds it when no fault is in force: the
// whole model in one place. Faults add to it.
//
// Time in a host runs by its own clock, which goes right unless a fault says
// otherwise: its timers and its kernel's leases follow it.
type Options struct {
	Routers  []Router
	Version  vrrp.Version
	Interval time.Duration // Advertisement_Interval; see vrrp.Parameters
	// DownTimerAdverts is how many intervals Active_Down_Interval has; 0 stands
	// for the RFC's 3.
	DownTimerAdverts int
	// PeerLoss is what a Backup does when a fault tells it that its Active is
	// gone.
	PeerLoss vrrp.PeerLoss
	IPv6     bool // with version 3 only
	// Segments is 2 where each host has a virtual router on each of two
	// segments, in one sync group; else there is one.
	Segments int

	Network Network

	// Queue is how many advertisements wait for a process that stands still;
	// more are dropped, as a socket does. It reads them before its timers.
	Queue int
	// Guardian says that each router has one: Farewell after a crash it says
	// priority 0 if the router was Active, and removes its addresses. Without
	// it they stay until the router starts again, which removes leftovers.
	Guardian bool
	Farewell time.Duration
	// Lease is for how long an address stays without being renewed; setting it
	// and every advertisement renew it. Zero means that it stays.
	Lease time.Duration
	// Codec has every advertisement go through its bytes.
	Codec bool
}

// Router is one router's part of the options. Its name is node and its number
// from 1, its address 10.0.0.100 or fe80::100 and its number. On the second
// segment the name has /2 behind it, and the address is 10.0.1.100 or
// fe80::1:100 and its number.
type Router struct {
	Priority  uint8
	NoPreempt bool
}

// Network is how advertisements travel, on every directed link alike.
type Network struct {
	Delay  time.Duration // of every one
	Jitter time.Duration // added, uniform from 0
	// Loss is the share that is lost, each on its own.
	Loss float64
	// Burst is loss that comes in bursts (Gilbert-Elliott): a link goes bad
	// with BurstBegin for each advertisement, good again with BurstEnd, and a
	// bad one loses all.
	BurstBegin, BurstEnd float64
	// Duplicate is the share that arrives twice, with its own delays.
	Duplicate float64
	// Reorder is the share that takes ReorderDelay more, so that what was sent
	// later arrives earlier.
	Reorder      float64
	ReorderDelay time.Duration
}

// Travel is the longest that an advertisement takes which is not lost.
func (n Network) Travel() time.Duration {
	travel := n.Delay + n.Jitter
	if n.Reorder > 0 {
		travel += n.ReorderDelay
	}
	return travel
}

// lossless says that all arrives.
func (n Network) lossless() bool { return n.Loss == 0 && n.BurstBegin == 0 }

// RFCDownTimerAdverts is what a DownTimerAdverts of 0 stands for.
const RFCDownTimerAdverts = 3

// The bounds of a simulated cluster.
const (
	mostRouters   = 64
	mostSegments  = 2
	longestDelay  = time.Hour
	defaultQueue  = 256 // about what net.core.rmem_default holds of small packets
	defaultLeave  = 5 * time.Millisecond
	defaultDelay  = 200 * time.Microsecond
	defaultJitter = 100 * time.Microsecond
)

// DefaultOptions are count routers with the priorities 100, 99, ... of version
// 2 at one second, as vipd runs them: with guardians.
func DefaultOptions(count int) Options {
	o := Options{
		Version: vrrp.Version2, Interval: time.Second,
		Network: Network{Delay: defaultDelay, Jitter: defaultJitter},
		Queue:   defaultQueue, Guardian: true, Farewell: defaultLeave,
	}
	for i := range count {
		o.Routers = append(o.Routers, Router{Priority: uint8(max(1, 100-i))})
	}
	return o
}

// Check says what is wrong with the options.
func (o *Options) Check() error {
	if len(o.Routers) < 1 || len(o.Routers) > mostRouters {
		return fmt.Errorf("%d routers are not 1 to %d", len(o.Routers), mostRouters)
	}
	for i := range o.Routers {
		if _, err := vrrp.New(o.parameters(i)); err != nil {
			return fmt.Errorf("router %s: %w", routerName(i), err)
		}
	}
	if o.Segments < 0 || o.Segments > mostSegments {
		return fmt.Errorf("%d segments are not 1 or %d", o.Segments, mostSegments)
	}
	if o.Queue < 0 {
		return fmt.Errorf("queue %d is negative", o.Queue)
	}
	if o.Farewell < 0 || o.Farewell > longestDelay {
		return fmt.Errorf("farewell %s is not 0 to %s", o.Farewell, longestDelay)
	}
	if o.Lease != 0 && o.Lease <= o.Interval {
		return fmt.Errorf("lease %s is not longer than the interval %s that renews it", o.Lease, o.Interval)
	}
	if err := o.Network.check(); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	return nil
}

func (n *Network) check() error {
	for name, share := range map[string]float64{
		"loss": n.Loss, "burst begin": n.BurstBegin, "burst end": n.BurstEnd,
		"duplicate": n.Duplicate, "reorder": n.Reorder,
	} {
		if !(share >= 0 && share <= 1) {
			return fmt.Errorf("%s %v is not 0 to 1", name, share)
		}
	}
	for name, delay := range map[string]time.Duration{
		"delay": n.Delay, "jitter": n.Jitter, "reorder delay": n.ReorderDelay,
	} {
		if delay < 0 || delay > longestDelay {
			return fmt.Errorf("%s %s is not 0 to %s", name, delay, longestDelay)
		}
	}
	if n.BurstBegin > 0 && n.BurstEnd == 0 {
		return errors.New("a burst that never ends: burst end is 0")
	}
	return nil
}
