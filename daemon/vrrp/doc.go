// Package vrrp is the Virtual Router Redundancy Protocol as values: a codec
// for advertisements and the virtual router's state machine.
//
// It is pure. Nothing here reads a clock, opens a socket, starts a goroutine,
// draws a random number or writes a log: time comes in with every call and
// what is to be done goes out as a list of actions. The daemon, the simulator
// and a replayed recording drive the same machine.
//
// It may import the standard library's value packages only. It does not know
// interfaces, kernels, files or processes.
//
// Sources: RFC 3768 (version 2) and RFC 9568 (version 3).
package vrrp
