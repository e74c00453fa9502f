package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"takeover/daemon/config"
	"takeover/daemon/control"
	"takeover/daemon/vrrp"
)

// Inquiries carry questions to the loop of a running daemon, which answers
// between two events. The loop copies little; whoever asks makes a report of
// it. An Inquiries is for one Run, and any number of goroutines.
type Inquiries struct {
	questions chan question
	guardian  atomic.Pointer[control.Guardian]
}

// NewInquiries returns what Options takes.
func NewInquiries() *Inquiries { return &Inquiries{questions: make(chan question)} }

// question asks for a snapshot. The answer has room for it.
type question struct {
	answer chan<- snapshot
	clear  bool // the counters start anew
}

// asked is where the loop takes questions from; nil: nobody asks.
func (q *Inquiries) asked() <-chan question {
	if q == nil {
		return nil
	}
	return q.questions
}

// noteGuardian notes which guardian there is, for the status.
func (q *Inquiries) noteGuardian(g control.Guardian) {
	if q != nil {
		q.guardian.Store(&g)
	}
}

// errNotAnswered says that the loop does not answer: it has not begun, has
// ended, or hangs.
var errNotAnswered = errors.New("the daemon does not answer")

// snapshot asks the loop.
func (q *Inquiries) snapshot(ctx context.Context, clear bool) (snapshot, error) {
	answer := make(chan snapshot, 1)
	select {
	case q.questions <- question{answer: answer, clear: clear}:
	case <-ctx.Done():
		return snapshot{}, fmt.Errorf("%w: %w", errNotAnswered, ctx.Err())
	}
	select {
	case s := <-answer:
		return s, nil
	case <-ctx.Done():
		return snapshot{}, fmt.Errorf("%w: %w", errNotAnswered, ctx.Err())
	}
}

// Ping returns when the loop has come by, and an error when it has not until
// ctx is done.
func (q *Inquiries) Ping(ctx context.Context) error {
	select {
	case q.questions <- question{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", errNotAnswered, ctx.Err())
	}
}

// snapshot is what the loop knows at one time. It shares nothing with the loop
// that changes.
type snapshot struct {
	at        time.Time
	started   time.Time
	loaded    time.Time
	isRestart bool
	config    *config.Config
	instances []instanceView
	present   map[string][]netip.Prefix // by the interface's name
	indexes   map[string]int            // likewise
	latest    map[string]latest
}

// instanceView is one virtual router in a snapshot.
type instanceView struct {
	config   *config.Instance
	state    vrrp.State
	since    time.Time
	fault    string
	priority uint8
	source   netip.Addr // invalid: none yet
	active   activeView
	deadline time.Time // of its unit; zero: none
	lease    time.Duration
	vmac     string // the interface's name
	counts   counters
	refusals []total
	tracked  []tracked
	virtuals []virtualView
}

// activeView is the Active as a router knows it; without address: it knows of
// none.
type activeView struct {
	address  netip.Addr
	priority uint8
	interval time.Duration
}

// virtualView is a virtual address.
type virtualView struct {
	config   *config.VirtualAddress
	on       string // the interface's name
	excluded bool
}

// latest is the last result of a tracker, or event of a BFD session.
type latest struct {
	up     bool
	at     time.Time
	detail string
	number int
	// isNumber says that it is a file's, which has a number.
	isNumber bool
}

// noteLatest keeps a result for the status, and for what tracks it later.
func (l *loop) noteLatest(name string, result latest) {
	if l.latest == nil {
		l.latest = make(map[string]latest)
	}
	l.latest[name] = result
}

// answer answers a question. It takes a copy of some 300 bytes for each
// virtual router and some 30 for each address.
func (l *loop) answer(now time.Time, q question) {
	if q.answer == nil {
		return
	}
	l.pledge.Working()
	s := snapshot{
		at: now, started: l.started, loaded: l.loaded, isRestart: l.isRestart, config: l.config,
		instances: make([]instanceView, len(l.instances)),
		present:   make(map[string][]netip.Prefix, len(l.ordered)),
		indexes:   make(map[string]int, len(l.ordered)),
		latest:    maps.Clone(l.latest),
	}
	for n, i := range l.instances {
		s.instances[n] = i.view()
		if q.clear {
			i.counts = counters{}
			i.refusals.clear()
		}
	}
	for _, a := range l.ordered {
		s.present[a.name] = slices.Clone(a.present)
		s.indexes[a.name] = a.link.Index
	}
	q.answer <- s
}

// view is the instance as it is now.
func (i *instance) view() instanceView {
	v := instanceView{
		config: i.config, state: i.state(), since: i.since, priority: i.effectivePriority(),
		source: i.listener.source, lease: i.lease, counts: i.counts, refusals: i.refusals.totals(),
		tracked:  make([]tracked, len(i.tracked)),
		virtuals: make([]virtualView, len(i.virtuals)),
	}
	for n, t := range i.tracked {
		v.tracked[n] = *t
	}
	for n, address := range i.virtuals {
		v.virtuals[n] = virtualView{
			config: address.config, on: address.on.name, excluded: n >= len(i.config.VirtualAddresses),
		}
	}
	if i.vmac != nil {
		v.vmac = i.vmac.name
	}
	if v.state == vrrp.Initialize {
		v.fault = i.fault()
	}
	if i.router == nil {
		return v
	}
	v.deadline, _ = i.unit.deadlineNow()
	v.active = i.activeNow()
	return v
}

// activeNow is the Active that the router knows: itself, or the one that it
// heard last.
func (i *instance) activeNow() activeView {
	switch i.state() {
	case vrrp.Active:
		return activeView{address: i.listener.source, priority: i.priority, interval: i.config.AdvertInterval}
	case vrrp.Backup:
		return activeView{
			address: i.router.CurrentActive(), priority: i.activePriority, interval: i.router.ActiveInterval(),
		}
	case vrrp.Initialize:
	}
	return activeView{}
}
