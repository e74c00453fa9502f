package daemon

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"takeover/daemon/config"
	"takeover/daemon/vrrp"
)

// The live tests build vipd and run it in network namespaces of their own: two
// nodes, and a switch on which everything is observed with the kernel's
// timestamps. They need root.

const (
	liveVRID    = 7
	livePass    = "secret"
	liveAddress = "10.9.0.100/32"
)

// liveNumber makes the names of namespaces differ within this process.
var liveNumber = struct {
	sync.Mutex
	next int
}{}

// lab is the network of one test.
type lab struct {
	t     testing.TB
	dir   string
	names string // prefix of the namespaces' names
	seen  *capture
	// overslept is the longest that a goroutine overslept since the last mark.
	overslept atomic.Int64
}

// vipdBinary builds vipd once.
var vipdBinary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "vipd-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "vipd")
	build := exec.Command("go", "build", "-o", path, "takeover/cmd/vipd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	out, err := build.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build vipd: %w\n%s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := vipdBinary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// newLab builds the network of two nodes, and has the test skipped where it
// cannot be.
func newLab(t testing.TB) *lab {
	t.Helper()
	return newLabOf(t, 2)
}

// newLabOf builds the network of that many nodes.
func newLabOf(t testing.TB, nodes int) *lab {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("skipped: root is needed to make network namespaces")
	}
	if testing.Short() {
		t.Skip("skipped: live tests take seconds of real time")
	}
	liveNumber.Lock()
	liveNumber.next++
	names := fmt.Sprintf("vipd-%d-%d-", os.Getpid(), liveNumber.next)
	liveNumber.Unlock()
	l := &lab{t: t, dir: t.TempDir(), names: names}
	var numbers []string
	for n := range nodes {
		numbers = append(numbers, strconv.Itoa(n+1))
	}
	for _, host := range append(slices.Clone(numbers), "switch") {
		l.ip("netns", "add", names+host)
		t.Cleanup(func() { l.ip("netns", "del", names+host) })
		l.ip("-n", names+host, "link", "set", "lo", "up")
	}
	l.ip("-n", names+"switch", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
	l.ip("-n", names+"switch", "link", "set", "br0", "up")
	for _, n := range numbers {
		l.ip("link", "add", "p"+n, "netns", names+"switch", "type", "veth", "peer", "name", "eth0", "netns", names+n)
		l.ip("-n", names+"switch", "link", "set", "p"+n, "master", "br0", "up")
		l.ip("-n", names+n, "addr", "add", "10.9.0."+n+"/24", "dev", "eth0")
		l.ip("-n", names+n, "link", "set", "eth0", "up")
	}
	for _, n := range numbers {
		l.await(5*time.Second, "eth0 of node "+n+" is up", func() bool {
			return strings.Contains(l.output("-n", names+n, "link", "show", "eth0"), "state UP")
		})
	}
	l.seen = l.capture(nodes)
	l.startCanary()
	return l
}

// startCanary measures, until the test ends, how late a goroutine wakes up.
func (l *lab) startCanary() {
	const interval = 5 * time.Millisecond
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			due := time.Now().Add(interval)
			select {
			case <-stop:
				return
			case <-time.After(interval):
			}
			l.overslept.Store(max(l.overslept.Load(), int64(time.Since(due))))
		}
	}()
	l.t.Cleanup(func() { close(stop); <-done })
}

func (l *lab) ip(arguments ...string) { l.output(arguments...) }

func (l *lab) output(arguments ...string) string {
	l.t.Helper()
	out, err := exec.Command("ip", arguments...).CombinedOutput()
	if err != nil {
		l.t.Fatalf("ip %s: %v\n%s", strings.Join(arguments, " "), err, out)
	}
	return string(out)
}

// await polls what has no event to wait for.
func (l *lab) await(bound time.Duration, what string, f func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(bound); ; {
		if f() {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("after %s, not yet: %s", bound, what)
		}
		runtime.Gosched()
		<-time.After(time.Millisecond)
	}
}

// holds reports whether the node has the virtual address.
func (l *lab) holds(n int) bool {
	return strings.Contains(l.output("-n", l.names+strconv.Itoa(n), "addr", "show", "dev", "eth0"), " "+liveAddress+" ")
}

// subject is a running daemon.
type subject struct {
	lab     *lab
	number  int
	process *exec.Cmd
	log     string // its path
	pidFile string
	ended   chan struct{}
}

