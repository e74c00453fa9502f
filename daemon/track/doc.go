// Package track watches what a virtual router's priority depends on. For now
// that is vrrp_script: programs that are run at an interval and whose exit
// codes say whether a service is well.
//
// Three things are kept apart, so that each can be tested alone: Counter
// judges results by rise and fall, Script.Run runs the program and reports
// when the judgement changes, and EffectivePriority sums what the judgements
// are worth.
//
// It imports the standard library and golang.org/x/sys. It logs nothing,
// knows no configuration file and no virtual router; package daemon joins
// them.
package track
