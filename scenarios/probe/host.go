//go:build linux

package probe

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

// hostReadTimeout bounds the first reading of a host's tables.
const hostReadTimeout = 5 * time.Second

// HostOptions says which host is watched.
type HostOptions struct {
	Host      string
	Namespace string
	// Neighbours adds the neighbour table.
	Neighbours bool
	// Exact gives the watch a thread of its own, which wakes up as soon as the
	// kernel tells of something: there is no time of the kernel's in what it
	// tells. Else the Go scheduler may add to that.
	Exact bool
}

// WatchHost appends what changes in a host: its addresses, beginning with
// those that it has ([history.Address]), its interfaces ([history.Link]), and
// if asked for its neighbour table with the entries that it has
// ([history.Neighbour]); in the order in which the kernel tells of it. What
// changes nothing, such as a lifetime that is renewed, is left out, as are
// IPv6 link-local addresses, and neighbours that are multicast or need no
// resolution.
//
// A macvlan device without a carrier takes its addresses out of use: so FRR
// keeps the VIP while it is Backup. They count as gone meanwhile.
//
// It returns when what is there was appended. Messages lost for want of room
// are noted ([history.Note]), and the tables are read again.
func WatchHost(clock Clock, log *history.Log, o HostOptions) (*Watch, error) {
	w, err := newHostWatch(clock, log, o)
	if err != nil {
		return nil, fmt.Errorf("watch host %s: %w", o.Host, err)
	}
	if !o.Exact {
		return watch(w.interrupt, w.run), nil
	}
	stop, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		_ = w.file.Close()
		return nil, fmt.Errorf("watch host %s: %w", o.Host, err)
	}
	// It can't fail: the eventfd counts to one.
	return watch(func() { _, _ = unix.Write(stop, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }, func() error {
		defer unix.Close(stop)
		return w.runExact(stop)
	}), nil
}

// newHostWatch opens the socket and reads what is there.
func newHostWatch(clock Clock, log *history.Log, o HostOptions) (*hostWatch, error) {
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR)
	if o.Neighbours {
		groups |= unix.RTMGRP_NEIGH
	}
	fd, err := openNetlink(o.Namespace, groups)
	if err != nil {
		return nil, err
	}
	w := &hostWatch{
		HostOptions: o, clock: clock, log: log,
		file:   os.NewFile(uintptr(fd), "netlink socket"),
		fd:     fd,
		tables: newTables(),
	}
	if err := w.readFirst(); err != nil {
		_ = w.file.Close()
		return nil, err
	}
	return w, nil
}

type hostWatch struct {
	HostOptions
	clock Clock
	log   *history.Log
	file  *os.File // owns fd
	fd    int

	tables
	// The tables are read one after another: of the one being read, seen says
	// what it holds, and what is known but not seen at its end is gone.
	reading []uint16 // RTM_GET... still to be read; the first is under way
	seq     uint32
	broken  bool // the reading was interrupted by a change
	lost    bool // messages were lost; the tables are read when the rest has been
	seen    map[any]bool
	first   bool // the very first reading
}

// tables is what is known of a host.
type tables struct {
	links      map[linkKey]linkState
	addresses  map[addressKey]string // to the interface's name
	neighbours map[neighbourKey]history.Neighbour
}

type (
	linkKey   struct{ index int }
	linkState struct {
		name        string
		up, carrier bool
		parked      bool // a macvlan without a carrier
	}
	addressKey struct {
		index  int
		prefix netip.Prefix
	}
	neighbourKey struct {
		index int
		ip    netip.Addr
	}
)

func newTables() tables {
	return tables{
		links:      map[linkKey]linkState{},
		addresses:  map[addressKey]string{},
		neighbours: map[neighbourKey]history.Neighbour{},
	}
}

func (w *hostWatch) interrupt() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) }

// readFirst reads all tables.
func (w *hostWatch) readFirst() error {
	w.first = true
	if err := w.readAgain(); err != nil {
		return err
	}
	if err := w.file.SetReadDeadline(time.Now().Add(hostReadTimeout)); err != nil {
		return err
	}
	if err := w.receiveUntil(func() bool { return len(w.reading) == 0 }); err != nil {
		return err
	}
	w.first = false
	return w.file.SetReadDeadline(time.Time{})
}

func (w *hostWatch) run() error {
	defer func() { _ = w.file.Close() }()
	err := w.receiveUntil(func() bool { return false })
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return w.failed(err)
}

