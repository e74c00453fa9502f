package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
	"takeover/topology/lab"
	"takeover/topology/sandbox"
)

// viewer looks at a Stand from outside.
type viewer struct {
	*Stand
	pids map[int]bool // of the host, before the fault
	from int          // the last event before the fault
}

// remember is called before a fault.
func (v *viewer) remember(host string) {
	v.pids = map[int]bool{}
	for _, info := range v.processes(host) {
		v.pids[info.PID] = true
	}
	events := v.log.Events()
	v.from = events[len(events)-1].ID
}

func (v *viewer) processes(host string) []sandbox.Info {
	machine, err := v.lab.Host(host).Machine()
	if err != nil {
		panic(err)
	}
	all, err := machine.Processes()
	if err != nil {
		panic(err)
	}
	return all
}

// fresh is how many processes of that name began after the fault, old how many
// there were before.
func (v *viewer) count(host, name string, old bool) int {
	n := 0
	for _, info := range v.processes(host) {
		if info.Name == name && v.pids[info.PID] == old {
			n++
		}
	}
	return n
}

// stopped says that all processes of that name are stopped; "": all at all.
func (v *viewer) stopped(host, name string) bool {
	any := false
	for _, info := range v.processes(host) {
		if name != "" && info.Name != name {
			continue
		}
		any = true
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", info.PID))
		if err != nil {
			return false
		}
		_, state, _ := strings.Cut(string(text), ") ")
		if state[0] != 'T' {
			return false
		}
	}
	return any
}

// said says whether an event since the fault matches.
func said[B history.Body](v *viewer, host string, match func(B) bool) bool {
	return slices.ContainsFunc(v.log.Since(v.from), func(e history.Event) bool {
		body, ok := e.Body.(B)
		return ok && (host == "" || e.Host == host) && match(body)
	})
}

const clusterVIP = "10.0.0.200"

func (v *viewer) holds(hosts ...string) bool {
	holders, _ := v.picture.holders(netip.MustParseAddr(clusterVIP))
	return slices.Equal(holders, hosts)
}

const fetchTimeout = 500 * time.Millisecond

// fetch asks a web server from a host: the status, or how it failed.
func (v *viewer) fetch(from, address string) (answer string) {
	err := v.lab.Host(from).Network.Do(func(ns.NetNS) error {
		deadline := time.Now().Add(fetchTimeout)
		conn, err := net.DialTimeout("tcp", address+":80", fetchTimeout)
		if err != nil {
			return err
		}
		defer conn.Close()
		_ = conn.SetDeadline(deadline)
		fmt.Fprintf(conn, "GET / HTTP/1.0\r\nHost: x\r\n\r\n")
		text, err := io.ReadAll(conn)
		answer = string(text)
		return err
	})
	switch {
	case isTimeout(err):
		return "timeout"
	case errors.Is(err, unix.ECONNREFUSED):
		return "refused"
	case errors.Is(err, unix.EHOSTUNREACH):
		return "unreachable"
	case err != nil:
		return err.Error()
	}
	return answer
}

func isTimeout(err error) bool {
	timing, ok := errors.AsType[net.Error](err)
	return ok && timing.Timeout()
}

// silent says that the client can't reach a web server.
func silent(address string) func(*viewer) bool {
	return func(v *viewer) bool {
		return slices.Contains([]string{"timeout", "unreachable"}, v.fetch("client", address))
	}
}

func answers(from, address, text string) func(*viewer) bool {
	return func(v *viewer) bool { return strings.Contains(v.fetch(from, address), text) }
}

func both(a, b func(*viewer) bool) func(*viewer) bool {
	return func(v *viewer) bool { return a(v) && b(v) }
}

func ownedBy(hosts ...string) func(*viewer) bool {
	return func(v *viewer) bool { return v.holds(hosts...) }
}

// left says that the host's daemon is no longer Active.
func left(host string) func(*viewer) bool {
	return func(v *viewer) bool {
		return said(v, host, func(t history.Transition) bool { return t.From == "Active" })
	}
}

