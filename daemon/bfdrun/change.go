package bfdrun

import (
	"context"
	"slices"
	"time"

	"takeover/daemon/bfd"
)

// Check says what is wrong with the neighbors; nil when Run accepts them.
func Check(neighbors []Neighbor) error {
	_, _, err := newNeighbors(neighbors, nil)
	return err
}

// hear hands lists of neighbors to the loop, the latest.
func (l *loop) hear(ctx context.Context, changes <-chan []Neighbor) {
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-changes:
			l.wanted.Store(&next)
			l.waiter.Wake()
		}
	}
}

// become goes over to other neighbors. A session that ends although its
// neighbor is still there, by another path or with another multiplier, is reported as
// one that the neighbor took down.
func (l *loop) become(next []Neighbor) error {
	neighbors, byDiscriminator, err := newNeighbors(next, l.neighbors)
	if err != nil {
		l.logger.Error("BFD neighbors not changed", "error", err)
		return nil
	}
	former := l.neighbors
	for _, n := range former {
		if slices.Contains(neighbors, n) {
			continue
		}
		wasUp := n.session.State() == bfd.Up
		l.step(time.Now(), n, bfd.Shutdown{Reason: "configured in another way"})
		if n.sender != nil {
			n.sender.Close()
		}
		isThere := slices.ContainsFunc(neighbors, func(other *neighbor) bool { return other.name == n.name })
		if wasUp && isThere {
			l.out.put(Event{Name: n.name, Administrative: true, At: time.Now(), Reason: "configured in another way"})
		}
	}
	l.neighbors, l.byDiscriminator = neighbors, byDiscriminator
	for _, c := range next {
		if n := likeOf(c, neighbors); n.as != c {
			n.as = c
			l.step(time.Now(), n, bfd.IntervalsChanged{DesiredMinTx: c.DesiredMinTx, RequiredMinRx: c.RequiredMinRx})
		}
	}
	if err := l.arrange(); err != nil {
		return err
	}
	for _, n := range neighbors {
		if !slices.Contains(former, n) {
			now := time.Now()
			l.reopen(now, n)
			l.step(now, n, bfd.Startup{})
		}
	}
	return nil
}
