package wire

import (
	"container/heap"
	"time"
)

// item is a frame that waits.
type item struct {
	Frame
	at       time.Duration
	sequence uint64 // orders those of the same time
	index    int    // in the queue; -1: it has left
}

// queue has the first to go first. It implements heap.Interface.
type queue []*item

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].sequence < q[j].sequence
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	it := x.(*item)
	it.index = len(*q)
	*q = append(*q, it)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	it := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	it.index = -1
	return it
}

func (q *queue) pop() *item { return heap.Pop(q).(*item) }
