package daemon

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"takeover/daemon/config"
)

// twoInstances adds a second instance VJ, which tracks eth1, with 10.1.0.100/32.
func twoInstances(c *config.Config) {
	second := c.Instances[0]
	second.Name, second.VRID = "VJ", 8
	second.TrackInterfaces = []config.TrackInterface{{Name: "eth1"}}
	second.VirtualAddresses = []config.VirtualAddress{{Prefix: netip.MustParsePrefix("10.1.0.100/32")}}
	c.Instances = append(c.Instances, second)
}

// grouped prepares a node whose two instances are a sync group.
func grouped(w *world, number int, priority uint8) *node {
	n := w.prepare(number, configured(priority, twoInstances))
	n.loop.join(n.loop.instances)
	return n
}

func TestSyncGroupFailsTogether(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n1, n2 := grouped(w, 1, 150), grouped(w, 2, 100)
		for _, n := range []*node{n1, n2} {
			if err := n.start(); err != nil {
				t.Fatal(err)
			}
		}
		pass(5 * time.Second)
		w.take("")
		n1.setRunning("eth1", false)
		synctest.Wait()
		want(t, "fault", w.take("state changed"), []string{
			"5.000 n1 log state changed instance=VJ from=Active to=Initialize reason=interface eth1 down",
			"5.000 n1 log state changed instance=VI from=Active to=Backup reason=virtual router 8 of its group is in Initialize",
			"5.000 n1 log state changed instance=VI from=Backup to=Initialize reason=instance VJ: interface eth1 down",
		})
		pass(time.Second)
		if !n2.has("10.0.0.100/32") || !n2.has("10.1.0.100/32") || n1.has("10.0.0.100/32") {
			t.Error("the group did not move as one")
		}
	})
}
