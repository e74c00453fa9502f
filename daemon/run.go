package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/control"
	"takeover/daemon/netif"
	"takeover/daemon/transport"
)

const (
	// eventsMax is how many link and address events may wait for the loop.
	eventsMax = 256
	// garbagePercent keeps the heap small: with so little garbage, collections
	// are rare all the same, except under a flood of packets.
	garbagePercent = 25
	// shrinkAfter is when a process has all that it needs, and has done most of
	// what needs memory only once.
	shrinkAfter = 15 * time.Second
)

// shrinkLater gives back to the kernel what the start took.
func shrinkLater() { time.AfterFunc(shrinkAfter, debug.FreeOSMemory) }

// Options say what Run does.
type Options struct {
	Config *config.Config
	Logger *slog.Logger
	// Ready is called once all sockets are open and the instances have
	// started. It may be nil.
	Ready func()
	// Guardian starts the second process. It must be the program that calls
	// Guard when its first argument is GuardianArgument.
	Guardian bool
	// NoWatchdog keeps the guardian from killing a worker that hangs, as one
	// does that a debugger has stopped. It still acts when the worker dies.
	NoWatchdog bool
	// Inquiries, if not nil, lets others ask the daemon.
	Inquiries *Inquiries
	// Events, if not nil, hears what happens.
	Events *control.Hub
	// Opened is called once all sockets are open, before any process is
	// started. It may be nil; an error ends Run.
	Opened func() error
	// Reloads are configurations to go over to. It may be nil.
	Reloads <-chan Reload
	// Keepsake, if not nil, is handed on by the guardian to the worker that it
	// starts anew.
	Keepsake *os.File
	// Restarts is how often a guardian has started this worker anew.
	Restarts int
}

// Run runs the virtual routers until ctx is done. It then releases them all,
// and returns nil. An error means that it could not start, or that a part of
// it ended; what was held is released then, too.
func Run(ctx context.Context, o Options) error {
	debug.SetGCPercent(garbagePercent)
	tracking, err := newTrackers(o.Config, o.Logger)
	if err != nil {
		return err
	}
	if err := tracking.prepare(); err != nil {
		return err
	}
	// Between several processors Go hands work from thread to thread, which
	// costs a thousand virtual routers a quarter more than the work.
	if tracking.isEmpty() && !needsCrier(o.Config) && !hasNotices(o.Config) {
		runtime.GOMAXPROCS(1)
	}
	started := time.Now()
	o.Config.Log(o.Logger)
	kernel, err := netif.Open()
	if err != nil {
		return err
	}
	defer kernel.Close()
	alarm, err := transport.NewAlarm()
	if err != nil {
		return err
	}
	defer alarm.Close()

	// The parts end when the loop has ended.
	partsCtx, endParts := context.WithCancel(context.WithoutCancel(ctx))
	var parts sync.WaitGroup
	defer parts.Wait()
	defer endParts()
	asked := ctx
	ctx, fail := context.WithCancelCause(asked)
	defer fail(nil)

	events := make(chan netif.Event, eventsMax)
	parts.Go(func() {
		var losses throttle
		err := kernel.Watch(partsCtx, events, func(err error) {
			if since, _, log := losses.count(time.Now(), err.Error()); log {
				o.Logger.Warn("watch of interfaces interrupted", "times", since, "error", err)
			}
		})
		if err != nil {
			fail(err)
		}
	})
	l, err := newLoop(o.Config, o.Logger, kernelNetwork{kernel}, alarm)
	if err != nil {
		return err
	}
	l.isRestart, l.events = o.Restarts > 0, o.Events
	if o.Restarts == 0 {
		runOnce(ctx, o.Config, o.Logger, "startup script", o.Config.Global.StartupScript, o.Config.Global.StartupTimeout)
	}
	l.renotice()
	defer func() {
		l.notices.close()
		runOnce(partsCtx, l.config, o.Logger, "shutdown script", l.config.Global.ShutdownScript, l.config.Global.ShutdownTimeout)
	}()
	if err := l.startFrom(ctx, events); err != nil {
		if asked.Err() != nil {
			return nil
		}
		return err
	}
	if o.Opened != nil {
		if err := o.Opened(); err != nil {
			return err
		}
	}
	if o.Guardian {
		page, err := newWatchdog()
		if err != nil {
			return err
		}
		k := newKeeper(o.Logger, page, o.Restarts, started)
		k.keepsake = o.Keepsake
		k.inquiries, k.events = o.Inquiries, o.Events
		l.tell = k.tell
		if !o.NoWatchdog {
			l.pledge = page.worker
		}
		parts.Go(func() { k.run(partsCtx) })
	}
	s := newSupervisor(partsCtx, &parts, o.Logger, fail)
	s.supervise(tracking)
	l.supervise = s.supervise
	in := inputs{events: events, results: s.results, bfd: s.sessions, reloads: o.Reloads, questions: o.Inquiries.asked()}
	shrinkLater()
	if o.Ready != nil {
		o.Ready()
	}
	l.run(ctx, in)
	if asked.Err() == nil { // a part failed
		return context.Cause(ctx)
	}
	return nil
}

// startFrom starts the loop with the first tables.
func (l *loop) startFrom(ctx context.Context, events <-chan netif.Event) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case event := <-events:
		tables, ok := event.(netif.Resynchronized)
		if !ok {
			return fmt.Errorf("read the interfaces: unexpected %T", event)
		}
		return l.start(time.Now(), tables)
	}
}
