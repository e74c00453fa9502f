//go:build linux

package probe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// logLineMax is the longest line of a log that is looked into, in bytes.
const logLineMax = 1 << 16

// TransitionOptions says whose log is read and where it is kept.
type TransitionOptions struct {
	Host string
	Copy io.Writer // gets every byte of the log
}

// Transitions reads a daemon's log until it ends, copies it, and appends a
// [history.Transition] for each line that tells of one. It knows vipd's JSON,
// whose own time counts, and keepalived's text, where the time of arrival
// counts, for its own is in whole seconds. FAULT is Initialize with that as
// the reason. A line that tells of a crash is kept as a note: see
// [history.Outcry].
//
// When the copy fails the log is still read to its end, so that the daemon is
// never held up by a full pipe; the error is returned then.
func Transitions(clock Clock, log *history.Log, r io.Reader, o TransitionOptions) error {
	reader := bufio.NewReaderSize(r, logLineMax)
	var failure error
	whole := true // the next fragment begins a line
	for {
		line, err := reader.ReadSlice('\n')
		arrival := clock.Now()
		if _, copyErr := o.Copy.Write(line); copyErr != nil && failure == nil {
			failure = fmt.Errorf("copy log of %s: %w", o.Host, copyErr)
		}
		full := errors.Is(err, bufio.ErrBufferFull)
		if whole && !full {
			appendTransition(clock, log, o.Host, line, arrival)
			if outcry.Match(line) {
				log.Append(arrival, o.Host, history.Note{Text: history.Outcry + strings.TrimSpace(string(line))})
			}
		}
		whole = !full
		switch {
		case err == nil, full:
		case errors.Is(err, io.EOF):
			return failure
		default:
			return errors.Join(failure, fmt.Errorf("read log of %s: %w", o.Host, err))
		}
	}
}

// outcry is what Go's runtime, the C library and keepalived's parent process say
// of one that broke down.
var outcry = regexp.MustCompile(`^panic: |^fatal error: |^SIG(SEGV|BUS|ABRT)\b|"msg":"[^"]*\bpanic|[Ss]egmentation fault|stack smashing|double free|corrupted `)

func appendTransition(clock Clock, log *history.Log, host string, line []byte, at time.Duration) {
	transition, wall, ok := parseTransition(line)
	if !ok {
		return
	}
	if !wall.IsZero() {
		at = clock.FromWall(wall)
	}
	log.Append(at, host, transition)
}

// parseTransition reads a line of a log; the time is zero when the line has
// none of use, and false says that it tells of no transition.
func parseTransition(line []byte) (history.Transition, time.Time, bool) {
	line = bytes.TrimSpace(line)
	if bytes.HasPrefix(line, []byte("{")) {
		return parseVIPDTransition(line)
	}
	transition, ok := parseKeepalivedTransition(line)
	return transition, time.Time{}, ok
}

// parseVIPDTransition reads a record of log/slog's JSON handler.
func parseVIPDTransition(line []byte) (history.Transition, time.Time, bool) {
	var record struct {
		Time     string `json:"time"`
		Message  string `json:"msg"`
		Instance string `json:"instance"`
		From     string `json:"from"`
		To       string `json:"to"`
		Reason   string `json:"reason"`
	}
	if json.Unmarshal(line, &record) != nil || record.Message != "state changed" || record.To == "" {
		return history.Transition{}, time.Time{}, false
	}
	wall, err := time.Parse(time.RFC3339Nano, record.Time)
	if err != nil {
		wall = time.Time{} // the time of arrival must do
	}
	return history.Transition{
		Instance: record.Instance, From: record.From, To: record.To, Reason: record.Reason,
	}, wall, true
}

// keepalivedEntering is what keepalived says of an instance's new state, with
// any prefix that syslog or its console puts before it.
var keepalivedEntering = regexp.MustCompile(`\(([^()\s]+)\) Entering (MASTER|BACKUP|FAULT) STATE(?: \(([^()]+)\))?$`)

func parseKeepalivedTransition(line []byte) (history.Transition, bool) {
	match := keepalivedEntering.FindSubmatch(line)
	if match == nil {
		return history.Transition{}, false
	}
	transition := history.Transition{Instance: string(match[1]), Reason: string(match[3])}
	switch string(match[2]) {
	case "MASTER":
		transition.To = "Active"
	case "BACKUP":
		transition.To = "Backup"
	case "FAULT":
		transition.To, transition.Reason = "Initialize", "FAULT"
	}
	return transition, true
}
