package netif

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"
)

// changer adds and deletes addresses. It does so by itself rather than through
// the netlink package, because a change stands between a takeover and its
// first announcement: one message out of a buffer that is kept, and the
// kernel's answer, which is there when sending returns, into another. It takes
// about half the time of the package's general way.
type changer struct {
	mutex    sync.Mutex
	fd       int
	sequence uint32
	request  []byte
	answer   [answerBytes]byte
}

const (
	// answerBytes holds an acknowledgement, which repeats the request's header
	// only (NETLINK_CAP_ACK).
	answerBytes = 512
	// requestBytes holds the header and all attributes of one address.
	requestBytes = 128

	offsetErrno = unix.SizeofNlMsghdr
	// answerTimeout bounds the wait for an answer that should be there.
	answerTimeoutSeconds = 5
)

func newChanger() (*changer, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open an rtnetlink socket: %w", err)
	}
	c := &changer{fd: fd, request: make([]byte, 0, requestBytes)}
	if err := c.prepare(); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare an rtnetlink socket: %w", err)
	}
	return c, nil
}

func (c *changer) prepare() error {
	if err := unix.Bind(c.fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(c.fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1); err != nil {
		return err
	}
	return unix.SetsockoptTimeval(c.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: answerTimeoutSeconds})
}

func (c *changer) close() { unix.Close(c.fd) }

// set asks for a new address; an existing one is EEXIST.
func (c *changer) set(index int, prefix netip.Prefix, label string) error {
	return c.change(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, index, prefix, label)
}

// remove asks for the end of an address; a missing one is EADDRNOTAVAIL.
func (c *changer) remove(index int, prefix netip.Prefix) error {
	return c.change(unix.RTM_DELADDR, 0, index, prefix, "")
}

// change sends one request and takes its answer. The error is the kernel's.
func (c *changer) change(kind, flags uint16, index int, prefix netip.Prefix, label string) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.sequence++
	c.request = appendAddressRequest(c.request[:0], kind, flags, c.sequence, index, prefix, label)
	if err := unix.Sendto(c.fd, c.request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for {
		n, _, err := unix.Recvfrom(c.fd, c.answer[:], 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		if sequence, err := readAnswer(c.answer[:n]); sequence == c.sequence {
			return err
		}
	}
}

// readAnswer reads an acknowledgement: of which request, and the error that it
// reports.
func readAnswer(b []byte) (sequence uint32, err error) {
	if len(b) < offsetErrno+4 || binary.NativeEndian.Uint16(b[4:]) != unix.NLMSG_ERROR {
		return 0, nil
	}
	sequence = binary.NativeEndian.Uint32(b[8:])
	if errno := int32(binary.NativeEndian.Uint32(b[offsetErrno:])); errno != 0 {
		return sequence, unix.Errno(-errno)
	}
	return sequence, nil
}

// appendAddressRequest writes a nlmsghdr, an ifaddrmsg and its attributes
// (rtnetlink(7)). No broadcast address is set: it would be guessed. IPv4 has
// no duplicate address detection; IFA_F_NODAD says so for those who read it.
func appendAddressRequest(b []byte, kind, flags uint16, sequence uint32, index int, prefix netip.Prefix, label string) []byte {
	family := byte(unix.AF_INET)
	if prefix.Addr().Is6() {
		family = unix.AF_INET6
	}
	address := prefix.Addr().AsSlice()
	b = append(b, 0, 0, 0, 0) // the length, written last
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = binary.NativeEndian.AppendUint16(b, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	b = append(b, 0, 0, 0, 0) // the port, which the kernel knows
	b = append(b, family, byte(prefix.Bits()), unix.IFA_F_NODAD, unix.RT_SCOPE_UNIVERSE)
	b = binary.NativeEndian.AppendUint32(b, uint32(index))
	b = appendAttribute(b, unix.IFA_LOCAL, address)
	b = appendAttribute(b, unix.IFA_ADDRESS, address)
	if label != "" {
		b = appendAttribute(b, unix.IFA_LABEL, append([]byte(label), 0))
	}
	binary.NativeEndian.PutUint32(b, uint32(len(b)))
	return b
}

// appendAttribute writes a struct rtattr and its value, padded to four bytes.
func appendAttribute(b []byte, kind uint16, value []byte) []byte {
	b = binary.NativeEndian.AppendUint16(b, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%unix.RTA_ALIGNTO != 0 {
		b = append(b, 0)
	}
	return b
}
