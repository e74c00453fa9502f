package sim

import "time"

// link is the way from one router to another.
type link struct {
	network Network
	cut     bool
	bad     bool // in a burst
	streams [purposes]stream
}

// sound says that all arrives within the travel of the options.
func (l *link) sound(base *Network) bool {
	return !l.cut && l.network == *base && base.lossless()
}

// loses decides whether the next advertisement is lost.
func (l *link) loses() bool {
	if l.cut {
		return true
	}
	n := &l.network
	if n.Loss > 0 && l.streams[purposeLoss].happens(n.Loss) {
		return true
	}
	if n.BurstBegin == 0 {
		l.bad = false
		return false
	}
	turn := n.BurstBegin
	if l.bad {
		turn = n.BurstEnd
	}
	if l.streams[purposeBurst].happens(turn) {
		l.bad = !l.bad
	}
	return l.bad
}

// takes is how long the next advertisement is under way.
func (l *link) takes() time.Duration {
	n := &l.network
	delay := n.Delay
	if n.Jitter > 0 {
		delay += time.Duration(l.streams[purposeDelay].below(int64(n.Jitter) + 1))
	}
	if n.Reorder > 0 && l.streams[purposeReorder].happens(n.Reorder) {
		delay += n.ReorderDelay
	}
	return delay
}

// doubles decides whether it arrives twice.
func (l *link) doubles() bool {
	return l.network.Duplicate > 0 && l.streams[purposeDuplicate].happens(l.network.Duplicate)
}
