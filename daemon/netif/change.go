package netif

import (
	"encoding/binary"
	"errors"
	"math"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// changer adds and deletes addresses. It does so by itself rather than through
// the netlink package, because a change stands between a takeover and its
// first announcement: one message with all changes out of a buffer that is
// kept, and the kernel's answer, which is there when sending returns, into
// another.
type changer struct {
	mutex    sync.Mutex
	fd       int
	port     uint32 // the socket's address: what the kernel names as the cause
	sequence uint32
	request  []byte
	errs     []error
	answer   [answerBytes]byte
}

const (
	// answerBytes holds an acknowledgement, which repeats the request's header
	// only (NETLINK_CAP_ACK).
	answerBytes = 512
	// requestBytes holds the header and all attributes of one address, which
	// are at most 120 bytes.
	requestBytes = 128

	// answerTimeoutSeconds bounds the wait for an answer that should be there.
	answerTimeoutSeconds = 5
)

func newChanger() (*changer, error) {
	fd, err := openSocket(0)
	if err != nil {
		return nil, err
	}
	port, err := portOf(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &changer{fd: fd, port: port, request: make([]byte, 0, batchMax*requestBytes)}, nil
}

func (c *changer) close() { unix.Close(c.fd) }

// batchMax is how many changes go into one message to the kernel.
const batchMax = 64

// change is one kind of request.
type change struct {
	kind, flags  uint16
	addressFlags uint32 // IFA_F_* of every address
}

// There is no duplicate address detection (IFA_F_NODAD): the last owner may
// still have the address, and nobody waits for the outcome.
var (
	// An existing address is EEXIST.
	toSet = change{unix.RTM_NEWADDR, unix.NLM_F_CREATE | unix.NLM_F_EXCL, unix.IFA_F_NODAD}
	// A missing address is EINVAL. The kernel would set it, with or without
	// NLM_F_CREATE (inet_rtm_newaddr of net/ipv4/devinet.c, inet6_rtm_newaddr
	// of net/ipv6/addrconf.c). But a new address that is to be joined as a
	// multicast group, and is none, it refuses; of one that is there it does
	// not try. There is no time between looking and setting.
	toRenew = change{unix.RTM_NEWADDR, unix.NLM_F_REPLACE, unix.IFA_F_NODAD | unix.IFA_F_MCAUTOJOIN}
	// A missing address is EADDRNOTAVAIL.
	toRemove = change{unix.RTM_DELADDR, 0, 0}
)

// all makes the change to every address of a batch, in its order. Only the
// last request asks for an acknowledgement: the kernel serves the requests one
// after the other and answers those that fail, whether asked or not. What is
// returned are the kernel's errors, each where its address is; nil when there
// is none.
func (c *changer) all(what change, batch []Address) []error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.errs = slices.Grow(c.errs[:0], len(batch))[:len(batch)]
	clear(c.errs)
	for done := 0; done < len(batch); {
		n := min(len(batch)-done, batchMax)
		if err := c.some(what, batch[done:done+n], c.errs[done:done+n]); err != nil {
			for i := range c.errs[done:] {
				c.errs[done+i] = err
			}
			break
		}
		done += n
	}
	if !slices.ContainsFunc(c.errs, func(err error) bool { return err != nil }) {
		return nil
	}
	return slices.Clone(c.errs)
}

// some sends one message and takes its answers. The error is about the
// exchange as a whole.
func (c *changer) some(what change, batch []Address, errs []error) error {
	first := c.sequence + 1
	c.request = c.request[:0]
	for n, a := range batch {
		c.sequence++
		if n == len(batch)-1 {
			what.flags |= unix.NLM_F_ACK
		}
		c.request = appendAddressRequest(c.request, what, c.sequence, a)
	}
	if err := unix.Sendto(c.fd, c.request, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for {
		n, err := unix.Read(c.fd, c.answer[:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		sequence, err := readAnswer(c.answer[:n])
		if errors.Is(err, errMalformed) {
			return err
		}
		if at := sequence - first; at < uint32(len(batch)) {
			errs[at] = err
		}
		if sequence == c.sequence {
			return nil
		}
	}
}

// readAnswer reads an acknowledgement: of which request, and the error that it
// reports. Anything else is of request 0.
func readAnswer(b []byte) (sequence uint32, err error) {
	m, _, err := cutMessage(b)
	if err != nil || m.kind != unix.NLMSG_ERROR {
		return 0, err
	}
	return m.sequence, errorOf(m.body)
}

const (
	// attributeProtocol is IFA_PROTO, which older kernels pass over.
	attributeProtocol = 11
	// protocolOurs is the origin that Set gives an address: the number of VRRP
	// among IP's protocols. The kernel itself uses 1 to 3 (IFAPROT_KERNEL_*).
	protocolOurs = 112
)

// appendAddressRequest writes a nlmsghdr, an ifaddrmsg and its attributes
// (rtnetlink(7)). No broadcast address is guessed. What is removed is named by
// its interface and prefix only: with a label that it does not have, the kernel
// would not find it.
func appendAddressRequest(b []byte, what change, sequence uint32, a Address) []byte {
	start := len(b)
	family := byte(unix.AF_INET)
	if a.Prefix.Addr().Is6() {
		family = unix.AF_INET6
	}
	b = append(b, 0, 0, 0, 0) // the length, written last
	b = binary.NativeEndian.AppendUint16(b, what.kind)
	b = binary.NativeEndian.AppendUint16(b, what.flags|unix.NLM_F_REQUEST)
	b = binary.NativeEndian.AppendUint32(b, sequence)
	b = append(b, 0, 0, 0, 0) // the port, which the kernel knows
	flags := what.addressFlags | a.Flags
	b = append(b, family, byte(a.Prefix.Bits()), byte(flags), scopeOf(a))
	b = binary.NativeEndian.AppendUint32(b, uint32(a.Index))
	b = appendAddress(b, unix.IFA_LOCAL, a.Prefix.Addr())
	b = appendAddress(b, unix.IFA_ADDRESS, a.Prefix.Addr())
	if what.kind == unix.RTM_NEWADDR {
		b = appendNature(b, a, flags)
	}
	binary.NativeEndian.PutUint32(b[start:], uint32(len(b)-start))
	return b
}

// appendNature writes what an address is besides its place.
func appendNature(b []byte, a Address, flags uint32) []byte {
	if a.Label != "" && a.Prefix.Addr().Is4() {
		b = appendAttribute(b, unix.IFA_LABEL, append([]byte(a.Label), 0))
	}
	if a.Broadcast.Is4() {
		b = appendAddress(b, unix.IFA_BROADCAST, a.Broadcast)
	}
	if flags > math.MaxUint8 {
		b = binary.NativeEndian.AppendUint16(b, unix.SizeofRtAttr+4)
		b = binary.NativeEndian.AppendUint16(b, unix.IFA_FLAGS)
		b = binary.NativeEndian.AppendUint32(b, flags)
	}
	b = appendAttribute(b, attributeProtocol, []byte{protocolOurs})
	return appendLifetime(b, a)
}

// forever is a lifetime without end (INFINITY_LIFE_TIME of net/addrconf.h).
const forever = math.MaxUint32

// appendLifetime writes a struct ifa_cacheinfo, unless both its times are
// without end.
func appendLifetime(b []byte, a Address) []byte {
	valid := uint32(forever)
	if a.Lifetime > 0 {
		valid = wholeSeconds(a.Lifetime)
	}
	preferred := valid
	switch {
	case a.Preferred != nil:
		preferred = min(wholeSeconds(*a.Preferred), valid)
	case a.Prefix.Addr().Is6() && a.Prefix.IsSingleIP():
		preferred = 0
	}
	if valid == forever && preferred == forever {
		return b
	}
	b = binary.NativeEndian.AppendUint16(b, unix.SizeofRtAttr+4*4)
	b = binary.NativeEndian.AppendUint16(b, unix.IFA_CACHEINFO)
	b = binary.NativeEndian.AppendUint32(b, preferred)
	b = binary.NativeEndian.AppendUint32(b, valid)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0) // the kernel's timestamps
}

// wholeSeconds rounds up.
func wholeSeconds(d time.Duration) uint32 {
	return uint32(min((d+time.Second-1)/time.Second, forever))
}

func scopeOf(a Address) byte {
	if a.Prefix.Addr().Is6() && a.Prefix.Addr().IsLinkLocalUnicast() {
		return unix.RT_SCOPE_LINK
	}
	return a.Scope
}

func appendAddress(b []byte, kind uint16, address netip.Addr) []byte {
	if address.Is4() {
		bytes := address.As4()
		return appendAttribute(b, kind, bytes[:])
	}
	bytes := address.As16()
	return appendAttribute(b, kind, bytes[:])
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
