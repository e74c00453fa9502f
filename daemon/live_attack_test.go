package daemon

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// forgery is an advertisement that must not be believed, and the reason that
// it is counted under.
type forgery struct {
	name   string
	reason vrrp.Refusal
	ttl    uint8
	change func(a *vrrp.Advertisement)
	damage func(payload []byte) []byte
}

// forgeries pretend to be of the best priority that may be, but for one thing
// that is wrong.
func forgeries() []forgery {
	resum := func(b []byte) []byte {
		b[6], b[7] = 0, 0
		binary.BigEndian.PutUint16(b[6:], internetChecksum(b))
		return b
	}
	return []forgery{
		{name: "TTL", reason: vrrp.RefusedTTL, ttl: 254},
		{name: "checksum", reason: vrrp.RefusedChecksum, damage: func(b []byte) []byte { b[7]++; return b }},
		{name: "VRID", reason: vrrp.RefusedVRID, change: func(a *vrrp.Advertisement) { a.VRID++ }},
		{name: "version", reason: vrrp.RefusedVersion, damage: func(b []byte) []byte { b[0] = 0x11; return resum(b) }},
		{name: "type", reason: vrrp.RefusedType, damage: func(b []byte) []byte { b[0] = 0x22; return resum(b) }},
		{name: "length", reason: vrrp.RefusedLength, damage: func(b []byte) []byte { b[3] = 200; return b }},
		{
			name: "password", reason: vrrp.RefusedAuthentication,
			change: func(a *vrrp.Advertisement) { a.Authentication = passwordOf("guess") },
		},
		{name: "interval", reason: vrrp.RefusedInterval, change: func(a *vrrp.Advertisement) { a.Interval *= 2 }},
		{
			name: "addresses", reason: vrrp.RefusedAddresses,
			change: func(a *vrrp.Advertisement) { a.Addresses = []netip.Addr{netip.MustParseAddr("10.9.0.66")} },
		},
	}
}

// packet is the whole IPv4 packet behind an Ethernet header.
func (f forgery) packet() []byte {
	a := vrrp.Advertisement{
		Version: vrrp.Version2, VRID: liveVRID, Priority: 254, Interval: time.Second,
		Addresses:      []netip.Addr{netip.MustParsePrefix(liveAddress).Addr()},
		Authentication: passwordOf(livePass),
	}
	if f.change != nil {
		f.change(&a)
	}
	source := netip.MustParseAddr("10.9.0.3")
	payload, err := vrrp.Encode(a, source, transport.Group())
	if err != nil {
		panic(err)
	}
	if f.damage != nil {
		payload = f.damage(payload)
	}
	ttl := f.ttl
	if ttl == 0 {
		ttl = transport.TTL
	}
	group, from := transport.Group().As4(), source.As4()
	b := []byte{1, 0, 0x5e, 0, 0, 18, 2, 0, 0, 0, 9, 3, 8, 0}
	b = append(b, 0x45, 0xc0)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(payload)))
	b = append(b, 0, 0, 0, 0, ttl, transport.Protocol, 0, 0)
	b = append(append(b, from[:]...), group[:]...)
	binary.BigEndian.PutUint16(b[14+10:], internetChecksum(b[14:]))
	return append(b, payload...)
}

