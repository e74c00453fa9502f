package daemon

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"sync"

	"takeover/daemon/config"
	"takeover/daemon/vrrp"
)

// volley is some addresses of one interface that are announced together.
type volley struct {
	on        *attachment
	addresses []netip.Addr
	times     int
}

// fire announces them.
func (v volley) fire() error {
	switch {
	case len(v.addresses) == 0:
		return nil
	case v.on == nil || v.on.announcer == nil:
		return fmt.Errorf("announce %s: its interface is not open", v.addresses[0])
	}
	return v.on.announcer.AnnounceAll(v.addresses, v.times)
}

// crier announces on another processor, for the time of one takeover, while
// the loop goes on. It touches nothing of the loop but the volleys it is given.
// A nil crier is the loop itself.
type crier struct {
	volleys chan volley
	pending sync.WaitGroup
	failed  error // to be read when nothing is pending
}

// volleysMax is how many volleys may wait for the crier.
const volleysMax = 16

// crierMin is for how many addresses a crier is worth its while.
const crierMin = batchMax + 1

// crierFor is a crier for the addresses at the head of actions, each of which is
// set and announced, if there are many.
func crierFor(actions []vrrp.Action) *crier {
	if len(actions) < 2*crierMin || runtime.GOMAXPROCS(0) == 1 {
		return nil
	}
	return newCrier()
}

// needsCrier reports whether some virtual router has many addresses.
func needsCrier(c *config.Config) bool {
	return slices.ContainsFunc(c.Instances, func(i config.Instance) bool {
		return len(i.VirtualAddresses)+len(i.ExcludedAddresses) >= crierMin
	})
}

func newCrier() *crier {
	c := &crier{volleys: make(chan volley, volleysMax)}
	go func() {
		for v := range c.volleys {
			c.failed = errors.Join(c.failed, v.fire())
			c.pending.Done()
		}
	}()
	return c
}

// cry announces, or has it done soon. An error is of one that was done at once.
func (c *crier) cry(v volley) error {
	if c == nil {
		return v.fire()
	}
	c.pending.Add(1)
	c.volleys <- v
	return nil
}

// wait returns when all that was cried is announced.
func (c *crier) wait() {
	if c != nil {
		c.pending.Wait()
	}
}

// share is how many of n announcements the crier does while the loop does the
// rest.
func (c *crier) share(n int) int {
	if c == nil {
		return 0
	}
	return n / 2
}

// end waits until all is announced, and returns what failed.
func (c *crier) end() error {
	if c == nil {
		return nil
	}
	close(c.volleys)
	c.wait()
	return c.failed
}