// runExact is run on a thread of its own, until stop is readable.
func (w *hostWatch) runExact(stop int) error {
	ownThread()
	defer func() { _ = w.file.Close() }()
	buffer := make([]byte, messageBytes)
	polls := []unix.PollFd{{Fd: int32(w.fd), Events: unix.POLLIN}, {Fd: int32(stop), Events: unix.POLLIN}}
	for {
		// The only error is EINTR.
		_, _ = unix.Poll(polls, -1)
		if polls[1].Revents != 0 {
			return nil
		}
		if _, err := w.drain(buffer, func() bool { return false }); err != nil {
			return w.failed(err)
		}
	}
}

func (w *hostWatch) failed(err error) error {
	err = fmt.Errorf("watch host %s: %w", w.Host, err)
	w.log.Append(w.clock.Now(), w.Host, history.Note{Text: err.Error()})
	return err
}

// messageBytes is room for one message: the kernel's parts of a dump are at most
// 32 KiB.
const messageBytes = 1 << 16

// receiveUntil handles messages until done, or until the deadline.
func (w *hostWatch) receiveUntil(done func() bool) error {
	conn, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	buffer := make([]byte, messageBytes)
	var failure error
	err = conn.Read(func(uintptr) bool {
		var finished bool
		finished, failure = w.drain(buffer, done)
		return finished
	})
	return errors.Join(err, failure)
}

// drain handles messages until done or an error, which finish it, or until there
// is none.
//
// After a loss the kernel drops all further messages until the socket's queue
// is empty, and says nothing of those. So the tables are read no sooner.
func (w *hostWatch) drain(buffer []byte, done func() bool) (finished bool, err error) {
	for err == nil && !done() {
		n, _, failure := unix.Recvfrom(w.fd, buffer, 0)
		at := w.clock.Now()
		switch {
		case errors.Is(failure, unix.EAGAIN) && w.lost:
			w.lost, err = false, w.readAgain()
		case errors.Is(failure, unix.EAGAIN):
			return false, nil
		case errors.Is(failure, unix.EINTR):
		case errors.Is(failure, unix.ENOBUFS):
			w.log.Append(at, w.Host, history.Note{Text: "netlink messages were lost; the tables are read again"})
			w.lost = true
		case failure != nil:
			err = fmt.Errorf("read netlink socket: %w", failure)
		default:
			err = w.handleAll(at, buffer[:n])
		}
	}
	return true, err
}

// readAgain starts the reading of all tables.
func (w *hostWatch) readAgain() error {
	w.reading = []uint16{unix.RTM_GETLINK, unix.RTM_GETADDR}
	if w.Neighbours {
		w.reading = append(w.reading, unix.RTM_GETNEIGH)
	}
	return w.readNext()
}

// readNext asks for the first of the tables still to be read.
func (w *hostWatch) readNext() error {
	w.broken, w.seen = false, map[any]bool{}
	if len(w.reading) == 0 {
		return nil
	}
	w.seq++
	// Where an older reading goes on the kernel answers EBUSY: see finished.
	err := unix.Sendto(w.fd, dumpRequest(w.reading[0], w.seq), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	if err != nil {
		return fmt.Errorf("ask for a table: %w", err)
	}
	return nil
}

func (w *hostWatch) handleAll(at time.Duration, data []byte) error {
	messages, err := splitNetlink(data)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if err := w.handle(at, m); err != nil {
			return err
		}
	}
	return nil
}

func (w *hostWatch) handle(at time.Duration, m netlinkMessage) error {
	if m.seq != 0 && m.seq == w.seq && m.flags&unix.NLM_F_DUMP_INTR != 0 {
		w.broken = true
	}
	switch m.kind {
	case unix.NLMSG_DONE, unix.NLMSG_ERROR:
		return w.finished(at, m)
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		link, err := parseLink(m.data)
		if err != nil {
			return err
		}
		w.link(at, link, m.kind == unix.RTM_NEWLINK)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		address, err := parseAddress(m.data)
		if err != nil {
			return err
		}
		w.address(at, address, m.kind == unix.RTM_NEWADDR)
	case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
		neighbour, err := parseNeighbour(m.data)
		if err != nil {
			return err
		}
		w.neighbour(at, neighbour, m.kind == unix.RTM_NEWNEIGH)
	}
	return nil
}

// finished handles the end of a table, or the refusal to give it.
func (w *hostWatch) finished(at time.Duration, m netlinkMessage) error {
	refused := m.kind == unix.NLMSG_ERROR
	if refused && len(m.data) >= 4 {
		if code := int32(binary.NativeEndian.Uint32(m.data)); code != 0 && -code != int32(unix.EBUSY) {
			return fmt.Errorf("ask for a table: %w", syscall.Errno(-code))
		}
	}
	if len(w.reading) == 0 || refused {
		return nil
	}
	if m.seq != w.seq || w.broken { // the end of an older reading, or no true picture
		return w.readNext()
	}
	w.forget(at, w.reading[0])
	w.reading = w.reading[1:]
	return w.readNext()
}

