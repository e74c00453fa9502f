// Package conduct judges what virtual routers do from what they were told: an
// independent reading of RFC 9568 §6.4, that follows a run event by event.
//
// Nothing in it has a margin of its own. Each router's timer is computed from
// what it read; whatever it does must be due, and whatever is due must be
// done. Two Actives need an excuse, and the Judge derives it: the way from the
// better to the lesser one was not sound for long enough, or one of them did
// not run, or their clocks are too far apart for the timers to work. See
// Judge for the rules.
//
// The simulator drives a Judge while it runs. Replay drives one from the
// history of a simulated run, which has everything; Wire from that of a live
// trial, by what was captured at the hosts' ports. There Limits.Grain is what
// observing costs.
//
// There is no clock and no input or output in here. Of ours it imports only
// package history.
package conduct
