package netif

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Event is what Watch reports. The set is closed.
//
//sumtype:decl
type Event interface{ isEvent() }

type (
	// Resynchronized is everything as it is now. It is the first event, and
	// follows whenever events may have been lost, and when an interface has
	// another name: who knows interfaces by their names has not heard of the
	// addresses that it has.
	Resynchronized struct {
		Links     []Link
		Addresses []Address
	}
	// LinkChanged says that an interface is new or changed.
	LinkChanged struct{ Link Link }
	// LinkRemoved says that an interface is gone from the namespace.
	LinkRemoved struct{ Link Link }
	// AddressSet says that an address is new on an interface, and can be used.
	// Who uses Set knows that already, and may not be told again.
	AddressSet struct{ Address Address }
	// AddressRemoved says that an address is gone from an interface.
	AddressRemoved struct{ Address Address }
)

func (Resynchronized) isEvent() {}
func (LinkChanged) isEvent()    {}
func (LinkRemoved) isEvent()    {}
func (AddressSet) isEvent()     {}
func (AddressRemoved) isEvent() {}

const (
	// receiveBufferBytes lets some thousand changes wait while the process is
	// stopped. Without CAP_NET_ADMIN in the first user namespace the kernel
	// caps it at net.core.rmem_max.
	receiveBufferBytes = 4 << 20
	// resubscribeDelay keeps a kernel that refuses subscriptions from being
	// asked in a busy loop.
	resubscribeDelay = 100 * time.Millisecond
	// watched are the groups of a subscription (rtnetlink(7)).
	watched = 1<<(unix.RTNLGRP_LINK-1) | 1<<(unix.RTNLGRP_IPV4_IFADDR-1) | 1<<(unix.RTNLGRP_IPV6_IFADDR-1)
)

// errTruncated says that a notification was longer than any should be.
var errTruncated = errors.New("a notification was cut off")

// Watch sends events until ctx is done, and then returns nil. When a
// subscription fails, as with ENOBUFS after more changes than the kernel keeps
// for us, it tells lost why, subscribes anew, and sends Resynchronized. Only a
// failure of the first subscription is returned.
//
// Events are in the kernel's order. A renewed lifetime is none, nor is what
// k.Set has set, except that IPv6 addresses may be reported. The caller's
// thread must be in the namespace in which k was opened.
func (k *Kernel) Watch(ctx context.Context, events chan<- Event, lost func(error)) error {
	for first := true; ; first = false {
		subscribed, err := k.watchOnce(ctx, events)
		if ctx.Err() != nil {
			return nil
		}
		if first && !subscribed {
			return fmt.Errorf("watch interfaces: %w", err)
		}
		lost(err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(resubscribeDelay):
		}
	}
}

// watchOnce subscribes, reads the tables, and passes on what is reported until
// the subscription fails. The tables are read after subscribing, so that no
// change falls between; a change may therefore be reported twice.
func (k *Kernel) watchOnce(ctx context.Context, events chan<- Event) (subscribed bool, err error) {
	s, err := subscribe(ctx, k.change.port)
	if err != nil {
		return false, err
	}
	defer s.close()
	all, err := k.Everything()
	if err != nil {
		return false, err
	}
	if !send(ctx, events, all) {
		return true, ctx.Err()
	}
	known := knownFrom(all)
	for {
		datagram, err := s.receive()
		if err != nil {
			return true, err
		}
		for m, err := range messages(datagram) {
			if err != nil {
				return true, err
			}
			event, err := known.event(m)
			if errors.Is(err, errRenamed) {
				all, err = k.Everything()
				known, event = knownFrom(all), all
			}
			if err != nil {
				return true, err
			}
			if event != nil && !send(ctx, events, event) {
				return true, ctx.Err()
			}
		}
	}
}

// errRenamed says that an interface has another name than it was known by.
var errRenamed = errors.New("an interface was renamed")

// subscription is a socket that the kernel sends its notifications to.
type subscription struct {
	file   *os.File
	raw    syscall.RawConn
	leave  func() bool
	buffer []byte
}

