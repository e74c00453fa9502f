package transport

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

const (
	// Protocol is VRRP's IP protocol number (RFC 9568 §5.1.1.4).
	Protocol = 112

	// ProtocolAH is the IP protocol number of the Authentication Header, in
	// which authenticated advertisements of version 2 travel (RFC 2402 §2).
	ProtocolAH = unix.IPPROTO_AH

	// TTL is the only time to live, or hop limit, that an advertisement to a
	// group may have (RFC 9568 §5.1.1.3, §5.1.2.3).
	TTL = 255

	// trafficClass is Internetwork Control, precedence 6 (RFC 791 §3.1).
	trafficClass = 0xc0
)

// Group is the multicast group of IPv4 virtual routers (RFC 9568 §5.1.1.2).
func Group() netip.Addr { return netip.AddrFrom4([4]byte{224, 0, 0, 18}) }

// GroupIPv6 is that of IPv6 virtual routers, ff02::12 (RFC 9568 §5.1.2.2).
func GroupIPv6() netip.Addr {
	return netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})
}

// ErrEmpty is returned by Receive when nothing is pending.
var ErrEmpty = errors.New("no packet is pending")

// Settings describe the advertisements of one interface, family and mode. All
// virtual routers that share the three share one Conn: several may speak
// multicast and others unicast on the same interface.
type Settings struct {
	// Interface and Index name the interface. In unicast the name may be
	// empty: the routing table then chooses, and any interface is listened to.
	Interface string
	Index     int
	// Source is the address that is sent from. It gives the family. A zone
	// does not count.
	Source netip.Addr
	// Group is the multicast group; the zero value stands for Group or
	// GroupIPv6. It has no meaning in unicast.
	Group netip.Addr
	// Peers, if not nil, make this unicast; an empty list is an error. They
	// may be those of several virtual routers: see SendTo.
	Peers Peers
	// UnicastTTL is the TTL or hop limit to peers; 0 stands for 255.
	UnicastTTL uint8
	// CheckSource has Receive check each datagram against Peers. Where
	// virtual routers with different peers share the Conn, each must call
	// Peers.Check itself.
	CheckSource bool
	// SendIndex, if not 0, is the index of another interface to send through,
	// such as a macvlan that carries the virtual router's hardware address
	// (RFC 9568 §7.2).
	SendIndex int
	// ReportIndex, if not 0, is the index of another interface on which the group
	// is joined too, for the switch to hear of it: on a macvlan with a virtual
	// router's hardware address a report would tell the switch that the address is
	// here, whoever has it. See Rejoin.
	ReportIndex int
	// AH carries advertisements in IP's Authentication Header, over IPv4: what
	// is sent are whole packets, header first, and Receive takes those of
	// protocol 51 only, whose Packet is what is signed.
	AH bool
	// Own are virtual addresses of this host. Over IPv4 multicast, what others
	// send from them is received too, marked FromOwn, also while this host has
	// them; what it does not have comes twice.
	Own []netip.Addr
}

// Conn sends and receives the advertisements of one interface, family and
// mode. It is for one goroutine, except Close.
//
// Nothing that may have to be refused is filtered out before Receive, so that
// it can be counted: a Conn for a group also receives what is sent to this
// host's own addresses (look at Destination), though not what is sent to other
// groups. A Conn for unicast receives no multicast.
type Conn struct {
	descriptor
	settings Settings
	sender   *Sender // through SendIndex, if that is another interface
	own      *own    // for Settings.Own; nil: none
	// destinations are the group, or the peers in their order.
	destinations []netip.Addr
	control      []byte // the route of what is sent
	reader       reader
	writer       writer
}

// Listen is Open for IPv4 multicast.
func Listen(name string, index int, source netip.Addr) (*Conn, error) {
	if !source.Is4() {
		return nil, fmt.Errorf("listen on %s: source %s is not an IPv4 address", name, source)
	}
	return Open(Settings{Interface: name, Index: index, Source: source})
}

// Open opens a socket: bound to the interface and, for multicast, member of
// the group there. It needs CAP_NET_RAW. Call Watch to learn when packets
// arrive. When the interface is removed the Conn is of no more use, unless it
// comes back under the same index: see Rejoin.
func Open(settings Settings) (*Conn, error) {
	settings.Source = settings.Source.WithZone("")
	if err := settings.complete(); err != nil {
		return nil, err
	}
	is4, protocol := settings.Source.Is4(), Protocol
	if settings.AH {
		protocol = ProtocolAH
	}
	fd, err := rawSocket(is4, protocol)
	if err != nil {
		return nil, fmt.Errorf("open a VRRP socket for %s: %w", settings.place(), err)
	}
	if err := settings.prepare(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare a VRRP socket for %s: %w", settings.place(), err)
	}
	d, err := newDescriptor(fd, "vrrp:"+settings.Interface)
	if err != nil {
		return nil, err
	}
	c := &Conn{descriptor: d, settings: settings, control: route(settings.Index, settings.Source)}
	c.reader.prepare(is4)
	c.writer.prepare()
	if settings.SendIndex != 0 && settings.SendIndex != settings.Index {
		if c.sender, err = NewSender(); err != nil {
			c.Close()
			return nil, err
		}
	}
	if settings.Peers == nil {
		c.destinations = []netip.Addr{settings.Group}
		if is4 && len(settings.Own) > 0 {
			if c.own, err = openOwn(settings); err != nil {
				c.Close()
				return nil, err
			}
		}
	}
	for _, peer := range settings.Peers {
		c.destinations = append(c.destinations, peer.Address.WithZone(""))
	}
	return c, nil
}