func internetChecksum(b []byte) uint16 {
	var sum uint32
	for n := 0; n+1 < len(b); n += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[n:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// A flood of forged advertisements does not move the Active, takes no memory,
// and is counted packet for packet.
func TestLiveForgedFloodMovesNothing(t *testing.T) {
	const (
		perSecond = 20_000
		seconds   = 10
	)
	l := newLabOf(t, 3)
	a := l.vipdWith(1, l.configure(1, 250, "", ""))
	l.vipd(2, 240)
	l.awaitFrame(0, 5*time.Second, "announcement of node 1", announcementOf(1))
	mark := l.mark()
	l.awaitFrame(mark, 3*time.Second, "advertisement of node 1", advertisementOf(1, 250))
	all := forgeries()
	packets := make([][]byte, len(all))
	for n, f := range all {
		packets[n] = f.packet()
	}
	inject, sent := l.injector(3), uint64(0) // of each kind
	volley := func() {
		for _, p := range packets {
			inject(p)
		}
		sent++
	}
	for range perSecond / len(all) { // what is kept anyway is made now
		volley()
	}
	mark = l.mark()
	tick := time.NewTicker(time.Second / 100)
	defer tick.Stop()
	flood := func() int {
		for range seconds / 2 * 100 {
			<-tick.C
			for range perSecond/100/len(all) + 1 {
				volley()
			}
		}
		return residentKiB(t, a.worker())
	}
	half, whole := flood(), flood()
	t.Logf("resident after half of the flood %d KiB, after all of it %d KiB", half, whole)
	if whole > half+1024 {
		t.Errorf("resident memory grew from %d to %d KiB in the second half", half, whole)
	}
	if !l.holds(1) || l.holds(2) {
		t.Errorf("node 1 holds %t, node 2 holds %t", l.holds(1), l.holds(2))
	}
	for _, f := range l.seen.since(mark) {
		if f.node == 2 {
			t.Errorf("node 2 spoke: %+v", f)
		}
	}
	dropped := l.droppedInAll(1)
	a.signal(a.worker(), syscall.SIGTERM)
	<-a.ended
	var missing uint64
	for _, f := range all {
		counted := countedIn(t, a.logText(), f.reason)
		t.Logf("%s: %d sent, %d counted", f.name, sent, counted)
		if counted == 0 || counted > sent {
			t.Errorf("%s: %d sent, %d counted", f.name, sent, counted)
		}
		missing += sent - counted
	}
	if missing != dropped {
		t.Errorf("%d were not counted, but the kernel dropped %d at the socket", missing, dropped)
	}
}

// countedIn reads the sum that vipd logs at its end.
func countedIn(t *testing.T, log string, reason vrrp.Refusal) uint64 {
	t.Helper()
	pattern := regexp.MustCompile(`msg="advertisements refused in all".* reason="?` +
		regexp.QuoteMeta(reason.String()) + `"? total=(\d+)`)
	found := pattern.FindStringSubmatch(log)
	if found == nil {
		return 0
	}
	n, err := strconv.ParseUint(found[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// residentKiB is how much memory a process has in use.
func residentKiB(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var n int
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &n); err == nil {
			return n
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// droppedBySockets is how many packets found a raw socket's buffer full.
func (l *lab) droppedBySockets(n int) (dropped uint64) {
	text := l.output("netns", "exec", l.names+strconv.Itoa(n), "cat", "/proc/net/raw")
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if count, err := strconv.ParseUint(fields[len(fields)-1], 10, 64); err == nil {
			dropped += count
		}
	}
	return dropped
}

// droppedInAll is droppedBySockets when the last packet has come and is taken.
func (l *lab) droppedInAll(n int) (dropped uint64) {
	l.t.Helper()
	before := l.droppedBySockets(n) + 1
	l.await(30*time.Second, "the node has taken all packets", func() bool {
		dropped, before = l.droppedBySockets(n), dropped
		return dropped == before && !l.pending(n)
	})
	return dropped
}

// pending reports whether a raw socket of the node has packets to be taken:
// the fifth column is tx_queue:rx_queue.
func (l *lab) pending(n int) bool {
	text := l.output("netns", "exec", l.names+strconv.Itoa(n), "cat", "/proc/net/raw")
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasSuffix(fields[0], ":") &&
			!strings.HasSuffix(fields[4], ":00000000") {
			return true
		}
	}
	return false
}

// injector returns a function that sends frames from a node.
func (l *lab) injector(n int) func(frame []byte) {
	l.t.Helper()
	opened := make(chan int)
	go func() {
		runtime.LockOSThread() // for good: the thread stays in the namespace
		opened <- openCapture(l.t, l.names+strconv.Itoa(n))
	}()
	fd := <-opened
	if fd < 0 {
		l.t.FailNow()
	}
	l.t.Cleanup(func() { unix.Close(fd) })
	out := strings.TrimSpace(l.output("netns", "exec", l.names+strconv.Itoa(n), "cat", "/sys/class/net/eth0/ifindex"))
	index, err := strconv.Atoi(out)
	if err != nil {
		l.t.Fatal(err)
	}
	to := &unix.SockaddrLinklayer{Ifindex: index}
	return func(frame []byte) {
		if err := unix.Sendto(fd, frame, 0, to); err != nil {
			l.t.Fatalf("send a frame: %v", err)
		}
	}
}
