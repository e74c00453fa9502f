package conduct

import (
	"fmt"
	"slices"
	"time"

	"takeover/scenarios/history"
)

// State is the state of a virtual router (RFC 9568 §6.4).
type State uint8

// The states.
const (
	Initialize State = iota
	Backup
	Active
)

// Moment is a point in time: At on the run's clock, Local on the router's own
// one, which its timers follow. Neither goes back.
type Moment struct{ At, Local time.Duration }

// Rule names what was broken.
type Rule string

// The rules. See Judge.
const (
	RuleEarly   Rule = "early"   // took over before its timer had ended
	RuleLate    Rule = "late"    // did not take over when its timer ended
	RuleYield   Rule = "yield"   // stayed Active beside a better one that it heard
	RuleCause   Rule = "cause"   // changed its state without a cause
	RuleAdvert  Rule = "advert"  // advertised when it must not, or did not when it must
	RuleAddress Rule = "address" // has the address and must not, or must and has not
	RuleSafety  Rule = "safety"  // two Actives without an excuse
	RuleLive    Rule = "live"    // not exactly one Active, or the wrong one, after the healing
	RuleFlap    Rule = "flap"    // a change of state after all had settled
)

// Finding is a broken rule.
type Finding struct {
	At   time.Duration
	Rule Rule
	Host string // the router; of two Actives the lesser one; empty for all
	Text string
	// Event is the ID of the event that showed it, where it came from a
	// history; else 0.
	Event int
}

func (f Finding) String() string {
	return fmt.Sprintf("%s at %s: %s", f.Rule, f.At, f.Text)
}

// Limits are what the environment promises, beside the cluster itself.
type Limits struct {
	// Travel is the longest that an advertisement is under way on a link that
	// is sound. Duplicates and overtaking are inside it.
	Travel time.Duration
	// Grain is how exact the times are: for what a clock's rate rounds, or for
	// what observing costs.
	Grain time.Duration
	// Guardian is how long after a crash the router's addresses are gone.
	// Negative: there is no guardian.
	Guardian time.Duration
	// Lease is how long after the last renewal an address ends by itself, on
	// the router's clock; setting it and each advertisement renew it. Zero:
	// there is none.
	Lease time.Duration
	// Loss is what a Backup does that is told that its Active is gone.
	Loss Loss
}

// Loss is what follows from the loss of the current Active, told by another
// means than advertisements (BFD). It goes beyond the RFC.
type Loss uint8

// What it does to a Backup's timer.
const (
	LossIgnored Loss = iota
	LossExpires      // it ends at once
	LossSkews        // it is at most Skew_Time
)

// Judge follows one virtual router of several routers, that are named by their
// index in the cluster. It keeps the first time that a router breaks a rule. The
// rules:
//
//   - A Backup whose Active_Down_Timer has ended becomes Active at that moment,
//     not earlier and not later. The timer is set by what it read. (early, late)
//   - An Active that reads a better advertisement is Backup at that moment, and
//     for no other reason. (yield, cause)
//   - An Active advertises when it becomes Active and then at least each
//     interval; nobody else does. Priority 0 comes from an Active that ends, or
//     in the name of one that crashed. (advert)
//   - Who is Active has the address, nobody else has it, but for what a crash
//     or a pause leaves behind until the guardian or the lease ends it.
//     (address)
//   - Where a outranks b, and the way from a to b is sound, and both run, b is
//     not Active longer than one interval of a and the travel beside it. A
//     priority 0 that b reads begins that time anew, and so does the word that
//     its Active is lost: b may then take over without knowing of a. (safety)
//   - See Healed and Settled for what follows the last fault. (live, flap)
//
// Routers of one group (history.Node) are Active together or not at all: one
// whose timer has ended waits for the others' timers, and one that stops being
// Active takes the others with it, with priority 0.
//
// A moment at which several things happen is one: reading comes before timers,
// as in vipd.
type Judge struct {
	limits  Limits
	cluster history.Cluster
	routers []router
	links   []link // from*len(routers) + to
	settled bool
	// findings are the broken rules, each once for a router.
	findings []Finding
}

