package daemon

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// toleranceMin and toleranceMax bound how late a worker may be until it
	// counts as hung; in between it is one Advertisement_Interval of what it
	// holds. The first keeps a busy moment from counting as a hang, the
	// second is enough for any machine.
	toleranceMin = 100 * time.Millisecond
	toleranceMax = time.Second
	// lookInterval is how often an unpledged process is looked at.
	lookInterval = time.Second
)

// watchdog is a page of memory that a worker and its guardian share, so that
// each notices when the other hangs: is stopped, or loops, or is locked.
type watchdog struct {
	file     *os.File
	worker   *pledge
	guardian *pledge
}

// newWatchdog makes a page on which nothing is pledged.
func newWatchdog() (*watchdog, error) {
	fd, err := unix.MemfdCreate("vipd-watchdog", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make the watchdog's memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), "watchdog")
	if err := file.Truncate(int64(os.Getpagesize())); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("make the watchdog's memory: %w", err)
	}
	return mapWatchdog(file)
}

// mapWatchdog takes over the file of a page.
func mapWatchdog(file *os.File) (*watchdog, error) {
	page, err := unix.Mmap(int(file.Fd()), 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("map the watchdog's memory: %w", err)
	}
	// The page stays mapped as long as the process lives.
	words := (*[2]atomic.Int64)(unsafe.Pointer(&page[0]))
	return &watchdog{file: file, worker: newPledge(&words[0]), guardian: newPledge(&words[1])}, nil
}

// pledge is one process's word on when it will be back at its loop, at the
// latest. It costs one store and no system call. A nil pledge is never given.
type pledge struct {
	// word is a time of CLOCK_MONOTONIC in nanoseconds; 0: nothing is pledged.
	word *atomic.Int64
	// began and origin are one instant, as Go and as CLOCK_MONOTONIC tell it.
	began  time.Time
	origin time.Duration
}

func newPledge(word *atomic.Int64) *pledge {
	var t unix.Timespec
	// The clock is always there.
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &t)
	return &pledge{word: word, began: time.Now(), origin: time.Duration(t.Nano())}
}

// Waiting pledges to be back at that time. With the zero time nothing is
// pledged any more.
func (p *pledge) Waiting(until time.Time) {
	switch {
	case p == nil:
	case until.IsZero():
		p.word.Store(0)
	default:
		p.word.Store(int64(p.now() + time.Until(until)))
	}
}

// Working pledges to be back at once: what is done may then take as long as
// the other process tolerates. Long work gives it again now and then.
func (p *pledge) Working() {
	if p != nil {
		p.word.Store(int64(p.now()))
	}
}

// now is CLOCK_MONOTONIC's time.
func (p *pledge) now() time.Duration { return p.origin + time.Since(p.began) }

// given is the time pledged; 0: none.
func (p *pledge) given() time.Duration { return time.Duration(p.word.Load()) }

// observer looks, now and then, whether a pledge is kept.
type observer struct {
	*pledge
	planned time.Duration // when the next look is due
}

// newObserver has not looked yet, and counts as held up until now: it may have
// been stopped before it could.
func newObserver(p *pledge) *observer { return &observer{pledge: p} }

// look says whether the other process hangs, and else how long it is until the
// next look.
func (o *observer) look(tolerance time.Duration) (hangs bool, wait time.Duration) {
	given, now := o.given(), o.now()
	hangs, next := judge(given, tolerance, o.planned, now)
	if hangs && o.given() != given {
		hangs = false // it is back right now
	}
	o.planned = next
	return hangs, max(next-now, 0)
}

// judge says whether a process hangs that has pledged to be back at given, or
// else when to look again. It is given the tolerance beyond that. An observer
// that looks much later than planned was held up itself, as everybody may have
// been: it grants the tolerance once more, from now on.
func judge(given, tolerance, planned, now time.Duration) (hangs bool, next time.Duration) {
	due := given + tolerance
	switch {
	case given == 0:
		return false, now + lookInterval
	case now < due:
		return false, due
	case now-planned > tolerance/2:
		return false, now + tolerance
	}
	return true, now
}
