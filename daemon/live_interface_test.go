package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// seats is a cluster of two nodes whose interfaces change. Node 1 is changed;
// as an Active it is the better one, as a Backup the other is.
type seats struct {
	*lab
	is6       bool
	addresses []netip.Prefix // the virtual ones
	active    int
	one, two  *subject
	source    string // of node 1 as it must be now; over IPv6: its link-local address
	port      int    // the number of ports made so far
}

const (
	// seatInterval is between advertisements. Its Active_Down_Interval is too
	// short for a lease: what is left behind stays.
	seatInterval = 300 * time.Millisecond
	seatBound    = 30 * time.Second
)

// newSeats starts vipd in both nodes, and awaits the right one's election.
func newSeats(t *testing.T, is6, active bool) *seats {
	t.Helper()
	s := &seats{lab: newLab(t), is6: is6, active: 2, source: "10.9.0.1", port: 2}
	s.addresses = []netip.Prefix{netip.MustParsePrefix("10.9.0.100/24"), netip.MustParsePrefix("10.9.1.100/32")}
	if is6 {
		s.addresses = []netip.Prefix{netip.MustParsePrefix("fe80::9:100/64"), netip.MustParsePrefix("fd09::100/128")}
	}
	priority := 230
	if active {
		priority, s.active = 250, 1
	}
	for n := 1; n <= 2; n++ {
		s.sysctl(n, "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.eth0.accept_dad=0")
	}
	s.one, s.two = s.calm(1, s.write(1, priority)), s.calm(2, s.write(2, 240))
	s.settled(s.active)
	return s
}

// calm starts vipd with a guardian that does not take a busy machine for a hang:
// whoever makes and removes namespaces holds the kernel's lock of the
// configuration for longer than these intervals.
func (l *lab) calm(n int, configuration string) *subject {
	l.t.Helper()
	return l.vipdWith(n, configuration, "--no-watchdog")
}

func (l *lab) sysctl(n int, settings ...string) {
	l.t.Helper()
	l.ip(append([]string{"netns", "exec", l.names + strconv.Itoa(n), "sysctl", "-q", "-w"}, settings...)...)
}

