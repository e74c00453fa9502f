package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"

	"takeover/daemon/transport"
	"takeover/daemon/vrrp"
	"takeover/scenarios/history"
	"takeover/scenarios/probe"
)

// puppetRole is a subject that does what a timetable says, and says when it did.
const puppetRole = "puppet"

// Puppet is what a puppet is told. All puppets of a trial make the same
// timetable of it.
type Puppet struct {
	Host      string
	Interface string
	VIP       netip.Prefix
	VRID      int
	Priority  int
	Address   netip.Addr
	Origin    int64         // of the history's clock
	Begin     time.Duration // of the first cycle
	Seed      uint64
	Cycles    int
}

// The bounds between which the times of a cycle are drawn, and what is left
// between them for the observers to notice.
const (
	cyclePeriod  = 300 * time.Millisecond
	cycleJitter  = 10 * time.Millisecond
	shortestStep = 10 * time.Millisecond
	longestStep  = 50 * time.Millisecond
	advertLead   = 2 * time.Millisecond // from the advertisement to the address
	twoPause     = 20 * time.Millisecond
)

// The hosts of the puppets. The first has the VIP before the first cycle; they
// take turns.
var puppetHosts = [2]string{"node1", "node2"}

// task is a deed in the timetable.
type task struct {
	at    time.Duration
	host  string
	cycle int // 0: before the first
	deed  history.Deed
}

// timetable are the deeds of all puppets in the order of time.
func timetable(seed uint64, cycles int, begin time.Duration) []task {
	random := rand.New(rand.NewPCG(seed, 0))
	step := func() time.Duration {
		return shortestStep + time.Duration(random.Int64N(int64(longestStep-shortestStep)))
	}
	tasks := []task{
		{begin - cyclePeriod, puppetHosts[0], 0, history.DeedAdded},
		{begin - cyclePeriod, puppetHosts[0], 0, history.DeedAnnounced},
	}
	for cycle := 1; cycle <= cycles; cycle++ {
		at := begin + time.Duration(cycle-1)*cyclePeriod + time.Duration(random.Int64N(int64(cycleJitter)))
		old, next := puppetHosts[(cycle+1)%2], puppetHosts[cycle%2]
		do := func(host string, deed history.Deed) { tasks = append(tasks, task{at, host, cycle, deed}) }
		do(old, history.DeedRemoved)
		at += step()
		do(next, history.DeedAdvertised)
		at += advertLead
		do(next, history.DeedAdded)
		at += step()
		do(next, history.DeedAnnounced)
		at += twoPause + step()
		do(old, history.DeedAddedAgain)
		at += step()
		do(old, history.DeedRemovedAgain)
	}
	return tasks
}

// runPuppet does the tasks of its host, and in the end writes a history event
// on each as a line to standard output.
func runPuppet(args []string) error {
	var p Puppet
	if len(args) != 1 {
		return errors.New("a puppet takes its options as one argument")
	}
	if err := json.Unmarshal([]byte(args[0]), &p); err != nil {
		return err
	}
	runtime.LockOSThread()
	hand, err := newHand(p)
	if err != nil {
		return err
	}
	defer hand.close()
	clock := probe.ClockAt(p.Origin)
	var truths []history.Event
	for _, t := range timetable(p.Seed, p.Cycles, p.Begin) {
		if t.host != p.Host {
			continue
		}
		time.Sleep(t.at - clock.Now()) // how exactly does not matter: what counts is said below
		before := clock.Now()
		if err := hand.do(t.deed); err != nil {
			return fmt.Errorf("cycle %d: %s: %w", t.cycle, t.deed, err)
		}
		after := clock.Now()
		if t.cycle == 0 {
			continue
		}
		body := history.Truth{Cycle: t.cycle, Deed: t.deed, Took: after - before}
		truths = append(truths, history.Event{ID: len(truths) + 1, At: after, Host: p.Host, Body: body})
	}
	return history.Write(os.Stdout, truths)
}

// hand is what a puppet acts with, all opened beforehand.
type hand struct {
	puppet    Puppet
	kernel    *netlink.Handle
	link      netlink.Link
	announcer *transport.Announcer
	conn      *transport.Conn
	advert    []byte
}

func newHand(p Puppet) (*hand, error) {
	h := &hand{puppet: p}
	var err error
	if h.kernel, err = netlink.NewHandle(); err != nil {
		return nil, err
	}
	if h.link, err = h.kernel.LinkByName(p.Interface); err != nil {
		return nil, fmt.Errorf("interface %s: %w", p.Interface, err)
	}
	attributes := h.link.Attrs()
	vip := p.VIP.Addr()
	if h.announcer, err = transport.NewAnnouncer(p.Interface, attributes.Index, attributes.HardwareAddr, []netip.Addr{vip}); err != nil {
		return nil, err
	}
	if h.conn, err = transport.Listen(p.Interface, attributes.Index, p.Address); err != nil {
		return nil, err
	}
	h.advert, err = vrrp.Append(nil, vrrp.Advertisement{
		Version: vrrp.Version2, VRID: uint8(p.VRID), Priority: uint8(p.Priority), Interval: time.Second, Addresses: []netip.Addr{vip},
	}, p.Address, transport.Group())
	return h, err
}

func (h *hand) close() {
	h.conn.Close()
	h.announcer.Close()
	h.kernel.Close()
}

func (h *hand) do(deed history.Deed) error {
	vip := h.puppet.VIP
	address := &netlink.Addr{IPNet: &net.IPNet{IP: vip.Addr().AsSlice(), Mask: net.CIDRMask(32, 32)}}
	switch deed {
	case history.DeedAdded, history.DeedAddedAgain:
		return h.kernel.AddrAdd(h.link, address)
	case history.DeedRemoved, history.DeedRemovedAgain:
		return h.kernel.AddrDel(h.link, address)
	case history.DeedAdvertised:
		return h.conn.Send(h.advert)
	case history.DeedAnnounced:
		return h.announcer.Announce(vip.Addr(), 1)
	default:
		return fmt.Errorf("unknown deed %q", deed)
	}
}
