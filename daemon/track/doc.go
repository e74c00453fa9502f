// Package track watches what a virtual router's priority depends on:
//
//   - vrrp_script: a program that is run at an interval, and whose exit codes
//     say whether a service is well (Script.Run);
//   - vrrp_track_process: how many processes of a program there are, by events
//     instead of looking again and again (WatchProcesses);
//   - track_file: the number in a file, by inotify(7) (WatchFiles).
//
// Each sends a Result over a channel when something changed. Apart from them,
// so that it can be tested alone, is what judges: Counter by rise and fall, a
// tally by quorum and delays, ParseNumber what a file says; and
// EffectivePriority sums what the judgements are worth.
//
// It imports the standard library and golang.org/x/sys. It logs nothing,
// knows no configuration file and no virtual router; package daemon joins
// them.
package track
