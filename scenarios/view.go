package scenarios

import (
	"net/netip"
	"slices"
	"time"

	"takeover/scenarios/history"
)

// view is the state of a cluster as the history tells it so far.
type view struct {
	log     *history.Log
	vip     netip.Addr
	read    int                      // events taken in
	holders map[string]time.Duration // hosts that have the VIP, and since when
	// holdersSince is when the set of holders was last changed.
	holdersSince time.Duration
	adverts      map[string]time.Duration            // host -> when it last sent one
	answers      map[string]answer                   // stream -> the last answer
	answeredBy   map[string]map[string]time.Duration // stream -> host -> when the probe it last answered was sent
}

type answer struct {
	by   string
	sent time.Duration
}

func newView(log *history.Log, vip netip.Addr) *view {
	return &view{
		log: log, vip: vip,
		holders: map[string]time.Duration{}, adverts: map[string]time.Duration{},
		answers: map[string]answer{}, answeredBy: map[string]map[string]time.Duration{},
	}
}

// update takes in what was appended since.
func (v *view) update() {
	events := v.log.Since(v.read)
	v.read += len(events)
	for _, event := range events {
		v.take(event)
	}
}

func (v *view) take(event history.Event) {
	switch body := event.Body.(type) {
	case history.Address:
		if body.Prefix.Addr() != v.vip {
			return
		}
		_, held := v.holders[event.Host]
		if held == body.Present {
			return
		}
		v.holdersSince = event.At
		if body.Present {
			v.holders[event.Host] = event.At
		} else {
			delete(v.holders, event.Host)
		}
	case history.Advert:
		if body.Direction == history.FromHost {
			v.adverts[event.Host] = max(v.adverts[event.Host], event.At)
		}
	case history.Probe:
		if body.Lost() || body.By == "" {
			return
		}
		if last := v.answers[body.Stream]; event.At >= last.sent {
			v.answers[body.Stream] = answer{body.By, event.At}
		}
		if v.answeredBy[body.Stream] == nil {
			v.answeredBy[body.Stream] = map[string]time.Duration{}
		}
		v.answeredBy[body.Stream][body.By] = max(v.answeredBy[body.Stream][body.By], event.At)
	case history.Trial, history.Phase, history.FaultArmed, history.FaultStart, history.FaultEnd, history.ARP, history.NA, history.Link,
		history.Neighbour, history.Owners, history.Connection, history.Forwarding, history.Usage, history.ProcessStart, history.ProcessExit,
		history.Transition, history.Canary, history.Truth, history.Note:
		// They say nothing about who owns the VIP.
	}
}

// soleHolder is the one host that has the VIP, and since when it alone does.
func (v *view) soleHolder() (host string, since time.Duration, ok bool) {
	if len(v.holders) != 1 {
		return "", 0, false
	}
	for host := range v.holders {
		return host, v.holdersSince, true
	}
	return "", 0, false
}

func (v *view) holderNames() []string {
	var names []string
	for host := range v.holders {
		names = append(names, host)
	}
	slices.Sort(names)
	return names
}

// streams are the client's streams of probes.
var streams = []string{history.StreamICMP, history.StreamHTTP}

// answersFrom says whether the last answers of all streams came from host,
// to probes sent at or after from.
func (v *view) answersFrom(host string, from time.Duration) bool {
	for _, stream := range streams {
		if last := v.answers[stream]; last.by != host || last.sent < from {
			return false
		}
	}
	return true
}

// answeredByOther says whether a host other than host has the VIP and answered
// probes of all streams sent at or after from.
func (v *view) answeredByOther(host string, from time.Duration) bool {
	for other := range v.holders {
		if other == host {
			continue
		}
		all := true
		for _, stream := range streams {
			sent, ok := v.answeredBy[stream][other]
			all = all && ok && sent >= from
		}
		if all {
			return true
		}
	}
	return false
}

// heldByOther says whether a host other than host has had the VIP since
// before.
func (v *view) heldByOther(host string, before time.Duration) bool {
	for other, since := range v.holders {
		if other != host && since < before {
			return true
		}
	}
	return false
}
