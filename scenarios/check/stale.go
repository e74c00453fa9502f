package check

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// staleSeen is how long a table must lead elsewhere to be worth a word: less is
// the handover itself, and the time until the watch is told.
const staleSeen = 5 * time.Millisecond

// table is where a table leads, as it changed: a host's neighbour entry for the
// VIP, or a bridge's entries for the addresses that the VIP has.
type table struct {
	name    string
	bridge  bool
	entries []tableEntry // in the order of time
}

type tableEntry struct {
	at    time.Duration
	event int
	mac   string // empty: a neighbour entry that leads nowhere
	host  string // of a bridge: whose port it is; empty: the entry is gone
}

// stale are the times from when all was settled in which a table led to a host
// that was not the owner, though there was one. The client's ends where one of
// its requests reached the owner: the kernel does not say when it changed the
// entry.
func (e *evidence) stale() []history.Stale {
	w := history.Window{From: e.course.Phases[history.PhaseSettled].At, To: e.course.End}
	macs := e.announced()
	moments := e.moments(w)
	var all []history.Stale
	for _, table := range append(e.neighbourTables(), e.bridgeTables()...) {
		times := slices.Clone(moments)
		for _, entry := range table.entries {
			if w.Contains(entry.at) {
				times = append(times, entry.at)
			}
		}
		slices.Sort(times)
		all = append(all, e.staleTimes(table, slices.Compact(times), w.To, macs)...)
	}
	slices.SortStableFunc(all, func(a, b history.Stale) int { return cmp.Compare(a.From, b.From) })
	return all
}

// staleTimes follows one table from moment to moment.
func (e *evidence) staleTimes(t table, moments []time.Duration, end time.Duration, macs map[string]string) []history.Stale {
	var all []history.Stale
	var current *history.Stale
	finish := func(at time.Duration) {
		if current == nil {
			return
		}
		until := at
		if t.name == e.cluster.Client.Name {
			until = e.reached(strings.Split(current.Owner, " and "), history.Window{From: current.From, To: at})
		}
		current.Length, current.Open = until-current.From, until == end
		if current.Length >= staleSeen {
			all = append(all, *current)
		}
		current = nil
	}
	for _, at := range moments {
		owners := e.trueOwners(at)
		ledTo, event := t.leads(at, owners, macs)
		owner := strings.Join(owners, " and ")
		if current != nil && (ledTo != current.LedTo || owner != current.Owner) {
			finish(at)
		}
		if current == nil && ledTo != "" && len(owners) > 0 {
			current = &history.Stale{Table: t.name, LedTo: ledTo, Owner: owner, From: at, Events: []int{event, e.gained(owners, at)}}
		}
	}
	finish(end)
	return all
}

// leads is the host, or else the address, that the table leads to at a time, if
// that is none of the owners; and the event of the entry.
func (t table) leads(at time.Duration, owners []string, macs map[string]string) (to string, event int) {
	now := map[string]tableEntry{} // by the address, of a bridge
	for _, entry := range t.entries {
		if entry.at > at {
			break
		}
		if t.bridge {
			now[entry.mac] = entry
		} else {
			now[""] = entry
		}
	}
	if t.bridge {
		for _, owner := range owners {
			if entry := now[macs[owner]]; entry.host != "" && !slices.Contains(owners, entry.host) {
				return entry.host, entry.event
			}
		}
		return "", 0
	}
	entry := now[""]
	if entry.mac == "" || slices.ContainsFunc(owners, func(o string) bool { return macs[o] == entry.mac }) {
		return "", 0
	}
	for host, mac := range macs {
		if mac == entry.mac && (to == "" || host < to) {
			to = host
		}
	}
	return cmp.Or(to, entry.mac), entry.event
}

// neighbourTables are those of all hosts but the nodes.
func (e *evidence) neighbourTables() []table {
	var tables []table
	of := map[string]int{}
	for _, n := range history.Select[history.Neighbour](e.events) {
		if n.Body.IP != e.course.VIP() || e.cluster.Node(n.Host).Priority > 0 {
			continue
		}
		i, known := of[n.Host]
		if !known {
			i = len(tables)
			of[n.Host] = i
			tables = append(tables, table{name: n.Host})
		}
		entry := tableEntry{at: n.At, event: n.ID}
		if n.Body.State != "failed" && n.Body.State != "none" {
			entry.mac = n.Body.MAC
		}
		tables[i].entries = append(tables[i].entries, entry)
	}
	return tables
}

// bridgeTables are those of the segments' bridges.
func (e *evidence) bridgeTables() []table {
	var tables []table
	of := map[string]int{}
	for _, f := range history.Select[history.Forwarding](e.events) {
		i, known := of[f.Body.Bridge]
		if !known {
			i = len(tables)
			of[f.Body.Bridge] = i
			tables = append(tables, table{name: "switch " + f.Body.Bridge, bridge: true})
		}
		entry := tableEntry{at: f.At, event: f.ID, mac: f.Body.MAC}
		if f.Body.Present {
			entry.host = f.Host
		}
		tables[i].entries = append(tables[i].entries, entry)
	}
	return tables
}

// announced is the MAC address that each node gives the VIP: its own, unless it
// announces another.
func (e *evidence) announced() map[string]string {
	macs := map[string]string{}
	for _, node := range e.cluster.Nodes {
		macs[node.Name] = node.MAC
	}
	for _, event := range e.events {
		mac := ""
		switch body := event.Body.(type) { //nolint:gochecksumtype // the others name no owner
		case history.ARP:
			if body.Direction == history.FromHost && body.SenderIP == e.course.VIP() {
				mac = body.SenderMAC
			}
		case history.NA:
			if body.Direction == history.FromHost && body.Target == e.course.VIP() {
				mac = body.TargetMAC
			}
		}
		if _, isNode := macs[event.Host]; isNode && mac != "" {
			macs[event.Host] = mac
		}
	}
	return macs
}

// moments are when the owners may change: with the addresses, and when an Active
// has been silent for so long that it is none.
func (e *evidence) moments(w history.Window) []time.Duration {
	all := []time.Duration{w.From}
	for _, h := range e.holdings {
		if w.Contains(h.From) {
			all = append(all, h.From)
		}
	}
	silence := 3 * e.cluster.AdvertInterval
	last := map[string]time.Duration{}
	silent := func(since, until time.Duration) {
		if until-since > silence && w.Contains(since+silence) {
			all = append(all, since+silence)
		}
	}
	for _, a := range e.adverts {
		if a.Body.Direction != history.FromHost {
			continue
		}
		if before, known := last[a.Host]; known {
			silent(before, a.At)
			if a.At-before > silence && w.Contains(a.At) { // it is heard again
				all = append(all, a.At)
			}
		}
		last[a.Host] = a.At
	}
	for _, at := range last {
		silent(at, w.To)
	}
	return all
}

// gained is the event by which the last of the owners took the address.
func (e *evidence) gained(owners []string, at time.Duration) int {
	event := 0
	for _, c := range e.changes(history.Window{To: at + 1}) {
		if slices.Contains(owners, c.owner) {
			event = c.event
		}
	}
	return event
}

// reached is when the first of the echo requests in the window was sent that one
// of the hosts answered; the window's end if none was.
func (e *evidence) reached(hosts []string, w history.Window) time.Duration {
	for _, p := range e.probes[history.StreamICMP] {
		if w.Contains(p.At) && slices.Contains(hosts, p.Body.By) {
			return p.At
		}
	}
	return w.To
}
