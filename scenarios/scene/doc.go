// Package scene is scenarios with a schedule: what is built, what asks, which
// faults come when, and what must hold. They are data, written in Go or in
// *.scenario.yaml files.
//
// Reading is strict, with line and column in every error. Plan lays a schedule
// out in time, from a seed; Judge compares a history with what is expected.
// Nothing here touches a cluster: scenarios/live plays a Plan. It imports
// scenarios/fault, scenarios/history, scenarios/check and topology/file.
package scene
