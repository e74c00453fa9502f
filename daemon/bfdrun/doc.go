// Package bfdrun runs BFD sessions: it joins the machines of daemon/bfd with
// the sockets of daemon/transport, as package daemon does for virtual routers.
// It is a package of its own because its loop is another: hundreds of sessions
// with intervals of a few milliseconds live on one thread that waits by
// itself, allocates nothing while nothing changes, and does nothing else.
//
// At each wake-up, what has arrived is read before any timer is looked at, and
// the timers are judged by the time before the reading: a session goes Down
// only if its packets were not there in time, never because they waited to be
// read.
//
// It may import daemon/bfd, daemon/transport and the standard library. It does
// not know what a lost neighbor means to a virtual router.
package bfdrun
