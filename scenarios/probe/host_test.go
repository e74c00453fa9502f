//go:build linux

package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

func isAddress(prefix string, present bool) func(history.Event) bool {
	return body(func(a history.Address) bool { return a.Prefix.String() == prefix && a.Present == present })
}

func TestWatchHostBeginsWithWhatIsThere(t *testing.T) {
	n := newNetwork(t, "node1")
	log := history.NewLog(nil)
	w, err := WatchHost(NewClock(), log, HostOptions{Host: "node1", Namespace: path(n.hosts["node1"].space)})
	closing(t, w, err)
	want := history.Address{Interface: "eth0", Prefix: netip.MustParsePrefix("10.0.0.101/24"), Present: true, Initial: true}
	if !slices.ContainsFunc(log.Events(), func(e history.Event) bool { return e.Body == want && e.Host == "node1" }) {
		t.Errorf("events %+v", log.Events())
	}
}

func TestWatchHostCountsParkedAddressesAsGone(t *testing.T) {
	n := newNetwork(t, "node1")
	node1 := n.hosts["node1"]
	node1.onLink(func(base netlink.Link) error {
		link := &netlink.Macvlan{
			LinkAttrs: netlink.LinkAttrs{Name: "vrrp", ParentIndex: base.Attrs().Index}, Mode: netlink.MACVLAN_MODE_BRIDGE,
		}
		return errors.Join(netlink.LinkAdd(link), netlink.AddrAdd(link, ipNet(vip, 32)), netlink.LinkSetUp(link))
	})
	awaitUp(t, node1.space, "vrrp")
	log := history.NewLog(nil)
	w, err := WatchHost(NewClock(), log, HostOptions{Host: "node1", Namespace: path(node1.space)})
	closing(t, w, err)

	const prefix = "10.0.0.200/32"
	seen := await(t, log, 0, "the VIP", isAddress(prefix, true)).ID
	setPort := func(set func(netlink.Link) error) {
		n.inBridge(func() error {
			port, err := netlink.LinkByName("node1")
			if err != nil {
				return err
			}
			return set(port)
		})
	}
	setPort(netlink.LinkSetDown)
	seen = await(t, log, seen, "the VIP gone without a carrier", isAddress(prefix, false)).ID
	setPort(netlink.LinkSetUp)
	seen = await(t, log, seen, "the VIP back", isAddress(prefix, true)).ID
	for _, event := range log.Events() {
		if a, ok := event.Body.(history.Address); ok && a.Interface == "eth0" && event.ID < seen && !a.Initial {
			t.Errorf("eth0's own address: %+v", a)
		}
	}
}

