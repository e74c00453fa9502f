//go:build linux

package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// netlinkBuffer is asked for as the receive buffer of netlink sockets, in bytes.
const netlinkBuffer = 4 << 20

// The lengths of the kernel's structures of rtnetlink(7), in bytes.
const (
	netlinkHeader   = 16 // struct nlmsghdr
	linkHeader      = 16 // struct ifinfomsg
	addressHeader   = 8  // struct ifaddrmsg
	neighbourHeader = 12 // struct ndmsg
	attributeHeader = 4  // struct rtattr
)

var errShort = errors.New("truncated netlink message")

// netlinkMessage is one message of netlink(7).
type netlinkMessage struct {
	kind  uint16
	flags uint16
	seq   uint32
	data  []byte
}

// splitNetlink cuts what was received at once into messages.
func splitNetlink(data []byte) ([]netlinkMessage, error) {
	var messages []netlinkMessage
	for len(data) > 0 {
		if len(data) < netlinkHeader {
			return messages, errShort
		}
		length := int(binary.NativeEndian.Uint32(data))
		if length < netlinkHeader || length > len(data) {
			return messages, errShort
		}
		messages = append(messages, netlinkMessage{
			kind:  binary.NativeEndian.Uint16(data[4:]),
			flags: binary.NativeEndian.Uint16(data[6:]),
			seq:   binary.NativeEndian.Uint32(data[8:]),
			data:  data[netlinkHeader:length],
		})
		data = data[min(aligned(length), len(data)):]
	}
	return messages, nil
}

// attributes are those of a message, by type.
func attributes(data []byte) (map[uint16][]byte, error) {
	found := map[uint16][]byte{}
	for len(data) >= attributeHeader {
		length := int(binary.NativeEndian.Uint16(data))
		if length < attributeHeader || length > len(data) {
			return nil, errShort
		}
		found[binary.NativeEndian.Uint16(data[2:])] = data[attributeHeader:length]
		data = data[min(aligned(length), len(data)):]
	}
	return found, nil
}

// aligned rounds up to NLMSG_ALIGNTO, which is also RTA_ALIGNTO.
func aligned(length int) int { return (length + 3) &^ 3 }

// linkMessage is what RTM_NEWLINK and RTM_DELLINK say.
type linkMessage struct {
	index int
	flags uint32 // IFF_...
	name  string
	kind  string // veth, macvlan, ...; empty for what was never made
}

func parseLink(data []byte) (linkMessage, error) {
	if len(data) < linkHeader {
		return linkMessage{}, errShort
	}
	attrs, err := attributes(data[linkHeader:])
	if err != nil {
		return linkMessage{}, err
	}
	info, err := attributes(attrs[unix.IFLA_LINKINFO])
	if err != nil {
		return linkMessage{}, err
	}
	return linkMessage{
		kind:  unix.ByteSliceToString(info[unix.IFLA_INFO_KIND]),
		index: int(int32(binary.NativeEndian.Uint32(data[4:]))),
		flags: binary.NativeEndian.Uint32(data[8:]),
		name:  unix.ByteSliceToString(attrs[unix.IFLA_IFNAME]),
	}, nil
}

// addressMessage is what RTM_NEWADDR and RTM_DELADDR say.
type addressMessage struct {
	index  int
	prefix netip.Prefix
}

// parseAddress takes the local address; with a peer, IFA_ADDRESS is the peer's.
func parseAddress(data []byte) (addressMessage, error) {
	if len(data) < addressHeader {
		return addressMessage{}, errShort
	}
	attrs, err := attributes(data[addressHeader:])
	if err != nil {
		return addressMessage{}, err
	}
	local, ok := attrs[unix.IFA_LOCAL]
	if !ok {
		local = attrs[unix.IFA_ADDRESS]
	}
	addr, ok := netip.AddrFromSlice(local)
	if !ok {
		return addressMessage{}, fmt.Errorf("address of %d bytes", len(local))
	}
	prefix := netip.PrefixFrom(addr, int(data[1]))
	if !prefix.IsValid() {
		return addressMessage{}, fmt.Errorf("prefix length %d of %s", data[1], addr)
	}
	return addressMessage{int(binary.NativeEndian.Uint32(data[4:])), prefix}, nil
}

// neighbourMessage is what RTM_NEWNEIGH and RTM_DELNEIGH say.
type neighbourMessage struct {
	index int
	state uint16 // NUD_...
	flags uint8  // NTF_...
	ip    netip.Addr
	mac   net.HardwareAddr
}

// parseNeighbour reads an entry; ip is not valid for one of a bridge's table.
func parseNeighbour(data []byte) (neighbourMessage, error) {
	if len(data) < neighbourHeader {
		return neighbourMessage{}, errShort
	}
	attrs, err := attributes(data[neighbourHeader:])
	if err != nil {
		return neighbourMessage{}, err
	}
	ip, _ := netip.AddrFromSlice(attrs[unix.NDA_DST])
	return neighbourMessage{
		index: int(int32(binary.NativeEndian.Uint32(data[4:]))),
		state: binary.NativeEndian.Uint16(data[8:]),
		flags: data[10],
		ip:    ip,
		mac:   net.HardwareAddr(attrs[unix.NDA_LLADDR]),
	}, nil
}

// dumpRequest asks for all of something: kind is RTM_GETLINK, RTM_GETADDR or
// RTM_GETNEIGH.
func dumpRequest(kind uint16, seq uint32) []byte {
	length := linkHeader
	switch kind {
	case unix.RTM_GETADDR:
		length = addressHeader
	case unix.RTM_GETNEIGH:
		length = neighbourHeader
	}
	request := make([]byte, netlinkHeader+length)
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	binary.NativeEndian.PutUint16(request[4:], kind)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	binary.NativeEndian.PutUint32(request[8:], seq)
	return request
}

// openNetlink opens a routing socket in a namespace that hears of the groups
// (RTMGRP_...) and never blocks.
func openNetlink(namespace string, groups uint32) (int, error) {
	descriptor := -1
	err := inNamespace(namespace, func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			return fmt.Errorf("open netlink socket: %w", err)
		}
		// Beyond net.core.rmem_max only with CAP_NET_ADMIN over the whole
		// machine; what does not fit is found out by ENOBUFS.
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, netlinkBuffer) != nil {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, netlinkBuffer)
		}
		if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("bind netlink socket: %w", err)
		}
		descriptor = fd
		return nil
	})
	return descriptor, err
}
