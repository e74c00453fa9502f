package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/netif"
	"takeover/daemon/track"
	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
)

// world is a made-up network: one wire that joins the eth0 of all nodes. What
// the nodes do to it is recorded with the virtual time since it was made.
type world struct {
	t     *testing.T
	began time.Time
	nodes []*node

	mutex sync.Mutex
	lines []string
}

func newWorld(t *testing.T) *world { return &world{t: t, began: time.Now()} }

func (w *world) record(format string, a ...any) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.note(format, a...)
}

// note is record for those who hold the mutex.
func (w *world) note(format string, a ...any) {
	w.lines = append(w.lines, fmt.Sprintf("%8.3f ", time.Since(w.began).Seconds())+fmt.Sprintf(format, a...))
}

// take returns what was recorded since the last call and contains text.
func (w *world) take(text string) []string {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	var found []string
	for _, line := range w.lines {
		if strings.Contains(line, text) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	w.lines = nil
	return found
}

// node is one loop with its interface eth0 and eth1.
type node struct {
	*world
	name    string
	loop    *loop
	events  chan netif.Event
	results chan track.Result
	reloads chan Reload
	cancel  context.CancelFunc
	ended   chan struct{}

	links   map[string]netif.Link
	present []netif.Address
	conns   map[int]*fakeConn // by index
	told    guardedState      // to the guardian
	asked   *Inquiries
	paused  time.Duration // when more than 0, nobody is told of packets, and alarms are late
}

// add starts a node of that configuration with primary address 10.0.0.number.
func (w *world) add(number int, c *config.Config) *node {
	n := w.prepare(number, c)
	if err := n.start(); err != nil {
		w.t.Fatalf("start %s: %v", n.name, err)
	}
	return n
}

func (w *world) prepare(number int, c *config.Config) *node {
	n := &node{
		world:   w,
		name:    fmt.Sprintf("n%d", number),
		events:  make(chan netif.Event),
		results: make(chan track.Result),
		reloads: make(chan Reload),
		ended:   make(chan struct{}),
		asked:   NewInquiries(),
		conns:   make(map[int]*fakeConn),
		links:   make(map[string]netif.Link),
	}
	for i, name := range []string{"eth0", "eth1"} {
		n.links[name] = netif.Link{
			Index: i + 2, Name: name, Running: true, ARP: true,
			Hardware: net.HardwareAddr{2, 0, 0, 0, byte(i), byte(number)},
		}
	}
	n.present = []netif.Address{{
		Index: 2, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(number)}), 24),
	}}
	l, err := newLoop(c, slog.New(recorder{node: n}), n, &fakeAlarm{node: n, rings: make(chan struct{}, 1)})
	if err != nil {
		w.t.Fatal(err)
	}
	n.loop = l
	n.loop.tell = func(changes []guardedInstance) {
		n.mutex.Lock()
		defer n.mutex.Unlock()
		for _, i := range changes {
			n.told.set(i)
		}
	}
	n.loop.waitUntil = func(t time.Time) { time.Sleep(time.Until(t)) } // virtual
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.nodes = append(w.nodes, n)
	return n
}

// forget takes a node that was only prepared off the wire.
func (w *world) forget(n *node) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.nodes = slices.DeleteFunc(slices.Clone(w.nodes), func(other *node) bool { return other == n })
}

func (n *node) tables() netif.Resynchronized {
	tables := netif.Resynchronized{Addresses: slices.Clone(n.present)}
	for _, link := range n.links {
		tables.Links = append(tables.Links, link)
	}
	return tables
}

func (n *node) start() error {
	if err := n.loop.start(time.Now(), n.tables()); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(n.t.Context())
	n.cancel = cancel
	go func() {
		defer close(n.ended)
		n.loop.run(ctx, inputs{
			events: n.events, results: n.results, reloads: n.reloads, questions: n.asked.asked(),
		})
	}()
	return nil
}

func (n *node) stop() {
	n.cancel()
	<-n.ended
}

// stopAll ends what still runs; a synctest bubble needs it.
func (w *world) stopAll() {
	for _, n := range w.nodes {
		if n.cancel != nil {
			n.stop()
		}
	}
}

// setPaused makes the loop see what a process sees that was stopped for that
// long: alarms ring late, and packets have waited.
func (n *node) setPaused(d time.Duration) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	n.paused = d
}

func (n *node) pause() time.Duration {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.paused
}

