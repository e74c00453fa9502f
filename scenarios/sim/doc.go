// Package sim runs the daemon's virtual routers in virtual time, on a segment
// that loses, delays, doubles and reorders what they say, in processes that
// crash, end and stand still, with clocks that go wrong. One core runs three
// routers a million times faster than a clock.
//
// A Cluster is what runs: the machines of package vrrp, unchanged, and a
// conduct.Judge that follows every step. A Schedule is everything that a run
// depends on: the cluster's Options, the faults, and the seed. The same
// schedule always runs the same. Explore draws schedules and runs them until
// one breaks a rule; Shrink makes that one small; its text is what people read
// and what can be run again.
//
// A World runs a scenario of package scenarios in virtual time and leaves a
// history that package check judges as it judges a live one.
//
// What is not simulated: the kernel's neighbour tables beyond the World's
// client, IPv6's duplicate address detection, sync groups, and the time that a process
// takes to do something, which is zero.
package sim
