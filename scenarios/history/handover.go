package history

import (
	"net/netip"
	"slices"
	"time"
)

// Handover is how the VIP went from one node to another within a window.
type Handover struct {
	Window Window
	// Old owned the VIP when the window began, New took it over; New is empty
	// when nobody did.
	Old, New string
	// Kept says that New had the address already, beside Old, and did not get
	// it anew.
	Kept bool
	// LastAdvert is the last advertisement from Old that was delivered to New
	// and kept it quiet. It may lie before the window.
	LastAdvert *Seen[Advert]
	// FirstAdvert is New's first advertisement as it left New's host.
	FirstAdvert *Seen[Advert]
	// AddressAdded is when New got the VIP.
	AddressAdded *Seen[Address]
	// Announcement is New's first announcement of the VIP as it left.
	Announcement *Announcement
	// Answers is the first answer from New to a probe sent in the window, a
	// stream; the first is the one whose answer came first.
	Answers map[string]Seen[Probe]
	// Timer is how long New had to wait after LastAdvert.
	Timer time.Duration
}

// Announcement is how an owner made itself known to the segment: a gratuitous
// ARP, or an unsolicited Neighbor Advertisement.
type Announcement struct {
	ID   int
	At   time.Duration
	Host string
	How  string // in words
}

// Happened says whether another node took over.
func (h Handover) Happened() bool { return h.New != "" }

// Complete is when New had answered an echo request and was the only host with
// the VIP; from then on it stayed the only one until the window's end.
func (h Handover) Complete(holdings []Holding) (time.Duration, bool) {
	answered, ok := h.AnsweredAt(StreamICMP)
	if !ok || !slices.Equal(HoldersAt(holdings, h.Window.To-1), []string{h.New}) {
		return 0, false
	}
	alone := h.Window.From
	for _, holding := range holdings {
		if holding.From < h.Window.To && !slices.Equal(holding.Hosts, []string{h.New}) {
			alone = max(alone, holding.To)
		}
	}
	return max(alone, answered), true
}

// Expected is when New's timer ended: the last advertisement and
// Active_Down_Interval, or Skew_Time after priority 0 (RFC 3768 §6.4.2).
func (h Handover) Expected() (time.Duration, bool) {
	if h.LastAdvert == nil {
		return 0, false
	}
	return h.LastAdvert.At + h.Timer, true
}

// AnsweredAt is when the answer of that stream came.
func (h Handover) AnsweredAt(stream string) (time.Duration, bool) {
	probe, ok := h.Answers[stream]
	return probe.At + probe.Body.RTT, ok
}

// FindHandover follows the VIP through the window. The events must be in the
// order of time.
func FindHandover(events []Event, c Course, w Window) Handover {
	h := Handover{Window: w, Answers: map[string]Seen[Probe]{}}
	if w.Length() == 0 {
		return h
	}
	holdings := Holdings(events, c.VIP(), c.End)
	probes := Select[Probe](events)
	h.Old = ownerAt(holdings, probes, w.From)
	h.New = newOwner(events, c, holdings, probes, h.Old, w)
	if !h.Happened() {
		return h
	}
	h.AddressAdded = first(Select[Address](events), func(a Seen[Address]) bool {
		return a.Host == h.New && a.Body.Present && a.Body.Prefix.Addr() == c.VIP() && w.Contains(a.At)
	})
	h.Kept = h.AddressAdded == nil && slices.Contains(HoldersAt(holdings, w.From), h.New)
	h.Announcement = findAnnouncement(events, c.VIP(), h.New, w)
	for _, p := range probes {
		if p.Body.Lost() || p.Body.By != h.New || !w.Contains(p.At) {
			continue
		}
		if known, ok := h.AnsweredAt(p.Body.Stream); !ok || p.At+p.Body.RTT < known {
			h.Answers[p.Body.Stream] = p
		}
	}
	h.findAdverts(events, c)
	return h
}

