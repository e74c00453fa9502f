package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"os"

	"golang.org/x/sys/unix"
)

// openLog logs where and as the options say, through a queue. Where there is
// no syslog, it logs to standard error.
func openLog(o options) (*slog.Logger, *logQueue, error) {
	level := slog.LevelInfo
	if o.detail > 0 {
		level = slog.LevelDebug
	}
	var logger *slog.Logger
	q := newLogQueue(func(lost uint64) { logger.Warn("log lines lost", "count", lost) })
	var handlers []slog.Handler
	if w := openSyslog(o); w != nil {
		handlers = append(handlers, newSyslogHandler(w, q, o.format, level))
	}
	if o.console || len(handlers) == 0 && !o.noSyslog {
		handlers = append(handlers, newHandler(q.to(os.Stderr), o.format, level, false))
	}
	if o.logFile != "" {
		file, err := os.OpenFile(o.logFile, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, logFileMode)
		if err != nil {
			return nil, nil, fmt.Errorf("open the log: %w", err)
		}
		handlers = append(handlers, newHandler(q.to(file), o.format, level, false))
	}
	switch len(handlers) {
	case 0:
		logger = slog.New(slog.DiscardHandler)
	case 1:
		logger = slog.New(handlers[0])
	default:
		logger = slog.New(slog.NewMultiHandler(handlers...))
	}
	return logger, q, nil
}

// logFileMode is that of a log, but for the umask.
const logFileMode = 0o644

// openSyslog connects to syslog; nil: it is not wanted, or not there.
func openSyslog(o options) *syslog.Writer {
	if o.console || o.noSyslog {
		return nil
	}
	facility, err := facilityNamed(o.facility)
	if err != nil {
		return nil
	}
	w, err := syslog.New(facility|syslog.LOG_INFO, "vipd")
	if err != nil {
		return nil
	}
	return w
}

// newHandler formats to w. syslog adds the time and the level by itself.
func newHandler(w io.Writer, format string, level slog.Level, bare bool) slog.Handler {
	options := &slog.HandlerOptions{Level: level}
	if bare {
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
				return slog.Attr{}
			}
			return a
		}
	}
	if format == formatJSON {
		return slog.NewJSONHandler(w, options)
	}
	return slog.NewTextHandler(w, options)
}

// syslogHandler gives each record to the handler of its severity.
type syslogHandler struct {
	debug, info, warn, error slog.Handler
}

// severity writes to syslog with one severity.
type severity func(string) error

func (s severity) Write(line []byte) (int, error) {
	if err := s(string(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}

func newSyslogHandler(w *syslog.Writer, q *logQueue, format string, level slog.Level) syslogHandler {
	handler := func(s severity) slog.Handler { return newHandler(q.to(s), format, level, true) }
	return syslogHandler{
		debug: handler(w.Debug), info: handler(w.Info), warn: handler(w.Warning), error: handler(w.Err),
	}
}

func (h syslogHandler) of(level slog.Level) slog.Handler {
	switch {
	case level >= slog.LevelError:
		return h.error
	case level >= slog.LevelWarn:
		return h.warn
	case level >= slog.LevelInfo:
		return h.info
	}
	return h.debug
}

// Enabled is part of slog.Handler.
func (h syslogHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.of(level).Enabled(ctx, level)
}

// Handle is part of slog.Handler.
func (h syslogHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.of(r.Level).Handle(ctx, r)
}

// WithAttrs is part of slog.Handler.
func (h syslogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithAttrs(attrs) })
}

// WithGroup is part of slog.Handler.
func (h syslogHandler) WithGroup(name string) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithGroup(name) })
}

func (h syslogHandler) each(f func(slog.Handler) slog.Handler) slog.Handler {
	return syslogHandler{debug: f(h.debug), info: f(h.info), warn: f(h.warn), error: f(h.error)}
}
