package daemon

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"takeover/daemon/netif"
)

// routers is a cluster of two nodes with a virtual router MAC address, and a
// client on the same link: node 3.
type routers struct {
	*lab
	is6      bool
	address  netip.Prefix
	hardware string // of the virtual router
	lines    string // more of the configuration
}

const clientNode = 3

func newRouters(t *testing.T, is6 bool, lines string) *routers {
	t.Helper()
	r := &routers{
		lab: newLabOf(t, clientNode), is6: is6, lines: lines,
		address: netip.MustParsePrefix("10.9.0.100/32"), hardware: netif.VirtualMAC(liveVRID, is6).String(),
	}
	if is6 {
		// The nodes' own link-local addresses are tested for duplicates first,
		// while vipd starts.
		r.address = netip.MustParsePrefix("fd09::100/128")
		r.ip("-n", r.names+"3", "addr", "add", "fd09::3/64", "dev", "eth0", "nodad")
		for n := 1; n <= 2; n++ {
			r.ip("-n", r.names+strconv.Itoa(n), "addr", "add", fmt.Sprintf("fd09::%d/64", n), "dev", "eth0", "nodad")
		}
	}
	return r
}

// device is the name of the macvlan.
func (r *routers) device() string {
	if r.is6 {
		return fmt.Sprintf("vrrp6.%d", liveVRID)
	}
	return fmt.Sprintf("vrrp.%d", liveVRID)
}

// instance is one vrrp_instance of version 3.
func (r *routers) instance(name string, vrid, priority int, addresses string) string {
	return fmt.Sprintf("vrrp_instance %s {\n state BACKUP\n interface eth0\n virtual_router_id %d\n version 3\n"+
		" priority %d\n advert_int %g\n %s\n virtual_ipaddress {\n%s\n }\n}\n",
		name, vrid, priority, seatInterval.Seconds(), r.lines, addresses)
}

func (r *routers) write(n int, text string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, fmt.Sprintf("%d.conf", n))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func (r *routers) configuration(n, priority int) string {
	addresses := r.address.String()
	if r.is6 {
		addresses = "fe80::9:100/64\n" + addresses
	}
	return r.write(n, r.instance("VI", liveVRID, priority, addresses))
}

// announced matches an announcement of the address from the virtual router's
// MAC address.
func (r *routers) announced(node int) func(frame) bool {
	return func(f frame) bool {
		return f.node == node && f.address == r.address.Addr() && f.hardware.String() == r.hardware
	}
}

// isActive awaits that the node has taken over, and is alone.
func (r *routers) isActive(mark, node int) {
	r.t.Helper()
	r.awaitFrame(mark, seatBound, fmt.Sprintf("announcement of node %d from %s", node, r.hardware), r.announced(node))
	r.isAlone(node)
}

// isAlone awaits that only that node advertises, for longer than an
// Active_Down_Interval. It returns the place where that begins.
func (l *lab) isAlone(node int) (mark int) {
	l.t.Helper()
	mark = l.mark()
	l.await(seatBound, fmt.Sprintf("node %d advertises, and no other", node), func() bool {
		own := 0
		for n, f := range l.seen.since(mark) {
			switch {
			case !f.advertisement:
			case f.node != node:
				mark += n + 1
				return false
			default:
				own++
			}
		}
		return own >= 5
	})
	return mark
}

// in runs f on a thread that is in the node's namespace.
func (l *lab) in(n int, f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // the thread ends with the goroutine
		ns, err := os.Open("/run/netns/" + l.names + strconv.Itoa(n))
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			_ = ns.Close()
		}
		if err == nil {
			err = f()
		}
		result <- err
	}()
	return <-result
}

