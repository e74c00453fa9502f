//go:build linux

package probe

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

func TestOwnerProbeSeesZeroOneAndTwoOwners(t *testing.T) {
	t.Run("IPv4", func(t *testing.T) { seesOwners(t, vip) })
	t.Run("IPv6", func(t *testing.T) { seesOwners(t, vip6) })
}

func seesOwners(t *testing.T, vip netip.Addr) {
	n := newNetwork(t, "node1", "node2", "client", "observer")
	bits := vip.BitLen()
	log := history.NewLog(nil)
	w, err := StartOwnerProbe(NewClock(), log, OwnerOptions{
		Namespace: path(n.hosts["observer"].space), Interface: "eth0",
		VIP: vip, Period: 5 * time.Millisecond, Hosts: n.macs(),
	})
	closing(t, w, err)

	answered := func(after int, names ...string) int {
		t.Helper()
		return await(t, log, after, "answers", body(func(o history.Owners) bool {
			return slices.Equal(o.Answers, names) && o.VIP == vip.String()
		})).ID
	}
	seen := answered(0)
	n.hosts["node1"].addAddress(vip, bits)
	seen = answered(seen, "node1")
	n.hosts["node2"].addAddress(vip, bits)
	seen = answered(seen, "node1", "node2")
	n.hosts["node1"].removeAddress(vip, bits)
	seen = answered(seen, "node2")
	n.hosts["node2"].removeAddress(vip, bits)
	answered(seen)

	// In IPv6 an owner keeps an entry for who asked, and nothing else.
	for name, h := range n.hosts {
		for _, entry := range h.neighbours(netlink.FAMILY_ALL) {
			if entry.State&unix.NUD_NOARP == 0 && !isObserver(entry.HardwareAddr) {
				t.Errorf("%s learned a neighbour from the probes: %s", name, entry.String())
			}
		}
	}
}

func TestOwnerProbeNumbersItsProbesInOrder(t *testing.T) {
	n := newNetwork(t, "node1", "observer")
	n.hosts["node1"].addAddress(vip, 32)
	log := history.NewLog(nil)
	w, err := StartOwnerProbe(NewClock(), log, OwnerOptions{
		Namespace: path(n.hosts["observer"].space), Interface: "eth0",
		VIP: vip, Period: time.Millisecond, Hosts: n.macs(),
	})
	closing(t, w, err)
	// More than there are source addresses.
	await(t, log, 0, "probe 600", body(func(o history.Owners) bool { return o.Seq == 600 }))
	next, answered := 0, 0
	var before time.Duration
	for _, event := range log.Events() {
		o := event.Body.(history.Owners)
		if o.Seq != next || event.At <= before {
			t.Fatalf("probe %d at %s after %s: %+v", next, event.At, before, o)
		}
		next, before = next+1, event.At
		if slices.Equal(o.Answers, []string{"node1"}) {
			answered++
		}
	}
	if answered < next/2 { // on a busy machine not all come in time
		t.Errorf("%d of %d probes were answered", answered, next)
	}
}

func TestOwnerProbeOutlivesItsLink(t *testing.T) {
	n := newNetwork(t, "node1", "observer")
	n.hosts["node1"].addAddress(vip, 32)
	log := history.NewLog(nil)
	w, err := StartOwnerProbe(NewClock(), log, OwnerOptions{
		Namespace: path(n.hosts["observer"].space), Interface: "eth0",
		VIP: vip, Period: 5 * time.Millisecond, Hosts: n.macs(),
	})
	closing(t, w, err)
	one := body(func(o history.Owners) bool { return slices.Equal(o.Answers, []string{"node1"}) })
	seen := await(t, log, 0, "an owner", one).ID
	n.hosts["observer"].setLink(false)
	note := await(t, log, seen, "a note", body(func(history.Note) bool { return true }))
	n.hosts["observer"].setLink(true)
	again := await(t, log, note.ID, "an owner again", func(e history.Event) bool { return e.At > note.At && one(e) })
	asked := 0
	for _, event := range log.Events()[:again.ID] {
		if _, ok := event.Body.(history.Owners); ok {
			asked++
		}
	}
	if numbered := again.Body.(history.Owners).Seq + 1; asked >= numbered {
		t.Errorf("%d of %d probes are in the log, but some could not be sent", asked, numbered)
	}
}

func TestOwnerProbeRefusesWhatItCannotAsk(t *testing.T) {
	for name, o := range map[string]OwnerOptions{
		"no address":            {Period: time.Millisecond},
		"short period":          {VIP: vip, Period: time.Millisecond - 1},
		"short period for IPv6": {VIP: vip6, Period: 4*time.Millisecond - 1},
	} {
		if _, err := StartOwnerProbe(NewClock(), history.NewLog(nil), o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
