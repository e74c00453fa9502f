package conduct

import "takeover/scenarios/history"

// Wire judges a history by the advertisements that were captured at the hosts'
// ports, as live trials have it. A router is Active from its first
// advertisement until a better one reaches it, or it says priority 0; it is
// Backup from when its daemon says so after its start; it is not judged from
// when its daemon ends or says Initialize until then. So the rules early, late
// and advert are judged, and with them that nobody is Active beside a better
// one that it hears.
//
// Limits.Grain is what observing and the machine may cost, either way. Routers
// do not change their priorities, nor delay their start or their preemption.
func Wire(events []history.Event, cluster history.Cluster, limits Limits) *Finding {
	w := wire{newReplay(cluster, limits), map[int]Moment{}}
	var last Moment
	for _, event := range history.Sorted(events) {
		if i, known := w.index[event.Host]; known {
			last = Moment{event.At, event.At}
			w.take(last, i, event.Body)
		}
	}
	for i := range w.judge.routers {
		w.judge.checkDone(last, &w.judge.routers[i])
	}
	return w.judge.Finding()
}

type wire struct {
	replay
	yielded map[int]Moment // when an Active heard a better one
}

func (w *wire) take(m Moment, i int, body history.Body) {
	r := &w.judge.routers[i]
	switch b := body.(type) {
	case history.Advert:
		if b.VRID != w.cluster.VRID || b.Problem != "" || r.state == Initialize {
			return
		}
		if b.Direction == history.ToHost {
			w.reads(m, i, b)
		} else if w.cluster.Nodes[i].Sent(b) {
			w.sends(m, i, b.Priority)
		}
	case history.Transition:
		switch to := stateNamed(b.To); {
		case to == Initialize:
			w.leave(m, i)
		case to == Backup && r.state == Initialize:
			w.judge.Started(m, i)
			w.judge.Changed(m, i, Backup)
		}
	case history.ProcessExit:
		if b.Name == w.cluster.Nodes[i].Subject {
			w.leave(m, i)
		}
	case history.FaultStart:
		switch b.Fault {
		case "daemon-killed", "worker-killed", "guardian-killed":
			w.leave(m, i)
		}
	case history.Trial, history.Phase, history.FaultArmed, history.FaultEnd, history.ARP, history.NA, history.Address, history.Link,
		history.Neighbour, history.Probe, history.Owners, history.ProcessStart, history.Canary, history.Note:
	}
}

func (w *wire) sends(m Moment, i, priority int) {
	r := &w.judge.routers[i]
	switch {
	case priority == 0:
		w.leave(m, i)
	case r.state == Active:
		w.judge.Sent(m, i, priority)
	case w.yielded[i].Local > 0 && m.Local <= w.yielded[i].Local+w.judge.limits.Grain:
		// It was on its way out when the better one came in.
	default:
		w.judge.checkDone(m, r)
		w.judge.Sent(m, i, priority)
		w.judge.Held(m, i, true)
		w.judge.Changed(m, i, Active)
	}
}

func (w *wire) reads(m Moment, i int, a history.Advert) {
	r := &w.judge.routers[i]
	w.advert(m, i, a)
	if r.yieldTo >= 0 {
		w.yielded[i] = m
		w.judge.Held(m, i, false)
		w.judge.Changed(m, i, Backup)
	}
}

// leave ends the judging of a router.
func (w *wire) leave(m Moment, i int) {
	r := &w.judge.routers[i]
	if r.state == Initialize {
		return
	}
	w.judge.Stopping(m, i)
	if r.state == Active {
		w.judge.Sent(m, i, 0)
	}
	w.judge.Held(m, i, false)
	w.judge.Changed(m, i, Initialize)
	w.judge.Stopped(m, i)
}