// forget reports as gone what a table no longer holds.
func (w *hostWatch) forget(at time.Duration, table uint16) {
	switch table {
	case unix.RTM_GETLINK:
		for _, key := range unseen(w.links, w.seen, func(a, b linkKey) int { return cmp.Compare(a.index, b.index) }) {
			w.link(at, linkMessage{index: key.index}, false)
		}
	case unix.RTM_GETADDR:
		byPrefix := func(a, b addressKey) int { return a.prefix.Compare(b.prefix) }
		for _, key := range unseen(w.addresses, w.seen, byPrefix) {
			w.address(at, addressMessage(key), false)
		}
	case unix.RTM_GETNEIGH:
		byIP := func(a, b neighbourKey) int { return a.ip.Compare(b.ip) }
		for _, key := range unseen(w.neighbours, w.seen, byIP) {
			w.neighbour(at, neighbourMessage{index: key.index, ip: key.ip}, false)
		}
	}
}

func unseen[K comparable, V any](known map[K]V, seen map[any]bool, order func(a, b K) int) []K {
	var gone []K
	for key := range known {
		if !seen[key] {
			gone = append(gone, key)
		}
	}
	slices.SortFunc(gone, order)
	return gone
}

func (w *hostWatch) link(at time.Duration, m linkMessage, present bool) {
	key := linkKey{m.index}
	old, known := w.links[key]
	if !present {
		delete(w.links, key)
		if known && (old.up || old.carrier) {
			w.log.Append(at, w.Host, history.Link{Interface: old.name})
		}
		return
	}
	w.seen[key] = true
	state := linkState{name: m.name, up: m.flags&unix.IFF_UP != 0, carrier: m.flags&unix.IFF_LOWER_UP != 0}
	state.parked = m.kind == "macvlan" && !state.carrier
	w.links[key] = state
	if state != old && !w.first {
		w.log.Append(at, w.Host, history.Link{Interface: state.name, Up: state.up, Carrier: state.carrier})
	}
	if known && state.parked != old.parked {
		w.park(at, m.index, state)
	}
}

// park reports the addresses of an interface as gone, or as back.
func (w *hostWatch) park(at time.Duration, index int, state linkState) {
	var keys []addressKey
	for key := range w.addresses {
		if key.index == index {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b addressKey) int { return a.prefix.Compare(b.prefix) })
	for _, key := range keys {
		w.log.Append(at, w.Host, history.Address{Interface: state.name, Prefix: key.prefix, Present: !state.parked})
	}
}

func (w *hostWatch) address(at time.Duration, m addressMessage, present bool) {
	if addr := m.prefix.Addr(); addr.Is6() && addr.IsLinkLocalUnicast() {
		return
	}
	key := addressKey(m)
	name, known := w.addresses[key]
	if present {
		w.seen[key] = true
		name = w.links[linkKey{m.index}].name
		w.addresses[key] = name
	} else {
		delete(w.addresses, key)
	}
	if present == known || w.links[linkKey{m.index}].parked {
		return
	}
	w.log.Append(at, w.Host, history.Address{
		Interface: name, Prefix: m.prefix, Present: present, Initial: w.first,
	})
}

func (w *hostWatch) neighbour(at time.Duration, m neighbourMessage, present bool) {
	const ignored = unix.NUD_NOARP
	linkLocal := m.ip.Is6() && m.ip.IsLinkLocalUnicast()
	if !m.ip.IsValid() || m.ip.IsMulticast() || linkLocal || m.state&ignored != 0 || m.flags&unix.NTF_PROXY != 0 {
		return
	}
	key := neighbourKey{m.index, m.ip}
	old, known := w.neighbours[key]
	entry := history.Neighbour{IP: m.ip, State: stateName(m.state)}
	if present {
		w.seen[key] = true
		if len(m.mac) > 0 {
			entry.MAC = m.mac.String()
		}
		w.neighbours[key] = entry
	} else {
		entry.State = "none"
		delete(w.neighbours, key)
	}
	if known == present && entry == old || !known && !present {
		return
	}
	w.log.Append(at, w.Host, entry)
}

// stateName is a neighbour's state as ip-neighbour(8) prints it, in lower case.
func stateName(state uint16) string {
	switch state {
	case unix.NUD_INCOMPLETE:
		return "incomplete"
	case unix.NUD_REACHABLE:
		return "reachable"
	case unix.NUD_STALE:
		return "stale"
	case unix.NUD_DELAY:
		return "delay"
	case unix.NUD_PROBE:
		return "probe"
	case unix.NUD_FAILED:
		return "failed"
	case unix.NUD_PERMANENT:
		return "permanent"
	case unix.NUD_NONE:
		return "none"
	default:
		return fmt.Sprintf("0x%02x", state)
	}
}
