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
// Where the machine does more than RFC 9568 asks, unconfigured: an Active
// announces its addresses a second time, and again after a rival (see Step);
// in version 2 it answers a rival, as version 3 has it. Where it does less: it
// answers a rival once per interval, and a repeated priority 0 does not hold a
// Backup (both in Step); the checksum of version 3 over IPv4 is by default
// what keepalived and FRR send (see Parameters and DecodeInto). Where the RFC
// leaves a choice: a different list of addresses is no reason to refuse an
// advertisement (RFC 3768 §7.1, a MAY), unless CheckAddresses says so, because
// refusing it makes two Actives out of one forgotten address. requirements.md
// has the RFC's demands one by one, with the tests that show them kept.
//
// A Group keeps several virtual routers Active together or not at all.
//
// Sources: RFC 3768 (version 2), RFC 2338 (its authentication) and RFC 9568
// (version 3, and the names used here).
package vrrp