func (s *seats) write(n, priority int) string {
	var addresses strings.Builder
	for _, a := range s.addresses {
		fmt.Fprintf(&addresses, "  %s\n", a)
	}
	path := filepath.Join(s.dir, fmt.Sprintf("%d.conf", n))
	text := fmt.Sprintf("vrrp_instance VI {\n state BACKUP\n interface eth0\n virtual_router_id %d\n version 3\n"+
		" priority %d\n advert_int %g\n virtual_ipaddress {\n%s }\n}\n",
		liveVRID, priority, seatInterval.Seconds(), addresses.String())
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// run runs ip(8) in node 1.
func (s *seats) run(format string, a ...any) {
	s.t.Helper()
	s.ip(append([]string{"-n", s.names + "1"}, strings.Fields(fmt.Sprintf(format, a...))...)...)
}

// has reports how many of the virtual addresses a node has, and on which
// interfaces.
func (l *lab) has(n int, addresses []netip.Prefix) (count int, on []string) {
	l.t.Helper()
	for line := range strings.Lines(l.output("-n", l.names+strconv.Itoa(n), "-o", "addr", "show")) {
		fields := strings.Fields(line)
		isVirtual := func(p netip.Prefix) bool { return p.String() == fields[3] }
		if slices.ContainsFunc(addresses, isVirtual) {
			count++
			on = append(on, fields[1])
		}
	}
	return count, on
}

// linkLocal is the node's first link-local address on eth0.
func (s *seats) linkLocal(n int) string {
	s.t.Helper()
	found := ""
	s.await(seatBound, fmt.Sprintf("node %d has a link-local address", n), func() bool {
		for field := range strings.FieldsSeq(s.output("-n", s.names+strconv.Itoa(n), "-o", "-6", "addr", "show", "dev", "eth0", "scope", "link", "-tentative")) {
			p, err := netip.ParsePrefix(field)
			if err == nil && !slices.Contains(s.addresses, p) {
				found = p.Addr().String()
			}
		}
		return found != ""
	})
	return found
}

// from are the advertisements of a node after a mark.
func (s *seats) from(node, mark int) []frame {
	return slices.DeleteFunc(s.seen.since(mark), func(f frame) bool { return !f.advertisement || f.node != node })
}

// settled awaits that the node is the Active, and alone, and looks whether it
// advertises from the right address, and has what it should.
func (s *seats) settled(active int) {
	s.t.Helper()
	want := fmt.Sprintf("10.9.0.%d", active)
	if active == 1 {
		want = s.source
	}
	if s.is6 {
		want = s.linkLocal(active)
	}
	s.await(seatBound, fmt.Sprintf("node %d is the Active, and alone", active), func() bool {
		count, _ := s.has(active, s.addresses)
		others, _ := s.has(3-active, s.addresses)
		return count == len(s.addresses) && others == 0
	})
	mark := s.isAlone(active)
	for _, f := range s.from(active, mark) {
		if f.source.String() != want || f.priority == 0 {
			s.t.Errorf("node %d advertises %d from %s, want %s", active, f.priority, f.source, want)
		}
	}
	if _, on := s.has(active, s.addresses); !slices.Equal(slices.Compact(on), []string{"eth0"}) {
		s.t.Errorf("the addresses are on %v", on)
	}
	s.isMember(active)
}

// isMember awaits that the node's eth0 is in VRRP's group, once.
func (s *seats) isMember(n int) {
	s.t.Helper()
	group := "224.0.0.18"
	if s.is6 {
		group = "ff02::12"
	}
	once := regexp.MustCompile(regexp.QuoteMeta(group) + ` *\n`)
	s.await(seatBound, fmt.Sprintf("node %d is in %s, once", n, group), func() bool {
		return once.MatchString(s.output("-n", s.names+strconv.Itoa(n), "maddr", "show", "dev", "eth0"))
	})
}

// out awaits that node 1 has nothing any more, and that the other is the Active.
func (s *seats) out() {
	s.t.Helper()
	s.await(seatBound, "node 2 is the Active", func() bool {
		count, _ := s.has(2, s.addresses)
		return count == len(s.addresses)
	})
	if count, on := s.has(1, s.addresses); count > 0 {
		s.t.Errorf("node 1 has the addresses on %v", on)
	}
}

// farewell awaits node 1's priority 0, if it was the Active.
func (s *seats) farewell(mark int, source string) {
	s.t.Helper()
	if s.active != 1 {
		return
	}
	f := s.awaitFrame(mark, seatBound, "priority 0 of node 1", advertisementOf(1, 0))
	if !s.is6 && f.source.String() != source {
		s.t.Errorf("priority 0 from %s, want %s", f.source, source)
	}
}

// connect makes an interface of node 1 and its port of the switch.
func (s *seats) connect(name, address string) {
	s.t.Helper()
	s.port++
	port := fmt.Sprintf("p%d", s.port)
	s.ip("link", "add", port, "netns", s.names+"switch", "type", "veth", "peer", "name", name, "netns", s.names+"1")
	s.ip("-n", s.names+"switch", "link", "set", port, "master", "br0", "up")
	s.observe(s.seen, port, 1)
	s.run("addr add %s/24 dev %s", address, name)
	s.run("link set %s up", name)
}

// changes are what happens to node 1's eth0. After each, all is as before.
var changes = []struct {
	name  string
	apply func(s *seats)
}{
	{"removed and made anew", func(s *seats) {
		s.run("link del eth0")
		s.out()
		s.connect("eth0", s.source)
	}},
	{"moved away and back, with its index", func(s *seats) {
		s.run("link set eth0 netns %sswitch name away", s.names)
		s.out()
		s.ip("-n", s.names+"switch", "link", "set", "away", "netns", s.names+"1", "name", "eth0")
		s.run("addr add %s/24 dev eth0", s.source)
		s.run("link set eth0 up")
	}},
	{"renamed and back", func(s *seats) {
		mark := s.mark()
		s.run("link set eth0 name away")
		s.farewell(mark, s.source)
		s.out()
		s.run("link set away name eth0")
	}},
	{"renamed for good, and another takes its name", func(s *seats) {
		s.connect("eth9", "10.9.0.21")
		s.run("link set eth0 name away")
		s.out()
		s.run("link set eth9 name eth0")
		s.source = "10.9.0.21"
		s.settled(s.active)
		s.run("link del away")
	}},
	{"primary address removed, and another set", func(s *seats) {
		mark := s.mark()
		if s.is6 {
			s.run("addr flush dev eth0 scope link")
		} else {
			s.run("addr del %s/24 dev eth0", s.source)
		}
		s.farewell(mark, s.source)
		s.out()
		if s.is6 {
			s.run("addr add fe80::9:31/64 dev eth0 nodad")
			return
		}
		s.source = "10.9.0.31"
		s.run("addr add 10.9.0.31/24 dev eth0")
	}},
	{"another address added before the primary one", func(s *seats) {
		before := s.transitions()
		s.run("addr add fe80::9:32/64 dev eth0 nodad")
		s.run("addr add 10.9.0.32/24 dev eth0")
		mark := s.mark()
		s.await(seatBound, "the Active goes on", func() bool { return len(s.from(s.active, mark)) >= 5 })
		if after := s.transitions(); after != before {
			s.t.Errorf("%d transitions for an address that was added", after-before)
		}
		s.run("addr del fe80::9:32/64 dev eth0")
		s.run("addr del 10.9.0.32/24 dev eth0")
	}},
	{"link down and up", func(s *seats) {
		s.run("link set eth0 down")
		s.out()
		s.run("link set eth0 up")
	}},
	{"carrier lost and found", func(s *seats) {
		s.ip("-n", s.names+"switch", "link", "set", fmt.Sprintf("p%d", s.port), "down")
		s.out()
		s.ip("-n", s.names+"switch", "link", "set", fmt.Sprintf("p%d", s.port), "up")
	}},
	{"another hardware address", func(s *seats) {
		before, mark := s.transitions(), s.mark()
		hardware := fmt.Sprintf("02:00:00:00:00:%02x", s.port)
		s.run("link set eth0 address %s", hardware)
		if s.active == 1 {
			for _, a := range s.addresses {
				s.awaitFrame(mark, seatBound, "announcement of the other hardware address", func(f frame) bool {
					return f.address == a.Addr() && f.hardware.String() == hardware
				})
			}
		}
		if after := s.transitions(); after != before {
			s.t.Errorf("%d transitions for another hardware address", after-before)
		}
	}},
}

// transitions are those of node 1 so far.
func (s *seats) transitions() int { return strings.Count(s.one.logText(), "state changed") }

// elections are how often node 1 became the Active.
func (s *seats) elections() int { return strings.Count(s.one.logText(), "to=Active") }

// Whatever happens to an interface, the cluster ends as it should be, and the
// changed node can be the Active or take over.
func TestLiveInterfaceChanges(t *testing.T) {
	t.Parallel()
	for _, is6 := range []bool{false, true} {
		for _, active := range []bool{true, false} {
			t.Run(fmt.Sprintf("is6=%t/active=%t", is6, active), func(t *testing.T) {
				t.Parallel()
				s := newSeats(t, is6, active)
				elected := s.elections()
				for _, change := range changes {
					t.Log(change.name)
					change.apply(s)
					s.settled(s.active)
					s.isMember(1)
				}
				if !active && s.elections() != elected {
					t.Error("the Backup took over meanwhile")
				}
				s.complainsOnce(s.one)
				s.complainsOnce(s.two)
				s.handOver()
			})
		}
	}
}

// handOver ends the Active: the other is ready, and nothing is left behind.
func (s *seats) handOver() {
	s.t.Helper()
	ending := s.one
	if s.active == 2 {
		ending = s.two
	}
	ending.signal(ending.worker(), syscall.SIGTERM)
	<-ending.ended
	if count, on := s.has(s.active, s.addresses); count > 0 {
		s.t.Errorf("the addresses are left on %v", on)
	}
	s.settled(3 - s.active)
}

// notNews is what differs in two logs of the same.
var notNews = regexp.MustCompile(`time=\S+ |times=\S+|total=\S+`)

// complainsOnce looks whether a warning or an error was logged more than once.
func (s *seats) complainsOnce(of *subject) {
	s.t.Helper()
	counts := map[string]int{}
	for line := range strings.Lines(of.logText()) {
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
			counts[notNews.ReplaceAllString(line, "")]++
		}
	}
	for line, count := range counts {
		if count > 1 {
			s.t.Errorf("logged %d times: %s", count, line)
		}
	}
}

// More happens while vipd is stopped than the kernel keeps for it (ENOBUFS).
func TestLiveEventsAreLost(t *testing.T) {
	t.Parallel()
	s := newSeats(t, false, true)
	processes := []int{s.one.guardian(), s.one.worker()}
	for _, pid := range processes {
		s.one.signal(pid, syscall.SIGSTOP)
	}
	s.connect("eth9", "10.9.0.21")
	var batch strings.Builder
	for range 20_000 {
		batch.WriteString("addr add 10.77.0.1/32 dev lo\naddr del 10.77.0.1/32 dev lo\n")
	}
	path := filepath.Join(s.dir, "batch")
	if err := os.WriteFile(path, []byte(batch.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run("-batch %s", path)
	s.run("link set eth0 name away")
	s.run("link set eth9 name eth0")
	s.source = "10.9.0.21"
	for _, pid := range processes {
		s.one.signal(pid, syscall.SIGCONT)
	}
	s.one.awaitLog("watch of interfaces interrupted")
	s.settled(1)
	s.complainsOnce(s.one)
	s.run("link del away")
	s.handOver()
}