func ended(host, name string) func(*viewer) bool {
	return func(v *viewer) bool { return v.count(host, name, true) == 0 }
}

// fewer says that one of the daemon's two processes has ended.
func fewer(host string) func(*viewer) bool {
	return func(v *viewer) bool { return v.count(host, "vipd", true) < 2 }
}

func paused(host, name string) func(*viewer) bool {
	return func(v *viewer) bool { return v.stopped(host, name) }
}

// limited says that every process of the daemon is.
func limited(host string, resource int, to uint64) func(*viewer) bool {
	return func(v *viewer) bool {
		for _, info := range v.processes(host) {
			var limit unix.Rlimit
			if err := unix.Prlimit(info.PID, resource, nil, &limit); err != nil || info.Name == "vipd" && limit.Cur != to {
				return false
			}
		}
		return true
	}
}

// runs says whether a shell command succeeds in a host.
func (v *viewer) runs(host, command string) bool {
	machine, err := v.lab.Host(host).Machine()
	if err != nil {
		return false
	}
	process, err := machine.Start(sandbox.Command{Name: "sh", Path: "/bin/sh", Args: []string{"sh", "-c", command}, Env: environment()})
	return err == nil && process.Status() == exitedWell
}

// neighbour is where a host believes an address.
func (v *viewer) neighbour(host, address string) string {
	found := ""
	_ = changeLink(v.lab.Host(host), "eth0", func(handle *netlink.Handle, device netlink.Link) error {
		all, err := lab.Neighbours(handle, device.Attrs().Index)
		for _, n := range all {
			if n.IP.String() == address {
				found = n.HardwareAddr.String()
			}
		}
		return err
	})
	return found
}

// believes says that the client, which asks for it, has the VIP's owner there.
func believes(mac string) func(*viewer) bool {
	return func(v *viewer) bool {
		v.fetch("client", clusterVIP)
		return strings.HasPrefix(v.neighbour("client", clusterVIP), mac)
	}
}

func linkSays(host string, match func(history.Link) bool) func(*viewer) bool {
	return func(v *viewer) bool { return said(v, host, match) }
}

func flags(host string, mask uint32) func(*viewer) bool {
	return func(v *viewer) bool {
		set := false
		_ = changeLink(v.lab.Host(host), "eth0", func(_ *netlink.Handle, device netlink.Link) error {
			set = device.Attrs().RawFlags&mask == mask || device.Attrs().Promisc == 1
			return nil
		})
		return set
	}
}

// learnt says that the switch believes the host to be where the other is, or
// nowhere.
func learnt(host, where string) func(*viewer) bool {
	return func(v *viewer) bool {
		handle, err := netlink.NewHandleAt(netns.NsHandle(v.lab.Switch().Fd()), unix.NETLINK_ROUTE)
		if err != nil {
			panic(err)
		}
		defer handle.Close()
		entries, err := handle.NeighList(0, unix.AF_BRIDGE) //nolint:forbidigo // asked again when interrupted
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			return false
		}
		if err != nil {
			panic(err)
		}
		i := slices.IndexFunc(entries, func(n netlink.Neigh) bool {
			return slices.Equal(n.HardwareAddr, v.lab.Host(host).Links[0].MAC) && n.State&netlink.NUD_PERMANENT == 0
		})
		if i < 0 || where == "" {
			return i < 0 && where == ""
		}
		device, err := handle.LinkByIndex(entries[i].LinkIndex)
		return err == nil && device.Attrs().Name == v.atBridge(v.lab.Host(where).Links[0].Port)
	}
}

