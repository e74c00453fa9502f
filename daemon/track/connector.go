package track

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// connector hears of every process that forks, or starts a program, or changes
// its name (linux/cn_proc.h). The kernel tells that only in the initial
// network namespace, and with the numbers of the initial PID namespace;
// elsewhere openConnector fails.
type connector struct {
	file *os.File
	raw  syscall.RawConn
}

// started is a process that may be called something else than before.
type started struct {
	pid    int
	parent int // where it was forked, else 0
}

// errNotConfirmed says that the kernel did not take the subscription.
var errNotConfirmed = errors.New("the kernel does not confirm")

const (
	// initialPIDNamespace is PID_NS_INIT_INO of linux/nsfs.h, the inode of the
	// initial PID namespace.
	initialPIDNamespace = 0xEFFFFFFC

	connectorBufferBytes = 1 << 20
)

// The layout of a message: struct nlmsghdr, struct cn_msg, struct proc_event.
const (
	cnMessage = unix.SizeofNlMsghdr
	cnAck     = cnMessage + 12
	cnEvent   = cnMessage + 20
	cnData    = cnEvent + 16
	cnProc    = 1 // CN_IDX_PROC and CN_VAL_PROC

	procListen = 1 // PROC_CN_MCAST_LISTEN

	procNone = 0
	procFork = 0x1
	procExec = 0x2
	procComm = 0x200
)

// openConnector subscribes. It needs CAP_NET_ADMIN.
func openConnector() (*connector, error) {
	var own unix.Stat_t
	if err := unix.Stat("/proc/self/ns/pid", &own); err != nil {
		return nil, fmt.Errorf("subscribe to process events: %w", err)
	}
	if own.Ino != initialPIDNamespace {
		return nil, errors.New("subscribe to process events: not in the initial PID namespace")
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, fmt.Errorf("subscribe to process events: %w", err)
	}
	if err := subscribe(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("subscribe to process events: %w", err)
	}
	file := os.NewFile(uintptr(fd), "proc connector")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("subscribe to process events: %w", err)
	}
	return &connector{file: file, raw: raw}, nil
}

func subscribe(fd int) error {
	// A bigger buffer needs CAP_NET_ADMIN, as the subscription does.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, connectorBufferBytes); err != nil {
		return err
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnProc}); err != nil {
		return err
	}
	b := make([]byte, cnEvent+4)
	order := binary.NativeEndian
	order.PutUint32(b[0:], uint32(len(b)))
	order.PutUint16(b[4:], unix.NLMSG_DONE)
	order.PutUint32(b[cnMessage:], cnProc)
	order.PutUint32(b[cnMessage+4:], cnProc)
	order.PutUint16(b[cnMessage+16:], 4)
	order.PutUint32(b[cnEvent:], procListen)
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	return awaitConfirmation(fd)
}

// awaitConfirmation reads until the kernel confirms, which it does before it
// returns from the sending of the subscription, or not at all.
func awaitConfirmation(fd int) error {
	b := make([]byte, os.Getpagesize())
	for {
		n, err := unix.Read(fd, b)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return errNotConfirmed
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		default:
			if isConfirmation(b[:n]) {
				return nil
			}
		}
	}
}

// isConfirmation says whether a message answers a subscription, with success.
func isConfirmation(b []byte) bool {
	order := binary.NativeEndian
	return len(b) >= cnData+4 &&
		order.Uint32(b[cnEvent:]) == procNone &&
		order.Uint32(b[cnAck:]) != 0 &&
		order.Uint32(b[cnData:]) == 0
}

// parseStarted reads an event; false when it is of no interest: of a thread,
// an end, a change of user.
func parseStarted(b []byte) (started, bool) {
	order := binary.NativeEndian
	if len(b) < cnData+16 || order.Uint32(b[cnMessage:]) != cnProc || order.Uint32(b[cnMessage+4:]) != cnProc {
		return started{}, false
	}
	word := func(n int) int { return int(order.Uint32(b[cnData+4*n:])) }
	switch order.Uint32(b[cnEvent:]) {
	case procFork: // parent's thread and process, child's thread and process
		return started{pid: word(3), parent: word(1)}, word(2) == word(3)
	case procExec, procComm: // thread and process
		return started{pid: word(1)}, word(0) == word(1)
	}
	return started{}, false
}

// receive calls heard for each event, until the connector is closed. lost says
// that events were lost.
func (c *connector) receive(heard func(started), lost func()) {
	b := make([]byte, os.Getpagesize())
	// The only error is that of closing, and it ends the watch.
	_ = c.raw.Read(func(fd uintptr) bool {
		for {
			n, from, err := unix.Recvfrom(int(fd), b, 0)
			switch {
			case errors.Is(err, unix.EINTR):
			case errors.Is(err, unix.EAGAIN):
				return false
			case err != nil: // ENOBUFS; there is no other
				lost()
				return false
			case isKernel(from):
				if s, relevant := parseStarted(b[:n]); relevant {
					heard(s)
				}
			}
		}
	})
}

func isKernel(from unix.Sockaddr) bool {
	address, ok := from.(*unix.SockaddrNetlink)
	return ok && address.Pid == 0
}

func (c *connector) close() {
	// The only error is that it is closed already.
	_ = c.file.Close()
}
