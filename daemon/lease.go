package daemon

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
	"takeover/daemon/vrrp"
)

// leaseOf is how long the instance's addresses are set for, 0 for good. Where
// nothing is configured it is the longest time in whole seconds that surely
// ends before a Backup takes over, but none that one late renewal would end.
// Nobody renews for an address owner: its addresses are the interface's own.
func leaseOf(i config.Instance) time.Duration {
	switch {
	case i.VIPLease == config.LeaseOff || i.Priority == ownerPriority:
		return 0
	case i.VIPLease != config.LeaseAutomatic:
		return i.VIPLease
	}
	adverts := cmp.Or(i.DownTimerAdverts, 3)
	down := i.AdvertInterval * time.Duration(adverts)
	lease := down.Truncate(time.Second)
	for lease > 0 && max(netif.LeaseEnd(lease), lease+netif.LeaseDisturbed) > down {
		lease -= time.Second
	}
	if lease < 2*i.AdvertInterval {
		return 0
	}
	return lease
}

// leaseAhead is how much earlier than its own time a lease is renewed when
// another is due: one batch then serves both.
const leaseAhead = 8 // parts of the lease

// renewal notes that the leases of Actives are to be renewed: its loop runs, and
// has just advertised.
func (l *loop) renewal(u *unit) {
	for _, i := range u.members {
		if i.lease > 0 && i.state() == vrrp.Active {
			l.renewals = append(l.renewals, i)
		}
	}
}

// renew renews the leases that are due, in one batch, after everything that
// the other side waits for. An address that the kernel has removed meanwhile
// is not renewed but lost; see restore.
func (l *loop) renew(now time.Time) {
	if len(l.renewals) == 0 {
		return
	}
	batch, of := l.batch[:0], l.batchOf[:0]
	for _, i := range l.renewals {
		if now.Sub(i.renewed) < i.lease/leaseAhead || i.state() != vrrp.Active {
			continue
		}
		i.renewed = now
		for _, v := range i.virtuals {
			batch = append(batch, v.address(i.lease))
			of = append(of, i)
		}
	}
	l.renewals = l.renewals[:0]
	l.batch, l.batchOf = batch, of
	var ended []netif.Address // what restore does uses the batch again
	for some := range slices.Chunk(batch, changesMax) {
		l.beLong()
		for n, err := range l.network.renew(some) {
			switch {
			case err == nil:
			case errors.Is(err, netif.ErrEnded):
				ended = append(ended, some[n])
			default:
				l.leaseFailed(now, of[n], some[n].Prefix, err)
			}
		}
		of = of[len(some):]
	}
	for _, address := range ended {
		if a := l.byIndex(address.Index); a != nil {
			l.restore(now, a, address)
		}
	}
}

// leaseFailed is an alarm: the kernel will take the address away from an
// Active that is well.
func (l *loop) leaseFailed(now time.Time, i *instance, address netip.Prefix, err error) {
	since, _, log := i.failures.count(now, "renew")
	if log {
		l.logger.Error("lease of a virtual address not renewed", "instance", i.config.Name,
			"address", address, "times", since, "error", err)
	}
}
