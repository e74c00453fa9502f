package daemon

import (
	"container/heap"
)

// agenda orders the units by their deadlines, so that one daemon can run a
// thousand virtual routers.
type agenda struct{ queue queue }

// note tells the agenda that u's deadline may have changed.
func (a *agenda) note(u *unit) {
	deadline, running := u.deadlineNow()
	switch {
	case running && u.queued == 0:
		u.deadline = deadline
		heap.Push(&a.queue, u)
	case running && !deadline.Equal(u.deadline):
		u.deadline = deadline
		heap.Fix(&a.queue, u.queued-1)
	case !running && u.queued != 0:
		heap.Remove(&a.queue, u.queued-1)
	}
}

// forget takes out a unit that is no more.
func (a *agenda) forget(u *unit) {
	if u.queued != 0 {
		heap.Remove(&a.queue, u.queued-1)
	}
}

// first is the unit whose deadline is the earliest; nil when none has one.
func (a *agenda) first() *unit {
	if len(a.queue) == 0 {
		return nil
	}
	return a.queue[0]
}

// queue is a heap of units. A unit's place in it, counted from 1, is in the
// unit.
type queue []*unit

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].deadline.Before(q[j].deadline) }

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].queued, q[j].queued = i+1, j+1
}

// Push is for package heap.
func (q *queue) Push(x any) {
	u := x.(*unit)
	*q = append(*q, u)
	u.queued = len(*q)
}

// Pop is for package heap.
func (q *queue) Pop() any {
	last := len(*q) - 1
	u := (*q)[last]
	*q = (*q)[:last]
	u.queued = 0
	return u
}
