package history_test

import (
	"testing"
	"time"

	"takeover/scenarios/history"
)

func TestStandstill(t *testing.T) {
	const ms = time.Millisecond
	canaries := func(delays ...time.Duration) []history.Seen[history.Canary] {
		var all []history.Seen[history.Canary]
		for i, d := range delays {
			all = append(all, history.Seen[history.Canary]{At: time.Duration(i+20) * 100 * ms, Body: history.Canary{DelayMax: d}})
		}
		return all
	}
	for name, c := range map[string]struct {
		delays []time.Duration
		want   time.Duration
	}{
		"none":               {nil, 0},
		"at rest":            {[]time.Duration{ms, ms, 10 * ms}, 0},
		"apart":              {[]time.Duration{60 * ms, ms, 70 * ms}, 130 * ms},
		"in a row":           {[]time.Duration{60 * ms, 70 * ms}, 130 * ms},
		"one that goes on":   {[]time.Duration{133 * ms, 233 * ms, 333 * ms}, 333 * ms},
		"one told of late":   {[]time.Duration{ms, ms, ms, 900 * ms}, 900 * ms},
		"one within another": {[]time.Duration{50 * ms, 900 * ms}, 900 * ms},
	} {
		if got := history.Standstill(canaries(c.delays...), 10*ms); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