// configure writes a configuration: blocks stand before the instance, and lines
// within it.
func (l *lab) configure(n int, priority int, blocks, lines string) string {
	path := filepath.Join(l.dir, fmt.Sprintf("%d.conf", n))
	text := fmt.Sprintf(`%s
vrrp_instance VI {
    state BACKUP
    interface eth0
    virtual_router_id %d
    priority %d
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass %s
    }
    virtual_ipaddress {
        %s
    }
    %s
}
`, blocks, liveVRID, priority, livePass, liveAddress, lines)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// vipd starts vipd in node n, and awaits that it is ready.
func (l *lab) vipd(n, priority int) *subject {
	l.t.Helper()
	return l.vipdWith(n, l.configure(n, priority, "", ""))
}

// vipdWith starts vipd with a configuration, and more flags, and awaits that it
// is ready.
func (l *lab) vipdWith(n int, configuration string, flags ...string) *subject {
	l.t.Helper()
	binary, err := vipdBinary()
	if err != nil {
		l.t.Fatal(err)
	}
	pid := filepath.Join(l.dir, fmt.Sprintf("%d.pid", n))
	s := l.start(n, pid, binary, append(flags, "-nlD", "-f", configuration, "-p", pid)...)
	s.awaitLog("msg=ready")
	s.awaitLog("guardian started")
	return s
}

// keepalived starts keepalived in node n.
func (l *lab) keepalived(n, priority int) *subject {
	l.t.Helper()
	return l.keepalivedWith(n, l.configure(n, priority, "", ""))
}

// keepalivedWith starts keepalived with a configuration.
func (l *lab) keepalivedWith(n int, configuration string) *subject {
	l.t.Helper()
	return l.keepalivedLogging(n, configuration, "-D")
}

// keepalivedLogging is keepalivedWith, with flags that say what it logs.
func (l *lab) keepalivedLogging(n int, configuration string, flags ...string) *subject {
	l.t.Helper()
	path, err := exec.LookPath("keepalived")
	if err != nil {
		l.t.Skip("skipped: keepalived is not installed")
	}
	pid := filepath.Join(l.dir, fmt.Sprintf("%d.pid", n))
	return l.start(n, pid, path, append(flags, "-n", "-l", "-P", "-f", configuration,
		"-p", pid, "-r", pid+".vrrp", "-b", pid+".bfd", "-c", pid+".checkers")...)
}

func (l *lab) start(n int, pid, path string, arguments ...string) *subject {
	l.t.Helper()
	s := &subject{
		lab: l, number: n, pidFile: pid, ended: make(chan struct{}),
		log: filepath.Join(l.dir, fmt.Sprintf("%d.log", n)),
	}
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	defer log.Close()
	s.process = exec.Command("ip", append([]string{"netns", "exec", l.names + strconv.Itoa(n), path}, arguments...)...)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		l.t.Fatal(err)
	}
	go func() {
		// Its exit is judged by what it did.
		_ = s.process.Wait()
		close(s.ended)
	}()
	l.t.Cleanup(s.cleanup)
	return s
}

