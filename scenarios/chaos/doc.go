// Package chaos draws schedules of overlapping faults from a seed, and makes one
// that shows a violation as small as trials allow.
//
// It is pure: what carries a schedule out is the caller's. What is judged stands
// in scenarios/scene, as the expectation explained; docs/chaos.md says what a
// fault explains. It imports scenarios/fault and scenarios/scene.
package chaos
