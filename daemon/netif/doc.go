// Package netif sets and removes virtual addresses, and watches links and
// addresses, over rtnetlink.
//
// Changes go over one persistent socket (Kernel). What happens to links and
// addresses, by whoever's hand, arrives as events of Watch; when the kernel
// could not keep up (ENOBUFS) or a subscription ended, Watch subscribes anew
// and reports everything as it is then. Dumps that the kernel calls
// interrupted are read again (safe.go); no other file may dump.
//
// It may import the standard library, golang.org/x/sys and
// github.com/vishvananda/netlink. It knows nothing of VRRP.
//
// Sources: rtnetlink(7), netlink(7), and the kernel's Documentation/networking
// netlink_spec/rt-link and rt-addr.
package netif