// reaches reports whether the client gets an answer from an address: a closed
// port is refused.
func (r *routers) reaches(address netip.Addr, timeout time.Duration) bool {
	err := r.in(clientNode, func() error {
		c, err := net.DialTimeout("tcp", netip.AddrPortFrom(address, 9).String(), timeout)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	return errors.Is(err, unix.ECONNREFUSED)
}

// answers awaits that the address answers the client, who finds it at the
// virtual router's MAC address.
func (r *routers) answers() {
	r.t.Helper()
	r.await(seatBound, "the address answers", func() bool { return r.reaches(r.address.Addr(), 300*time.Millisecond) })
	if neighbor := r.neighbor(); !strings.Contains(neighbor, "lladdr "+r.hardware) {
		r.t.Errorf("the client's neighbour is %s, want %s", neighbor, r.hardware)
	}
}

func (r *routers) neighbor() string {
	return r.output("-n", r.names+"3", "neigh", "show", r.address.Addr().String())
}

// monitor records what becomes of the client's neighbours, until the test ends.
// What it returns are the lines so far about the address.
func (r *routers) monitor() func() []string {
	r.t.Helper()
	path := filepath.Join(r.dir, "neighbours")
	log, err := os.Create(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	process := exec.Command("ip", "-n", r.names+"3", "monitor", "neigh")
	process.Stdout = log
	if err := process.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		_ = process.Process.Kill()
		_ = process.Wait()
	})
	lines := func() (found []string) {
		text, err := os.ReadFile(path)
		if err != nil {
			r.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, r.address.Addr().String()+" ") {
				found = append(found, strings.TrimSpace(line))
			}
		}
		return found
	}
	r.await(seatBound, "the monitor has begun", func() bool {
		for _, state := range []string{"reachable", "stale"} {
			r.ip("-n", r.names+"3", "neigh", "replace", r.address.Addr().String(), "lladdr", r.hardware, "dev", "eth0", "nud", state)
		}
		return len(lines()) > 0
	})
	return lines
}

// below are the settings of eth0 that a virtual router MAC address changes.
func (l *lab) below(n int) string {
	return strings.Join(strings.Fields(l.output("netns", "exec", l.names+strconv.Itoa(n), "cat",
		"/proc/sys/net/ipv4/conf/eth0/arp_ignore", "/proc/sys/net/ipv4/conf/eth0/arp_announce")), " ")
}

// isTidy looks whether nothing of the virtual router is left on a node.
func (r *routers) isTidy(n int) {
	r.t.Helper()
	if links := r.output("-n", r.names+strconv.Itoa(n), "link", "show"); strings.Contains(links, "vrrp") {
		r.t.Errorf("left on node %d:\n%s", n, links)
	}
	if below := r.below(n); below != "0 0" {
		r.t.Errorf("node %d: arp_ignore and arp_announce are %s, want 0 0", n, below)
	}
	if count, on := r.has(n, []netip.Prefix{r.address}); count > 0 {
		r.t.Errorf("node %d has the address on %v", n, on)
	}
	if rules := r.output("netns", "exec", r.names+strconv.Itoa(n), "nft", "list", "ruleset"); rules != "" {
		r.t.Errorf("left on node %d:\n%s", n, rules)
	}
}

// end stops vipd in order.
func (r *routers) end(s *subject) {
	r.t.Helper()
	s.signal(s.worker(), syscall.SIGTERM)
	r.await(seatBound, "all processes of the node have ended", func() bool { return len(r.pids(s.number)) == 0 })
	r.isTidy(s.number)
}

// The virtual router moves, and its MAC address with it: nothing changes for
// the client.
func TestLiveVirtualRouterMAC(t *testing.T) {
	t.Parallel()
	for _, is6 := range []bool{false, true} {
		for _, lines := range []string{"use_vmac", "use_vmac\n vmac_xmit_base"} {
			isBase := strings.Contains(lines, "base")
			t.Run(fmt.Sprintf("is6=%t/vmac_xmit_base=%t", is6, isBase), func(t *testing.T) {
				t.Parallel()
				r := newRouters(t, is6, lines)
				a := r.calm(1, r.configuration(1, 250))
				b := r.calm(2, r.configuration(2, 240))
				r.isActive(0, 1)
				r.answers()
				lines := r.monitor()
				mark := r.mark()
				r.end(a)
				r.isActive(mark, 2)
				r.answers()
				r.advertisedFrom(isBase)
				for _, line := range lines() {
					if !strings.Contains(line, "lladdr "+r.hardware) {
						t.Errorf("the client's neighbour changed: %s", line)
					}
				}
				r.end(b)
			})
		}
	}
}

