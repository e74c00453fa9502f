package bfdrun

import "time"

// queue is a heap of neighbors by their deadlines (container/heap); those
// without one come last.
type queue []*neighbor

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	a, b := q[i].deadline, q[j].deadline
	if a.IsZero() || b.IsZero() {
		return !a.IsZero()
	}
	return a.Before(b)
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}

// Push and Pop are not used: the sessions stay the same.
func (q queue) Push(any) {}

// Pop is not used.
func (q queue) Pop() any { return nil }

// deadline is the first one; zero without one.
func (q queue) deadline() time.Time {
	if len(q) == 0 {
		return time.Time{}
	}
	return q[0].deadline
}
