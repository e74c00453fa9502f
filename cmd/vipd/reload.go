package main

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"time"

	"takeover/daemon"
	"takeover/daemon/config"
)

// reloader has the running daemon go over to what its file says by now.
type reloader struct {
	options  options
	started  *config.Config
	logger   *slog.Logger
	kept     keepsake
	requests chan daemon.Reload
}

func newReloader(o options, b beginning, logger *slog.Logger) *reloader {
	return &reloader{
		options: o, started: b.config, logger: logger, kept: b.kept, requests: make(chan daemon.Reload),
	}
}

const (
	readingPercent = 200 // of the heap, as garbage; see debug.SetGCPercent
	returnAfter    = 5 * time.Second
)

// errNeedsMore says that the daemon has given up what the configuration needs.
var errNeedsMore = errors.New("the first script needs capabilities that were given up at the start: restart vipd")

// errOtherNamespace says that no process changes its network namespace.
var errOtherNamespace = errors.New("net_namespace is another one: restart vipd")

// errEnding says that it is too late for another configuration.
var errEnding = errors.New("the daemon is ending")

// reload returns when the daemon has gone over to it, or why it has not: then
// the former configuration goes on.
func (r *reloader) reload(ctx context.Context) error {
	// A large file is read once in a while: that is to be quick, and what it
	// took is given back.
	defer debug.SetGCPercent(debug.SetGCPercent(readingPercent))
	defer time.AfterFunc(returnAfter, debug.FreeOSMemory)
	c, text, err := r.options.load()
	if err != nil {
		return err
	}
	switch {
	case needsOf(c).scripts && !needsOf(r.started).scripts:
		return errNeedsMore
	case c.Global.NetNamespace != r.started.Global.NetNamespace:
		return errOtherNamespace
	}
	c.Log(r.logger)
	done := make(chan error, 1)
	select {
	case r.requests <- daemon.Reload{Config: c, Done: done}:
	case <-ctx.Done():
		return errEnding
	}
	select {
	case err = <-done:
		if err != nil {
			return err
		}
		return r.kept.keep(text)
	case <-ctx.Done():
		return errEnding
	}
}