func TestWatchHostSeesAddressesInOrder(t *testing.T) {
	n := newNetwork(t, "node1")
	node1 := n.hosts["node1"]
	log, clock := history.NewLog(nil), NewClock()
	w, err := WatchHost(clock, log, HostOptions{Host: "node1", Namespace: path(node1.space)})
	closing(t, w, err)

	seen := last(log)
	var want, got []string
	for i := range 20 {
		address := netip.AddrFrom4([4]byte{10, 0, 0, byte(201 + i)})
		node1.addAddress(address, 32)
		node1.removeAddress(address, 32)
		want = append(want, fmt.Sprint(address, true), fmt.Sprint(address, false))
	}
	await(t, log, seen, "the last removal", isAddress("10.0.0.220/32", false))
	for _, event := range log.Since(seen) {
		a := event.Body.(history.Address)
		got = append(got, fmt.Sprint(a.Prefix.Addr(), a.Present))
		if a.Initial || a.Interface != "eth0" {
			t.Errorf("event %+v", event)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

// Netlink has no timestamps: an address is seen when the reader wakes up.
func TestWatchHostIsNotLate(t *testing.T) {
	n := newNetwork(t, "node1")
	node1 := n.hosts["node1"]
	log, clock := history.NewLog(nil), NewClock()
	w, err := WatchHost(clock, log, HostOptions{Host: "node1", Namespace: path(node1.space)})
	closing(t, w, err)
	var late []time.Duration
	for range 50 {
		seen := last(log)
		var set time.Duration
		node1.onLink(func(link netlink.Link) error {
			defer func() { set = clock.Now() }()
			return netlink.AddrAdd(link, ipNet(vip, 32))
		})
		late = append(late, await(t, log, seen, "the address", isAddress("10.0.0.200/32", true)).At-set)
		node1.removeAddress(vip, 32)
		await(t, log, seen, "its removal", isAddress("10.0.0.200/32", false))
	}
	slices.Sort(late)
	t.Logf("against the return of the call that set it: median %s, worst %s", late[len(late)/2], late[len(late)-1])
	if median := late[len(late)/2]; median > 5*time.Millisecond {
		t.Errorf("median %s", median)
	}
}

func TestWatchHostLeavesOutWhatChangesNothing(t *testing.T) {
	n := newNetwork(t, "node1")
	node1 := n.hosts["node1"]
	log := history.NewLog(nil)
	w, err := WatchHost(NewClock(), log, HostOptions{Host: "node1", Namespace: path(node1.space)})
	closing(t, w, err)
	seen := last(log)
	for seconds := range 3 {
		node1.onLink(func(link netlink.Link) error {
			address := ipNet(vip, 32)
			address.ValidLft, address.PreferedLft = 60+seconds, 60+seconds
			return netlink.AddrReplace(link, address)
		})
	}
	node1.onLink(func(link netlink.Link) error {
		address, err := netlink.ParseAddr("fe80::7/64")
		if err != nil {
			return err
		}
		return netlink.AddrAdd(link, address)
	})
	node1.removeAddress(vip, 32)
	await(t, log, seen, "the removal", isAddress("10.0.0.200/32", false))
	if events := log.Since(seen); len(events) != 2 {
		t.Errorf("events %+v", events)
	}
}

func TestWatchHostSeesLinks(t *testing.T) {
	n := newNetwork(t, "node1")
	log := history.NewLog(nil)
	w, err := WatchHost(NewClock(), log, HostOptions{Host: "node1", Namespace: path(n.hosts["node1"].space)})
	closing(t, w, err)
	isLink := func(up, carrier bool) func(history.Event) bool {
		return func(e history.Event) bool {
			return e.Body == history.Link{Interface: "eth0", Up: up, Carrier: carrier}
		}
	}
	setPort := func(set func(netlink.Link) error) {
		n.inBridge(func() error {
			link, err := netlink.LinkByName("node1")
			if err != nil {
				return err
			}
			return set(link)
		})
	}
	seen := last(log)
	setPort(netlink.LinkSetDown)
	seen = await(t, log, seen, "carrier lost", isLink(true, false)).ID
	setPort(netlink.LinkSetUp)
	seen = await(t, log, seen, "carrier back", isLink(true, true)).ID
	n.hosts["node1"].setLink(false)
	seen = await(t, log, seen, "down", isLink(false, false)).ID
	n.hosts["node1"].setLink(true)
	seen = await(t, log, seen, "up", isLink(true, true)).ID
	setPort(netlink.LinkDel)
	await(t, log, seen, "gone", isLink(false, false))
	await(t, log, seen, "its address gone", isAddress("10.0.0.101/24", false))
}

func TestWatchHostSeesTheNeighbourTable(t *testing.T) {
	n := newNetwork(t, "node1", "node2", "client")
	node1, node2, client := n.hosts["node1"], n.hosts["node2"], n.hosts["client"]
	client.setNeighbour(vip, node1, netlink.NUD_STALE)
	log := history.NewLog(nil)
	w, err := WatchHost(NewClock(), log, HostOptions{Host: "client", Namespace: path(client.space), Neighbours: true})
	closing(t, w, err)
	entry := func(h *host, state string) func(history.Event) bool {
		return func(e history.Event) bool {
			want := history.Neighbour{IP: vip, State: state}
			if h != nil {
				want.MAC = h.mac.String()
			}
			return e.Body == want
		}
	}
	if !slices.ContainsFunc(log.Events(), entry(node1, "stale")) {
		t.Errorf("the entry that was there is not in %+v", log.Events())
	}
	seen := last(log)
	node2.announce(vip)
	seen = await(t, log, seen, "the new owner", func(e history.Event) bool {
		neighbour, ok := e.Body.(history.Neighbour)
		return ok && neighbour.IP == vip && neighbour.MAC == node2.mac.String()
	}).ID
	client.setNeighbour(vip, node1, netlink.NUD_PERMANENT)
	seen = await(t, log, seen, "a fixed entry", entry(node1, "permanent")).ID
	client.onLink(func(link netlink.Link) error {
		return netlink.NeighDel(&netlink.Neigh{LinkIndex: link.Attrs().Index, IP: vip.AsSlice()})
	})
	await(t, log, seen, "no entry", body(func(e history.Neighbour) bool { return e.IP == vip && e.State == "none" }))
}

func (h *host) setNeighbour(ip netip.Addr, owner *host, state int) {
	h.t.Helper()
	h.onLink(func(link netlink.Link) error {
		return netlink.NeighSet(&netlink.Neigh{
			LinkIndex: link.Attrs().Index, IP: ip.AsSlice(), HardwareAddr: owner.mac, State: state,
		})
	})
}

func TestWatchHostReadsAgainWhatItLost(t *testing.T) {
	n := newNetwork(t, "node1")
	node1 := n.hosts["node1"]
	log := history.NewLog(nil)
	w, err := newHostWatch(NewClock(), log, HostOptions{Host: "node1", Namespace: path(node1.space)})
	if err != nil {
		t.Fatal(err)
	}
	gone := netip.MustParseAddr("10.0.1.1")
	seen := last(log)
	// Nobody reads yet, and there is no room for these.
	if err := unix.SetsockoptInt(w.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		node1.addAddress(netip.AddrFrom4([4]byte{10, 0, 2, byte(i)}), 32)
	}
	node1.removeAddress(node1.address, 24)
	node1.addAddress(gone, 32)
	node1.removeAddress(gone, 32)
	closing(t, watch(w.interrupt, w.run), nil)

	await(t, log, seen, "a note", body(func(history.Note) bool { return true }))
	await(t, log, seen, "a lost addition", isAddress("10.0.2.99/32", true))
	await(t, log, seen, "a lost removal", isAddress("10.0.0.101/24", false))
	present := map[netip.Prefix]bool{}
	for _, event := range log.Since(seen) {
		if a, ok := event.Body.(history.Address); ok {
			if present[a.Prefix] == a.Present && a.Prefix.Addr() != node1.address || a.Initial {
				t.Errorf("event %+v changes nothing", event)
			}
			present[a.Prefix] = a.Present
		}
	}
}

func FuzzNetlink(f *testing.F) {
	f.Add(dumpRequest(unix.RTM_GETLINK, 1))
	f.Add(append([]byte{40, 0, 0, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		2, 32, 0, 0, 2, 0, 0, 0, 8, 0, 1, 0, 10, 0, 0, 1, 8, 0, 2, 0, 10, 0, 0, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		messages, _ := splitNetlink(data)
		for _, m := range messages {
			_, _ = parseLink(m.data)
			_, _ = parseNeighbour(m.data)
			if address, err := parseAddress(m.data); err == nil && !address.prefix.IsValid() {
				t.Errorf("prefix %s", address.prefix)
			}
		}
	})
}
