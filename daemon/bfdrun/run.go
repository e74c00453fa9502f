package bfdrun

import (
	"container/heap"
	"context"
	"log/slog"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"takeover/daemon/bfd"
	"takeover/daemon/transport"
)

// retryInterval is how often a sender that failed is opened anew.
const retryInterval = time.Second

// Many sessions would wake the loop for each packet. Instead, what happens
// within a small part of the shortest interval, and of the longest time, is
// done in one round; the Detection Time counts from the arrival all the same.
const (
	gatherMax  = 200 * time.Microsecond
	gatherPart = 20
)

// Event says that a session went Up, or is no longer.
type Event struct {
	Name string // the neighbor's
	Up   bool
	// Administrative says that the neighbor took the session down by itself:
	// no reason to think that it failed (RFC 5882 §3.2).
	Administrative bool
	// At is when it was known: for a neighbor that fell silent the end of the
	// Detection Time, or when the loop came to look.
	At     time.Time
	Reason string
}

// Run runs the sessions of the neighbors in the network namespace of the
// calling thread, until ctx is done. It then tells each neighbor, by one
// packet, that its session is AdminDown, and returns nil. An error means that
// a neighbor is wrong or that it could not listen; an interface or an address
// that is not there is tried again each second.
//
// All sessions are Down at first, which is no event. The receiver of events
// may be slow: none is lost, and no session waits for it. 200 sessions are
// what it is measured with.
//
// The lists that come from changes, which may be nil, take the place of the
// neighbors: the sessions of those that stay the same go on. A list that Check
// does not pass is left.
func Run(
	ctx context.Context, neighbors []Neighbor, changes <-chan []Neighbor, events chan<- Event, logger *slog.Logger,
) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	l, err := newLoop(neighbors, newOutbox(events), logger)
	if err != nil {
		return err
	}
	defer l.close()
	if restore, err := transport.FavorThread(); err != nil {
		logger.Warn("BFD thread is not favored", "error", err)
	} else {
		defer restore()
	}

	var ended [3]chan struct{}
	for i := range ended {
		ended[i] = make(chan struct{})
	}
	ctx, cancel := context.WithCancel(ctx)
	context.AfterFunc(ctx, func() {
		defer close(ended[0])
		l.waiter.Wake()
	})
	go func() {
		defer close(ended[1])
		l.out.run(ctx)
	}()
	go func() {
		defer close(ended[2])
		l.hear(ctx, changes)
	}()
	// Wake must not be called once the waiter is closed.
	defer func() {
		cancel()
		for _, one := range ended {
			<-one
		}
	}()
	return l.run(ctx)
}

// loop owns the sessions. All in it belongs to one goroutine, except out.
type loop struct {
	logger          *slog.Logger
	neighbors       []*neighbor
	byDiscriminator map[uint32]*neighbor
	queue           queue
	receivers       []receiver
	waiter          *transport.Waiter
	gather          time.Duration
	dialer          transport.BFDDialer
	out             *outbox
	buffer          []byte
	refusals        [bfd.Refusals]tally
	wanted          atomic.Pointer[[]Neighbor] // other neighbors than now; nil: the same
}

// receiver is the socket of one family and kind of hop.
type receiver struct {
	*transport.BFDReceiver
	ipv6, multihop bool
}

