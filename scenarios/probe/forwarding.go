//go:build linux

package probe

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

// ForwardingOptions says which bridges are watched.
type ForwardingOptions struct {
	Namespace string // of the switch
	// Ports are the hosts' by the interface's name; entries of others, such as a
	// bridge's uplink, are left out.
	Ports []Port
	// Bridges leads from the name of a port to its segment's.
	Bridges map[string]string
}

// WatchForwarding appends what changes in the forwarding tables of the switch's
// bridges: which MAC address is behind which host's port ([history.Forwarding]),
// beginning with what is known. The ports' own addresses are left out. After
// messages were lost for want of room the tables are read again.
func WatchForwarding(clock Clock, log *history.Log, o ForwardingOptions) (*Watch, error) {
	fd, err := openNetlink(o.Namespace, unix.RTMGRP_NEIGH)
	if err != nil {
		return nil, fmt.Errorf("watch forwarding tables: %w", err)
	}
	w := &forwardingWatch{
		ForwardingOptions: o, clock: clock, log: log, fd: fd, file: os.NewFile(uintptr(fd), "netlink socket"),
		ports: map[int]Port{}, known: map[forwardingKey]bool{},
	}
	if err := w.read(); err != nil {
		_ = w.file.Close()
		return nil, fmt.Errorf("watch forwarding tables: %w", err)
	}
	return watch(func() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) }, w.run), nil
}

type forwardingWatch struct {
	ForwardingOptions
	clock Clock
	log   *history.Log
	fd    int
	file  *os.File // owns fd

	ports map[int]Port           // by the index; without a Host: nobody's
	known map[forwardingKey]bool // the entries, and whether the reading has seen them
	seq   uint32                 // of the reading under way
	again bool                   // it was interrupted by a change, or messages were lost
}

type forwardingKey struct {
	index int
	mac   string
}

// read asks for the tables.
func (w *forwardingWatch) read() error {
	w.again = false
	w.seq++
	for key := range w.known {
		w.known[key] = false
	}
	request := dumpRequest(unix.RTM_GETNEIGH, w.seq)
	request[netlinkHeader] = unix.AF_BRIDGE
	if err := unix.Sendto(w.fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask for the tables: %w", err)
	}
	return nil
}

func (w *forwardingWatch) run() error {
	defer func() { _ = w.file.Close() }()
	conn, err := w.file.SyscallConn()
	if err != nil {
		return err
	}
	buffer := make([]byte, messageBytes)
	var failure error
	err = conn.Read(func(uintptr) bool {
		failure = w.drain(buffer)
		return failure != nil
	})
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	if err = errors.Join(err, failure); err != nil {
		err = fmt.Errorf("watch forwarding tables: %w", err)
		w.log.Append(w.clock.Now(), "", history.Note{Text: err.Error()})
	}
	return err
}

// drain handles messages until there is none.
func (w *forwardingWatch) drain(buffer []byte) error {
	for {
		n, _, err := unix.Recvfrom(w.fd, buffer, 0)
		at := w.clock.Now()
		switch {
		case errors.Is(err, unix.EAGAIN) && w.again:
			if err := w.read(); err != nil {
				return err
			}
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOBUFS):
			w.again = true
		case err != nil:
			return fmt.Errorf("read netlink socket: %w", err)
		default:
			if err := w.handle(at, buffer[:n]); err != nil {
				return err
			}
		}
	}
}

func (w *forwardingWatch) handle(at time.Duration, data []byte) error {
	messages, err := splitNetlink(data)
	if err != nil {
		return err
	}
	for _, m := range messages {
		if m.seq == w.seq && m.flags&unix.NLM_F_DUMP_INTR != 0 {
			w.again = true
		}
		switch m.kind {
		case unix.NLMSG_DONE:
			w.forget(at)
		case unix.RTM_NEWNEIGH, unix.RTM_DELNEIGH:
			entry, err := parseNeighbour(m.data)
			if err != nil {
				return err
			}
			if m.data[0] == unix.AF_BRIDGE && entry.state&unix.NUD_PERMANENT == 0 && len(entry.mac) > 0 {
				w.entry(at, forwardingKey{entry.index, entry.mac.String()}, m.kind == unix.RTM_NEWNEIGH)
			}
		}
	}
	return nil
}

// entry takes in one that is there or gone. One that moved is gone where it was:
// the kernel tells of the new place alone.
func (w *forwardingWatch) entry(at time.Duration, key forwardingKey, present bool) {
	_, known := w.known[key]
	if present {
		for other := range w.known {
			if other.mac == key.mac && other.index != key.index && w.segment(other.index) == w.segment(key.index) {
				w.entry(at, other, false)
			}
		}
		w.known[key] = true
	} else {
		delete(w.known, key)
	}
	port := w.port(key.index)
	if known == present || port.Host == "" {
		return
	}
	w.log.Append(at, port.Host, history.Forwarding{Bridge: w.Bridges[port.Interface], MAC: key.mac, Present: present})
}

// forget reports as gone what the reading did not see.
func (w *forwardingWatch) forget(at time.Duration) {
	if w.again {
		return // it is read once more
	}
	for key, seen := range w.known {
		if !seen {
			w.entry(at, key, false)
		}
	}
}

func (w *forwardingWatch) segment(index int) string { return w.Bridges[w.port(index).Interface] }

// port is whose the interface with the index is. Indices are not used again.
func (w *forwardingWatch) port(index int) Port {
	if port, known := w.ports[index]; known {
		return port
	}
	var found Port
	err := inNamespace(w.Namespace, func() error {
		device, err := net.InterfaceByIndex(index)
		if err != nil {
			return err
		}
		for _, port := range w.Ports {
			if port.Interface == device.Name {
				found = port
			}
		}
		return nil
	})
	if err == nil {
		w.ports[index] = found
	}
	return found
}