// advertisedFrom looks which MAC address the advertisements came from: the
// virtual router's, or a node's own.
func (r *routers) advertisedFrom(isBase bool) {
	r.t.Helper()
	for _, f := range r.seen.since(0) {
		if f.advertisement && (f.hardware.String() == r.hardware) == isBase {
			r.t.Fatalf("an advertisement comes from %s; the virtual router's is %s", f.hardware, r.hardware)
		}
	}
}

// What a worker leaves that is killed, its guardian and the next worker take
// over.
func TestLiveVirtualRouterMACOfAKilledWorker(t *testing.T) {
	t.Parallel()
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("is6=%t", is6), func(t *testing.T) {
			t.Parallel()
			r := newRouters(t, is6, "use_vmac\n no_accept")
			a := r.calm(1, r.configuration(1, 250))
			b := r.calm(2, r.configuration(2, 240))
			r.isActive(0, 1)
			mark := r.mark()
			a.signal(a.worker(), syscall.SIGKILL)
			r.awaitFrame(mark, seatBound, "priority 0 of node 1", func(f frame) bool {
				return advertisementOf(1, 0)(f) && f.hardware.String() == r.hardware
			})
			r.awaitFrame(mark, seatBound, "announcement of node 2", r.announced(2))
			a.awaitLogTimes("msg=ready", 2)
			r.isActive(mark, 1)
			r.end(a)
			r.end(b)
		})
	}
}

// killTogether kills both processes. The worker is stopped first: it would
// replace the guardian.
func (s *subject) killTogether() {
	s.lab.t.Helper()
	worker, guardian := s.worker(), s.guardian()
	s.signal(worker, syscall.SIGSTOP)
	s.signal(guardian, syscall.SIGKILL)
	s.signal(worker, syscall.SIGKILL)
	<-s.ended
	s.lab.await(seatBound, "all processes of the node have ended", func() bool { return len(s.lab.pids(s.number)) == 0 })
}

// What all processes left that were killed at once, the next start finds. It
// is a Backup's: the address must not stay.
func TestLiveVirtualRouterMACOfADeadDaemon(t *testing.T) {
	t.Parallel()
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("is6=%t", is6), func(t *testing.T) {
			t.Parallel()
			r := newRouters(t, is6, "use_vmac\n no_accept")
			a := r.calm(1, r.configuration(1, 250))
			r.isActive(0, 1)
			a.killTogether()
			if count, on := r.has(1, []netip.Prefix{r.address}); count != 1 || !strings.HasPrefix(on[0], "vrrp") {
				t.Fatalf("%d of the addresses are left on %v, want 1: nothing is shown", count, on)
			}
			b := r.calm(2, r.configuration(2, 240))
			r.isActive(0, 2)
			a = r.calm(1, r.configuration(1, 230))
			a.awaitLog("leftover address removed")
			r.isAlone(2)
			if count, on := r.has(1, []netip.Prefix{r.address}); count > 0 {
				t.Errorf("the address is left on %v", on)
			}
			r.end(a)
			r.end(b)
		})
	}
}

// Two virtual routers on one interface, each with its own MAC address, of which
// each node is the Active of one.
func TestLiveTwoVirtualRouterMACs(t *testing.T) {
	t.Parallel()
	r := newRouters(t, false, "use_vmac")
	other := *r
	other.address, other.hardware = netip.MustParsePrefix("10.9.0.101/32"), netif.VirtualMAC(liveVRID+1, false).String()
	var running []*subject
	for n := 1; n <= 2; n++ {
		text := r.instance("FIRST", liveVRID, 260-10*n, r.address.String()) +
			r.instance("SECOND", liveVRID+1, 230+10*n, other.address.String())
		running = append(running, r.calm(n, r.write(n, text)))
	}
	for n, of := range []*routers{r, &other} {
		node := n + 1
		r.awaitFrame(0, seatBound, "announcement", of.announced(node))
		r.await(seatBound, "each has its own", func() bool {
			own, _ := r.has(node, []netip.Prefix{of.address})
			others, _ := r.has(3-node, []netip.Prefix{of.address})
			return own == 1 && others == 0
		})
		of.answers()
	}
	running[1].signal(running[1].worker(), syscall.SIGTERM)
	<-running[1].ended
	r.isTidy(2)
	r.awaitFrame(0, seatBound, "announcement of node 1", other.announced(1))
	other.answers()
	r.answers()
	r.end(running[0])
	other.isTidy(1)
}