// newLoop opens what all sessions share.
func newLoop(configured []Neighbor, out *outbox, logger *slog.Logger) (*loop, error) {
	neighbors, byDiscriminator, err := newNeighbors(configured, nil)
	if err != nil {
		return nil, err
	}
	l := &loop{
		logger:          logger,
		neighbors:       neighbors,
		byDiscriminator: byDiscriminator,
		out:             out,
		buffer:          make([]byte, 0, bfd.PacketBytes),
	}
	if l.waiter, err = transport.NewWaiter(); err != nil {
		return nil, err
	}
	if err := l.arrange(); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// arrange has the receivers and the queue fit the neighbors.
func (l *loop) arrange() error {
	l.gather = gatherMax
	l.queue = l.queue[:0]
	for i, n := range l.neighbors {
		l.gather = min(l.gather, n.as.DesiredMinTx/gatherPart, n.as.RequiredMinRx/gatherPart)
		n.place = i
		l.queue = append(l.queue, n)
	}
	heap.Init(&l.queue)
	return l.open()
}

// open opens the receivers that the neighbors need and that are not open.
func (l *loop) open() error {
	for _, n := range l.neighbors {
		isFor := func(r receiver) bool { return r.ipv6 == n.path.Remote.Is6() && r.multihop == n.path.Multihop }
		if slices.ContainsFunc(l.receivers, isFor) {
			continue
		}
		r, err := transport.ListenBFD(n.path.Remote.Is6(), n.path.Multihop)
		if err != nil {
			return err
		}
		l.receivers = append(l.receivers, receiver{r, n.path.Remote.Is6(), n.path.Multihop})
		l.waiter.Add(r)
	}
	return nil
}

func (l *loop) close() {
	if l.waiter != nil {
		l.waiter.Close()
	}
	for _, r := range l.receivers {
		r.Close()
	}
	for _, n := range l.neighbors {
		if n.sender != nil {
			n.sender.Close()
		}
	}
}

// run starts the sessions and serves them until ctx is done.
func (l *loop) run(ctx context.Context) error {
	for _, n := range l.neighbors {
		now := time.Now()
		l.reopen(now, n)
		l.step(now, n, bfd.Startup{})
	}
	var last time.Time
	for ctx.Err() == nil {
		if err := l.wait(last); err != nil {
			return err
		}
		last = l.round()
		if wanted := l.wanted.Swap(nil); wanted != nil {
			if err := l.become(*wanted); err != nil {
				return err
			}
		}
	}
	for _, n := range l.neighbors {
		l.step(time.Now(), n, bfd.Shutdown{Reason: "stopping"})
	}
	return nil
}

// wait waits for the next deadline or packet, but after the last round at
// least for the time of gathering.
func (l *loop) wait(last time.Time) error {
	if rested := last.Add(l.gather); time.Now().Before(rested) {
		if err := l.waiter.Rest(rested); err != nil {
			return err
		}
	}
	return l.waiter.Wait(l.queue.deadline())
}

// round does what there is to do, and returns the time by which it judged: of
// what arrived before it, nothing is left unread.
func (l *loop) round() time.Time {
	now := time.Now()
	l.receiveAll(now)
	l.expire(now)
	return now
}

// expire steps the sessions whose deadline was over at now.
func (l *loop) expire(now time.Time) {
	for {
		deadline := l.queue.deadline()
		if deadline.IsZero() || deadline.After(now) {
			return
		}
		l.step(now, l.queue[0], bfd.TimerExpired{})
	}
}

// step tells a session what happened and does what it wants.
func (l *loop) step(now time.Time, n *neighbor, event bfd.Event) {
	for _, action := range n.session.Step(now, event) {
		switch a := action.(type) {
		case bfd.Send:
			l.send(now, n, a.Packet)
		case bfd.Discard:
			l.refuse(now, a.Refusal, n.path.Remote, n.name)
		case bfd.StateChanged:
			l.changed(now, n, a)
		}
	}
	// Zero without one.
	deadline, _ := n.session.Deadline()
	if !deadline.Equal(n.deadline) {
		n.deadline = deadline
		heap.Fix(&l.queue, n.place)
	}
}

// changed tells of a new state.
func (l *loop) changed(now time.Time, n *neighbor, c bfd.StateChanged) {
	status := n.session.Status()
	level := slog.LevelDebug
	switch {
	case c.To == bfd.Up || c.To == bfd.AdminDown:
		level = slog.LevelInfo
	case c.From == bfd.Up:
		level = slog.LevelWarn
	}
	l.logger.Log(context.Background(), level, "BFD state changed", "neighbor", n.name,
		"from", c.From.String(), "to", c.To.String(), "reason", c.Reason,
		"diagnostic", c.Diagnostic.String(), "remote_diagnostic", status.RemoteDiagnostic.String())
	if c.To == bfd.AdminDown || c.From != bfd.Up && c.To != bfd.Up {
		return
	}
	l.out.put(Event{
		Name:           n.name,
		Up:             c.To == bfd.Up,
		Administrative: c.From == bfd.Up && status.RemoteState == bfd.AdminDown,
		At:             now,
		Reason:         c.Reason,
	})
}