// strikes are all faults that are built: on whom, and what is seen of them.
var strikes = []struct {
	fault, host string
	effect      func(*viewer) bool
}{
	{"nginx-killed", "node1", both(ended("node1", "nginx"), ownedBy("node2"))},
	{"daemon-stopped", "node1", both(ended("node1", "vipd"), ownedBy("node2"))},
	{"daemon-killed", "node1", ended("node1", "vipd")},
	{"worker-killed", "node1", fewer("node1")},
	{"guardian-killed", "node1", fewer("node1")},
	{"daemon-paused", "node1", both(paused("node1", "vipd"), func(v *viewer) bool { return v.holds("node2") || v.holds("node1", "node2") })},
	{"daemon-restarted", "node1", func(v *viewer) bool {
		return v.count("node1", "vipd", true) == 0 && v.count("node1", "vipd", false) > 0
	}},
	{"daemon-reloaded mode=priority priority=90", "node1", ownedBy("node2")},
	{"daemon-reloaded mode=address address=10.0.0.201", "node1", func(v *viewer) bool {
		return v.runs("node1", "ip addr show dev eth0 | grep -q 10.0.0.201/")
	}},
	{"process-killed process=nginx", "node2", ended("node2", "nginx")},
	{"process-killed process=vipd signal=TERM", "node2", ended("node2", "vipd")},
	{"process-paused process=nginx", "node2", paused("node2", "nginx")},
	{"web-fails mode=error", "node2", answers("client", "10.0.0.102", "500 Internal")},
	{"web-fails mode=refuse", "node2", answers("client", "10.0.0.102", "refused")},
	{"web-fails mode=hang", "node2", answers("client", "10.0.0.102", "timeout")},
	{"web-fails mode=slow delay=200ms", "node2", func(v *viewer) bool {
		began := time.Now()
		return strings.Contains(v.fetch("client", "10.0.0.102"), "10.0.0.102") && time.Since(began) >= 200*time.Millisecond
	}},
	{"web-fails mode=truncate", "node2", answers("client", "10.0.0.102", "Content-Length: 4096")},
	{"script-fails mode=fail", "node1", ownedBy("node2")},
	{"script-fails mode=hang", "node1", ownedBy("node2")},
	{"script-fails mode=unexecutable", "node1", ownedBy("node2")},
	{"files-limited count=40", "node2", limited("node2", unix.RLIMIT_NOFILE, 40)},
	{"memory-limited size=8589934592", "node2", limited("node2", unix.RLIMIT_AS, 8589934592)},
	{"disk-full path=/tmp", "node2", func(v *viewer) bool {
		return v.runs("node2", "ls /tmp") && v.runs("node2", "! echo text 2>/dev/null >/tmp/takeover-test") && v.runs("node3", "test -w /tmp")
	}},
	{"cpu-hogs count=1", "node3", func(v *viewer) bool { return v.count("node3", hogRole, false) == 1 }},
	{"cpu-quota percent=50", "node3", func(v *viewer) bool {
		return await(context.Background(), func() bool { return v.stopped("node3", "") }) && await(context.Background(), func() bool { return !v.stopped("node3", "") })
	}},
	{"host-frozen", "node1", both(paused("node1", ""), func(v *viewer) bool { return !v.holds("node1") })},
	{"host-crashed", "node1", both(func(v *viewer) bool { return len(v.processes("node1")) == 0 }, silent("10.0.0.101"))},
	{"host-rebooted after=100ms", "node2", func(v *viewer) bool {
		return v.count("node2", "vipd", true) == 0 && v.count("node2", "vipd", false) > 0 && strings.Contains(v.fetch("client", "10.0.0.102"), "200 OK")
	}},

	{"link-loss", "node1", linkSays("node1", func(l history.Link) bool { return l.Up && !l.Carrier })},
	{"link-down", "node2", linkSays("node2", func(l history.Link) bool { return !l.Up })},
	{"link-flaps period=100ms down=50ms", "node2", func(v *viewer) bool {
		changes := 0
		for _, e := range v.log.Since(v.from) {
			if _, ok := e.Body.(history.Link); ok && e.Host == "node2" {
				changes++
			}
		}
		return changes >= 6
	}},
	{"one-way-loss direction=from", "node2", silent("10.0.0.102")},
	{"one-way-loss direction=to", "node2", silent("10.0.0.102")},
	{"partition mode=isolate", "node1", both(silent("10.0.0.101"), ownedBy("node1", "node2"))},
	{"partition mode=split groups=client,node1|node2,node3", "node1", both(silent("10.0.0.102"), ownedBy("node1", "node2"))},
	{"partition mode=one-way groups=client,node1|node2,node3", "node1", ownedBy("node1", "node2")},
	{"partition mode=ring", "node1", both(silent("10.0.0.102"), answers("client", "10.0.0.101", "200 OK"))},
	{"partition mode=bridge", "client", both(answers("client", "10.0.0.103", "200 OK"), ownedBy("node1", "node2"))},
	{"partition mode=isolate protocol=vrrp", "node1", both(ownedBy("node1", "node2"), answers("client", "10.0.0.101", "200 OK"))},
	{"mtu-hole size=100", "client", silent("10.0.0.103")},
	{"mac-moved peer=client", "node3", learnt("node3", "client")},
	{"mac-forgotten", "node3", learnt("node3", "")},
	{"multicast-snooped", "node2", ownedBy("node1", "node2")},
	{"adverts-dropped", "node1", ownedBy("node1", "node2")},
	{"traffic-dropped protocol=tcp:80 direction=to", "node3", silent("10.0.0.103")},
	{"traffic-dropped protocol=tcp:80 peer=client", "node3", both(silent("10.0.0.103"), answers("node1", "10.0.0.103", "200 OK"))},
	{"traffic-dropped protocol=udp:9 first=2", "node3", exchanged("3 4 5 6")},
	{"traffic-dropped protocol=udp:9 burst_enter=100% burst_leave=100%", "node3", exchanged("2 4 6")},
	{"traffic-delayed delay=50ms protocol=udp:9 peer=client", "node3", late(50 * time.Millisecond)},
	{"traffic-delayed delay=50ms jitter=10ms", "client", late(40 * time.Millisecond)},
	{"traffic-reordered delay=1s protocol=udp:9", "node3", exchanged("2 1 4 3 6 5")},
	{"traffic-duplicated protocol=udp:9 direction=to", "node3", exchanged("1 1 2 2 3 3 4 4 5 5 6 6")},
	{"traffic-corrupted protocol=udp:9 every=6", "node3", exchanged("1 2 3 4 5")}, // the checksums tell
	{"traffic-shaped rate=1000 size=10000 protocol=udp:9", "client", late(200 * time.Millisecond)},
	{"traffic-replayed protocol=udp:9 period=20ms", "client", replayed},

	{"vip-deleted", "node1", func(v *viewer) bool {
		return said(v, "node1", func(a history.Address) bool { return !a.Present && a.Prefix.Addr().String() == clusterVIP })
	}},
	// The daemon takes it off again.
	{"vip-added", "node3", func(v *viewer) bool {
		return said(v, "node3", func(a history.Address) bool { return a.Present && a.Prefix.Addr().String() == clusterVIP })
	}},
	{"address-duplicated", "client", believes("02:db")},
	{"neighbour-poisoned", "client", believes(poisonMAC.String())},
	{"advert-forged priority=250", "node2", left("node1")},
	{"rival-started priority=250", "node2", both(left("node1"), ownedBy())},

	{"clock-offset offset=1000s", "node2", func(v *viewer) bool {
		own, _ := os.Readlink("/proc/self/ns/time")
		for _, info := range v.processes("node2") {
			if shifted, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/time", info.PID)); err == nil && info.Name == "vipd" && shifted != own {
				return true
			}
		}
		return false
	}},
	{"interface-removed after=100ms", "node2", linkSays("node2", func(l history.Link) bool { return l.Interface == "eth0" && !l.Up })},
	{"interface-renamed", "node2", linkSays("node2", func(l history.Link) bool { return l.Interface == "was-eth0" })},
	{"interface-promiscuous", "node2", flags("node2", unix.IFF_PROMISC)},
	{"netlink-overrun count=1000", "node2", func(v *viewer) bool { return len(v.picture.of("node2", "lo")) > 1000 }},
}

