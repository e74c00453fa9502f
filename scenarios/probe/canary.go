//go:build linux

package probe

import (
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

const (
	canaryPeriod = 4 * time.Millisecond
	// lockPeriod is longer: the lock is everybody's.
	lockPeriod   = 20 * time.Millisecond
	canaryReport = 100 * time.Millisecond
	// canaryThreads are enough; with more processors each watches several.
	canaryThreads = 8
)

// StartCanary starts a thread on every processor that wakes up every 4 ms, and
// one that takes the kernel's lock of the network configuration every 20 ms
// where it may. It appends the largest lateness in every 100 ms as a
// [history.Canary]. It includes what the Go scheduler adds, for every other
// observer here suffers from that too.
func StartCanary(clock Clock, log *history.Log) *Watch {
	return watchOnThread(func(stopped func() bool) error {
		lock, denied := openConfiguration()
		if denied == nil {
			defer lock.close()
		}
		var threads sync.WaitGroup
		defer threads.Wait()
		start := func(period time.Duration, set *unix.CPUSet, act func()) *canary {
			c := &canary{period: period, act: act}
			c.due.Store(int64(clock.Now() + period))
			threads.Go(func() { c.run(clock, set, stopped) })
			return c
		}
		var canaries []*canary
		for _, set := range processors() {
			canaries = append(canaries, start(canaryPeriod, set, func() {}))
		}
		var locked *canary
		if denied == nil {
			locked = start(lockPeriod, nil, lock.take)
		}
		report := clock.Now() + canaryReport
		for !stopped() {
			clock.sleepUntil(report)
			now := clock.Now()
			latest := now - report
			for _, c := range canaries {
				latest = max(latest, c.lateness(now))
			}
			log.Append(now, "", history.Canary{DelayMax: latest, LockMax: locked.lateness(now)})
			report = now + canaryReport
		}
		return nil
	})
}

// canary is one of its threads: what it does every period, and how late it is
// done with that.
type canary struct {
	period time.Duration
	act    func()
	due    atomic.Int64 // on the clock
	latest atomic.Int64 // since it was asked
}

// run acts until stopped, on the processors of set alone if there is one.
func (c *canary) run(clock Clock, set *unix.CPUSet, stopped func() bool) {
	ownThread()
	if set != nil {
		// A processor that is gone, or not ours any more, leaves the thread
		// where the kernel puts it.
		_ = unix.SchedSetaffinity(0, set)
	}
	for !stopped() {
		due := time.Duration(c.due.Load())
		clock.sleepUntil(due)
		c.act()
		late := clock.Now() - due
		for {
			latest := c.latest.Load()
			if int64(late) <= latest || c.latest.CompareAndSwap(latest, int64(late)) {
				break
			}
		}
		// What was slept through is skipped: it is the same delay.
		c.due.Store(int64(due + late.Truncate(c.period) + c.period))
	}
}

// lateness is the largest since it was asked before, and that of a thread that
// has not been done until now. One that does not run is never late.
func (c *canary) lateness(now time.Duration) time.Duration {
	if c == nil {
		return 0
	}
	return max(time.Duration(c.latest.Swap(0)), now-time.Duration(c.due.Load()))
}

// processors are those that this process may run on, in at most canaryThreads
// sets; a single one when the kernel does not say.
func processors() []*unix.CPUSet {
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil || all.Count() == 0 {
		return []*unix.CPUSet{&all}
	}
	sets := make([]*unix.CPUSet, 0, canaryThreads)
	for cpu, found := 0, 0; found < all.Count(); cpu++ {
		if !all.IsSet(cpu) {
			continue
		}
		if found < canaryThreads {
			sets = append(sets, &unix.CPUSet{})
		}
		sets[found%canaryThreads].Set(cpu)
		found++
	}
	return sets
}
