package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"takeover/scenarios/history"
)

// Analyze measures a trial. The events may be in any order. A trial that was
// cut short has the measures that it came to; only a history that does not say
// what was set up is an error.
func Analyze(events []history.Event) (Measures, error) {
	events = history.Sorted(events)
	c, err := history.ReadCourse(events)
	if err != nil {
		return Measures{}, fmt.Errorf("measure a trial: %w", err)
	}
	t := c.Trial
	m := Measures{
		Format: Format, Scenario: t.Scenario, Fault: t.Fault, Subject: t.Subject, Run: t.Run,
		Seed: t.Seed, Started: t.Started, Ended: c.Ended, Length: c.End, WebServer: t.Cluster.WebServer,
	}
	if c.Fault == nil {
		return m, nil
	}
	m.Target, m.Phase = c.Fault.Host, c.Fault.Body.Phase
	probes := history.Select[history.Probe](events)
	holdings := history.Holdings(events, c.VIP(), c.End)
	failover := history.FindHandover(events, c, c.Faulted())
	m.Detection = detection(c, failover)
	m.Failover = handover(failover, t.ProbePeriods, probes, holdings)
	m.Failover.Steps = steps(failover, StepFault, c.Fault.ID, c.Fault.Host)
	if c.Heal != nil {
		reversion := history.FindHandover(events, c, c.Healed())
		m.Reversion = handover(reversion, t.ProbePeriods, probes, holdings)
		m.Reversion.Steps = steps(reversion, StepHealing, c.Heal.ID, c.Heal.Host)
	}
	m.Ownership = ownership(events, c, holdings, probes)
	for _, canary := range history.Select[history.Canary](events) {
		if canary.At >= c.Fault.At && canary.At <= c.End {
			m.CanaryDelayMax = max(m.CanaryDelayMax, canary.Body.Delay())
		}
	}
	return m, nil
}

// detection sets the failover beside the RFC's timers.
func detection(c history.Course, h history.Handover) *Detection {
	d := &Detection{Means: c.Trial.Expect.Detection}
	if !h.Happened() {
		return d
	}
	if bounds, ok := history.FaultBounds(c, h.New); ok {
		d.Bounds = &Bounds{bounds.From, bounds.To}
	}
	expected, ok := h.Expected()
	if !ok {
		return d
	}
	d.LastPriority = &h.LastAdvert.Body.Priority
	d.Timer = &h.Timer
	d.Expected = new(expected - c.Fault.At)
	if h.FirstAdvert != nil {
		d.Residual = new(h.FirstAdvert.At - expected)
	}
	if h.Announcement != nil {
		d.Overhead = new(h.Announcement.At - expected)
	}
	return d
}

func handover(h history.Handover, periods map[string]time.Duration, probes []history.Seen[history.Probe], holdings []history.Holding) *Handover {
	measured := &Handover{Old: h.Old, New: h.New, Window: h.Window.Length(), Streams: map[string]Stream{}}
	for _, name := range []string{history.StreamICMP, history.StreamHTTP} {
		measured.Streams[name] = stream(name, h, periods[name], probes)
	}
	if complete, ok := h.Complete(holdings); ok && h.Happened() {
		measured.Complete = new(complete - h.Window.From)
	}
	return measured
}

// stream counts one stream's probes in the handover's window.
func stream(name string, h history.Handover, period time.Duration, probes []history.Seen[history.Probe]) Stream {
	s := Stream{Period: period}
	for _, p := range probes {
		if p.Body.Stream != name || !h.Window.Contains(p.At) {
			continue
		}
		s.Sent++
		if s.PLBMCensored = p.Body.Lost(); s.PLBMCensored {
			s.Lost++
		}
	}
	s.PLBM = time.Duration(s.Lost) * period
	if !h.Happened() {
		return s
	}
	if answered, ok := h.AnsweredAt(name); ok {
		s.TBM = new(answered - h.Window.From)
	} else {
		s.TBM, s.TBMCensored = new(h.Window.Length()), true
	}
	return s
}

// watchLag is how late the address watch may be on a busy machine: rtnetlink
// has no timestamps, so an address counts from when its message was read. The
// announcement has the kernel's.
const watchLag = 20 * time.Millisecond

// addressStep is when the VIP was added: as it was seen, but not after the
// announcement, which a node sends for an address that it has.
func addressStep(added *history.Seen[history.Address], announcement *history.Announcement) Step {
	s := Step{Name: StepAddressAdded, Event: added.ID, Host: added.Host, At: added.At, Note: "to " + added.Body.Interface}
	if announcement == nil || announcement.Host != added.Host {
		return s
	}
	if late := added.At - announcement.At; late > 0 && late <= watchLag {
		s.At = announcement.At
		s.Note += fmt.Sprintf("; the watch saw it %s later", milliseconds(late))
	}
	return s
}

// steps lists what was seen of a handover, in the order of time.
func steps(h history.Handover, start StepName, event int, host string) []Step {
	list := []Step{{Name: start, Event: event, Host: host, At: h.Window.From}}
	if a := h.LastAdvert; a != nil {
		list = append(list, Step{
			Name: StepLastAdvertisement, Event: a.ID, Host: h.Old, At: a.At,
			Note: fmt.Sprintf("priority %d, as %s heard it", a.Body.Priority, h.New),
		})
	}
	if a := h.FirstAdvert; a != nil {
		list = append(list, Step{
			Name: StepAdvertisement, Event: a.ID, Host: a.Host, At: a.At, Note: fmt.Sprintf("priority %d", a.Body.Priority),
		})
	}
	if a := h.AddressAdded; a != nil {
		list = append(list, addressStep(a, h.Announcement))
	}
	if a := h.Announcement; a != nil {
		list = append(list, Step{Name: StepAnnouncement, Event: a.ID, Host: a.Host, At: a.At, Note: a.How})
	}
	if p, ok := h.Answers[history.StreamICMP]; ok {
		at, _ := h.AnsweredAt(history.StreamICMP)
		list = append(list, Step{Name: StepAnswer, Event: p.ID, Host: p.Body.By, At: at, Note: "echo reply"})
	}
	slices.SortStableFunc(list, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	for i := range list {
		list[i].At -= h.Window.From
		if i > 0 {
			list[i].After = list[i].At - list[i-1].At
		}
	}
	return list
}
