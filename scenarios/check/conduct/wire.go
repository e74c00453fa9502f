package conduct

import (
	"strings"
	"time"

	"takeover/scenarios/history"
)

// Wire judges a history by the advertisements that were captured at the hosts'
// ports, as live trials have it, and returns each rule's first breach by each
// router. A router is Backup from when its daemon says so after its start, and
// Active from its first advertisement until a better one reaches it or it says
// priority 0. So the rules early, late, advert and yield are judged, and with
// them that nobody is Active beside a better one that it hears.
//
// Limits.Grain is what observing may cost, either way; still, if it is not
// nil, is for how long the machine stood still in a window, which comes on top
// for what depends on that window. Routers are taken not to change their
// priorities, nor to delay their start or their preemption: leave out the
// events of those that do.
//
// From a fault that ends a router's process, or that the router may know of, to
// where it says that it is Backup again, it is not judged; neither is it after
// an advertisement that is not understood here, or from a stranger, for it may
// have taken that in. A pause is followed: what arrives meanwhile is read at
// its end. To unicast peers an Active may be heard later than it speaks, for
// its kernel resolves their addresses first: there the daemon's word counts.
func Wire(events []history.Event, cluster history.Cluster, limits Limits, still func(history.Window) time.Duration) []Finding {
	w := wire{replay: newReplay(cluster, limits), seats: make([]seat, len(cluster.Nodes))}
	var last Moment
	for _, event := range inEffect(events) {
		i, known := w.index[event.Host]
		if !known {
			continue
		}
		last = Moment{event.At, event.At}
		if still != nil {
			w.judge.limits.Grain = limits.Grain + still(Around(event.At, cluster))
		}
		w.take(last, i, event.Body)
		w.note(event.ID)
	}
	for i := range w.judge.routers {
		if r := &w.judge.routers[i]; !r.paused {
			w.judge.checkDone(last, r)
		}
	}
	return w.judge.findings
}

// around is how far from a moment the machine's delays still count.
const around = 200 * time.Millisecond

// Around is the window that decides whether what was seen at a moment was due
// then: from when the longest timer that ended can have begun.
func Around(at time.Duration, cluster history.Cluster) history.Window {
	return history.Window{From: at - cluster.LongestDownInterval() - around, To: at + around}
}

// inEffect are the events in the order of time, with the end of a pause where
// it took effect.
func inEffect(events []history.Event) []history.Event {
	moved := make([]history.Event, len(events))
	for i, event := range events {
		if end, ok := event.Body.(history.FaultEnd); ok && effectOf(end.Fault) == pauses {
			event.At -= end.Took
		}
		moved[i] = event
	}
	return history.Sorted(moved)
}

// effect is what a fault of a host means to the judging of its router.
type effect uint8

const (
	silences effect = iota // the router is not judged until it says that it is Backup
	none                   // it goes on, and is told of nothing but by what it reads
	pauses                 // it stands still
	stops                  // it ends in order
)

// effectOf is that of a live trial's fault, of which the first word counts. Of
// one that is not known here the router may know anything.
func effectOf(fault string) effect {
	kind, _, _ := strings.Cut(fault, " ")
	switch kind {
	case "nginx-killed", "web-fails", "script-fails",
		"adverts-dropped", "one-way-loss", "partition", "mtu-hole", "mac-moved", "mac-forgotten",
		"guardian-killed": // where the router ends with it, that is seen
		return none
	case "daemon-paused", "host-frozen":
		return pauses
	case "daemon-stopped":
		return stops
	}
	return silences
}

type wire struct {
	replay
	seats   []seat
	unicast bool // advertisements go to peers
}

// resolution is how long a kernel may keep an advertisement while it resolves a
// peer's address: one question that is lost, and the next one's RetransTimer
// (RFC 4861 §10; ARP's is as long in Linux).
const resolution = 2 * time.Second

// seat is what is known of a router beyond what the judge knows.
type seat struct {
	paused  bool
	waiting []history.Advert // arrived in a pause
	// begun is the latest thing that can have made the router start, whatever
	// its daemon says: its process, or a fault that began or ended. started is
	// what it was when the daemon said that it is Backup, and fresh that nothing
	// has set its timer since then.
	begun, started time.Duration
	fresh          bool
	// heard is when it last read what set its timer, and ended when its timer
	// would have ended without that. It may not have read it by then.
	heard, ended time.Duration
	// yielded is when an Active heard a better one, to.
	yielded time.Duration
	to      string
}

// note gives new findings the event that showed them.
func (w *wire) note(event int) {
	for i := range w.judge.findings {
		if f := &w.judge.findings[i]; f.Event == 0 {
			f.Event = event
		}
	}
}

func (w *wire) take(m Moment, i int, body history.Body) {
	r := &w.judge.routers[i]
	switch b := body.(type) {
	case history.Advert:
		w.captured(m, i, b)
	case history.Transition:
		switch to := stateNamed(b.To); {
		case to == Initialize:
			w.leave(m, i)
		case to == Backup && r.state == Initialize && r.priority != priorityOwner:
			w.seats[i] = seat{begun: w.seats[i].begun, started: w.seats[i].begun, fresh: true}
			w.judge.Started(m, i)
			w.judge.Changed(m, i, Backup)
		case to == Active && r.state == Backup && w.unicast:
			w.sends(m, i, r.priority)
			r.resumed = m.Local + resolution
		}
	case history.ProcessExit:
		if b.Name == w.cluster.Nodes[i].Subject {
			w.exits(m, i)
		}
	case history.FaultStart:
		w.seats[i].begun = m.At
		w.suffers(m, i, effectOf(b.Fault))
	case history.FaultEnd:
		w.seats[i].begun = m.At - b.Took
		if effectOf(b.Fault) == pauses {
			w.resumes(m, i)
		}
	case history.ProcessStart:
		w.seats[i].begun = m.At
	case history.Trial, history.Phase, history.FaultArmed, history.ARP, history.NA, history.Address, history.Link,
		history.Neighbour, history.Probe, history.Owners, history.Connection, history.Forwarding, history.Usage, history.Canary, history.Truth, history.Note:
	}
}

