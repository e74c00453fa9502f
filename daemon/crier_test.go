package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"takeover/daemon/config"
)

// Many addresses are all announced once, each after it was set, before any is
// again, and all as often as they should be.
func TestManyAddressesAreAllAnnouncedBeforeAnyIsAgain(t *testing.T) {
	const addresses, times = 250, 5
	inWorld(t, func(t *testing.T, w *world) {
		c := configured(150)
		c.Instances[0].VirtualAddresses = nil
		for n := range addresses {
			c.Instances[0].VirtualAddresses = append(c.Instances[0].VirtualAddresses, config.VirtualAddress{
				Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 1, byte(n)}), 32),
			})
		}
		n := w.add(1, c)
		pass(3500 * time.Millisecond)
		set, announced := map[string]bool{}, map[string]int{}
		for _, line := range w.take(" ") {
			switch words := strings.Fields(line); words[2] {
			case "set":
				set[strings.TrimSuffix(words[3], "/32")] = true
			case "announce":
				if announced[words[3]]++; !set[words[3]] {
					t.Errorf("%s is announced before it is set", words[3])
				}
				if announced[words[3]] > 1 && len(announced) < addresses {
					t.Fatalf("%s is announced again when %d have been once", words[3], len(announced))
				}
			}
		}
		for address, got := range announced {
			if got != times {
				t.Errorf("%s is announced %d times, want %d", address, got, times)
			}
		}
		if len(announced) != addresses {
			t.Errorf("%d addresses are announced", len(announced))
		}
		if got := len(n.loop.attachments["eth0"].present); got != addresses+1 {
			t.Errorf("%d addresses are known to be there, want %d", got, addresses+1)
		}
	})
}

// What cannot be announced by the crier is told.
func TestCrierTellsWhatFailed(t *testing.T) {
	w := &node{world: newWorld(t)}
	on := &attachment{announcer: fakeAnnouncer{node: w}}
	c := newCrier()
	for n := range 3 * volleysMax {
		v := volley{on: on, addresses: []netip.Addr{netip.MustParseAddr(fmt.Sprintf("10.0.0.%d", n))}, times: 1}
		if n == 7 {
			v.on = nil
		}
		if err := c.cry(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.end(); err == nil || !strings.Contains(err.Error(), "announce 10.0.0.7:") {
		t.Errorf("error %v", err)
	}
	if got := len(w.take("announce")); got != 3*volleysMax-1 {
		t.Errorf("%d announced", got)
	}
}