type router struct {
	name                 string
	segment              int
	mates                []int // the others of its group
	priority             int
	preempt              bool
	order                int // among equals: higher is better
	interval, skew, down time.Duration

	state    State
	running  bool
	paused   bool
	stopping bool // ends in order
	holds    bool
	farewell bool // crashed as Active: another may say priority 0 for it
	goodbye  bool // said priority 0 itself

	heard    int           // whose advertisement it read last as Backup; -1: nobody's
	due      time.Duration // local: Active_Down_Timer
	sent     time.Duration // local: the last advertisement
	renewed  time.Duration // local: the lease
	resumed  time.Duration // local
	yieldTo  int           // the better one that it read; -1: none
	leftAt   Moment        // crashed or paused with the address
	rate     Rate
	moved    time.Duration // when something last changed that Travel knows nothing of
	zeroRead time.Duration
	activeAt time.Duration
}

// NewJudge returns a judge for the nodes of the cluster, that are in
// Initialize and do not run. All links are sound.
func NewJudge(cluster history.Cluster, limits Limits) *Judge {
	j := &Judge{limits: limits, cluster: cluster}
	for i, node := range cluster.Nodes {
		order := 0
		for _, other := range cluster.Nodes {
			if other.Address.Less(node.Address) {
				order++
			}
		}
		if !node.Address.IsValid() {
			order = i
		}
		j.routers = append(j.routers, router{
			name: node.Name, segment: node.Segment, priority: node.Priority, preempt: node.Preempt, order: order,
			interval: cluster.AdvertInterval, yieldTo: -1, heard: -1, rate: TrueRate,
		})
		j.setTimers(&j.routers[i])
	}
	for i, node := range cluster.Nodes {
		for other := range cluster.Nodes {
			if node.Group != "" && other != i && cluster.Nodes[other].Group == node.Group {
				j.routers[i].mates = append(j.routers[i].mates, other)
			}
		}
	}
	j.links = make([]link, len(j.routers)*len(j.routers))
	for i := range j.links {
		j.links[i].sound = true
	}
	return j
}

// setTimers computes what follows from the router's priority.
func (j *Judge) setTimers(r *router) {
	r.skew = j.cluster.SkewTime(r.priority, r.interval)
	r.down = j.cluster.ActiveDownInterval(r.priority, r.interval)
}

// Finding is the first broken rule, or nil.
func (j *Judge) Finding() *Finding {
	if len(j.findings) == 0 {
		return nil
	}
	return &j.findings[0]
}

// Findings are the broken rules in the order in which they were noticed. What
// follows the first one may follow from it.
func (j *Judge) Findings() []Finding { return j.findings }

// broken notes that r broke a rule; nil stands for all.
func (j *Judge) broken(at time.Duration, r *router, rule Rule, format string, args ...any) {
	host := ""
	if r != nil {
		host = r.name
	}
	if !slices.ContainsFunc(j.findings, func(f Finding) bool { return f.Host == host && f.Rule == rule }) {
		j.findings = append(j.findings, Finding{At: at, Rule: rule, Host: host, Text: fmt.Sprintf(format, args...)})
	}
}

// Started says that the router's process started, in Initialize.
func (j *Judge) Started(m Moment, i int) {
	r := &j.routers[i]
	j.checkLeft(m, r)
	r.state, r.running, r.paused, r.stopping, r.farewell = Initialize, true, false, false, false
	r.yieldTo, r.moved, r.resumed = -1, m.At, m.Local
}

// Stopping says that the router is about to end in order: what it does at this
// moment follows from that.
func (j *Judge) Stopping(m Moment, i int) {
	j.checkDone(m, &j.routers[i])
	j.routers[i].stopping = true
}

// Stopped says that the router's process ended in order.
func (j *Judge) Stopped(m Moment, i int) {
	j.settle(m.At)
	r := &j.routers[i]
	if r.state != Initialize || r.holds {
		j.broken(m.At, r, RuleCause, "%s ended as %s", r.name, r.state)
	}
	r.running, r.stopping, r.state = false, false, Initialize
}

// Crashed says that the router's process ended without a word.
func (j *Judge) Crashed(m Moment, i int) {
	j.settle(m.At)
	r := &j.routers[i]
	if !r.paused {
		j.checkDone(m, r)
		r.leftAt = m
	}
	r.farewell = r.state == Active
	r.running, r.paused, r.state = false, false, Initialize
	r.leftAt.At = m.At // a guardian counts from here
}

