// Package check judges a trial from its history and from nothing else.
//
// Each judge stands in its own file and returns findings, with the events that
// prove them:
//
//   - completeness: the evidence is there; what lacks it fails, never passes
//   - safety: nobody owns the VIP beside another outside declared windows
//   - liveness: the VIP answers under the fault and afterwards, and the right
//     node has it again in time
//   - ownership: the client's neighbour entry points at the owner, and who
//     takes over announces it
//   - timing: the RFC's timers and the observed phase explain the takeover
//   - conduct: every daemon did what the RFC asks, by what it was told; the
//     rules are those of package conduct, which the simulator is judged by
//
// Beside them Observe tells what neither passes nor fails by itself: near
// failovers, changes of the owner that no fault explains, tables that led to
// another than the owner, who answered how much, what became of long-lived
// connections, and what the daemons used more in the end.
//
// A bound with a margin means nothing on a machine that was late by more than
// half of that margin: what depends on it is inconclusive then, whichever way
// it looks. The canary tells. That holds for timing, for the moment of two
// owners in a handover, and for the time of the reversion. Nothing else is
// excused by a busy machine: two owners for longer than an advertisement
// interval and the standstill always fail.
//
// There is no clock and no input or output in here. Of ours it imports only
// packages history and conduct.
package check
