package main

import (
	"bytes"
	"log/slog"
	"testing"
)

func TestStateChangeIsLoggedForParsers(t *testing.T) {
	var b bytes.Buffer
	logger := slog.New(newHandler(&b, formatText, slog.LevelInfo, true))
	logger.Info("state changed", "instance", "VI", "from", "Backup", "to", "Active", "reason", "priority 0")
	const want = `msg="state changed" instance=VI from=Backup to=Active reason="priority 0"` + "\n"
	if b.String() != want {
		t.Errorf("got  %swant %s", b.String(), want)
	}
}

func TestSyslogHandlerChoosesTheSeverity(t *testing.T) {
	var got []string
	to := func(severity string) slog.Handler {
		return newHandler(writer(func(line string) { got = append(got, severity+" "+line) }), formatText, slog.LevelInfo, true)
	}
	logger := slog.New(syslogHandler{debug: to("debug"), info: to("info"), warn: to("warning"), error: to("error")})
	logger.Debug("a")
	logger.Info("b")
	logger.With("k", "v").Warn("c")
	logger.Error("d")
	want := []string{"info msg=b\n", "warning msg=c k=v\n", "error msg=d\n"}
	if len(got) != len(want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("line %d: %q, want %q", i, got[i], want[i])
		}
	}
}

type writer func(string)

func (w writer) Write(b []byte) (int, error) {
	w(string(b))
	return len(b), nil
}
