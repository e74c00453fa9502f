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
	// lookInterval is how often a process is looked at, at least: it may pledge
	// to be back earlier than before.
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
	vigil vigil
}

func newObserver(p *pledge) *observer { return &observer{pledge: p} }

// look says whether the other process hangs, and else how long it is until the
// next look.
func (o *observer) look(tolerance time.Duration) (hangs bool, wait time.Duration) {
	given, now := o.given(), o.now()
	o.vigil, hangs = o.vigil.look(given, tolerance, now)
	// It may be back right now.
	return hangs && o.given() == given, max(o.vigil.planned-now, 0)
}

// vigilSteps is in how many steps the tolerance is waited for.
const vigilSteps = 4

// vigil is how long a pledge is broken, as far as the observer can say: it
// looks every quarter of the tolerance, and a quarter in which it was held up
// itself, as everybody may have been, does not count. So a process of a machine
// that stood still has time to come back, whenever that was.
type vigil struct {
	given   time.Duration // the pledge
	planned time.Duration // when the next look is due
	broken  int           // quarters of the tolerance that it is broken
}

// look goes on with what is found at a time: the pledge that stands then. It
// hangs when that is broken for the whole tolerance.
func (v vigil) look(given, tolerance, now time.Duration) (next vigil, hangs bool) {
	step := tolerance / vigilSteps
	switch {
	case given == 0:
		return vigil{planned: now + lookInterval}, false
	case given != v.given || now < given+step:
		return vigil{given: given, planned: min(max(given, now)+step, now+lookInterval)}, false
	case now < v.planned: // looked for another reason
		return v, false
	case now-v.planned <= step:
		v.broken++
	}
	v.planned = now + step
	return v, v.broken >= vigilSteps
}
