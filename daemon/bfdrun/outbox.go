package bfdrun

import (
	"context"
	"sync"
)

// outbox passes events on in order, and never has the loop wait for whoever
// receives them.
type outbox struct {
	events chan<- Event
	more   chan struct{}

	mutex   sync.Mutex
	waiting []Event // the first may be on its way
}

func newOutbox(events chan<- Event) *outbox {
	return &outbox{events: events, more: make(chan struct{}, 1)}
}

// put sends the event at once, or leaves it to run.
func (o *outbox) put(e Event) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if len(o.waiting) == 0 {
		select {
		case o.events <- e:
			return
		default:
		}
	}
	o.waiting = append(o.waiting, e)
	select {
	case o.more <- struct{}{}:
	default:
	}
}

// run sends what had to wait, until ctx is done.
func (o *outbox) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-o.more:
		}
		for e, ok := o.first(); ok; e, ok = o.first() {
			select {
			case <-ctx.Done():
				return
			case o.events <- e:
				o.remove()
			}
		}
	}
}

func (o *outbox) first() (Event, bool) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if len(o.waiting) == 0 {
		return Event{}, false
	}
	return o.waiting[0], true
}

func (o *outbox) remove() {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.waiting = o.waiting[1:]
}
