// Package notify tells the world of what becomes of virtual routers and sync
// groups, as keepalived does: by scripts (Runner) and by lines in FIFOs (FIFO).
//
// Nothing here ever makes its caller wait. Scripts stand in queues, one of each
// instance or group, which cannot grow without bound; what is written to a FIFO
// that nobody reads is dropped and counted.
//
// It imports the standard library and golang.org/x/sys. It does not know how a
// program is run: package daemon lends it a Run.
package notify
