package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// sendBufferBytes is what an Announcer may have on its way: some thousand
// frames, each of which the kernel counts as about 800 bytes. The kernel's
// default holds 270, fewer than a takeover of 250 addresses sends.
const sendBufferBytes = 1 << 20

// AnnouncerSettings describe the announcements on one Ethernet interface.
type AnnouncerSettings struct {
	Interface string
	Index     int
	// Hardware is the address that is announced and sent from: the
	// interface's own, which on a macvlan of a virtual router is the virtual
	// router's (RFC 9568 §7.3).
	Hardware net.HardwareAddr
	// Addresses are those that can be announced, of both families.
	Addresses []netip.Addr
	// Router says in Neighbor Advertisements that this host forwards
	// (RFC 4861 §4.4). RFC 9568 §6.4.2 leaves that to the configuration.
	Router bool
}

// Announcer sends gratuitous ARP and unsolicited Neighbor Advertisements on
// one Ethernet interface. Its frames are built when the addresses become
// known. Several goroutines may announce at once; Prepare is for one alone.
//
// It sends at once and without pauses. Whoever wants a gap between the
// packets, as keepalived's garp_interval, announces one address once at a
// time.
type Announcer struct {
	descriptor
	settings AnnouncerSettings
	to       unix.RawSockaddrLinklayer
	frames   map[netip.Addr]*frame
}

// NewAnnouncer is OpenAnnouncer without the router flag.
func NewAnnouncer(name string, index int, hardware net.HardwareAddr, addresses []netip.Addr) (*Announcer, error) {
	return OpenAnnouncer(AnnouncerSettings{Interface: name, Index: index, Hardware: hardware, Addresses: addresses})
}

// OpenAnnouncer opens a socket for announcements. It needs CAP_NET_RAW. The
// addresses need not be on the interface yet.
func OpenAnnouncer(settings AnnouncerSettings) (*Announcer, error) {
	if len(settings.Hardware) != hardwareAddressBytes {
		return nil, fmt.Errorf("announce on %s: its hardware address %q is not Ethernet's",
			settings.Interface, settings.Hardware)
	}
	// Protocol 0: the socket sends, and receives nothing (packet(7)).
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open a socket for announcements on %s: %w", settings.Interface, err)
	}
	if err := enlargeSendBuffer(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare a socket for announcements on %s: %w", settings.Interface, err)
	}
	d, err := newDescriptor(fd, "announce:"+settings.Interface)
	if err != nil {
		return nil, err
	}
	a := &Announcer{
		descriptor: d,
		settings:   settings,
		to: unix.RawSockaddrLinklayer{
			Family: unix.AF_PACKET, Ifindex: int32(settings.Index), Halen: hardwareAddressBytes,
		},
		frames: make(map[netip.Addr]*frame, len(settings.Addresses)),
	}
	if err := a.Prepare(settings.Addresses...); err != nil {
		a.Close()
		return nil, err
	}
	return a, nil
}

// enlargeSendBuffer goes beyond the system's limit where it may.
func enlargeSendBuffer(fd int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, sendBufferBytes)
	if errors.Is(err, unix.EPERM) { // CAP_NET_ADMIN is missing
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, sendBufferBytes)
	}
	if err != nil {
		return fmt.Errorf("set send buffer: %w", err)
	}
	return nil
}

// Prepare builds the frames of further addresses.
func (a *Announcer) Prepare(addresses ...netip.Addr) error {
	for _, address := range addresses {
		if !isUnicast(address) {
			return fmt.Errorf("announce %s on %s: not a unicast address", address, a.settings.Interface)
		}
		var b []byte
		if address.Is4() {
			b = gratuitousARP(a.settings.Hardware, address)
		} else {
			b = unsolicitedAdvertisement(a.settings.Hardware, address, a.settings.Router)
		}
		a.frames[address.WithZone("")] = newFrame(b)
	}
	return nil
}

// Announce sends count announcements of one of the addresses that are
// prepared.
func (a *Announcer) Announce(address netip.Addr, count int) error {
	return a.AnnounceAll([]netip.Addr{address}, count)
}

// AnnounceAll sends count announcements of each address, in few system calls:
// all of them once, in their order, before any of them a second time. An
// address that is not prepared is an error, and no reason to leave out the
// others.
func (a *Announcer) AnnounceAll(addresses []netip.Addr, count int) error {
	var failed error
	b := batches.Get().(*batch)
	defer batches.Put(b)
	b.reset()
	for _, address := range addresses {
		f, known := a.frames[address.WithZone("")]
		if !known {
			failed = errors.Join(failed,
				fmt.Errorf("announce %s on %s: no frame was prepared", address, a.settings.Interface))
			continue
		}
		b.add(f, &a.to)
	}
	for range count {
		var sent int
		err := a.do(func(fd int) (err error) {
			sent, err = b.send(fd)
			return err
		})
		if err != nil {
			return errors.Join(failed, fmt.Errorf("announce on %s: %d of %d addresses, then: %w",
				a.settings.Interface, sent, len(b.messages), err))
		}
	}
	return failed
}
