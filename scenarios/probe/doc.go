// Package probe observes a live trial and appends what it sees to a
// [history.Log]: frames at the switch's ports, addresses, links and neighbour
// tables of the hosts, ends of processes, the daemons' own words, the answers
// that a client gets, the owners of the virtual IP as seen from outside, and
// how late this machine lets a thread wake up.
//
// Each observer is started by one call and returns a [Watch], which Close
// ends. What concerns a host happens in that host's network namespace, given
// as a path such as /run/netns/node1: sockets are opened there and stay there,
// the caller's own threads never leave theirs. CAP_NET_RAW and CAP_NET_ADMIN
// in the user namespace that owns the host suffice.
//
// All times are a [Clock]'s: CLOCK_MONOTONIC as the distance from the trial's
// origin. Where the kernel stamps a packet the stamp is used, not the moment
// at which the packet was read; so a slow reader costs no accuracy. Netlink
// and pidfds have no stamps: their times are those of the wake-up.
//
// It imports history and nothing else of ours. It decodes VRRP, ARP and
// Neighbor Discovery by itself, so that a daemon's mistake does not look right because the same code
// reads it. It does not judge, and it disturbs nothing: the questions it asks
// change nobody's neighbour table, except the client's, whose table belongs to
// what is measured, and that in IPv6 an owner keeps entries for who asked.
package probe