// has reports whether the virtual address is set.
func (n *node) has(prefix string) bool {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return slices.ContainsFunc(n.present, func(a netif.Address) bool { return a.Prefix.String() == prefix })
}

// owners are the nodes that have the virtual address.
func (w *world) owners() string {
	var names []string
	for _, n := range w.nodes {
		if n.has(vip) {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, " ")
}

// setRunning changes the link's carrier.
func (n *node) setRunning(name string, running bool) {
	n.mutex.Lock()
	link := n.links[name]
	link.Running = running
	n.links[name] = link
	n.mutex.Unlock()
	n.events <- netif.LinkChanged{Link: link}
}

func (n *node) listen(p path, notify func()) (conn, error) {
	link, source := p.receive, p.source
	c := &fakeConn{node: n, name: link.Name, index: link.Index, source: source, notify: notify}
	n.mutex.Lock()
	n.conns[link.Index] = c
	n.mutex.Unlock()
	n.record("%s listen %s %d from %s", n.name, link.Name, link.Index, source)
	return c, nil
}

func (n *node) announcer(link netif.Link, _ []netip.Addr) (announcer, error) {
	return fakeAnnouncer{node: n, name: link.Name}, nil
}

func (n *node) set(batch []netif.Address) []error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, a := range batch {
		n.note("%s set %s on %d%s", n.name, a.Prefix, a.Index, forLease(a.Lifetime))
		if !slices.ContainsFunc(n.present, isAt(a)) {
			a.Ours = true
			n.present = append(n.present, a)
		}
	}
	return nil
}

func forLease(lifetime time.Duration) string {
	if lifetime == 0 {
		return ""
	}
	return " for " + lifetime.String()
}

// isAt compares addresses by their place.
func isAt(a netif.Address) func(netif.Address) bool {
	return func(b netif.Address) bool { return a.Index == b.Index && a.Prefix == b.Prefix }
}

func (n *node) renew(batch []netif.Address) []error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	failures := make([]error, len(batch))
	for at, a := range batch {
		n.note("%s renew %s on %d%s", n.name, a.Prefix, a.Index, forLease(a.Lifetime))
		if !slices.ContainsFunc(n.present, isAt(a)) {
			failures[at] = netif.ErrEnded
		}
	}
	return failures
}

func (n *node) ensureVMAC(v netif.VMAC) (netif.Link, error) {
	n.record("%s make %s with %s", n.name, v.Name, v.Hardware)
	// VRID 7, which most tests have, has the hundredth.
	return netif.Link{Index: v.Parent + 93 + int(v.Hardware[5]), Name: v.Name, Hardware: v.Hardware, Running: true, ARP: true}, nil
}

func (n *node) releaseVMAC(v netif.VMAC) error {
	n.record("%s unmake %s", n.name, v.Name)
	return nil
}

func (n *node) askAnew(link netif.Link, neighbours []netip.Addr) error {
	n.record("%s ask on %s for %v", n.name, link.Name, neighbours)
	return nil
}

func (n *node) everything() (netif.Resynchronized, error) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	return n.tables(), nil
}

func (n *node) deny(addresses []netip.Addr) error {
	if len(addresses) > 0 {
		n.record("%s deny %v", n.name, addresses)
	}
	return nil
}

func (n *node) remove(batch []netif.Address) []error {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	for _, a := range batch {
		n.note("%s remove %s on %d", n.name, a.Prefix, a.Index)
		n.present = slices.DeleteFunc(n.present, isAt(a))
	}
	return nil
}

// wireDelay lets a sender finish before a receiver acts.
const wireDelay = 10 * time.Microsecond

// fakeConn is a conn on the wire.
type fakeConn struct {
	node   *node
	name   string
	index  int
	source netip.Addr
	notify func()

	mutex   sync.Mutex
	pending []transport.Datagram
}

func (c *fakeConn) SendTo(destination netip.Addr, payload []byte) error {
	w := c.node.world
	a, err := vrrp.Decode(payload, c.source, destination)
	if err != nil {
		return err
	}
	w.record("%s advertise %d priority %d", c.node.name, a.VRID, a.Priority)
	w.mutex.Lock()
	nodes := slices.Clone(w.nodes)
	w.mutex.Unlock()
	for _, n := range nodes {
		if n != c.node {
			d := transport.Datagram{
				Source: c.source, Destination: destination, TTL: 255, Payload: slices.Clone(payload),
			}
			time.AfterFunc(wireDelay, func() { n.deliver(c.node, d) })
		}
	}
	return nil
}

