package sim

import (
	"time"

	"takeover/scenarios/check/conduct"
)

// never is later than all that happens.
const never = time.Duration(1<<63 - 1)

// origin is the time on every clock when a run begins: what a machine is told.
var origin = time.Unix(0, 0).UTC()

// clock is a host's clock as a function of the run's: it goes at a rate since
// it was last set to another.
type clock struct {
	rate      conduct.Rate
	at, local time.Duration // when the rate was set, on both clocks
}

// local is what the clock shows at a time of the run.
func (c *clock) show(at time.Duration) time.Duration {
	if c.rate == conduct.TrueRate {
		return c.local + (at - c.at)
	}
	return c.local + c.rate.Elapse(at-c.at)
}

// when is the first time of the run at which the clock shows local or more.
func (c *clock) when(local time.Duration) time.Duration {
	if local == never {
		return never
	}
	if c.rate == conduct.TrueRate {
		return c.at + (local - c.local)
	}
	if local <= c.local {
		return c.at
	}
	return c.at + c.rate.Takes(local-c.local)
}

// set has the clock go on at another rate.
func (c *clock) set(at time.Duration, rate conduct.Rate) {
	c.local, c.at, c.rate = c.show(at), at, rate
}
