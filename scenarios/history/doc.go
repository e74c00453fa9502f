// Package history is the append-only list of everything observed in a trial.
//
// Every observer (captures, watches, probes, the runner, the faults, the
// canary) appends to one Log, and everything that is judged or reported is
// read from it and from nothing else. On disk it is JSON lines, one event a
// line, so a stored run can be judged and reported again on another machine.
//
// All times are on one clock: CLOCK_MONOTONIC of the machine that ran the
// trial, as the distance from the trial's origin. Events stand in the order in
// which they were appended; Sorted gives them in the order of time.
//
// It imports the standard library only.
package history
