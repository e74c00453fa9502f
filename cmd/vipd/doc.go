// Vipd is a VRRP daemon that reads keepalived.conf. It takes the flags of
// keepalived(8), as far as it has what they switch.
//
// This package reads the command line, sets up logging, the pid file and the
// background process, and leaves the rest to package daemon. The same program
// is its own guardian; see daemon.Guard.
package main
