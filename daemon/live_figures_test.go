package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// The figures: what vipd and keepalived need, side by side, in one run. Each
// benchmark makes its own number of trials, RUNS of them where that is set.

// trials is how many trials a figure is made of.
func trials(b *testing.B, usual int) int {
	b.Helper()
	text := os.Getenv("RUNS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		b.Fatalf("RUNS=%q: a number of trials", text)
	}
	return n
}

// figure is the same cluster run by one daemon and then the other.
type figure struct {
	version   int
	interval  string
	addresses int
	blocks    func(node int) string
	instance  string // more lines of the instance
	vipd      string // more lines, which keepalived does not know
}

// configuration is the text for a node.
func (f figure) configuration(node int, name string) string {
	var b strings.Builder
	if f.blocks != nil {
		b.WriteString(f.blocks(node))
	}
	fmt.Fprintf(&b, "vrrp_instance VI {\n state BACKUP\n interface eth0\n virtual_router_id %d\n", liveVRID)
	fmt.Fprintf(&b, " version %d\n priority %d\n advert_int %s\n%s\n", f.version, 260-10*node, f.interval, f.instance)
	if name == "vipd" {
		b.WriteString(f.vipd)
	}
	b.WriteString("\n virtual_ipaddress {\n")
	first := netip.MustParsePrefix(liveAddress).Addr().As4()
	for n := range max(f.addresses, 1) {
		fmt.Fprintf(&b, "  10.9.%d.%d/32\n", int(first[2])+n/100, (int(first[3])+n)%100+100)
	}
	b.WriteString(" }\n}\n")
	return b.String()
}

// start starts both nodes, and awaits that node 1 is the Active, the only one,
// and well.
func (f figure) start(b *testing.B, name string) (*lab, *subject) {
	b.Helper()
	l := newLab(b)
	a := l.run(1, name, f)
	l.run(2, name, f)
	l.awaitFrame(0, 10*time.Second, "announcement of node 1", announcementOf(1))
	for quiet := false; !quiet; { // on a busy machine both may be Active for a moment
		mark := l.mark()
		for range 2 {
			l.awaitFrame(l.mark(), 5*time.Second, "advertisement of node 1", func(f frame) bool {
				return f.node == 1 && f.advertisement && f.priority > 0
			})
		}
		quiet = !slices.ContainsFunc(l.seen.since(mark), func(f frame) bool { return f.node == 2 && f.advertisement })
	}
	return l, a
}

// run starts the daemon of that name in a node.
func (l *lab) run(node int, name string, f figure) *subject {
	l.t.Helper()
	path := filepath.Join(l.dir, fmt.Sprintf("%d.conf", node))
	if err := os.WriteFile(path, []byte(f.configuration(node, name)), 0o600); err != nil {
		l.t.Fatal(err)
	}
	if name == "vipd" {
		return l.vipdWith(node, path)
	}
	return l.keepalivedLogging(node, path)
}

