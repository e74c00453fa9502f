package netif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// dumpAttempts bounds how often an interrupted dump is read again. One
	// attempt takes well under a millisecond, so that only an interface table
	// that never comes to rest exhausts them.
	dumpAttempts = 20
	// datagramBytes holds the largest datagram: dumps come in up to 32 KiB.
	datagramBytes = 64 << 10
)

// errInterrupted says that a table changed while the kernel dumped it
// (NLM_F_DUMP_INTR).
var errInterrupted = errors.New("the kernel's dump was interrupted by a change")

// dumper reads the tables of the kernel.
type dumper struct {
	mutex    sync.Mutex
	fd       int
	sequence uint32
	answer   []byte
}

func newDumper() (*dumper, error) {
	fd, err := openSocket(0)
	if err != nil {
		return nil, err
	}
	return &dumper{fd: fd, answer: make([]byte, datagramBytes)}, nil
}

// openSocket opens an rtnetlink socket that is subscribed to the groups, and
// on which no wait is longer than answerTimeoutSeconds.
func openSocket(groups uint32) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return -1, fmt.Errorf("open an rtnetlink socket: %w", err)
	}
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}),
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: answerTimeoutSeconds}),
	)
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("prepare an rtnetlink socket: %w", err)
	}
	return fd, nil
}

// portOf is the address that the kernel has given a netlink socket.
func portOf(fd int) (uint32, error) {
	own, err := unix.Getsockname(fd)
	if err != nil {
		return 0, fmt.Errorf("ask for an rtnetlink socket's port: %w", err)
	}
	netlink, is := own.(*unix.SockaddrNetlink)
	if !is {
		return 0, fmt.Errorf("ask for an rtnetlink socket's port: it is a %T", own)
	}
	return netlink.Pid, nil
}

func (d *dumper) close() { unix.Close(d.fd) }

// table asks for all of a kind (RTM_GETLINK, RTM_GETADDR) and passes what is
// answered to each.
func (d *dumper) table(kind uint16, headerBytes int, each func(body []byte) error) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.sequence++
	request := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+headerBytes))
	request = binary.NativeEndian.AppendUint16(request, kind)
	request = binary.NativeEndian.AppendUint16(request, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	request = binary.NativeEndian.AppendUint32(request, d.sequence)
	request = append(request, make([]byte, 4+headerBytes)...) // the port; any family
	if err := unix.Sendto(d.fd, request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	var failed error
	for {
		n, _, err := unix.Recvfrom(d.fd, d.answer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		end, err := d.take(d.answer[:n], each)
		if failed == nil {
			failed = err
		}
		if end {
			return failed
		}
	}
}

// take reads one datagram of a dump. What is left of an earlier one, which
// ended with an error, is passed over.
func (d *dumper) take(datagram []byte, each func(body []byte) error) (end bool, err error) {
	for m, malformed := range messages(datagram) {
		if malformed != nil {
			return true, malformed
		}
		if m.sequence != d.sequence {
			continue
		}
		if m.flags&unix.NLM_F_DUMP_INTR != 0 && err == nil {
			err = errInterrupted
		}
		switch m.kind {
		case unix.NLMSG_DONE, unix.NLMSG_ERROR:
			if err == nil {
				err = errorOf(m.body)
			}
			return true, err
		default:
			if err == nil {
				err = each(m.body)
			}
		}
	}
	return false, err
}

// dump reads a table of the kernel, and reads it again while the kernel says
// that the table changed meanwhile (NLM_F_DUMP_INTR).
func dump[T any](read func() ([]T, error)) ([]T, error) {
	for range dumpAttempts {
		table, err := read()
		if errors.Is(err, errInterrupted) {
			continue
		}
		return table, err
	}
	return nil, fmt.Errorf("%d times in a row: %w", dumpAttempts, errInterrupted)
}

// Links are all interfaces of the network namespace.
func (k *Kernel) Links() ([]Link, error) {
	links, err := dump(func() (links []Link, err error) {
		err = k.dumper.table(unix.RTM_GETLINK, unix.SizeofIfInfomsg, func(body []byte) error {
			l, ok, err := parseLink(body)
			if ok {
				links = append(links, l)
			}
			return err
		})
		return links, err
	})
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	return links, nil
}

// detailedLinks are all interfaces with what is particular to their kinds.
func (k *Kernel) detailedLinks() ([]netlink.Link, error) {
	links, err := dump(func() ([]netlink.Link, error) {
		links, err := k.handle.LinkList()
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			err = errInterrupted
		}
		return links, err
	})
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	return links, nil
}

// Addresses are the usable IPv4 and IPv6 addresses of all interfaces, in the
// kernel's order: of IPv4, an interface's primary ones before its secondary
// ones.
func (k *Kernel) Addresses() ([]Address, error) {
	addresses, err := dump(func() (addresses []Address, err error) {
		err = k.dumper.table(unix.RTM_GETADDR, unix.SizeofIfAddrmsg, func(body []byte) error {
			a, flags, ok, err := parseAddress(body)
			if ok && isUsable(flags) {
				addresses = append(addresses, a)
			}
			return err
		})
		return addresses, err
	})
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	return addresses, nil
}
