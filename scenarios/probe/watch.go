//go:build linux

package probe

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/containernetworking/plugins/pkg/ns"
	"golang.org/x/sys/unix"
)

// Watch is an observer at work.
type Watch struct {
	stop func()
	done chan struct{}
	err  error // set before done is closed

	once sync.Once
}

// Close ends the observer, returns when its last event is appended, and
// reports why it could not observe to the end, if so. It may be called again.
func (w *Watch) Close() error {
	w.once.Do(w.stop)
	<-w.done
	return w.err
}

// watch runs an observer in a goroutine; stop makes run return.
func watch(stop func(), run func() error) *Watch {
	w := &Watch{stop: stop, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		w.err = run()
	}()
	return w
}

// watchOnThread runs an observer on a thread of its own, with exact timers;
// run returns soon after stopped says so.
func watchOnThread(run func(stopped func() bool) error) *Watch {
	var stop atomic.Bool
	return watch(func() { stop.Store(true) }, func() error {
		ownThread()
		return run(stop.Load)
	})
}

// ownThread gives the goroutine a thread until it ends, and takes away the
// 50 us of slack that a thread's timers have: prctl(2) PR_SET_TIMERSLACK. The
// thread is never unlocked; it ends with the goroutine.
func ownThread() {
	runtime.LockOSThread()
	// A kernel that refuses leaves the slack: later wake-ups, nothing worse.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
}

// inNamespace runs f in the network namespace at path, or in the caller's when
// the path is empty.
func inNamespace(path string, f func() error) error {
	if path == "" {
		return f()
	}
	err := ns.WithNetNSPath(path, func(ns.NetNS) error { return f() })
	if err != nil {
		return fmt.Errorf("in %s: %w", path, err)
	}
	return nil
}
