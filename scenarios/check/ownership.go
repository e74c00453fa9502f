package check

import (
	"slices"
	"strings"
	"time"

	"takeover/scenarios/history"
)

// checkOwnership wants the client's neighbour entry to point at an owner at
// the end of the fault and at the end of the trial, and whoever takes over to
// announce it (RFC 3768 §6.4.2).
func checkOwnership(e *evidence) []history.Finding {
	var findings []history.Finding
	for _, stage := range e.stages()[1:] {
		findings = append(findings, e.checkNeighbour(stage)...)
	}
	for _, h := range []history.Handover{e.failover, e.reversion} {
		if h.AddressAdded != nil && h.Announcement == nil {
			findings = append(findings, fail(ownership, []int{h.AddressAdded.ID},
				"%s took %s over without an announcement", h.New, e.course.VIP()))
		}
	}
	return findings
}

// neighbour is the client's last entry for the VIP before t.
func (e *evidence) neighbour(t time.Duration) (history.Seen[history.Neighbour], bool) {
	var last history.Seen[history.Neighbour]
	found := false
	for _, n := range history.Select[history.Neighbour](e.events) {
		if n.Host == e.cluster.Client.Name && n.Body.IP == e.course.VIP() && n.At < t {
			last, found = n, true
		}
	}
	return last, found
}

// trueOwners are the hosts that have the VIP at t and act as its Active: they
// sent an advertisement not longer ago than a Backup would wait, and the machine
// stood still. A dead node that was left with the address is no true owner.
// Where nobody advertises, whoever has it counts.
func (e *evidence) trueOwners(t time.Duration) []string {
	holders := history.HoldersAt(e.holdings, t)
	silence := 3 * e.cluster.AdvertInterval
	silence += e.delays(history.Window{From: t - silence, To: t})
	active := slices.DeleteFunc(slices.Clone(holders), func(host string) bool {
		return !slices.ContainsFunc(e.adverts, func(a history.Seen[history.Advert]) bool {
			return a.Host == host && a.Body.Direction == history.FromHost && a.Body.Priority > 0 &&
				a.At <= t && a.At > t-silence
		})
	})
	if len(active) == 0 {
		return holders
	}
	return active
}

// answeredBy says whether one of the hosts answered an echo request that was
// sent in the window. The watch of the neighbour table may lag, for the kernel
// does not say when an entry changed; where the client's requests went is
// proof of where its entry pointed.
func (e *evidence) answeredBy(hosts []string, w history.Window) bool {
	return slices.ContainsFunc(e.probes[history.StreamICMP], func(p history.Seen[history.Probe]) bool {
		return w.Contains(p.At) && slices.Contains(hosts, p.Body.By)
	})
}

func (e *evidence) checkNeighbour(stage stage) []history.Finding {
	entry, ok := e.neighbour(stage.window.To)
	if !ok {
		return nil // for completeness
	}
	owners := e.trueOwners(stage.window.To - 1)
	if len(owners) == 0 {
		return nil // for liveness
	}
	points := "nobody"
	if entry.Body.MAC != "" && entry.Body.State != "failed" && entry.Body.State != "none" {
		points = entry.Body.MAC
		for _, node := range e.cluster.Nodes {
			if node.MAC == entry.Body.MAC {
				points = node.Name
			}
		}
	}
	if slices.Contains(owners, points) || e.answeredBy(owners, history.Window{From: entry.At, To: stage.window.To}) {
		return nil
	}
	return []history.Finding{fail(ownership, []int{entry.ID},
		"%s: %s's neighbour entry for %s points at %s, but the owner is %s",
		stage.name, e.cluster.Client.Name, e.course.VIP(), points, strings.Join(owners, " and "))}
}