// snapshot is how the lab stands, as text: the switch's ruleset and devices, and
// of each host its devices, addresses, routes, queues, settings, mounts and
// processes.
func (v *viewer) snapshot(context.Context) string {
	var b strings.Builder
	for _, host := range v.plan.Spec.Hosts {
		v.processes(host.Name) // its process 1 sets lo up
	}
	_ = v.lab.Switch().Do(func(ns.NetNS) error {
		out, err := exec.Command("nft", "-s", "list", "ruleset").CombinedOutput()
		if err == nil {
			b.Write(out)
		}
		return err
	})
	describeDevices(&b, "switch", netns.NsHandle(v.lab.Switch().Fd()))
	describeSettings(&b, "switch", v.lab.Switch())
	for _, host := range v.plan.Spec.Hosts {
		describeDevices(&b, host.Name, netns.NsHandle(v.lab.Host(host.Name).Network.Fd()))
		describeSettings(&b, host.Name, v.lab.Host(host.Name).Network)
		var names []string
		for _, info := range v.processes(host.Name) {
			if info.Name != "bash" && info.Name != "timeout" && info.Name != "sh" { // the check script
				names = append(names, info.Name)
			}
		}
		slices.Sort(names)
		fmt.Fprintf(&b, "%s: %s\n", host.Name, strings.Join(names, " "))
		machine, err := v.lab.Host(host.Name).Machine()
		if err != nil {
			panic(err)
		}
		mounts, _ := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", machine.PID()))
		for line := range strings.Lines(string(mounts)) {
			if strings.Contains(line, " nsfs ") {
				continue // a namespace that others on this machine gave a name, and may take it away
			}
			fmt.Fprintf(&b, "%s mount %s", host.Name, line)
		}
	}
	return b.String()
}

