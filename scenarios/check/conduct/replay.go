package conduct

import (
	"slices"
	"strconv"
	"strings"

	"takeover/scenarios/history"
)

// Replay judges a history that holds what the rules need: every advertisement
// as it left its host and as it was read, the transitions as the daemons
// report them, the address, and the processes. It returns the first broken
// rule of those that follow from that, or nil. The events must stand in the
// order in which they happened, at one moment too, as the simulator appends
// them.
//
// Not judged from a history are links and clocks, for it does not say how they
// were: two Actives are judged by what each read (yield, early). Liveness is
// for package check, from the client's side. The clocks of all are taken to go
// right.
func Replay(events []history.Event, cluster history.Cluster, limits Limits) *Finding {
	r := newReplay(cluster, limits)
	for _, event := range events {
		r.take(event)
	}
	return r.judge.Finding()
}

func newReplay(cluster history.Cluster, limits Limits) replay {
	r := replay{judge: NewJudge(cluster, limits), cluster: cluster, index: map[string]int{}}
	for i, node := range cluster.Nodes {
		r.index[node.Name] = i
	}
	for from := range cluster.Nodes {
		for to := range cluster.Nodes {
			r.judge.Linked(0, from, to, false)
		}
	}
	return r
}

type replay struct {
	judge   *Judge
	cluster history.Cluster
	index   map[string]int
}

// The faults of processes that a history names so, for as long as they are in
// force.
const (
	FaultCrash  = "crash"  // ended without a word
	FaultStop   = "stop"   // ended in order
	FaultPause  = "pause"  // stands still
	FaultUnplug = "unplug" // without a link, and knows it
	// FaultPriority and the priority that the router has from then on.
	FaultPriority = "priority"
	// FaultLose and the name of the router that this one is told is gone.
	FaultLose = "lose"
)

func (r *replay) take(event history.Event) {
	i, known := r.index[event.Host]
	if !known {
		return
	}
	m := Moment{event.At, event.At}
	switch body := event.Body.(type) {
	case history.Advert:
		r.advert(m, i, body)
	case history.Transition:
		r.judge.Changed(m, i, stateNamed(body.To))
	case history.Address:
		if slices.Contains(r.cluster.VIPs, body.Prefix.Addr()) {
			r.judge.Held(m, i, body.Present)
		}
	case history.ProcessStart:
		r.judge.Started(m, i)
	case history.ProcessExit:
		if r.judge.routers[i].stopping {
			r.judge.Stopped(m, i)
		} else {
			r.judge.Crashed(m, i)
		}
	case history.FaultStart:
		r.begins(m, i, body.Fault)
	case history.FaultEnd:
		r.ends(m, i, body.Fault)
	case history.Trial, history.Phase, history.FaultArmed, history.ARP, history.NA, history.Link, history.Neighbour, history.Probe,
		history.Owners, history.Connection, history.Forwarding, history.Usage, history.Canary, history.Truth, history.Note:
	}
}

func (r *replay) begins(m Moment, i int, fault string) {
	kind, what, _ := strings.Cut(fault, " ")
	switch kind {
	case FaultPriority:
		if priority, err := strconv.Atoi(what); err == nil {
			r.judge.Prioritized(m, i, priority)
		}
	case FaultLose:
		if from, known := r.index[what]; known {
			r.judge.Lost(m, i, from)
		}
	case FaultPause:
		r.judge.Paused(m, i)
	case FaultStop, FaultUnplug:
		r.judge.Stopping(m, i)
	}
}

func (r *replay) ends(m Moment, i int, fault string) {
	switch fault {
	case FaultPriority:
		r.judge.Prioritized(m, i, r.cluster.Nodes[i].Priority)
	case FaultPause:
		r.judge.Resumed(m, i)
	case FaultUnplug:
		r.judge.Started(m, i)
	}
}

func (r *replay) advert(m Moment, i int, a history.Advert) {
	if a.VRID != r.cluster.VRID || a.Problem != "" {
		return
	}
	if a.Direction == history.FromHost {
		r.judge.Sent(m, i, a.Priority)
		return
	}
	for from, node := range r.cluster.Nodes {
		if node.Sent(a) {
			r.judge.Read(m, i, from, a.Priority)
		}
	}
}

// stateNamed is the state of that name; Initialize for another one.
func stateNamed(name string) State {
	for _, s := range [...]State{Backup, Active} {
		if s.String() == name {
			return s
		}
	}
	return Initialize
}
