// Package transport holds the daemon's sockets: VRRP advertisements over IPv4
// and IPv6, to a multicast group or to unicast peers (Conn, Sender),
// gratuitous ARP and unsolicited Neighbor Advertisements (Announcer), and the
// timer that wakes the loop (Alarm).
//
// Everything is opened beforehand, so that a takeover opens nothing. All
// descriptors are non-blocking and wait in Go's poller. Nothing here reads a
// packet by its own decision: a socket says that it has become readable, and
// the loop that owns the virtual routers takes what is pending, when it wants
// it. That way packets that waited while the process was stopped are seen
// before a timer that expired meanwhile.
//
// It may import the standard library and golang.org/x/sys. It does not know
// what an advertisement means, nor addresses on interfaces.
//
// Sources: RFC 9568 §5.1, RFC 3768 §5.2, RFC 5227 §3, RFC 4861 §7.2.6, and the
// manual pages ip(7), ipv6(7), raw(7), packet(7), socket(7), sendmmsg(2) and
// timerfd_create(2).
package transport
