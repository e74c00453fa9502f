package sim

import "time"

// packet is an advertisement under way.
type packet struct {
	at       time.Duration // when it arrives
	number   uint64        // in the order in which they were sent
	from, to int32
	priority uint8
}

func (p *packet) before(q *packet) bool {
	return p.at < q.at || p.at == q.at && p.number < q.number
}

// flight is what is under way, the next arrival first: a heap with four
// children a node.
type flight []packet

func (f *flight) push(p packet) {
	*f = append(*f, p)
	h := *f
	i := len(h) - 1
	for i > 0 {
		parent := (i - 1) / 4
		if !p.before(&h[parent]) {
			break
		}
		h[i] = h[parent]
		i = parent
	}
	h[i] = p
}

// pop takes the next one; there must be one.
func (f *flight) pop() packet {
	h := *f
	first, last := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	*f = h
	if len(h) == 0 {
		return first
	}
	i := 0
	for {
		child := 4*i + 1
		if child >= len(h) {
			break
		}
		least := child
		for other := child + 1; other < min(child+4, len(h)); other++ {
			if h[other].before(&h[least]) {
				least = other
			}
		}
		if !h[least].before(&last) {
			break
		}
		h[i] = h[least]
		i = least
	}
	h[i] = last
	return first
}
