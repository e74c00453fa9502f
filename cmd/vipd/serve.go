package main

import (
	"context"
	"io"
	"iter"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"takeover/daemon"
	"takeover/daemon/control"
)

// server is the running daemon and what serves those who watch it.
type server struct {
	options   options
	logger    *slog.Logger
	queue     *logQueue
	inquiries *daemon.Inquiries
	events    *control.Hub
	systemd   *notifier
	dumper    dumper
	// reloadConfig applies the configuration as it is now.
	reloadConfig func(context.Context) error
	reloads      <-chan daemon.Reload
	reloading    sync.Mutex
}

// serve runs the daemon until it is told to end.
func serve(o options, b beginning, report *report) error {
	c := b.config
	umask, err := o.umaskBits()
	if err != nil {
		return err
	}
	if umask == nil {
		umask = c.Global.Umask
	}
	if umask != nil {
		unix.Umask(*umask)
	}
	logger, queue, err := openLog(o)
	if err != nil {
		return err
	}
	defer queue.flush()
	pids, err := writePIDs(o)
	if err != nil {
		return err
	}
	defer pids.remove()
	s := &server{
		options: o, logger: logger, queue: queue, inquiries: daemon.NewInquiries(), events: control.NewHub(),
	}
	r := newReloader(o, b, logger)
	s.reloadConfig, s.reloads = r.reload, r.requests
	s.systemd = newNotifier(logger, s.inquiries)
	s.dumper = newDumper(s.inquiries, umask, namesOf(o, c))
	for _, one := range separate(b.wrong) {
		if one != nil {
			logger.Error("configuration is wrong, the one that was in force goes on", "error", one)
		}
	}
	err = s.run(b, report)
	if err != nil {
		logger.Error("ended", "error", err)
		return err
	}
	logger.Info("ended")
	return nil
}

func (s *server) run(b beginning, report *report) error {
	c := b.config
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	defer context.AfterFunc(ctx, s.systemd.stopping)()
	// Who watches may do so until the daemon has released everything.
	watching, end := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	defer parts.Wait()
	defer end()
	asked := make(chan os.Signal, 4)
	signal.Notify(asked, signalReload, signalData, signalStats, signalJSON, signalStatsClear)
	defer signal.Stop(asked)
	parts.Go(func() { s.obey(watching, asked) })
	parts.Go(func() { s.events.Run(watching) })
	parts.Go(func() { s.systemd.run(watching) })
	if err := s.listen(watching, &parts); err != nil {
		return err
	}
	s.tellStart()
	return daemon.Run(ctx, daemon.Options{
		Config:     c,
		Logger:     s.logger,
		Guardian:   true,
		NoWatchdog: s.options.noWatchdog,
		Restarts:   restarts(),
		Reloads:    s.reloads,
		Keepsake:   b.kept.file,
		Inquiries:  s.inquiries,
		Events:     s.events,
		Opened:     func() error { return restrict(s.logger, needsOf(c)) },
		Ready: func() {
			s.logger.Info("ready", "instances", len(c.Instances))
			report.ready()
			s.systemd.ready(len(c.Instances))
			if s.options.dump {
				parts.Go(func() { s.logData(watching) })
			}
		},
	})
}

// tellStart logs what is started, and what of the command line has no effect.
func (s *server) tellStart() {
	s.logger.Info("starting", "version", fullVersion(), "file", s.options.file, "pid", os.Getpid())
	for _, flag := range s.options.accepted {
		s.logger.Warn("flag has no effect", "flag", flag)
	}
	if s.options.coreDump {
		unlimited := &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
		if err := unix.Setrlimit(unix.RLIMIT_CORE, unlimited); err != nil {
			s.logger.Warn("no core dumps", "error", err)
		}
		debug.SetTraceback("crash")
	}
}

// listen opens the control socket. The daemon runs without it when it is
// needed nowhere by name.
func (s *server) listen(ctx context.Context, parts *sync.WaitGroup) error {
	path := s.options.controlPath()
	if path == "" {
		return nil
	}
	l, err := control.Listen(path)
	if err != nil && s.options.control != "" {
		return err
	}
	if err != nil {
		s.logger.Warn("no control socket", "error", err)
		return nil
	}
	server := control.NewServer(control.Daemon{
		Program: fullVersion(), Status: s.status, Reload: s.reload, Hub: s.events, Logger: s.logger,
	})
	parts.Go(func() {
		server.Serve(ctx, l)
		_ = os.Remove(path) // the next one takes its place in any case
	})
	return nil
}

// status is the daemon's status, and what it does not know itself.
func (s *server) status(ctx context.Context) (control.Status, iter.Seq[control.Instance], error) {
	status, instances, err := s.inquiries.Status(ctx)
	status.Restarts, status.LogLost = restarts(), s.queue.lost.Load()
	return status, instances, err
}

// obey does what signals ask for, one after the other, until ctx is done.
func (s *server) obey(ctx context.Context, asked <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case sent := <-asked:
			if sent == signalReload {
				// An error is logged.
				_ = s.reload(ctx)
				continue
			}
			path, err := s.dumper.dump(ctx, sent)
			if err != nil {
				s.logger.Error("dump failed", "error", err)
				continue
			}
			s.logger.Info("dump written", "file", path)
		}
	}
}

// reload applies the configuration as it is now. An error says that the old
// one goes on.
func (s *server) reload(ctx context.Context) error {
	s.reloading.Lock()
	defer s.reloading.Unlock()
	s.systemd.reloading()
	err := s.reloadConfig(ctx)
	event := control.Event{Kind: control.KindReload, To: "done"}
	if err != nil {
		event.To, event.Reason = "refused", err.Error()
		s.logger.Error("reload refused", "error", err)
	} else {
		s.logger.Info("reloaded", "file", s.options.file)
	}
	s.events.Publish(event)
	s.systemd.reloaded(err)
	return err
}

// logData logs the configuration line by line.
func (s *server) logData(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, dumpTimeout)
	defer cancel()
	if err := s.inquiries.WriteData(ctx, lineLogger{s.logger}); err != nil {
		s.logger.Error("configuration not logged", "error", err)
	}
}

// lineLogger logs each line that is written.
type lineLogger struct{ logger *slog.Logger }

func (l lineLogger) Write(text []byte) (int, error) {
	for line := range bytesLines(text) {
		l.logger.Info("configuration", "line", line)
	}
	return len(text), nil
}

// restarts is how often a guardian started this worker anew.
func restarts() int {
	n, err := strconv.Atoi(os.Getenv(daemon.RestartsVariable))
	if err != nil {
		return 0
	}
	return n
}

// guard is the life of the second process.
func guard(arguments []string, stderr io.Writer) int {
	o, err := parse(arguments)
	if err != nil {
		printError(stderr, err)
		return exitError
	}
	logger, queue, err := openLog(o)
	if err != nil {
		printError(stderr, err)
		return exitError
	}
	defer queue.flush()
	if err := restrictGuardian(logger); err != nil {
		logger.Error("guardian failed", "error", err)
		return exitError
	}
	err = daemon.Guard(daemon.GuardOptions{
		Logger: logger, Arguments: arguments, NoRestart: o.noRestart, Leaving: queue.flush,
	})
	if err != nil {
		logger.Error("guardian failed", "error", err)
		return exitError
	}
	return exitOK
}
