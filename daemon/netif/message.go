package netif

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// errMalformed says that the kernel sent something that is no message of its
// own format. It is never ignored: what it meant to say is unknown.
var errMalformed = errors.New("malformed rtnetlink message")

// message is one message of a datagram (netlink(7)).
type message struct {
	kind, flags uint16
	sequence    uint32
	body        []byte
}

// messages are those of a datagram, in order. One that is malformed is the
// last.
func messages(datagram []byte) iter.Seq2[message, error] {
	return func(yield func(message, error) bool) {
		for b := datagram; len(b) > 0; {
			m, rest, err := cutMessage(b)
			if !yield(m, err) || err != nil {
				return
			}
			b = rest
		}
	}
}

func cutMessage(b []byte) (m message, rest []byte, err error) {
	if len(b) < unix.SizeofNlMsghdr {
		return message{}, nil, errMalformed
	}
	length := binary.NativeEndian.Uint32(b)
	if length < unix.SizeofNlMsghdr || uint64(length) > uint64(len(b)) {
		return message{}, nil, errMalformed
	}
	m = message{
		kind:     binary.NativeEndian.Uint16(b[4:]),
		flags:    binary.NativeEndian.Uint16(b[6:]),
		sequence: binary.NativeEndian.Uint32(b[8:]),
		body:     b[unix.SizeofNlMsghdr:length],
	}
	return m, b[min(aligned(int(length)), len(b)):], nil
}

// aligned rounds up to the alignment of messages and attributes.
func aligned(n int) int { return (n + unix.NLMSG_ALIGNTO - 1) &^ (unix.NLMSG_ALIGNTO - 1) }

// errorOf is the error that a message of kind NLMSG_ERROR or NLMSG_DONE
// reports; nil when it reports success. A message without a number is
// malformed.
func errorOf(body []byte) error {
	if len(body) < 4 {
		return errMalformed
	}
	if errno := int32(binary.NativeEndian.Uint32(body)); errno != 0 {
		return unix.Errno(-errno)
	}
	return nil
}

// attributeKinds takes off NLA_F_NESTED and NLA_F_NET_BYTEORDER
// (linux/netlink.h).
const attributeKinds = 0x3fff

// findAttributes puts the value of the attribute (struct rtattr) of kinds[i]
// into values[i], nil where there is none.
func findAttributes(b []byte, kinds []uint16, values [][]byte) error {
	for len(b) > 0 {
		if len(b) < unix.SizeofRtAttr {
			return errMalformed
		}
		length := int(binary.NativeEndian.Uint16(b))
		if length < unix.SizeofRtAttr || length > len(b) {
			return errMalformed
		}
		kind := binary.NativeEndian.Uint16(b[2:]) & attributeKinds
		for i, k := range kinds {
			if k == kind {
				values[i] = b[unix.SizeofRtAttr:length]
			}
		}
		b = b[min(aligned(length), len(b)):]
	}
	return nil
}

// parseLink reads the body of RTM_NEWLINK and RTM_DELLINK. ok is false of what
// a bridge says about its ports (AF_BRIDGE): it is about no interface's being.
func parseLink(body []byte) (l Link, ok bool, err error) {
	if len(body) < unix.SizeofIfInfomsg {
		return Link{}, false, errMalformed
	}
	if body[0] != unix.AF_UNSPEC {
		return Link{}, false, nil
	}
	var values [2][]byte
	kinds := [...]uint16{unix.IFLA_IFNAME, unix.IFLA_ADDRESS}
	if err := findAttributes(body[unix.SizeofIfInfomsg:], kinds[:], values[:]); err != nil {
		return Link{}, false, err
	}
	name, _, _ := bytes.Cut(values[0], []byte{0})
	l = linkFrom(int(int32(binary.NativeEndian.Uint32(body[4:]))), string(name),
		net.HardwareAddr(bytes.Clone(values[1])), binary.NativeEndian.Uint32(body[8:]))
	return l, true, nil
}

// parseAddress reads the body of RTM_NEWADDR and RTM_DELADDR. ok is false of
// other families than IPv4 and IPv6. Of an address with a peer, the prefix is
// the address alone: the network is the peer's.
func parseAddress(body []byte) (a Address, flags uint32, ok bool, err error) {
	if len(body) < unix.SizeofIfAddrmsg {
		return Address{}, 0, false, errMalformed
	}
	var values [4][]byte
	kinds := [...]uint16{unix.IFA_LOCAL, unix.IFA_ADDRESS, unix.IFA_FLAGS, attributeProtocol}
	if err := findAttributes(body[unix.SizeofIfAddrmsg:], kinds[:], values[:]); err != nil {
		return Address{}, 0, false, err
	}
	family, bits, local, network := body[0], int(body[1]), values[0], values[1]
	if family != unix.AF_INET && family != unix.AF_INET6 {
		return Address{}, 0, false, nil
	}
	if local == nil {
		local = network // as of an IPv6 address without a peer
	}
	address, isAddress := netip.AddrFromSlice(local)
	if !isAddress || address.Is6() != (family == unix.AF_INET6) || bits > address.BitLen() {
		return Address{}, 0, false, errMalformed
	}
	if !bytes.Equal(local, network) {
		bits = address.BitLen()
	}
	flags = uint32(body[2])
	if len(values[2]) == 4 {
		flags = binary.NativeEndian.Uint32(values[2])
	}
	return Address{
		Index:  int(int32(binary.NativeEndian.Uint32(body[4:]))),
		Prefix: netip.PrefixFrom(address, bits),
		Ours:   len(values[3]) == 1 && values[3][0] == protocolOurs,
	}, flags, true, nil
}
