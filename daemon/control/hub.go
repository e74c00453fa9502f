package control

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// incomingMax is how many events may wait for the hub: those of a thousand
	// virtual routers that all change at once.
	incomingMax = 2048
	// recentMax is how many events are kept for who comes later.
	recentMax = 128
	// queueMax is how many events may wait for one client.
	queueMax = 512
)

// Hub passes events on to any number of listeners. None of them can make
// Publish wait.
type Hub struct {
	incoming chan *Event
	lost     atomic.Uint64 // since the last event of KindLost
	lostAll  atomic.Uint64

	mutex     sync.Mutex
	sequence  uint64
	recent    []*Event // the latest last
	listeners []*listener
}

// listener is one client's queue. The hub closes it when it is full.
type listener struct{ queue chan *Event }

// NewHub returns a hub that nobody listens to. Run it.
func NewHub() *Hub { return &Hub{incoming: make(chan *Event, incomingMax)} }

// Publish tells of an event, now unless it has a time. It may be called by any
// goroutine, and never waits: what comes too fast is lost, and counted. A nil
// hub tells nobody.
func (h *Hub) Publish(e Event) {
	if h == nil {
		return
	}
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	select {
	case h.incoming <- &e:
	default:
		h.lost.Add(1)
		h.lostAll.Add(1)
	}
}

// Lost is how many events were lost since the start.
func (h *Hub) Lost() uint64 { return h.lostAll.Load() }

// Run passes events on until ctx is done.
func (h *Hub) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-h.incoming:
			h.pass(e)
			if n := h.lost.Swap(0); n > 0 {
				h.pass(&Event{Time: time.Now(), Kind: KindLost, Count: n})
			}
		}
	}
}

// pass gives an event to all who listen, and leaves those who cannot take it.
func (h *Hub) pass(e *Event) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.sequence++
	e.Sequence = h.sequence
	if len(h.recent) == recentMax {
		h.recent = slices.Delete(h.recent, 0, 1)
	}
	h.recent = append(h.recent, e)
	h.listeners = slices.DeleteFunc(h.listeners, func(l *listener) bool {
		select {
		case l.queue <- e:
			return false
		default:
			close(l.queue)
			return true
		}
	})
}

// Recent are the latest events, the last one last.
func (h *Hub) Recent() []*Event {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return slices.Clone(h.recent)
}

// listen begins to queue events, after the latest ones.
func (h *Hub) listen() ([]*Event, *listener) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	l := &listener{queue: make(chan *Event, queueMax)}
	h.listeners = append(h.listeners, l)
	return slices.Clone(h.recent), l
}

// leave ends what listen began.
func (h *Hub) leave(l *listener) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.listeners = slices.DeleteFunc(h.listeners, func(other *listener) bool { return other == l })
}