// deliver brings a packet to eth0, unless either end of the wire is down.
func (n *node) deliver(from *node, d transport.Datagram) {
	n.mutex.Lock()
	link := n.links["eth0"]
	alive := link.Running && (from == nil || from.links["eth0"].Running)
	c, told := n.conns[link.Index], n.paused == 0
	n.mutex.Unlock()
	if !alive || c == nil {
		return
	}
	c.mutex.Lock()
	c.pending = append(c.pending, d)
	c.mutex.Unlock()
	if told {
		c.notify()
	}
}

func (c *fakeConn) Receive() (transport.Datagram, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if len(c.pending) == 0 {
		return transport.Datagram{}, transport.ErrEmpty
	}
	d := c.pending[0]
	d.Arrived = time.Now()
	c.pending = c.pending[1:]
	return d, nil
}

func (c *fakeConn) SetSource(source netip.Addr) error {
	c.source = source
	c.node.record("%s source %s", c.node.name, source)
	return nil
}

func (c *fakeConn) Rejoin() error {
	c.node.record("%s rejoin on %s", c.node.name, c.name)
	return nil
}

func (c *fakeConn) Close() {
	c.node.record("%s close %s %d", c.node.name, c.name, c.index)
}

type fakeAnnouncer struct {
	node *node
	name string
}

func (a fakeAnnouncer) Announce(address netip.Addr, count int) error {
	a.node.record("%s announce %s x%d on %s", a.node.name, address, count, a.name)
	return nil
}

func (a fakeAnnouncer) AnnounceAll(addresses []netip.Addr, count int) error {
	for _, address := range addresses {
		if err := a.Announce(address, count); err != nil {
			return err
		}
	}
	return nil
}

func (a fakeAnnouncer) Close() {}

// fakeAlarm rings in virtual time.
type fakeAlarm struct {
	node  *node
	rings chan struct{}
	timer *time.Timer
}

func (a *fakeAlarm) C() <-chan struct{} { return a.rings }

func (a *fakeAlarm) Set(t time.Time) error {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer = time.AfterFunc(time.Until(t)+a.node.pause(), func() {
		select {
		case a.rings <- struct{}{}:
		default:
		}
	})
	return nil
}

func (a *fakeAlarm) Stop() error {
	if a.timer != nil {
		a.timer.Stop()
	}
	return nil
}

// recorder is a log handler that records "n1 log MESSAGE key=value ...".
type recorder struct{ node *node }

func (r recorder) Enabled(context.Context, slog.Level) bool { return true }

func (r recorder) Handle(_ context.Context, record slog.Record) error {
	var b strings.Builder
	record.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	r.node.record("%s log %s%s", r.node.name, record.Message, b.String())
	return nil
}

func (r recorder) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r recorder) WithGroup(string) slog.Handler      { return r }

// configured is a configuration of one instance VI, VRID 7, on eth0 with
// address 10.0.0.100/32, after the changes given.
func configured(priority uint8, changes ...func(*config.Config)) *config.Config {
	c := &config.Config{File: "test.conf", Instances: []config.Instance{{
		Name: "VI", Interface: "eth0", VRID: 7, Priority: priority, Version: 2,
		AdvertInterval:      time.Second,
		GARPRepeat:          5,
		GARPDelay:           5 * time.Second,
		GARPLowerPrioRepeat: 5, DownTimerAdverts: 3, Accept: true, VIPLease: config.LeaseOff,
		VirtualAddresses: []config.VirtualAddress{{Prefix: netip.MustParsePrefix("10.0.0.100/32")}},
		Position:         config.Position{File: "test.conf", Line: 3},
	}}}
	for _, change := range changes {
		change(c)
	}
	return c
}

// advert is a stranger's advertisement of VRID 7.
func advert(t *testing.T, priority uint8) transport.Datagram {
	t.Helper()
	source := netip.MustParseAddr("10.0.0.9")
	a := vrrp.Advertisement{
		Version: vrrp.Version2, VRID: 7, Priority: priority, Interval: time.Second,
		Addresses: []netip.Addr{netip.MustParsePrefix(vip).Addr()},
	}
	payload, err := vrrp.Encode(a, source, transport.Group())
	if err != nil {
		t.Fatal(err)
	}
	return transport.Datagram{
		Source: source, Destination: transport.Group(), TTL: transport.TTL, Payload: payload,
	}
}
