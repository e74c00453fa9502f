package daemon

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
)

// slowNetwork needs time for each address and waits before, and notes how long
// the guardian has not heard from the worker then.
type slowNetwork struct {
	network
	wait   time.Duration
	pledge *pledge
	silent time.Duration // the longest time
}

func (n *slowNetwork) work(batch []netif.Address) {
	time.Sleep(n.wait + time.Duration(len(batch))*50*time.Microsecond) // virtual
	n.silent = max(n.silent, n.pledge.now()-n.pledge.given())
}

func (n *slowNetwork) set(batch []netif.Address) []error {
	n.work(batch)
	return n.network.set(batch)
}

func (n *slowNetwork) renew(batch []netif.Address) []error {
	n.work(batch)
	return n.network.renew(batch)
}

func (n *slowNetwork) remove(batch []netif.Address) []error {
	n.work(batch)
	return n.network.remove(batch)
}

// check wants every kind of change to have been made to that many addresses, and
// none to have looked like a hang.
func (n *slowNetwork) check(t *testing.T, w *world, addresses int) {
	t.Helper()
	for _, what := range []string{" set ", " renew ", " remove "} {
		w.mutex.Lock()
		lines := w.lines
		w.mutex.Unlock()
		if len(w.take(what)) < addresses {
			t.Errorf("not all addresses:%s", what)
		}
		w.lines = lines
	}
	if n.silent > toleranceMin {
		t.Errorf("silent for %s, want %s at most", n.silent, toleranceMin)
	}
}

// However many addresses the loop is busy with, it does not look hung.
func TestLongWorkIsPledged(t *testing.T) {
	const addresses = 5_000 // for a quarter of a second
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150, func(c *config.Config) {
			for n := range addresses {
				address := netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)})
				c.Instances[0].ExcludedAddresses = append(c.Instances[0].ExcludedAddresses,
					config.VirtualAddress{Prefix: netip.PrefixFrom(address, 32)})
			}
		}))
		leased(n1)
		n1.loop.pledge = newPledge(new(atomic.Int64))
		slow := &slowNetwork{network: n1, pledge: n1.loop.pledge}
		n1.loop.network = slow
		if err := n1.start(); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		n1.stop()
		n1.cancel = nil
		slow.check(t, w, addresses)
	})
}

// Who holds the kernel's lock of the configuration makes nobody look hung.
func TestLockedConfigurationIsPledged(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1 := w.prepare(1, configured(150))
		leased(n1)
		n1.loop.pledge = newPledge(new(atomic.Int64))
		slow := &slowNetwork{network: n1, pledge: n1.loop.pledge, wait: toleranceMax - toleranceMin}
		n1.loop.network = slow
		if err := n1.start(); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		n1.stop()
		n1.cancel = nil
		slow.check(t, w, 1)
	})
}
