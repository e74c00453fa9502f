package bfdrun

import (
	"testing"
	"time"

	"takeover/daemon/bfd"
)

// TestNeighborsChangeWhileSessionsRun: what stays the same goes on, other
// intervals are agreed on while Up, and the rest ends or begins.
func TestNeighborsChangeWhileSessionsRun(t *testing.T) {
	onLoopback(t, func(t *testing.T, l *loop) {
		if !awaitSteady(t, l) {
			return
		}
		events := make(chan Event, 10)
		l.out = newOutbox(events)
		become := func(all ...Neighbor) {
			if err := l.become(all); err != nil {
				t.Error(err)
			}
		}
		there, back := l.neighbors[0], l.neighbors[1]
		more, other := there.as, back.as
		more.Name, more.Local, more.Remote = "more", more.Local.Next().Next(), more.Remote.Next().Next()
		other.Name, other.Local, other.Remote = "other", more.Remote, more.Local
		slower := there.as
		slower.DesiredMinTx, slower.RequiredMinRx = 2*time.Millisecond, 2*time.Millisecond
		become(more, back.as, slower, other)
		if l.neighbors[1] != back || l.neighbors[2] != there || len(l.byDiscriminator) != 4 || len(l.queue) != 4 {
			t.Error("the sessions that stay are others")
		}
		if !awaitSteady(t, l) {
			return
		}
		if got := there.session.Status().DetectionTime; got != 255*2*time.Millisecond {
			t.Errorf("its Detection Time is %s", got)
		}
		for _, name := range []string{(<-events).Name, (<-events).Name} {
			if name == there.name || name == back.name {
				t.Errorf("%s has changed its state", name)
			}
		}
		become(back.as, back.as)
		if len(l.neighbors) != 4 {
			t.Error("a wrong list was taken")
		}
		another := slower
		another.Multiplier = 200
		become(back.as, another)
		if l.neighbors[1] == there || there.session.State() != bfd.AdminDown || len(l.byDiscriminator) != 2 {
			t.Errorf("the former session is %s", there.session.State())
		}
		if e := <-events; e.Name != there.name || e.Up || !e.Administrative {
			t.Errorf("event %+v", e)
		}
		awaitSteady(t, l)
	})
}