// keepalived does the same in the other seat: the client sees no difference.
// Its manual leaves it to the administrator that ARP is answered on the macvlan
// only.
func TestLiveVirtualRouterMACWithKeepalived(t *testing.T) {
	t.Parallel()
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("is6=%t", is6), func(t *testing.T) {
			t.Parallel()
			r := newRouters(t, is6, "use_vmac")
			r.sysctl(2, "net.ipv4.conf.eth0.arp_ignore=1", "net.ipv4.conf.eth0.arp_announce=2")
			b := r.keepalivedWith(2, r.configuration(2, 240))
			r.isActive(0, 2)
			r.answers()
			lines := r.monitor()
			mark := r.mark()
			a := r.calm(1, r.configuration(1, 250))
			r.isActive(mark, 1)
			r.answers()
			mark = r.mark()
			r.end(a)
			r.isActive(mark, 2)
			r.answers()
			r.advertisedFrom(false)
			for _, line := range lines() {
				if !strings.Contains(line, "lladdr "+r.hardware) {
					t.Errorf("the client's neighbour changed: %s", line)
				}
			}
			b.signal(b.process.Process.Pid, syscall.SIGTERM)
			<-b.ended
		})
	}
}

// Who does not own an address accepts what is sent to it only with Accept_Mode
// (RFC 9568 §6.4.3), and is found by its neighbours all the same.
func TestLiveAcceptMode(t *testing.T) {
	t.Parallel()
	for _, is6 := range []bool{false, true} {
		for _, vmac := range []string{"", "use_vmac\n "} {
			for _, mode := range []string{"accept", "no_accept"} {
				t.Run(fmt.Sprintf("is6=%t/vmac=%t/%s", is6, vmac != "", mode), func(t *testing.T) {
					t.Parallel()
					r := newRouters(t, is6, vmac+mode)
					if vmac == "" {
						r.hardware = r.ownHardware()
					}
					a := r.calm(1, r.configuration(1, 250))
					r.isActive(0, 1)
					own := netip.MustParseAddr("10.9.0.1")
					if is6 {
						own = netip.MustParseAddr("fd09::1")
					}
					r.await(seatBound, "the node's own address answers", func() bool {
						return r.reaches(own, 300*time.Millisecond)
					})
					if mode == "accept" {
						r.answers()
					} else if r.reaches(r.address.Addr(), 500*time.Millisecond) {
						t.Error("the address answers")
					}
					if neighbor := r.neighbor(); !strings.Contains(neighbor, "lladdr "+r.hardware) {
						t.Errorf("the client's neighbour is %s, want %s", neighbor, r.hardware)
					}
					r.end(a)
				})
			}
		}
	}
}

// ownHardware is the MAC address of node 1 itself.
func (l *lab) ownHardware() string {
	l.t.Helper()
	return strings.TrimSpace(l.output("netns", "exec", l.names+"1", "cat", "/sys/class/net/eth0/address"))
}

// The interface of the virtual router goes, by another's hand or with the one
// below, or that one gets another address: it is made again.
func TestLiveVirtualRouterMACComesBack(t *testing.T) {
	t.Parallel()
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("is6=%t", is6), func(t *testing.T) {
			t.Parallel()
			r := newRouters(t, is6, "use_vmac")
			a := r.calm(1, r.configuration(1, 250))
			b := r.calm(2, r.configuration(2, 240))
			r.isActive(0, 1)
			run := func(arguments ...string) { r.ip(append([]string{"-n", r.names + "1"}, arguments...)...) }

			mark := r.mark()
			run("link", "del", r.device())
			r.isActive(mark, 1)
			r.answers()

			mark = r.mark()
			run("link", "set", "eth0", "name", "away")
			r.isActive(mark, 2)
			mark = r.mark()
			run("link", "set", "away", "name", "eth0")
			r.isActive(mark, 1)
			r.answers()

			mark = r.mark()
			run("link", "del", "eth0")
			r.isActive(mark, 2)
			mark = r.mark()
			r.ip("link", "add", "p9", "netns", r.names+"switch", "type", "veth", "peer", "name", "eth0", "netns", r.names+"1")
			r.ip("-n", r.names+"switch", "link", "set", "p9", "master", "br0", "up")
			r.observe(r.seen, "p9", 1)
			run("addr", "add", "10.9.0.1/24", "dev", "eth0")
			run("addr", "add", "fd09::1/64", "dev", "eth0", "nodad")
			run("link", "set", "eth0", "up")
			r.isActive(mark, 1)
			r.answers()

			if is6 {
				run("addr", "flush", "dev", "eth0", "scope", "link")
				mark = r.mark()
				run("addr", "add", "fe80::9:1/64", "dev", "eth0", "nodad")
				r.awaitFrame(mark, seatBound, "advertisement from the other address", func(f frame) bool {
					return f.node == 1 && f.source == netip.MustParseAddr("fe80::9:1")
				})
				r.isActive(mark, 1)
				r.answers()
			}
			r.end(a)
			r.end(b)
		})
	}
}