// subscribe opens a subscription, on which nothing is received any more once
// ctx is done. What comes to be an address by the hand of that port is left out.
func subscribe(ctx context.Context, port uint32) (*subscription, error) {
	fd, err := openSocket(watched)
	if err != nil {
		return nil, err
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBufferBytes) != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBufferBytes)
	}
	if err = errors.Join(err, leaveOut(fd, port), unix.SetNonblock(fd, true)); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare an rtnetlink socket: %w", err)
	}
	s := &subscription{file: os.NewFile(uintptr(fd), "rtnetlink"), buffer: make([]byte, datagramBytes)}
	if s.raw, err = s.file.SyscallConn(); err != nil {
		_ = s.file.Close()
		return nil, fmt.Errorf("prepare an rtnetlink socket: %w", err)
	}
	s.leave = context.AfterFunc(ctx, func() { _ = s.file.SetReadDeadline(time.Unix(1, 0)) })
	return s, nil
}

func (s *subscription) close() {
	s.leave()
	_ = s.file.Close()
}

// receive waits for the next datagram of the kernel's. Another process's
// (netlink(7), nl_pid) is passed over: it is empty.
func (s *subscription) receive() ([]byte, error) {
	var n, flags int
	var from unix.Sockaddr
	var failed error
	err := s.raw.Read(func(fd uintptr) bool {
		for failed = unix.EINTR; errors.Is(failed, unix.EINTR); {
			n, _, flags, from, failed = unix.Recvmsg(int(fd), s.buffer, nil, 0)
		}
		return !errors.Is(failed, unix.EAGAIN)
	})
	sender, isNetlink := from.(*unix.SockaddrNetlink)
	switch {
	case err != nil:
		return nil, err
	case failed != nil:
		return nil, fmt.Errorf("receive notifications: %w", failed)
	case !isNetlink || sender.Pid != 0:
		return nil, nil
	case flags&unix.MSG_TRUNC != 0:
		return nil, errTruncated
	}
	return s.buffer[:n], nil
}

// Everything is what is there now.
func (k *Kernel) Everything() (Resynchronized, error) {
	links, err := k.Links()
	if err != nil {
		return Resynchronized{}, err
	}
	addresses, err := k.Addresses()
	if err != nil {
		return Resynchronized{}, err
	}
	return Resynchronized{Links: links, Addresses: addresses}, nil
}

// place is what tells addresses apart.
type place struct {
	index  int
	prefix netip.Prefix
}

// reported is what Watch has told of and what has not gone since.
type reported struct {
	names     map[int]string // of interfaces, by their index
	addresses map[place]struct{}
}

func knownFrom(all Resynchronized) reported {
	k := reported{names: make(map[int]string, len(all.Links)), addresses: make(map[place]struct{}, len(all.Addresses))}
	for _, l := range all.Links {
		k.names[l.Index] = l.Name
	}
	for _, a := range all.Addresses {
		k.addresses[place{a.Index, a.Prefix}] = struct{}{}
	}
	return k
}

// event is what a notification says; nil when it is nothing new.
func (k reported) event(m message) (Event, error) {
	switch m.kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		l, ok, err := parseLink(m.body)
		if err != nil || !ok {
			return nil, err
		}
		return k.linkEvent(l, m.kind == unix.RTM_NEWLINK)
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		a, flags, ok, err := parseAddress(m.body)
		if err != nil || !ok {
			return nil, err
		}
		return k.addressEvent(a, m.kind == unix.RTM_NEWADDR, isUsable(flags)), nil
	case unix.NLMSG_ERROR:
		return nil, errorOf(m.body)
	}
	return nil, nil
}

// linkEvent fails with errRenamed where an event of one interface is not
// enough.
func (k reported) linkEvent(l Link, isThere bool) (Event, error) {
	name, is := k.names[l.Index]
	switch {
	case !isThere:
		delete(k.names, l.Index)
		return LinkRemoved{Link: l}, nil
	case is && name != l.Name:
		return nil, errRenamed
	}
	k.names[l.Index] = l.Name
	return LinkChanged{Link: l}, nil
}

// addressEvent returns nil for an address that cannot be used yet, and for
// news of one that is known: a lease that was renewed. An address that is gone
// may never have been reported: see leaveOut.
func (k reported) addressEvent(a Address, isThere, usable bool) Event {
	at := place{a.Index, a.Prefix}
	_, is := k.addresses[at]
	switch {
	case isThere && is == usable:
		return nil
	case isThere && usable:
		k.addresses[at] = struct{}{}
		return AddressSet{Address: a}
	}
	delete(k.addresses, at)
	return AddressRemoved{Address: a}
}

func send(ctx context.Context, events chan<- Event, event Event) bool {
	select {
	case events <- event:
		return true
	case <-ctx.Done():
		return false
	}
}
