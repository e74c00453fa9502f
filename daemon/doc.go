// Package daemon joins the parts of vipd: a configuration becomes one
// vrrp.VirtualRouter per instance, and one goroutine, the loop, owns them all.
// What happens reaches the loop over channels (packets, links and addresses,
// results of scripts, the alarm, the end); the loop steps the machines and
// performs their actions in the order given.
//
// The loop sees the outside through the small interfaces of outside.go, so
// that it also runs over a made-up network in virtual time.
//
// A second process, the guardian, knows which virtual addresses the worker
// holds. When the worker dies or hangs it sends priority 0 in its name,
// removes the addresses, and becomes the next worker (guardian.go).
//
// Others ask the loop between two events (Inquiries), and hear what happens
// (control.Hub); the loop copies what they need and waits for nobody.
//
// It may import its parts daemon/..., the standard library and
// golang.org/x/sys. It reads no command line and no configuration file.
package daemon
