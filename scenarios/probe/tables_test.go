//go:build linux

package probe

import (
	"os"
	"os/exec"
	"testing"

	"github.com/vishvananda/netlink"

	"takeover/scenarios/history"
)

func TestWatchForwardingSeesAddressesMove(t *testing.T) {
	n := newNetwork(t, "node1", "node2", "client")
	node1, node2 := n.hosts["node1"], n.hosts["node2"]
	node1.announce(node1.address) // the bridge learns its address before the watch
	var ports []Port
	bridges := map[string]string{}
	for name := range n.hosts {
		if name != "client" { // nobody's
			ports = append(ports, Port{Host: name, Interface: name})
			bridges[name] = "lan"
		}
	}
	log := history.NewLog(nil)
	w, err := WatchForwarding(NewClock(), log, ForwardingOptions{Namespace: path(n.bridge), Ports: ports, Bridges: bridges})
	closing(t, w, err)
	entry := func(host, mac string, present bool) func(history.Event) bool {
		return func(e history.Event) bool {
			return e.Host == host && e.Body == history.Forwarding{Bridge: "lan", MAC: mac, Present: present}
		}
	}
	await(t, log, 0, "what was learnt before", entry("node1", node1.mac.String(), true))

	const virtual = "00:00:5e:00:01:33"
	mac := [6]byte{0x00, 0x00, 0x5e, 0x00, 0x01, 0x33}
	frame := arpProbe(mac, vip)
	n.hosts["client"].send(frame)
	node1.send(frame)
	seen := await(t, log, 0, "the virtual address at node1", entry("node1", virtual, true)).ID
	node2.send(frame)
	seen = await(t, log, seen, "it is not at node1 any more", entry("node1", virtual, false)).ID
	seen = await(t, log, seen, "it is at node2", entry("node2", virtual, true)).ID
	n.inBridge(func() error {
		port, err := netlink.LinkByName("node2")
		if err != nil {
			return err
		}
		return netlink.LinkSetDown(port)
	})
	await(t, log, seen, "a port without carrier forgets", entry("node2", virtual, false))
	for _, event := range log.Events() {
		if event.Host == "client" {
			t.Errorf("a port that is nobody's: %+v", event)
		}
	}
}

func TestWatchUsage(t *testing.T) {
	log := history.NewLog(nil)
	shell := exec.Command("sh", "-c", "sleep 100 & sleep 100 & wait")
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, pid := range descendants(shell.Process.Pid) {
			process, _ := os.FindProcess(pid) // it never fails
			_ = process.Kill()
		}
		_ = shell.Wait()
	})
	own := Daemon{Host: "node1", Name: "own", PID: os.Getpid()}
	other := Daemon{Host: "node2", Name: "sh", PID: shell.Process.Pid}
	gone := Daemon{Host: "node3", Name: "gone", PID: 1 << 30}
	w := WatchUsage(NewClock(), log, func() []Daemon { return []Daemon{own, other, gone} })
	closing(t, w, nil)
	first := await(t, log, 0, "the first look", body(func(u history.Usage) bool { return u.Name == "sh" }))
	if u := first.Body.(history.Usage); u.Processes != 1 {
		t.Errorf("children count that may not last: %+v", u)
	}
	await(t, log, 0, "the children", body(func(u history.Usage) bool {
		return u.Name == "sh" && u.Processes == 3 && u.Threads == 3 && u.Descriptors >= 3 && u.AnonKiB > 0
	}))
	await(t, log, 0, "itself", body(func(u history.Usage) bool {
		return u.Name == "own" && u.Threads > 1 && u.Descriptors > 3 && u.AnonKiB > 100
	}))
	for _, event := range log.Events() {
		if event.Host == "node3" {
			t.Errorf("%+v", event)
		}
	}
}