// Paused says that the router's process stands still.
func (j *Judge) Paused(m Moment, i int) {
	j.settle(m.At)
	r := &j.routers[i]
	j.checkDone(m, r)
	r.paused, r.leftAt = true, m
}

// Resumed says that it goes on, and will read what waits for it.
func (j *Judge) Resumed(m Moment, i int) {
	r := &j.routers[i]
	j.checkLease(m, r)
	r.paused, r.resumed, r.moved = false, m.Local, m.At
}

// Clocked says that the router's clock goes at another rate from now.
func (j *Judge) Clocked(at time.Duration, i int, rate Rate) {
	j.settle(at)
	j.routers[i].rate, j.routers[i].moved = rate, at
}

// Prioritized says that the router has another priority from now, for its next
// advertisement and the next time that it sets its timer.
func (j *Judge) Prioritized(m Moment, i, priority int) {
	j.settle(m.At)
	r := &j.routers[i]
	r.priority, r.moved = priority, m.At
	j.setTimers(r)
}

// Lost says that the router is told that another one is gone.
func (j *Judge) Lost(m Moment, i, from int) {
	r := &j.routers[i]
	if r.state != Backup || r.heard != from || j.limits.Loss == LossIgnored {
		return
	}
	j.checkDone(m, r)
	j.settle(m.At)
	r.heard, r.zeroRead = -1, m.At
	due := m.Local
	if j.limits.Loss == LossSkews {
		due += r.skew
	}
	r.due = min(r.due, due)
}

// Sent says that an advertisement left in the router's name.
func (j *Judge) Sent(m Moment, i, priority int) {
	r := &j.routers[i]
	if priority == 0 {
		if !r.farewell && (r.state != Active || !r.stopping && !j.leaves(r)) {
			j.broken(m.At, r, RuleAdvert, "priority 0 in the name of %s, which is %s and goes on", r.name, r.state)
		}
		r.farewell, r.goodbye = false, true
		return
	}
	switch r.state {
	case Active:
		j.checkSilence(m, r)
	case Backup:
		due := j.due(r)
		if r.priority == priorityOwner {
			due = r.due // its group may start at this moment
		}
		if m.Local+j.limits.Grain < due {
			j.broken(m.At, r, RuleAdvert, "%s advertised as Backup, %s before its timer ended", r.name, due-m.Local)
		}
	case Initialize:
		if r.priority != priorityOwner || !r.running {
			j.broken(m.At, r, RuleAdvert, "%s advertised in Initialize", r.name)
		}
	}
	r.sent, r.renewed = m.Local, m.Local
}

const priorityOwner = 255

// Read says that the router took in an advertisement of another one.
func (j *Judge) Read(m Moment, i, from, priority int) {
	r := &j.routers[i]
	j.checkDone(m, r)
	switch r.state {
	case Initialize:
	case Backup:
		if r.priority == priorityOwner {
			return // it owns the addresses, and waits for its group only
		}
		r.heard = from
		if priority == 0 {
			j.settle(m.At)
			r.heard, r.zeroRead = -1, m.At
			r.due = min(r.due, m.Local+r.skew)
		} else if priority >= r.priority || !r.preempt {
			r.due = m.Local + r.down
		}
	case Active:
		if r.priority != priorityOwner && j.outranks(from, priority, r) {
			r.yieldTo = from
		}
	}
}

// outranks says whether an advertisement goes before r: by its priority, then
// by the higher address (RFC 9568 §6.4.3).
func (j *Judge) outranks(from, priority int, r *router) bool {
	if priority != r.priority {
		return priority > r.priority
	}
	return j.routers[from].order > r.order
}