// captured takes in an advertisement at the host's port.
func (w *wire) captured(m Moment, i int, a history.Advert) {
	if a.VRID != w.cluster.VRID || w.judge.routers[i].state == Initialize {
		return
	}
	from := w.sender(a)
	own := a.Direction == history.FromHost
	switch {
	case a.Problem != "" || from < 0 || own && from != i:
		w.leave(m, i)
	case own:
		w.unicast = a.Destination.IsValid() && !a.Destination.IsMulticast()
		w.sends(m, i, a.Priority)
	case w.seats[i].paused:
		w.seats[i].waiting = append(w.seats[i].waiting, a)
	default:
		w.reads(m, i, a)
	}
}

// sender is whose advertisement it is, or -1.
func (w *wire) sender(a history.Advert) int {
	for i, node := range w.cluster.Nodes {
		if node.Sent(a) {
			return i
		}
	}
	return -1
}

func (w *wire) sends(m Moment, i, priority int) {
	r, s := &w.judge.routers[i], &w.seats[i]
	grain := w.judge.limits.Grain
	due := r.due
	if s.fresh {
		due = s.started + r.down
	}
	if m.At <= s.heard+grain {
		due = min(due, s.ended)
	}
	switch {
	case priority == 0:
		w.leave(m, i)
		return
	case r.state == Active:
		w.judge.Sent(m, i, priority)
		return
	case m.Local+grain < due && s.to != "" && m.At <= s.yielded+grain:
		return
	case m.Local+grain < due:
		if s.to != "" && m.At <= s.yielded+r.interval+grain {
			w.judge.broken(m.At, r, RuleYield, "%s advertised as Active %s after it had heard %s, which outranks it",
				r.name, m.At-s.yielded, s.to)
		} else {
			w.judge.broken(m.At, r, RuleEarly, "%s took over %s before its timer ended", r.name, due-m.Local)
		}
		r.due = m.Local // that was it
	default:
		r.due = min(r.due, max(due, m.Local))
		w.judge.checkDone(m, r)
	}
	s.to, s.fresh = "", false
	w.judge.Sent(m, i, priority)
	w.judge.Held(m, i, true)
	w.judge.Changed(m, i, Active)
}

func (w *wire) reads(m Moment, i int, a history.Advert) {
	r, s := &w.judge.routers[i], &w.seats[i]
	if to := a.Destination; to.IsValid() && !to.IsMulticast() && to != w.cluster.Nodes[i].Address && to != w.cluster.Nodes[i].LinkLocal {
		return // for another unicast peer: the switch floods
	}
	before := r.due
	w.advert(m, i, a)
	if r.due != before {
		if s.fresh {
			before = s.started + r.down
		}
		if m.At > s.heard+w.judge.limits.Grain {
			s.ended = before
		}
		s.heard, s.ended, s.fresh = m.At, min(s.ended, before), false
	}
	if r.yieldTo >= 0 {
		s.yielded, s.to = m.At, w.judge.routers[r.yieldTo].name
		w.judge.Held(m, i, false)
		w.judge.Changed(m, i, Backup)
	}
}

// suffers begins a fault of the host.
func (w *wire) suffers(m Moment, i int, e effect) {
	r := &w.judge.routers[i]
	switch {
	case r.state == Initialize || e == none:
	case e == silences:
		w.leave(m, i)
	case e == pauses:
		w.seats[i].paused = true
		w.judge.Paused(m, i)
	case e == stops:
		w.judge.Stopping(m, i)
	}
}

// resumes ends a pause: what waited is read at once.
func (w *wire) resumes(m Moment, i int) {
	s := &w.seats[i]
	if !s.paused {
		return
	}
	w.judge.Resumed(m, i)
	waiting := s.waiting
	s.paused, s.waiting = false, nil
	for _, a := range waiting {
		w.reads(m, i, a)
	}
}

// exits ends a router's process. One that ended in order has said goodbye, or
// was not Active.
func (w *wire) exits(m Moment, i int) {
	r := &w.judge.routers[i]
	if r.state == Active && r.stopping {
		w.judge.broken(m.At, r, RuleAdvert, "%s ended as Active without priority 0", r.name)
	}
	w.leave(m, i)
}

// leave ends the judging of a router.
func (w *wire) leave(m Moment, i int) {
	r := &w.judge.routers[i]
	w.seats[i] = seat{begun: w.seats[i].begun}
	if r.state == Initialize {
		return
	}
	if r.paused {
		w.judge.Resumed(m, i)
	}
	w.judge.Stopping(m, i)
	if r.state == Active {
		w.judge.Sent(m, i, 0)
	}
	w.judge.Held(m, i, false)
	w.judge.Changed(m, i, Initialize)
	w.judge.Stopped(m, i)
}