// sideBySide runs f's trials with vipd and with keepalived, and reports the
// medians and 99th percentiles of what they return, by name.
func sideBySide(b *testing.B, runs int, f func(b *testing.B, name string) map[string]time.Duration) {
	b.Helper()
	for _, name := range []string{"vipd", "keepalived"} {
		b.Run("subject="+name, func(b *testing.B) {
			for b.Loop() {
				samples := map[string][]time.Duration{}
				for range runs {
					for what, took := range f(b, name) {
						samples[what] = append(samples[what], took)
					}
				}
				for what, took := range samples {
					report(b, what, took)
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkLiveManyAddresses measures a takeover of 250 addresses, in version
// 3 at 100 ms: from the first advertisement to the first announcement of all
// addresses, to the last one of the burst, and the longest gap between two
// advertisements of the new Active in the second that follows.
func BenchmarkLiveManyAddresses(b *testing.B) {
	const addresses = 250
	f := figure{version: 3, interval: "0.1", addresses: addresses}
	sideBySide(b, trials(b, 5), func(b *testing.B, name string) map[string]time.Duration {
		l, a := f.start(b, name)
		mark := l.mark()
		a.signal(a.worker(), syscall.SIGTERM)
		first := l.awaitFrame(mark, 5*time.Second, "advertisement of node 2", advertisementOf(2, 240))
		<-time.After(time.Second) // what is measured is what happens meanwhile
		var all, last time.Time
		announced := map[netip.Addr]bool{}
		for _, frame := range l.seen.since(mark) {
			if frame.node != 2 || frame.advertisement {
				continue
			}
			if !announced[frame.address] {
				announced[frame.address], all = true, frame.at
			}
			last = frame.at
		}
		if len(announced) != addresses {
			b.Errorf("%d of %d addresses announced", len(announced), addresses)
		}
		return map[string]time.Duration{
			"all-announced": all.Sub(first.at), "last-garp": last.Sub(first.at), "gap": l.longestGap(mark, 2),
		}
	})
}

// longestGap is the longest time between two advertisements of a node.
func (l *lab) longestGap(mark, node int) (longest time.Duration) {
	var before time.Time
	for _, frame := range l.seen.since(mark) {
		if frame.node != node || !frame.advertisement {
			continue
		}
		if !before.IsZero() {
			longest = max(longest, frame.at.Sub(before))
		}
		before = frame.at
	}
	return longest
}

// noTakeover is how long a takeover is waited for, and what it counts for when
// there is none.
const noTakeover = 10 * time.Second

// BenchmarkLiveWorkerKilled measures the failover after SIGKILL of the process
// that speaks VRRP.
func BenchmarkLiveWorkerKilled(b *testing.B) {
	for _, f := range []figure{{version: 2, interval: "1"}, {version: 3, interval: "0.01"}} {
		b.Run(fmt.Sprintf("v%d-%ss", f.version, f.interval), func(b *testing.B) {
			sideBySide(b, trials(b, 10), func(b *testing.B, name string) map[string]time.Duration {
				l, a := f.start(b, name)
				mark, killed := l.mark(), time.Now()
				a.signal(a.speaker(name), syscall.SIGKILL)
				taken, seen := l.firstFrame(mark, noTakeover, announcementOf(2))
				if !seen { // keepalived's child may be back before node 2 takes over
					return map[string]time.Duration{"failover": noTakeover}
				}
				return map[string]time.Duration{"failover": taken.at.Sub(killed)}
			})
		})
	}
}

// speaker is the process that speaks VRRP: vipd's worker, keepalived's child.
func (s *subject) speaker(name string) int {
	if name == "vipd" {
		return s.worker()
	}
	text, err := os.ReadFile(s.pidFile + ".vrrp")
	if err != nil {
		s.lab.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		s.lab.t.Fatal(err)
	}
	return pid
}

// BenchmarkLiveWeightedDrop measures the failover after a tracked file lowers
// the Active's priority, from the file's change.
func BenchmarkLiveWeightedDrop(b *testing.B) {
	sideBySide(b, trials(b, 10), func(b *testing.B, name string) map[string]time.Duration {
		dir := b.TempDir()
		file := func(node int) string { return filepath.Join(dir, strconv.Itoa(node)) }
		write := func(node int, text string) {
			if err := os.WriteFile(file(node), []byte(text), 0o600); err != nil {
				b.Fatal(err)
			}
		}
		write(1, "0\n")
		write(2, "0\n")
		f := figure{
			version: 2, interval: "1",
			blocks: func(node int) string {
				return fmt.Sprintf("track_file weight {\n file %s\n weight 1\n}\n", file(node))
			},
			instance: " track_file {\n  weight weight 1\n }\n", vipd: " fast_preempt resign\n",
		}
		l, _ := f.start(b, name)
		mark, changed := l.mark(), time.Now()
		write(1, "-100\n")
		taken := l.awaitFrame(mark, 10*time.Second, "announcement of node 2", announcementOf(2))
		return map[string]time.Duration{"failover": taken.at.Sub(changed)}
	})
}

// watchedByBFD is a cluster whose Backup takes over when its BFD session with
// the Active fails, at 3 x 3 ms.
var watchedByBFD = figure{
	version: 2, interval: "1",
	blocks: func(node int) string {
		return fmt.Sprintf("bfd_instance peer {\n neighbor_ip 10.9.0.%d\n source_ip 10.9.0.%d\n"+
			" min_rx 3\n min_tx 3\n multiplier 3\n}\n", 3-node, node)
	},
	instance: " track_bfd {\n  peer weight -1\n }\n", vipd: " bfd_expire on\n",
}

// BenchmarkLiveSilentDeath measures the failover when the Active's link goes
// dark, with BFD at 3 x 3 ms. keepalived's BFD cannot expire its timer, and
// falls over itself for some seconds after the start: it detects by the new
// interval before the other side has answered its poll.
func BenchmarkLiveSilentDeath(b *testing.B) {
	f := watchedByBFD
	sideBySide(b, trials(b, 10), func(b *testing.B, name string) map[string]time.Duration {
		l, _ := f.start(b, name)
		<-time.After(3 * time.Second) // BFD sessions come up at one packet a second
		cutLink := l.cutter("p1")
		mark, cut := l.mark(), time.Now()
		cutLink()
		taken := l.awaitFrame(mark, 10*time.Second, "announcement of node 2", announcementOf(2))
		return map[string]time.Duration{"failover": taken.at.Sub(cut)}
	})
}

// BenchmarkLiveThousandRouters measures what 1,000 virtual routers at 1 s cost
// one daemon: processor time in a second, and resident memory of all its
// processes, as Active (node 1) and as Backup (node 2).
func BenchmarkLiveThousandRouters(b *testing.B) {
	const (
		interfaces   = 4
		perInterface = 250
		observed     = 20 * time.Second
	)
	for _, name := range []string{"vipd", "keepalived"} {
		b.Run("subject="+name, func(b *testing.B) {
			for b.Loop() {
				l := newLab(b)
				for n := 1; n < interfaces; n++ {
					l.wire(n)
				}
				var nodes []*subject
				for node := 1; node <= 2; node++ {
					path := filepath.Join(l.dir, fmt.Sprintf("%d.conf", node))
					text := manyRouters(node, interfaces, perInterface, 1)
					if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
						b.Fatal(err)
					}
					if name == "vipd" {
						nodes = append(nodes, l.vipdWith(node, path))
					} else {
						nodes = append(nodes, l.keepalivedLogging(node, path))
					}
				}
				l.await(time.Minute, "node 1 has all addresses", func() bool {
					return strings.Count(l.output("-n", l.names+"1", "-4", "-o", "addr"), "/32") == interfaces*perInterface
				})
				<-time.After(7 * time.Second) // the second round of announcements
				var before []time.Duration
				for n := range nodes {
					before = append(before, l.processorTime(n+1))
				}
				<-time.After(observed)
				for n, role := range []string{"active", "backup"} {
					spent := l.processorTime(n+1) - before[n]
					b.ReportMetric(float64(spent)/float64(observed)*100, role+"-cpu-%")
					b.ReportMetric(float64(l.resident(n+1))/1024, role+"-resident-MiB")
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkLiveReload measures how long a change of one of 10,000 addresses takes,
// in a configuration of 1,000 virtual routers that are Active: from SIGHUP until
// the address is set.
func BenchmarkLiveReload(b *testing.B) {
	const interfaces, perInterface, addresses = 4, 250, 10
	for _, name := range []string{"vipd", "keepalived"} {
		b.Run("subject="+name, func(b *testing.B) {
			l := newLab(b)
			for n := 1; n < interfaces; n++ {
				l.wire(n)
			}
			text := manyRouters(1, interfaces, perInterface, addresses)
			path := filepath.Join(l.dir, "1.conf")
			l.write(path, text)
			var s *subject
			if name == "vipd" {
				s = l.vipdWith(1, path)
			} else {
				s = l.keepalivedLogging(1, path)
			}
			l.await(2*time.Minute, "node 1 has all addresses", func() bool {
				return strings.Count(l.output("-n", l.names+"1", "-4", "-o", "addr"), "/32") == interfaces*perInterface*addresses
			})
			<-time.After(7 * time.Second) // the second round of announcements
			changed := l.monitorAddresses(1)
			var took []time.Duration
			for b.Loop() {
				set := fmt.Sprintf("10.99.0.%d/32", len(took)%250+1)
				l.write(path, strings.Replace(text, "virtual_ipaddress {\n", "virtual_ipaddress {\n  "+set+"\n", 1))
				began := time.Now()
				s.signal(s.worker(), syscall.SIGHUP)
				l.await(time.Minute, "the address is set", func() bool { return strings.Contains(changed(""), set) })
				took = append(took, time.Since(began))
			}
			report(b, "reload", took)
			b.ReportMetric(0, "ns/op")
		})
	}
}

// manyRouters is a configuration of virtual routers with so many addresses each.
func manyRouters(node, interfaces, perInterface, addresses int) string {
	var b strings.Builder
	for on := range interfaces {
		for n := 1; n <= perInterface; n++ {
			fmt.Fprintf(&b, "vrrp_instance V%d_%d {\n state BACKUP\n interface eth%d\n virtual_router_id %d\n"+
				" priority %d\n advert_int 1\n virtual_ipaddress {\n", on, n, on, n, 260-10*node)
			for address := range addresses {
				fmt.Fprintf(&b, "  10.1%d.%d.%d/32\n", address, on, n)
			}
			b.WriteString(" }\n}\n")
		}
	}
	return b.String()
}

// wire joins both nodes by another link, which is not observed.
func (l *lab) wire(n int) {
	l.t.Helper()
	name := fmt.Sprintf("eth%d", n)
	l.ip("link", "add", name, "netns", l.names+"1", "type", "veth", "peer", "name", name, "netns", l.names+"2")
	for node := 1; node <= 2; node++ {
		host := l.names + strconv.Itoa(node)
		l.ip("-n", host, "addr", "add", fmt.Sprintf("10.9%d.0.%d/24", n, node), "dev", name)
		l.ip("-n", host, "link", "set", name, "up")
	}
}

// processorTime is what all processes of a node have used.
func (l *lab) processorTime(node int) (spent time.Duration) {
	const tick = time.Second / 100 // USER_HZ, see proc(5)
	for _, pid := range l.pids(node) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			l.t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), ") ")
		fields := strings.Fields(rest)
		for _, field := range fields[11:13] { // utime, stime
			n, err := strconv.Atoi(field)
			if err != nil {
				l.t.Fatal(err)
			}
			spent += time.Duration(n) * tick
		}
	}
	return spent
}

// resident is the memory of all processes of a node in KiB, shared pages
// divided among those who share them (Pss of proc_pid_smaps_rollup(5)).
func (l *lab) resident(node int) (kib int) {
	for _, pid := range l.pids(node) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			l.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var n int
			if _, err := fmt.Sscanf(line, "Pss: %d kB", &n); err == nil {
				kib += n
			}
		}
	}
	return kib
}

// cutter returns a function that takes a port off the switch's bridge at once.
func (l *lab) cutter(port string) func() {
	l.t.Helper()
	ns, err := netns.GetFromName(l.names + "switch")
	if err != nil {
		l.t.Fatal(err)
	}
	defer ns.Close()
	handle, err := netlink.NewHandleAt(ns)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(handle.Close)
	link, err := handle.LinkByName(port)
	if err != nil {
		l.t.Fatal(err)
	}
	return func() {
		if err := handle.LinkSetNoMaster(link); err != nil {
			l.t.Fatal(err)
		}
	}
}
