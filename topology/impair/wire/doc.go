// Package wire passes a host's frames on one by one, and late, twice, altered or
// not at all where its rules say so.
//
// Machine decides: it has no clock and no socket, and all that is random comes
// from its seed and the number of a frame among those that a rule meant, so
// that a run repeats. Wire is the relay: it takes the place of a host's port at
// the bridge by a pair of devices in the switch's namespace and moves the frames
// between the port and the pair by packet(7) sockets, on a thread of its own.
//
// It imports nothing of ours.
package wire
