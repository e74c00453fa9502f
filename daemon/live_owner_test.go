package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

// An address owner accepts what is sent to its address whatever Accept_Mode is
// (RFC 9568 §6.4.3), and keeps it when vipd ends.
func TestLiveOwnerKeepsAndAccepts(t *testing.T) {
	t.Parallel()
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("is6=%t", is6), func(t *testing.T) {
			t.Parallel()
			r := newRouters(t, is6, "no_accept")
			r.address, r.hardware = netip.MustParsePrefix("10.9.0.1/24"), r.ownHardware()
			text := r.instance("VI", liveVRID, ownerPriority, r.address.String())
			if is6 {
				r.address = netip.MustParsePrefix("fd09::1/64")
				text = r.instance("VI", liveVRID, ownerPriority, r.address.String())
			}
			a := r.calm(1, r.write(1, text))
			r.isActive(0, 1)
			r.answers()
			a.signal(a.worker(), syscall.SIGTERM)
			<-a.ended
			if count, _ := r.has(1, []netip.Prefix{r.address}); count != 1 {
				t.Error("the owner's own address was removed")
			}
		})
	}
}

// What a predecessor set for an owner is not the interface's own: it goes with
// vipd, also when that was killed before.
func TestLiveOwnersAddressThatAPredecessorSet(t *testing.T) {
	t.Parallel()
	r := newRouters(t, false, "")
	configuration := r.write(1, r.instance("VI", liveVRID, ownerPriority, r.address.String()))
	r.hardware = r.ownHardware()
	a := r.calm(1, configuration)
	r.isActive(0, 1)
	a.killTogether()
	if count, _ := r.has(1, []netip.Prefix{r.address}); count != 1 {
		t.Fatal("the address is not left: nothing is shown")
	}
	mark := r.mark()
	a = r.calm(1, configuration)
	r.isActive(mark, 1)
	if strings.Contains(a.logText(), "leftover") {
		t.Error("the owner's address was taken off meanwhile")
	}
	a.signal(a.worker(), syscall.SIGTERM)
	r.await(seatBound, "all processes of the node have ended", func() bool { return len(r.pids(1)) == 0 })
	r.isTidy(1)
}

// A Backup that took the address of a dead owner gives it up when the owner is
// back, although the kernel drops packets from one's own addresses.
func TestLiveBackupYieldsToTheOwner(t *testing.T) {
	t.Parallel()
	r := newRouters(t, false, "")
	r.address = netip.MustParsePrefix("10.9.0.1/24")
	r.calm(2, r.write(2, r.instance("VI", liveVRID, 240, r.address.String())))
	r.isAlone(2)
	r.calm(1, r.write(1, r.instance("VI", liveVRID, ownerPriority, r.address.String())))
	r.isAlone(1)
	r.await(seatBound, "the Backup gives the address up", func() bool {
		count, _ := r.has(2, []netip.Prefix{r.address})
		return count == 0
	})
}
