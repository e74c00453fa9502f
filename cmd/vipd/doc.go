// Vipd is a VRRP daemon that reads keepalived.conf. It knows the flags of
// keepalived(8), and has commands of its own that ask a running daemon.
//
// This package reads the command line, and does for the daemon what is outside
// of package daemon: the network namespace, logs, pid files, the background
// process, signals, dumps, the control socket, the service manager, and the
// privileges that are given up. The same program is its own guardian; see
// daemon.Guard.
//
// Nothing here may keep the daemon's loop waiting: who logs, dumps or answers
// does so in a goroutine of its own.
package main
