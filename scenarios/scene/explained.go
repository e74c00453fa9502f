package scene

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"takeover/scenarios/check"
	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

// doing is what a fault explains.
type doing struct {
	owners reach // two owners
	ends   bool  // of the host's daemon
	panics bool  // too
}

// reach says of which nodes a fault explains that they have the address beside
// another one.
type reach int

const (
	nobody   reach = iota
	itself         // the host that it strikes, and one other
	everyone       // any two
)

// webServer is what its process is called unless the topology says otherwise.
const webServer = "nginx"

// doingOf is what a fault explains: rather too much than too little, so that
// what is left is wrong for sure. Whatever keeps a node from hearing another, or
// from acting on what it hears, explains two owners, of which it is one; so does
// the death of a daemon that had no time to clear up.
func doingOf(f fault.Fault) doing {
	switch f.Kind {
	case fault.NginxKilled, fault.WebFails, fault.ScriptFails, fault.DiskFull, fault.VIPDeleted, fault.AddressDuplicated,
		fault.NeighbourPoisoned, fault.InterfacePromiscuous, fault.MACForgotten, fault.TrafficDuplicated:
		return doing{}
	case fault.DaemonStopped, fault.DaemonRestarted, fault.ClockOffset:
		return doing{ends: true} // it says goodbye
	case fault.DaemonReloaded:
		return doing{owners: reloadOwners[f.Mode]}
	case fault.DaemonKilled, fault.WorkerKilled, fault.GuardianKilled, fault.HostCrashed, fault.HostRebooted:
		return doing{owners: itself, ends: true}
	case fault.ProcessKilled, fault.ProcessPaused:
		if f.Process == webServer {
			return doing{}
		}
		return doing{owners: itself, ends: f.Kind == fault.ProcessKilled}
	case fault.FilesLimited, fault.MemoryLimited:
		return doing{owners: itself, ends: true, panics: true}
	case fault.DaemonPaused, fault.HostFrozen, fault.CPUQuota, fault.VIPAdded, fault.InterfaceRemoved, fault.InterfaceRenamed,
		fault.LinkLoss, fault.LinkDown, fault.LinkFlaps, fault.OneWayLoss, fault.MulticastSnooped, fault.AdvertsDropped,
		fault.MTUHole, fault.MACMoved:
		return doing{owners: itself}
	case fault.TrafficDropped, fault.TrafficDelayed, fault.TrafficReordered, fault.TrafficCorrupted, fault.TrafficShaped:
		if !slices.Contains([]string{"", "all", "vrrp"}, f.Protocol) {
			return doing{}
		}
		return doing{owners: itself}
	case fault.Partition, fault.TrafficReplayed, fault.AdvertForged, fault.RivalStarted, fault.CPUHogs, fault.ClockStepped,
		fault.NetlinkOverrun: // of what all nodes share
		return doing{owners: everyone}
	}
	return doing{owners: everyone, ends: true, panics: true}
}

// reloadOwners are the modes of daemon-reloaded that part a node from the others.
var reloadOwners = map[string]reach{"no-peers": itself, "address": itself}

// excuse is a fault and how long it explains what it does.
type excuse struct {
	doing
	history.Window
	host string
	text string
}

// excuses are all faults of the history. One that was not undone by itself
// explains until the end.
func (j *judge) excuses() []excuse {
	grace := cmp.Or(time.Duration(j.Expect.Explained.Grace), j.course.Trial.Cluster.LongestDownInterval())
	texts, undone := map[int]string{}, map[int]time.Duration{}
	for _, armed := range history.Select[history.FaultArmed](j.events) {
		texts[armed.Body.ID] = armed.Body.Fault
	}
	for _, end := range history.Select[history.FaultEnd](j.events) {
		undone[end.Body.ID] = end.At
	}
	var all []excuse
	for _, start := range history.Select[history.FaultStart](j.events) {
		text := cmp.Or(texts[start.Body.ID], start.Body.Fault)
		f := excuse{Window: history.Window{From: start.At, To: j.window.To}, host: start.Host, text: text + " on " + start.Host}
		if words := strings.Fields(text); len(words) > 0 {
			parsed, err := fault.Parse(words[0], words[1:]...)
			if err != nil {
				parsed.Kind = fault.Kind(words[0]) // of a later version
			}
			f.doing = doingOf(parsed)
		}
		if end, ok := undone[start.Body.ID]; ok {
			f.To = end + grace
		}
		all = append(all, f)
	}
	return all
}

// unexplained wants of two owners, and of daemons that ended, that a fault
// explains them.
func (j *judge) unexplained() {
	if j.Expect.Explained == nil {
		return
	}
	faults := j.excuses()
	j.unexplainedOwners(faults)
	j.unexplainedEnds(faults)
}

