// Package lab builds a topology.Spec in the sandbox that it runs in, runs
// processes in its hosts and takes it down.
//
// Every host is a named network namespace, so `ip netns exec node1 ...` works
// inside the sandbox. The switch, a namespace of its own, holds one bridge a
// segment and one port a link: hosts can neither see nor disturb it, and
// faults are applied there, where the subject under test can't see them.
//
// It imports topology and topology/sandbox only.
package lab
