// Package live is the World of real things: namespaces, veth, Nginx and the
// subject's own program, with every observer of package probe running.
//
// A Plan says all about one trial before anything is built. Start runs it in
// a sandbox of its own, in a process of its own; what comes back is progress
// and the trial's directory with its history. Programs that call Start must
// call sandbox.Main(live.Roles()) first thing in main or TestMain.
//
// Only cmd and scenarios/suite import it.
package live
