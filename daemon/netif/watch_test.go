package netif

import (
	"net/netip"
	"slices"
	"testing"
)

// named matches the news of an interface of that name, or its removal.
func named(name string, removed bool) func(Event) bool {
	return func(e Event) bool {
		if r, is := e.(LinkRemoved); is {
			return removed && r.Link.Name == name
		}
		c, is := e.(LinkChanged)
		return is && !removed && c.Link.Name == name
	}
}

// watchOn starts Watch in a host's namespace.
func watchOn(h *host) *watcher {
	h.t.Helper()
	var w *watcher
	_ = h.in(func() error { w = watch(h.t, h.k); return nil })
	w.await("resynchronized", func(e Event) bool { _, is := e.(Resynchronized); return is })
	return w
}

// What a bridge says about its port is no news of the port's being.
func TestLiveWatchOfABridgePort(t *testing.T) {
	h := newHost(t)
	h.run("ip link add br0 type bridge && ip link add name a type veth peer name b && ip link set dev a up")
	w := watchOn(h)
	h.run("ip link set dev a master br0 && ip link set dev a nomaster && ip link add last type bridge")
	w.await("the last one", func(e Event) bool {
		if r, is := e.(LinkRemoved); is {
			t.Errorf("removed: %+v", r.Link)
		}
		return named("last", false)(e)
	})
}

func TestLiveWatchFollowsAnInterface(t *testing.T) {
	h := newHost(t)
	h.run("ip link add name a type veth peer name b && ip link set dev a up && ip link set dev b up")
	w := watchOn(h)
	address := netip.MustParsePrefix("10.1.0.1/24")
	set := func(e Event) bool {
		s, is := e.(AddressSet)
		return is && s.Address == Address{Index: h.link("a").Index, Prefix: address}
	}
	h.run("ip addr add %s dev a", address)
	w.await("an administrator's address", set)

	h.run("ip link set dev a down && ip link set dev a address 02:00:00:00:00:01 && ip link set dev a up")
	w.await("another hardware address", func(e Event) bool {
		c, is := e.(LinkChanged)
		return is && c.Link.Running && c.Link.Hardware.String() == "02:00:00:00:00:01"
	})
	before := h.link("a").Index
	h.run("ip link set dev a name c")
	w.await("renamed, with its addresses", func(e Event) bool {
		r, is := e.(Resynchronized)
		isNamed := func(l Link) bool { return l.Name == "c" && l.Index == before }
		return is && slices.ContainsFunc(r.Links, isNamed) &&
			slices.Contains(r.Addresses, Address{Index: before, Prefix: address})
	})
	h.run("ip link del c")
	w.await("its address removed", func(e Event) bool {
		r, is := e.(AddressRemoved)
		return is && r.Address.Prefix == address
	})
	w.await("removed", named("c", true))
	h.run("ip link add name a type veth peer name b && ip addr add %s dev a", address)
	w.await("made again", func(e Event) bool {
		c, is := e.(LinkChanged)
		return is && c.Link.Name == "a" && c.Link.Index != before
	})
	w.await("its address set again", set)
}

// An IPv6 address that is tested for duplicates is reported when it can be
// used.
func TestLiveWatchOfATentativeAddress(t *testing.T) {
	h := newHost(t)
	h.run("ip link add name a type veth peer name b && echo 1 | tee /proc/sys/net/ipv6/conf/a/accept_dad")
	h.run("ip link set dev a up && ip link set dev b up")
	w := watchOn(h)
	prefix := netip.MustParsePrefix("fd00::1/64")
	h.run("ip addr add %s dev a", prefix)
	all, err := h.k.Addresses()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if a.Prefix == prefix {
			t.Errorf("%s is listed while it is tentative", prefix)
		}
	}
	w.await("usable", func(e Event) bool { s, is := e.(AddressSet); return is && s.Address.Prefix == prefix })
}

// What an administrator sets is not ours, and is not made ours by Set.
func TestLiveOursIsWhatSetMade(t *testing.T) {
	h := newHost(t)
	h.run("ip link add name a type veth peer name b && ip addr add 10.1.0.1/24 dev a && ip addr add fd00::1/64 dev a nodad")
	index := h.link("a").Index
	for text, want := range map[string]bool{
		"10.1.0.1/24": false, "fd00::1/64": false, "10.1.0.2/24": true, "fd00::2/64": true, "fe80::2/64": true,
	} {
		a := Address{Index: index, Prefix: netip.MustParsePrefix(text)}
		h.set(a)
		if got := has(t, h.k, a); got != want {
			t.Errorf("%s: ours %t, want %t", text, got, want)
		}
	}
}