// Changed says that the router is in another state.
func (j *Judge) Changed(m Moment, i int, to State) {
	j.settle(m.At)
	r := &j.routers[i]
	if j.settled {
		j.broken(m.At, r, RuleFlap, "%s went from %s to %s though all had settled", r.name, r.state, to)
	}
	switch to {
	case Active:
		j.becameActive(m, r)
	case Backup:
		if r.state == Active && r.yieldTo < 0 {
			j.resigned(m, r)
		}
		if r.due = m.Local + r.down; r.state == Initialize && r.priority == priorityOwner {
			r.due = m.Local
		}
	case Initialize:
		if !r.stopping {
			j.broken(m.At, r, RuleCause, "%s went to Initialize by itself", r.name)
		}
		if r.state == Active && !r.goodbye {
			j.broken(m.At, r, RuleAdvert, "%s ended as Active without priority 0", r.name)
		}
	}
	r.heard = -1
	if to == Backup {
		r.heard = r.yieldTo
	}
	r.state, r.yieldTo = to, -1
}

func (j *Judge) becameActive(m Moment, r *router) {
	due := j.due(r)
	switch {
	case r.state == Initialize && r.priority != priorityOwner:
		j.broken(m.At, r, RuleCause, "%s became Active at once, and is not the owner", r.name)
	case r.state == Backup && m.Local+j.limits.Grain < due:
		j.broken(m.At, r, RuleEarly, "%s took over %s before its timer ended", r.name, due-m.Local)
	case r.state == Backup && m.Local > max(due, r.resumed)+j.limits.Grain:
		j.broken(m.At, r, RuleLate, "%s took over %s after its timer had ended", r.name, m.Local-due)
	case r.sent+j.limits.Grain < m.Local:
		j.broken(m.At, r, RuleAdvert, "%s took over without an advertisement", r.name)
	}
	r.activeAt, r.goodbye = m.At, false
}

// Held says that the router's host got the address or lost it.
func (j *Judge) Held(m Moment, i int, holds bool) {
	r := &j.routers[i]
	if holds == r.holds {
		return
	}
	if holds {
		if !r.running {
			j.broken(m.At, r, RuleAddress, "%s got the address though it does not run", r.name)
		}
		r.renewed = m.Local
	} else {
		j.checkLeft(m, r)
	}
	r.holds = holds
}

// checkDone wants a router that runs to have done what was due before m.
func (j *Judge) checkDone(m Moment, r *router) {
	switch {
	case r.yieldTo >= 0:
		j.broken(m.At, r, RuleYield, "%s is Active though it heard %s, which outranks it", r.name, j.routers[r.yieldTo].name)
	case r.state == Backup && m.Local > max(r.due, r.resumed)+j.limits.Grain && m.Local > j.due(r)+j.limits.Grain:
		j.broken(m.At, r, RuleLate, "%s is Backup, but its timer ended %s ago", r.name, m.Local-j.due(r))
	case r.state != Active && r.holds && r.running:
		j.broken(m.At, r, RuleAddress, "%s has the address as %s", r.name, r.state)
	case r.state == Active && !r.holds && m.Local > r.resumed+j.limits.Grain:
		j.broken(m.At, r, RuleAddress, "%s is Active and lacks the address", r.name)
	case r.state == Active:
		j.checkSilence(m, r)
	}
}

// checkSilence wants an Active to have advertised in time.
func (j *Judge) checkSilence(m Moment, r *router) {
	if m.Local > max(r.sent+r.interval, r.resumed)+j.limits.Grain {
		j.broken(m.At, r, RuleAdvert, "%s is Active and has not advertised for %s", r.name, m.Local-r.sent)
	}
}

// checkLeft wants an address that a crash or a pause left behind to be gone in
// time.
func (j *Judge) checkLeft(m Moment, r *router) {
	if !r.holds || r.running && !r.paused {
		return
	}
	if g := j.limits.Guardian; g >= 0 && !r.running && m.At > r.leftAt.At+g+j.limits.Grain {
		j.broken(m.At, r, RuleAddress, "%s crashed %s ago, and its guardian left the address", r.name, m.At-r.leftAt.At)
	}
	j.checkLease(m, r)
}

func (j *Judge) checkLease(m Moment, r *router) {
	if !r.holds || j.limits.Lease == 0 {
		return
	}
	if over := m.Local - r.renewed - j.limits.Lease; over > j.limits.Grain {
		j.broken(m.At, r, RuleAddress, "%s does not run, and its lease ended %s ago", r.name, over)
	}
}

func (s State) String() string {
	return [...]string{"Initialize", "Backup", "Active"}[s]
}