// complete checks the settings and fills in what has a default.
func (s *Settings) complete() error {
	if !isUnicast(s.Source) {
		return fmt.Errorf("listen on %s: source %s is not a unicast address", s.Interface, s.Source)
	}
	if s.AH && !s.Source.Is4() {
		return fmt.Errorf("listen on %s: AH from %s: only IPv4 has it", s.Interface, s.Source)
	}
	if s.UnicastTTL == 0 {
		s.UnicastTTL = TTL
	}
	if s.Peers != nil {
		s.Group = netip.Addr{}
		return s.Peers.check(s.Source)
	}
	if s.Interface == "" {
		return errors.New("listen for multicast: no interface is named")
	}
	if !s.Group.IsValid() {
		s.Group = GroupIPv6()
		if s.Source.Is4() {
			s.Group = Group()
		}
	}
	if !s.Group.IsMulticast() || s.Group.Is4() != s.Source.Is4() {
		return fmt.Errorf("listen on %s: %s is not a multicast group of the family of %s", s.Interface, s.Group, s.Source)
	}
	return nil
}

// place is where the socket is, for messages.
func (s *Settings) place() string {
	if s.Interface == "" {
		return "all interfaces"
	}
	return s.Interface
}

// prepare makes fd a socket for what the settings say.
func (s *Settings) prepare(fd int) error {
	if s.Interface != "" {
		if err := unix.BindToDevice(fd, s.Interface); err != nil {
			return fmt.Errorf("bind to device: %w", err)
		}
	}
	options := append(sending(s.Source.Is4(), s.UnicastTTL), receiving(s.Source.Is4())...)
	if s.AH {
		options = append(options, option{"header included", unix.IPPROTO_IP, unix.IP_HDRINCL, 1})
	}
	if err := setOptions(fd, options...); err != nil {
		return err
	}
	if s.Source.Is6() {
		if err := refuseOtherGroups(fd, s.Group); err != nil {
			return err
		}
	}
	if s.Peers != nil {
		return nil
	}
	for _, index := range s.memberships() {
		if err := join(fd, index, s.Group); err != nil {
			return fmt.Errorf("join %s: %w", s.Group, err)
		}
	}
	return nil
}

// memberships are the interfaces on which the socket is a member of the group.
func (s *Settings) memberships() []int {
	if s.ReportIndex == 0 || s.ReportIndex == s.Index {
		return []int{s.Index}
	}
	return []int{s.Index, s.ReportIndex}
}

// Rejoin leaves the group and joins it again, for switches that listen to
// reports of membership: on ReportIndex, if that is given, else on the interface.
// The kernel keeps a membership while the link is down, and loses it with the
// interface, even if that comes back under the same index: a lost one is made
// good. In unicast it does nothing.
func (c *Conn) Rejoin() error {
	if c.settings.Peers != nil {
		return nil
	}
	group, all := c.settings.Group, c.settings.memberships()
	err := c.do(func(fd int) error {
		for _, index := range all[:len(all)-1] {
			if err := join(fd, index, group); err != nil && !errors.Is(err, unix.EADDRINUSE) {
				return err
			}
		}
		// The error is that it is no member, and then there is none to leave.
		_ = leave(fd, all[len(all)-1], group)
		return join(fd, all[len(all)-1], group)
	})
	if err != nil {
		return fmt.Errorf("join %s on %s again: %w", group, c.settings.place(), err)
	}
	return nil
}

// SetSource makes source the address that advertisements are sent from. It
// must be of the same family.
func (c *Conn) SetSource(source netip.Addr) error {
	source = source.WithZone("")
	if !isUnicast(source) || source.Is4() != c.settings.Source.Is4() {
		return fmt.Errorf("send from %s on %s: not a unicast address of the family of %s",
			source, c.settings.place(), c.settings.Source)
	}
	c.settings.Source = source
	c.control = route(c.settings.Index, source)
	return nil
}

// Destinations are where Send sends to: the group, or the peers. The caller
// does not change the list.
func (c *Conn) Destinations() []netip.Addr { return c.destinations }

// Send sends the same payload to all Destinations, and to the rest of them
// after an error. Where the payload depends on the destination, as version
// 3's checksum and an AH packet do, call SendTo for each.
func (c *Conn) Send(payload []byte) error {
	var failed error
	for _, destination := range c.destinations {
		if err := c.SendTo(destination, payload); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	return failed
}

// SendTo sends one advertisement to the group, or to one peer: one of this
// virtual router's where several share the Conn. The payload follows the IP
// header; with AH it is the whole packet.
func (c *Conn) SendTo(destination netip.Addr, payload []byte) error {
	var err error
	switch {
	case len(payload) == 0 || destination.Is4() != c.settings.Source.Is4():
		err = errors.New("no packet, or not its family")
	case c.sender == nil:
		err = c.writer.send(c.descriptor, c.settings.Index, destination, c.control, payload)
	case c.settings.AH:
		err = c.sender.SendPacket(c.settings.SendIndex, payload)
	default:
		ttl := c.settings.UnicastTTL
		if destination.IsMulticast() {
			ttl = TTL
		}
		err = c.sender.SendTo(c.settings.SendIndex, c.settings.Source, destination, ttl, payload)
	}
	if err != nil {
		return fmt.Errorf("send an advertisement to %s on %s: %w", destination, c.settings.place(), err)
	}
	return nil
}

// Watch calls notify, from another goroutine, whenever packets have arrived,
// until Close. Receive must then be called until ErrEmpty.
func (c *Conn) Watch(notify func()) {
	c.watch(notify)
	if c.own != nil {
		c.own.watch(notify)
	}
}

// Close closes the sockets and ends the watch. It may be called again.
func (c *Conn) Close() {
	c.descriptor.Close()
	if c.own != nil {
		c.own.Close()
	}
	if c.sender != nil {
		c.sender.Close()
	}
}
