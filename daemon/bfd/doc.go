// Package bfd is Bidirectional Forwarding Detection as values: a codec for
// control packets and the session's state machine, in asynchronous mode.
//
// It is pure. Nothing here reads a clock, opens a socket, starts a goroutine,
// draws a random number or writes a log: time comes in with every call, the
// jitter comes from a seed, and what is to be done goes out as a list of
// actions:
//
//	session, err := bfd.New(parameters)
//	perform(session.Step(now, bfd.Startup{}))
//	for {
//		deadline, running := session.Deadline()
//		// Wait for a packet or the deadline; then
//		perform(session.Step(now, event))
//	}
//
// In the steady state, a step allocates nothing.
//
// It may import the standard library's value packages only. It does not know
// addresses: which session a packet is for is its driver's matter (RFC 5880
// §6.3), and so is the TTL (RFC 5881 §5).
//
// It has no echo function, no authentication (packets with it are refused),
// and asks for no demand mode, but grants it to a neighbor that does.
//
// Sources: RFC 5880, RFC 5881 (single hop) and RFC 5883 (multihop).
package bfd
