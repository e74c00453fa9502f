package netif

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// ErrEnded says that an address was not renewed, because it is not there: its
// lease has ended, or somebody removed it.
var ErrEnded = errors.New("the address is not there any more")

// Renew sets the lifetimes of addresses anew. An address that is not there is
// never set again, however late the call is: its error is ErrEnded. So a
// process that was stopped for longer than the lease cannot take an address
// back by renewing it. A renewal is no event of Watch, although the kernel
// sends a notification of each, which `ip monitor` shows. An IPv6 address that
// was renewed is called autojoin by ip(8), which has no effect on it. Renew is
// for what Set made: it makes another's address ours, with a lifetime.
//
// Renew together what shall end in time; see LeaseEnd.
func (k *Kernel) Renew(batch ...Address) []error {
	errs := k.do("renew", toRenew, batch)
	for i, err := range errs {
		if errors.Is(err, unix.EINVAL) { // see toRenew
			errs[i] = fmt.Errorf("renew %s on interface %d: %w", batch[i].Prefix, batch[i].Index, ErrEnded)
		}
	}
	return errs
}

const (
	// leaseFuzz is how far the kernel rounds its look for ended lifetimes up
	// to a full second (ADDRCONF_TIMER_FUZZ of net/addrconf.h).
	leaseFuzz = 250 * time.Millisecond
	// leaseCheckMax is how long it waits for its next look at most
	// (ADDR_CHECK_FREQUENCY), and timerPart what part of its wait a kernel
	// timer may be late (kernel/time/timer.c: each level of the wheel is eight
	// times as coarse as the one before).
	leaseCheckMax = 120 * time.Second
	timerPart     = 8
)

// LeaseDisturbed is how late the kernel takes an address away at most, when it
// has looked for ended lifetimes shortly before: it does not look again within
// a second (ADDRCONF_TIMER_FUZZ_MAX of net/addrconf.h). It looks whenever an
// address of the family, in this network namespace, is set or renewed with a
// lifetime, and when one ends. So leases that end one after the other delay
// each other; such as are renewed in one batch end together.
const LeaseDisturbed = time.Second

// LeaseEnd is when the kernel has taken away an address whose lease began at
// 0, if nothing disturbs it (LeaseDisturbed) and the machine is not overloaded.
// It is never taken away before the lease ends.
//
// Measured with Linux 6.18, HZ=250, two processors in use, after so many ms
// (shortest, median and longest of 60 trials at all phases of a second;
// disturbed: 20 trials with a renewal of another address 100 ms before):
//
//	lease  IPv4            IPv6            disturbed IPv4, IPv6  LeaseEnd
//	1 s    1000 1021 1260  1000 1021 1247  1904..1960 1901..1931     1375
//	2 s    2000 2023 2449  2000 2025 2452  2908..2980 2902..2943     2500
//	3 s    3000 3161 3437  3001 3173 3471  3903..3970 3903..3950     3625
func LeaseEnd(lease time.Duration) time.Duration {
	return lease + leaseFuzz + min(lease, leaseCheckMax)/timerPart
}