// cleanup ends whatever is left of the subject: all that lives in its
// namespace, which only the subject uses.
func (s *subject) cleanup() {
	for _, pid := range s.lab.pids(s.number) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	s.lab.await(5*time.Second, "all processes of the node have ended", func() bool {
		left := s.lab.pids(s.number)
		for _, pid := range left { // a guardian that became a worker meanwhile
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(left) == 0
	})
	if s.lab.t.Failed() {
		text, _ := os.ReadFile(s.log)
		s.lab.t.Logf("log of node %d:\n%s", s.number, text)
	}
}

// pids are the processes in node n's namespace.
func (l *lab) pids(n int) []int {
	var pids []int
	for field := range strings.FieldsSeq(l.output("netns", "pids", l.names+strconv.Itoa(n))) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// worker is the pid of the worker, as its pid file says.
func (s *subject) worker() int {
	s.lab.t.Helper()
	text, err := os.ReadFile(s.pidFile)
	if err != nil {
		s.lab.t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		s.lab.t.Fatal(err)
	}
	return pid
}

// guardian is the pid of the other process.
func (s *subject) guardian() int {
	s.lab.t.Helper()
	worker := s.worker()
	for _, pid := range s.lab.pids(s.number) {
		if pid != worker {
			return pid
		}
	}
	s.lab.t.Fatal("no guardian is running")
	return 0
}

func (s *subject) signal(pid int, signal syscall.Signal) {
	s.lab.t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		s.lab.t.Fatalf("signal %d: %v", pid, err)
	}
}

func (s *subject) logText() string {
	text, _ := os.ReadFile(s.log)
	return string(text)
}

func (s *subject) awaitLog(text string) { s.awaitLogTimes(text, 1) }

func (s *subject) awaitLogTimes(text string, times int) {
	s.lab.t.Helper()
	s.lab.await(10*time.Second, fmt.Sprintf("node %d logs %q %d times", s.number, text, times), func() bool {
		return strings.Count(s.logText(), text) >= times
	})
}

// frame is something observed on the switch: an advertisement or a gratuitous
// ARP.
type frame struct {
	at            time.Time // the kernel's
	node          int
	advertisement bool
	vrid          uint8 // of an advertisement
	priority      uint8
	source        netip.Addr       // of an advertisement
	address       netip.Addr       // that is announced
	hardware      net.HardwareAddr // that it comes from; an announcement must say the same
}

// capture observes the ports of the switch.
type capture struct {
	mutex  sync.Mutex
	ports  map[int]int // the nodes, by the index of the switch's port
	frames []frame
	more   chan struct{} // closed and replaced at every frame
}

// capture starts observing, until the test ends.
func (l *lab) capture(nodes int) *capture {
	c := &capture{ports: make(map[int]int), more: make(chan struct{})}
	fd := make(chan int)
	go func() {
		// The thread is in another namespace from here on, and is thrown away.
		runtime.LockOSThread()
		fd <- openCapture(l.t, l.names+"switch")
	}()
	socket := <-fd
	if socket < 0 {
		l.t.FailNow()
	}
	for n := 1; n <= nodes; n++ {
		l.observe(c, "p"+strconv.Itoa(n), n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			for more := c.read(socket, 0); more; {
				more = c.read(socket, unix.MSG_DONTWAIT)
			}
			<-time.After(capturePause) // the sender is not to wake it at every frame
		}
		unix.Close(socket)
	}()
	l.t.Cleanup(func() { cancel(); <-done })
	return c
}

// observe has what comes from a port of the switch counted as the node's.
func (l *lab) observe(c *capture, port string, node int) {
	l.t.Helper()
	text := l.output("netns", "exec", l.names+"switch", "cat", "/sys/class/net/"+port+"/ifindex")
	index, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		l.t.Fatal(err)
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ports[index] = node
}

const (
	// captureBufferBytes holds the announcements of some hundred addresses,
	// while nobody reads.
	captureBufferBytes = 16 << 20
	// capturePause is how long nobody reads, when all has been read: what is
	// observed shares two processors with the observer.
	capturePause = 2 * time.Millisecond
)

func openCapture(t testing.TB, namespace string) int {
	ns, err := os.Open("/run/netns/" + namespace)
	if err != nil {
		t.Error(err)
		return -1
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Error(err)
		return -1
	}
	const allProtocols = unix.ETH_P_ALL>>8 | unix.ETH_P_ALL<<8&0xff00
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, allProtocols)
	if err != nil {
		t.Error(err)
		return -1
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		t.Error(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		t.Error(err)
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBufferBytes); err != nil {
		t.Error(err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 50_000}); err != nil {
		t.Error(err)
	}
	return fd
}

// read reads one frame. It reports whether there was one, before the socket's
// timeout.
func (c *capture) read(fd, flags int) bool {
	var data [2048]byte
	var control [128]byte
	n, cn, _, from, err := unix.Recvmsg(fd, data[:], control[:], flags)
	if err != nil {
		return false
	}
	address, ok := from.(*unix.SockaddrLinklayer)
	if !ok {
		return true
	}
	f, relevant := parseFrame(data[:n])
	c.mutex.Lock()
	defer c.mutex.Unlock()
	node, isPort := c.ports[address.Ifindex]
	if !isPort || !relevant {
		return true
	}
	f.node, f.at = node, timestamp(control[:cn])
	c.frames = append(c.frames, f)
	close(c.more)
	c.more = make(chan struct{})
	return true
}

func timestamp(control []byte) time.Time {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) == 0 || len(messages[0].Data) < 16 {
		return time.Time{}
	}
	b := messages[0].Data
	return time.Unix(int64(binary.NativeEndian.Uint64(b)), int64(binary.NativeEndian.Uint64(b[8:])))
}

// mark is a place in what was captured. From there on the canary counts.
func (l *lab) mark() int {
	l.overslept.Store(0)
	l.seen.mutex.Lock()
	defer l.seen.mutex.Unlock()
	return len(l.seen.frames)
}

// since are the frames after the mark.
func (c *capture) since(mark int) []frame {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return append([]frame(nil), c.frames[mark:]...)
}

// await waits for the first frame after the mark that matches.
func (l *lab) awaitFrame(mark int, bound time.Duration, what string, match func(frame) bool) frame {
	l.t.Helper()
	f, seen := l.firstFrame(mark, bound, match)
	if !seen {
		l.t.Fatalf("not seen within %s: %s", bound, what)
	}
	return f
}

// firstFrame is awaitFrame for what may not come.
func (l *lab) firstFrame(mark int, bound time.Duration, match func(frame) bool) (frame, bool) {
	timeout := time.After(bound)
	for {
		l.seen.mutex.Lock()
		more := l.seen.more
		for _, f := range l.seen.frames[mark:] {
			if match(f) {
				l.seen.mutex.Unlock()
				return f, true
			}
		}
		l.seen.mutex.Unlock()
		select {
		case <-more:
		case <-timeout:
			return frame{}, false
		}
	}
}

func announcementOf(node int) func(frame) bool {
	address := netip.MustParsePrefix(liveAddress).Addr()
	return func(f frame) bool { return f.node == node && f.address == address }
}

func advertisementOf(node int, priority uint8) func(frame) bool {
	return func(f frame) bool { return f.node == node && f.advertisement && f.priority == priority }
}

// passwordOf is the authentication by a password.
func passwordOf(password string) vrrp.Authentication {
	return authentication(config.Instance{AuthType: config.AuthPassword, AuthPass: password})
}
