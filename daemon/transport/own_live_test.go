package transport

import (
	"net/netip"
	"testing"
)

// What another host sends from an address of this one is heard as well, marked
// as such, once.
func TestLiveConnHearsTheOwnerOfItsAddress(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		shared, other := address("10.1.0.200"), address("10.1.0.201")
		for _, h := range []*host{a, b} {
			h.do(func() { h.add(shared, 32) })
		}
		a.do(func() { a.add(other, 32) })
		deaf := b.open(Settings{Source: b.ip4})
		hearing := b.open(Settings{Source: b.ip4, Own: []netip.Addr{shared}})
		for _, source := range []netip.Addr{shared, other, a.ip4} {
			from := a.open(Settings{Source: source})
			from.send("from " + source.String())
			from.Close()
		}
		// What is not from its own address comes by the raw socket first.
		for _, want := range []struct {
			source netip.Addr
			own    bool
		}{{other, false}, {a.ip4, false}, {shared, true}} {
			d := hearing.datagram()
			if d.Source != want.source || d.FromOwn != want.own || string(d.Payload) != "from "+want.source.String() || d.TTL != 255 {
				t.Errorf("received %+v, want that from %s", d, want.source)
			}
		}
		hearing.empty()
		for _, source := range []netip.Addr{other, a.ip4} {
			if d := deaf.datagram(); d.Source != source {
				t.Errorf("without Own it received %+v", d)
			}
		}
		deaf.empty()
		// Its own are not heard.
		own := b.open(Settings{Source: shared})
		own.send("own")
		hearing.empty()
	})
}
