// Package netif sets and removes virtual addresses, makes the interfaces of
// virtual router MAC addresses, keeps packets from addresses that do not accept
// them, and watches links and addresses.
//
// Addresses change in batches over one persistent rtnetlink socket (Kernel). A
// virtual address may be a lease: the kernel takes it away unless it is renewed
// in time (Renew, LeaseEnd). What Set made is marked as ours, in the kernel, so
// that a successor can tell it from what an administrator set.
//
// What happens to links and addresses, by whoever's hand, arrives as events of
// Watch; when the kernel could not keep up (ENOBUFS) or sent what it should
// not, Watch subscribes anew and reports everything as it is then. Dumps that
// the kernel calls interrupted are read again (safe.go); no other file may
// dump. A malformed message is an error (message.go).
//
// Root of a user namespace that owns the network namespace may do all of it.
//
// It may import the standard library, golang.org/x/sys,
// github.com/vishvananda/netlink and github.com/google/nftables. It knows
// nothing of VRRP but the virtual router MAC address.
//
// Sources: rtnetlink(7), netlink(7), nft(8), and the kernel's Documentation/
// networking/ip-sysctl.rst and netlink_spec/rt-link and rt-addr.
package netif
