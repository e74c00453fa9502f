// Package vrrp is the Virtual Router Redundancy Protocol as values: a codec
// for advertisements and the virtual router's state machine.
//
// It is pure. Nothing here reads a clock, opens a socket, starts a goroutine,
// draws a random number or writes a log: time comes in with every call and
// what is to be done goes out as a list of actions. The daemon, the simulator
// and a replayed recording drive the same machine:
//
//	router, err := vrrp.New(parameters)
//	perform(router.Step(now, vrrp.Startup{}))
//	for {
//		deadline, running := router.Deadline()
//		// Wait for a packet, a change, or the deadline; then
//		perform(router.Step(now, event))
//	}
//
// It may import the standard library's value packages only. It does not know
// interfaces, kernels, files or processes.
//
// Version 2 over IPv4 is complete. Version 3 and IPv6 have their place in the
// types; New, Encode and Decode refuse them.
//
// Where the machine does more than RFC 3768 asks: an Active answers a rival
// (see Step), and announces its addresses a second time. Where RFC 3768 leaves
// a choice: a different list of addresses is no reason to refuse an
// advertisement (§7.1, a MAY), because refusing it makes two Actives out of
// one forgotten address.
//
// Sources: RFC 3768 (version 2), RFC 2338 (its authentication) and RFC 9568
// (version 3, and the names used here).
package vrrp
