package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// notificationsMax is how many messages may wait for the service manager.
const notificationsMax = 16

// notifier tells the service manager how the daemon is (sd_notify(3)), if one
// has started it, from a goroutine of its own.
type notifier struct {
	logger   *slog.Logger
	pinged   pinged
	messages chan string // nil: nobody is to be told
	watchdog time.Duration
}

// pinged is what the watchdog looks at; see daemon.Inquiries.
type pinged interface{ Ping(context.Context) error }

func newNotifier(logger *slog.Logger, p pinged) *notifier {
	n := &notifier{logger: logger, pinged: p}
	if os.Getenv("NOTIFY_SOCKET") == "" {
		return n
	}
	n.messages = make(chan string, notificationsMax)
	interval, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		logger.Warn("watchdog of the service manager not served", "error", err)
	}
	n.watchdog = interval
	return n
}

func (n *notifier) send(message string) {
	select {
	case n.messages <- message:
	default: // it does not read, or there is none
	}
}

// ready tells that the daemon runs, and which process it is: a guardian may
// have become it.
func (n *notifier) ready(instances int) {
	n.send(fmt.Sprintf("%s\nMAINPID=%d\nSTATUS=%d virtual routers", sd.SdNotifyReady, os.Getpid(), instances))
}

// reloading is answered by reloaded. The time tells the manager that what
// comes later belongs to it (sd_notify(3), Type=notify-reload).
func (n *notifier) reloading() {
	var t unix.Timespec
	// The clock is always there.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	n.send(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", sd.SdNotifyReloading, time.Duration(t.Nano()).Microseconds()))
}

func (n *notifier) reloaded(err error) {
	message := sd.SdNotifyReady
	if err != nil {
		message += "\nSTATUS=Reload refused: " + firstLine(err.Error())
	}
	n.send(message)
}

func (n *notifier) stopping() { n.send(sd.SdNotifyStopping) }

// run sends what is to be told, and that the loop of the daemon comes by, as
// often as the manager wants to hear it, until ctx is done. What is to be told
// by then is told.
func (n *notifier) run(ctx context.Context) {
	if n.messages == nil {
		return
	}
	var ticks <-chan time.Time
	if n.watchdog > 0 {
		ticker := time.NewTicker(n.watchdog / 2)
		defer ticker.Stop()
		ticks = ticker.C
	}
	for {
		select {
		case message := <-n.messages:
			n.notify(message)
		case <-ticks:
			n.watch(ctx)
		case <-ctx.Done():
			for len(n.messages) > 0 {
				n.notify(<-n.messages)
			}
			return
		}
	}
}

// watch tells that the daemon is well, if it is.
func (n *notifier) watch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, n.watchdog/2)
	defer cancel()
	if err := n.pinged.Ping(ctx); err != nil {
		n.logger.Error("the service manager's watchdog is not served", "error", err)
		return
	}
	n.notify(sd.SdNotifyWatchdog)
}

func (n *notifier) notify(message string) {
	if _, err := sd.SdNotify(false, message); err != nil {
		n.logger.Warn("service manager not told", "error", err)
	}
}