func findAnnouncement(events []Event, vip netip.Addr, host string, w Window) *Announcement {
	for _, a := range Announcements(events, vip) {
		if a.Host == host && w.Contains(a.At) {
			return &a
		}
	}
	return nil
}

// Announcements are all of an address, by whomever, in the order of the events.
func Announcements(events []Event, vip netip.Addr) []Announcement {
	var all []Announcement
	for _, event := range events {
		if how := announces(event.Body, vip); how != "" {
			all = append(all, Announcement{event.ID, event.At, event.Host, how})
		}
	}
	return all
}

// announces says how a host that sent this made vip known; "" when it did not.
func announces(body Body, vip netip.Addr) string {
	if arp, ok := body.(ARP); ok && arp.Direction == FromHost && arp.Gratuitous && arp.SenderIP == vip {
		return "gratuitous ARP"
	}
	if na, ok := body.(NA); ok && na.Direction == FromHost && na.Problem == "" && na.Target == vip {
		return "unsolicited Neighbor Advertisement"
	}
	return ""
}

// findAdverts finds the advertisements that explain when New took over. A
// node that was Active all along needs no explanation.
func (h *Handover) findAdverts(events []Event, c Course) {
	if h.Kept {
		return
	}
	cluster := c.Trial.Cluster
	old, taker := cluster.Node(h.Old), cluster.Node(h.New)
	adverts := slices.DeleteFunc(Select[Advert](events), func(a Seen[Advert]) bool {
		return a.Host != h.New || a.Body.VRID != cluster.VRID
	})
	h.FirstAdvert = first(adverts, func(a Seen[Advert]) bool {
		return a.Body.Direction == FromHost && taker.Sent(a.Body) &&
			a.Body.Priority > 0 && h.Window.Contains(a.At)
	})
	priority, end := taker.Priority, h.Window.To
	if h.FirstAdvert != nil {
		priority, end = h.FirstAdvert.Body.Priority, h.FirstAdvert.At
	}
	for _, a := range adverts {
		if a.Body.Direction == ToHost && a.At < end && old.Sent(a.Body) && taker.Quiets(a.Body, priority) {
			h.LastAdvert, h.Timer = &a, cluster.Timer(a.Body, priority)
		}
	}
}

// ownerAt is who owned the VIP at t: of several holders the one that got it
// last; without any the one that had answered the client last.
func ownerAt(holdings []Holding, probes []Seen[Probe], t time.Duration) string {
	holders := HoldersAt(holdings, t)
	if len(holders) == 0 {
		for _, p := range slices.Backward(probes) {
			if p.At < t && p.Body.By != "" {
				return p.Body.By
			}
		}
		return ""
	}
	// Going back, the holders get fewer: the last one left was there first, so
	// the first one that is missing came last.
	for _, holding := range slices.Backward(holdings) {
		if holding.From > t {
			continue
		}
		for _, host := range holders {
			if !slices.Contains(holding.Hosts, host) {
				return host
			}
		}
	}
	return holders[0]
}

// newOwner is the host other than old that the VIP went to: first those that
// still had it at the window's end, then those that had it for a while, then
// whoever answered. Of several it is the first that got it in the window.
func newOwner(events []Event, c Course, holdings []Holding, probes []Seen[Probe], old string, w Window) string {
	last := HoldersAt(holdings, w.To-1)
	kept, passing := "", ""
	for _, a := range Select[Address](events) {
		if a.Host == old || !a.Body.Present || a.Body.Prefix.Addr() != c.VIP() || !w.Contains(a.At) {
			continue
		}
		if passing == "" {
			passing = a.Host
		}
		if kept == "" && slices.Contains(last, a.Host) {
			kept = a.Host
		}
	}
	if kept != "" {
		return kept
	}
	for _, host := range last {
		if host != old && !slices.Contains(last, old) {
			return host
		}
	}
	if passing != "" || len(last) > 0 {
		return passing
	}
	for _, p := range probes {
		if w.Contains(p.At) && p.Body.By != "" && p.Body.By != old {
			return p.Body.By
		}
	}
	return ""
}