// An Active forwards what is sent to the virtual router's MAC address, and says
// in Neighbor Advertisements that it is a router (RFC 9568 §6.4.3): where the
// kernel forwards.
func TestLiveVirtualRouterMACForwards(t *testing.T) {
	t.Parallel()
	for _, is6 := range []bool{false, true} {
		t.Run(fmt.Sprintf("is6=%t", is6), func(t *testing.T) {
			t.Parallel()
			r := newRouters(t, is6, "use_vmac\n no_accept")
			r.sysctl(1, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
			behind, by := netip.MustParseAddr("10.77.0.1"), "10.9.0.2"
			if is6 {
				behind, by = netip.MustParseAddr("fd77::1"), "fd09::2"
			}
			r.ip("-n", r.names+"2", "addr", "add", behind.String(), "dev", "lo")
			r.ip("-n", r.names+"1", "route", "add", behind.String(), "via", by)
			a := r.calm(1, r.configuration(1, 250))
			r.isActive(0, 1)
			r.ip("-n", r.names+"3", "route", "add", behind.String(), "via", r.address.Addr().String())
			r.await(seatBound, "what is behind the router answers", func() bool {
				return r.reaches(behind, 300*time.Millisecond)
			})
			neighbor := r.neighbor()
			if !strings.Contains(neighbor, "lladdr "+r.hardware) || is6 && !strings.Contains(neighbor, " router") {
				t.Errorf("the client's neighbour is %s, want the router %s", neighbor, r.hardware)
			}
			r.end(a)
		})
	}
}

// A Backup answers neither for the addresses nor from them, not even to the
// virtual router's MAC address (RFC 9568 §6.4.2). The node's own address, which
// answers, shows that there is a way.
func TestLiveBackupIsSilent(t *testing.T) {
	t.Parallel()
	for _, is6 := range []bool{false, true} {
		for _, vmac := range []string{"", "use_vmac"} {
			t.Run(fmt.Sprintf("is6=%t/vmac=%t", is6, vmac != ""), func(t *testing.T) {
				t.Parallel()
				r := newRouters(t, is6, vmac+"\n advert_int 40")
				a := r.calm(1, r.configuration(1, 250))
				a.awaitLog("to=Backup")
				own := netip.MustParseAddr("10.9.0.1")
				if is6 {
					own = netip.MustParseAddr("fd09::1")
				}
				r.await(seatBound, "the node's own address answers", func() bool {
					return r.reaches(own, 300*time.Millisecond)
				})
				if r.reaches(r.address.Addr(), time.Second) || strings.Contains(r.neighbor(), "lladdr") {
					t.Errorf("the address answers; the client's neighbour is %s", r.neighbor())
				}
				hardware := r.hardware
				if vmac == "" {
					hardware = r.ownHardware()
				}
				r.ip("-n", r.names+"3", "neigh", "replace", r.address.Addr().String(), "lladdr", hardware, "dev", "eth0", "nud", "permanent")
				if r.reaches(r.address.Addr(), 500*time.Millisecond) {
					t.Errorf("%s answers at %s", r.address, hardware)
				}
				r.end(a)
			})
		}
	}
}
