package transport

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	hardwareAddressBytes = 6
	// arpFrameBytes is an Ethernet header of 14 bytes and an ARP packet of 28
	// (RFC 826).
	arpFrameBytes = 42
)

// frame is an Ethernet frame with an ARP packet.
type frame [arpFrameBytes]byte

// Announcer sends gratuitous ARP on one Ethernet interface. Its frames are
// built when the addresses become known. It is for one goroutine, except
// Close.
type Announcer struct {
	descriptor
	name   string
	to     unix.SockaddrLinklayer
	frames map[netip.Addr]*frame
}

// NewAnnouncer opens a socket for announcements of the addresses on the
// interface of that name and index, from its hardware address. It needs
// CAP_NET_RAW.
func NewAnnouncer(name string, index int, hardware net.HardwareAddr, addresses []netip.Addr) (*Announcer, error) {
	if len(hardware) != hardwareAddressBytes {
		return nil, fmt.Errorf("announce on %s: its hardware address %q is not Ethernet's", name, hardware)
	}
	// Protocol 0: the socket sends, and receives nothing (packet(7)).
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open an ARP socket for %s: %w", name, err)
	}
	d, err := newDescriptor(fd, "arp:"+name)
	if err != nil {
		return nil, err
	}
	a := &Announcer{
		descriptor: d,
		name:       name,
		to:         unix.SockaddrLinklayer{Ifindex: index, Halen: hardwareAddressBytes},
		frames:     make(map[netip.Addr]*frame, len(addresses)),
	}
	for i := range hardwareAddressBytes {
		a.to.Addr[i] = 0xff
	}
	for _, address := range addresses {
		if !address.Is4() {
			a.Close()
			return nil, fmt.Errorf("announce %s on %s: not an IPv4 address", address, name)
		}
		a.frames[address] = gratuitousARP(hardware, address)
	}
	return a, nil
}

// Announce sends count gratuitous ARPs for one of the addresses that the
// Announcer was made with.
func (a *Announcer) Announce(address netip.Addr, count int) error {
	f, known := a.frames[address]
	if !known {
		return fmt.Errorf("announce %s on %s: no frame was prepared", address, a.name)
	}
	err := a.do(func(fd int) error {
		for range count {
			if err := unix.Sendto(fd, f[:], 0, &a.to); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("announce %s on %s: %w", address, a.name, err)
	}
	return nil
}

// gratuitousARP is an ARP request for the sender's own address, to everyone
// (RFC 5227 §3). The target hardware address, which has no meaning in a
// request, is all ones as in keepalived's announcements.
func gratuitousARP(hardware net.HardwareAddr, address netip.Addr) *frame {
	const (
		ethernet      = 1
		ethertypeIPv4 = 0x0800
		ethertypeARP  = 0x0806
		request       = 1
	)
	ip := address.As4()
	b := make([]byte, 0, arpFrameBytes)
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	b = append(b, hardware...)
	b = binary.BigEndian.AppendUint16(b, ethertypeARP)
	b = binary.BigEndian.AppendUint16(b, ethernet)
	b = binary.BigEndian.AppendUint16(b, ethertypeIPv4)
	b = append(b, hardwareAddressBytes, byte(len(ip)))
	b = binary.BigEndian.AppendUint16(b, request)
	b = append(b, hardware...)
	b = append(b, ip[:]...)
	b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
	b = append(b, ip[:]...)
	f := frame(b)
	return &f
}
