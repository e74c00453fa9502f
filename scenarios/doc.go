// Package scenarios runs a scenario in a World: it waits until the cluster is
// settled, injects the fault at its phase, waits for the failover, heals it
// and waits for the reversion. It judges nothing: all it leaves is the
// history.
//
// The Runner knows no namespace and no process. A World is live (real
// subjects in namespaces) or simulated; both offer the same few calls.
package scenarios
