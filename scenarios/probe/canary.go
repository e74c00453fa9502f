//go:build linux

package probe

import (
	"time"

	"takeover/scenarios/history"
)

const (
	canaryPeriod = 4 * time.Millisecond
	canaryReport = 100 * time.Millisecond
)

// StartCanary starts a thread that wakes up every 4 ms and appends the
// largest lateness of every 100 ms as a [history.Canary]. It includes what the
// Go scheduler adds, for every other observer here suffers from that too.
func StartCanary(clock Clock, log *history.Log) *Watch {
	return watchOnThread(func(stopped func() bool) error {
		var latest time.Duration
		now := clock.Now()
		due, report := now+canaryPeriod, now+canaryReport
		for !stopped() {
			clock.sleepUntil(due)
			now = clock.Now()
			latest = max(latest, now-due)
			if now >= report {
				log.Append(now, "", history.Canary{DelayMax: latest})
				latest, report = 0, now+canaryReport
			}
			// What was slept through is skipped: it is the same delay.
			due += (now - due).Truncate(canaryPeriod) + canaryPeriod
		}
		return nil
	})
}
