// Takeover builds VRRP clusters out of Linux network namespaces, breaks them
// on purpose, and measures how long the virtual IP is gone and why.
package main
