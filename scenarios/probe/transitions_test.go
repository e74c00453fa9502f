//go:build linux

package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"takeover/scenarios/history"
)

func TestParseTransition(t *testing.T) {
	tests := []struct {
		line string
		want history.Transition
		wall string
	}{
		{
			line: `{"time":"2026-11-22T20:00:00.123456789+01:00","level":"INFO","msg":"state changed","instance":"VI_1","from":"Backup","to":"Active","reason":"timer expired"}`,
			want: history.Transition{Instance: "VI_1", From: "Backup", To: "Active", Reason: "timer expired"},
			wall: "2026-11-22T19:00:00.123456789Z",
		},
		{
			line: `{"msg":"state changed","instance":"VI_1","to":"Backup"}`,
			want: history.Transition{Instance: "VI_1", To: "Backup"},
		},
		{line: `{"time":"2026-11-22T20:00:00Z","msg":"address added","to":"Active"}`},
		{line: `{"msg":"state changed"`},
		{
			line: "Sun Nov 22 20:34:26 2026: (VI_1) Entering MASTER STATE",
			want: history.Transition{Instance: "VI_1", To: "Active"},
		},
		{
			line: "Sun Nov 22 20:34:26 2026: (VI_1) Entering BACKUP STATE (init)",
			want: history.Transition{Instance: "VI_1", To: "Backup", Reason: "init"},
		},
		{
			line: "Sun Nov 22 20:34:27 2026: (VI_1) Entering FAULT STATE",
			want: history.Transition{Instance: "VI_1", To: "Initialize", Reason: "FAULT"},
		},
		{line: "Sun Nov 22 20:34:26 2026: (VI_1) Receive advertisement timeout"},
		{line: ""},
	}
	for _, test := range tests {
		got, wall, ok := parseTransition([]byte(test.line + "\r\n"))
		if got != test.want || ok != (test.want.To != "") {
			t.Errorf("%s\ngot %+v, %t", test.line, got, ok)
		}
		var want time.Time
		if test.wall != "" {
			want, _ = time.Parse(time.RFC3339Nano, test.wall)
		}
		if !wall.Equal(want) {
			t.Errorf("%s\ntime %s", test.line, wall)
		}
	}
}

func TestTransitionsCopiesEveryByte(t *testing.T) {
	log := history.NewLog(nil)
	text := "one\n" + strings.Repeat("x", 3*logLineMax) + "(VI_9) Entering MASTER STATE\n" +
		"(VI_1) Entering MASTER STATE\nthe last line is (VI_2) Entering BACKUP STATE"
	var kept bytes.Buffer
	if err := Transitions(NewClock(), log, strings.NewReader(text), TransitionOptions{Host: "node1", Copy: &kept}); err != nil {
		t.Fatal(err)
	}
	if kept.String() != text {
		t.Error("the copy differs")
	}
	var seen []string
	for _, event := range log.Events() {
		seen = append(seen, event.Host+" "+event.Body.(history.Transition).Instance)
	}
	if got := strings.Join(seen, ","); got != "node1 VI_1,node1 VI_2" {
		t.Errorf("transitions of %s", got)
	}
}

func TestTransitionsCountsTheDaemonsOwnTime(t *testing.T) {
	clock, log := NewClock(), history.NewLog(nil)
	line := fmt.Sprintf(`{"time":%q,"msg":"state changed","instance":"VI_1","to":"Active"}`,
		time.Now().Add(-time.Second).Format(time.RFC3339Nano))
	if err := Transitions(clock, log, strings.NewReader(line), TransitionOptions{Copy: io.Discard}); err != nil {
		t.Fatal(err)
	}
	if at := log.Events()[0].At; at < -time.Second-near || at > -time.Second+near {
		t.Errorf("a second before the origin was at %s", at)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestTransitionsReadsOnWhenTheCopyFails(t *testing.T) {
	log := history.NewLog(nil)
	text := strings.NewReader("one\n(VI_1) Entering MASTER STATE\n")
	err := Transitions(NewClock(), log, text, TransitionOptions{Host: "node1", Copy: fullDisk{}})
	if err == nil || len(log.Events()) != 1 || text.Len() != 0 {
		t.Errorf("error %v, %d events, %d bytes left", err, len(log.Events()), text.Len())
	}
}

func FuzzParseTransition(f *testing.F) {
	f.Add([]byte(`{"msg":"state changed","instance":"VI_1","to":"Backup"}`))
	f.Add([]byte("(VI_1) Entering FAULT STATE"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if transition, _, ok := parseTransition(line); ok && transition.To == "" {
			t.Errorf("%q is a transition to nothing", line)
		}
	})
}