func (j *judge) unexplainedOwners(faults []excuse) {
	turns := []time.Duration{}
	for _, f := range faults {
		turns = append(turns, f.From, f.To)
	}
	slices.Sort(turns)
	var longest, length time.Duration
	var worst history.Holding
	take := func(h history.Holding) {
		if length += h.Length(); unexplainedAt(faults, h.Hosts, h.From) < 2 {
			length = 0
		} else if length > longest {
			longest, worst = length, h
		}
	}
	for _, h := range j.inWindow() {
		for _, at := range turns { // each part has the same faults in force
			if h.From < at && at < h.To {
				part := h
				part.To, h.From = at, at
				take(part)
			}
		}
		take(h)
	}
	if longest > check.HandoverOverlapMax {
		// What kept a node from hearing another did so since it last heard it.
		around := history.Window{From: worst.To - longest - j.course.Trial.Cluster.LongestDownInterval(), To: worst.To}
		j.failIn(around, checkDual, longest-check.HandoverOverlapMax, []int{worst.Event}, "%s had %s at the same time for %s, which no fault explains%s",
			strings.Join(worst.Hosts, " and "), j.course.VIP(), round(longest), among(faults, worst.From))
	}
}

// unexplainedAt is how many of the owners no fault explains at a time.
func unexplainedAt(faults []excuse, owners []string, at time.Duration) int {
	n := 0
	for _, owner := range owners {
		explains := func(f excuse) bool {
			return f.Contains(at) && (f.owners == everyone || f.owners == itself && f.host == owner)
		}
		if !slices.ContainsFunc(faults, explains) {
			n++
		}
	}
	return n
}

// among are the faults in force then, in words.
func among(faults []excuse, at time.Duration) string {
	var texts []string
	for _, f := range faults {
		if f.Contains(at) {
			texts = append(texts, f.text)
		}
	}
	if len(texts) == 0 {
		return "; none was in force"
	}
	return "; in force or just undone: " + strings.Join(texts, ", ")
}

func (j *judge) unexplainedEnds(faults []excuse) {
	explained := func(host string, at time.Duration, by func(excuse) bool) bool {
		return slices.ContainsFunc(faults, func(f excuse) bool { return f.host == host && by(f) && f.Contains(at) })
	}
	for _, exit := range history.Select[history.ProcessExit](j.events) {
		subject := j.course.Trial.Cluster.Node(exit.Host).Subject
		if exit.Body.Name != subject || !j.window.Contains(exit.At) ||
			explained(exit.Host, exit.At, func(f excuse) bool { return f.ends }) {
			continue
		}
		j.fail(checkExits, 0, []int{exit.ID}, "%s on %s ended by itself (%s), which no fault explains%s",
			exit.Body.Name, exit.Host, exit.Body.Status, among(faults, exit.At))
	}
	for _, note := range history.Select[history.Note](j.events) {
		said, ok := strings.CutPrefix(note.Body.Text, history.Outcry)
		if ok && !explained(note.Host, note.At, func(f excuse) bool { return f.panics }) {
			j.fail(checkExits, 0, []int{note.ID}, "the daemon on %s says %q", note.Host, said)
		}
	}
}

// hindered says that a fault explains that a host did in the window what it does
// not do otherwise: one that stands still announces late.
func (j *judge) hindered(host string, w history.Window) bool {
	return j.Expect.Explained != nil && slices.ContainsFunc(j.excuses(), func(f excuse) bool {
		return (f.owners == everyone || f.owners == itself && f.host == host) && f.Overlap(w).Length() > 0
	})
}

// untold says that the client had no way to know who has the address in the end:
// its owner announced it when it took it, and a fault has lost frames or lied
// since.
func (j *judge) untold(end history.Holding) bool {
	vip, owner := j.course.VIP(), end.Hosts[0]
	since := end.From
	for _, h := range slices.Backward(j.holdings) {
		if !slices.Contains(h.Hosts, owner) {
			break
		}
		since = h.From
	}
	var told, lied time.Duration
	for _, a := range history.Announcements(j.events, vip) {
		if a.Host == owner {
			told = max(told, a.At)
		}
	}
	for _, e := range history.Select[history.FaultEnd](j.events) {
		switch (fault.Fault{Kind: fault.Kind(e.Body.Fault)}).Family() {
		case fault.FamilyLink, fault.FamilyTraffic, fault.FamilyAddress, fault.FamilyInterface:
			lied = max(lied, e.At)
		case fault.FamilyProcess, fault.FamilyTime:
		}
	}
	return told >= since && told < lied
}
