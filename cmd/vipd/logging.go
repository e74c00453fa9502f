package main

import (
	"context"
	"io"
	"log/slog"
	"log/syslog"
	"os"
)

// newLogger logs where and as the options say. Where there is no syslog, it
// logs to standard error.
func newLogger(o options) *slog.Logger {
	level := slog.LevelInfo
	if o.detail {
		level = slog.LevelDebug
	}
	if !o.console {
		if w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_INFO, "vipd"); err == nil {
			return slog.New(newSyslogHandler(w, o.format, level))
		}
	}
	return slog.New(newHandler(os.Stderr, o.format, level, false))
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

func newSyslogHandler(w *syslog.Writer, format string, level slog.Level) syslogHandler {
	handler := func(s severity) slog.Handler { return newHandler(s, format, level, true) }
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