func describeDevices(b *strings.Builder, host string, network netns.NsHandle) {
	handle, err := netlink.NewHandleAt(network, unix.NETLINK_ROUTE)
	if err != nil {
		panic(err)
	}
	defer handle.Close()
	devices, err := lab.Devices(handle)
	if err != nil {
		panic(err)
	}
	names := map[int]string{}
	var lines []string
	for _, device := range devices {
		a := device.Attrs()
		names[a.Index] = a.Name
		lines = append(lines, fmt.Sprintf("device %s %s %s up=%t %s mtu=%d promisc=%d", a.Name, device.Type(), a.HardwareAddr, a.Flags&net.FlagUp != 0, a.OperState, a.MTU, a.Promisc))
		addresses, _ := lab.Addresses(handle, device)
		for _, address := range addresses {
			lines = append(lines, fmt.Sprintf("address %s %s", a.Name, address.IPNet))
		}
		disciplines, err := handle.QdiscList(device)
		if err != nil {
			panic(err)
		}
		for _, q := range disciplines {
			lines = append(lines, fmt.Sprintf("qdisc %s %s %x", a.Name, q.Type(), q.Attrs().Parent))
		}
	}
	routes, _ := lab.Routes(handle)
	for _, route := range routes {
		lines = append(lines, fmt.Sprintf("route %s %s %s", names[route.LinkIndex], route.Dst, route.Gw))
	}
	slices.Sort(lines)
	for _, line := range lines {
		fmt.Fprintf(b, "%s %s\n", host, line)
	}
}

// describeSettings writes the sysctls of all interfaces.
func describeSettings(b *strings.Builder, host string, network ns.NetNS) {
	err := network.Do(func(ns.NetNS) error {
		files, err := filepath.Glob("/proc/sys/net/ipv[46]/conf/*/*")
		for _, name := range files {
			if strings.HasSuffix(name, "/stable_secret") {
				continue // nobody may read it before it is set
			}
			value, err := os.ReadFile(name)
			if err != nil && !errors.Is(err, fs.ErrPermission) { // the kernel writes it only
				return err
			}
			fmt.Fprintf(b, "%s %s %s", host, name, value)
		}
		return err
	})
	if err != nil {
		panic(err)
	}
}
