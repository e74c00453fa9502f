// Package control is how a lab that stands is asked and told from outside: an
// HTTP API with JSON over a Unix socket, its server and its client.
//
// Process 1 of the lab's sandbox serves it in the directory that it shares with
// the outside; whoever may enter that directory controls the lab.
//
// It imports scenarios/fault and scenarios/history only.
package control
