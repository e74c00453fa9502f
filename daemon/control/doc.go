// Package control is how others see and steer a running vipd. Over a Unix
// socket they ask for its status, hear what happens, and have it reload.
//
// Requests and replies are JSON, one object a line; see Request and Reply. A
// client that does not read what it is sent is dropped and counted. Nothing
// else waits for it: Hub.Publish never does, and every client has a goroutine
// and a bounded queue of its own.
//
// It may import the standard library and golang.org/x/sys. It knows nothing of
// the parts of the daemon: package daemon fills in what is told here.
package control
