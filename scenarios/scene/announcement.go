package scene

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

const (
	// announcedWithin is what a node may take to announce what it has.
	announcedWithin = 500 * time.Millisecond
	// announcedApart is how much later than that of a frame, which the kernel
	// stamps, the time of an address may be, which its watcher gives it when it is
	// let run.
	announcedApart = 100 * time.Millisecond
)

// taking is a stretch of time for which a node had the address.
type taking struct {
	history.Window
	host   string
	event  int
	byHand bool // not the daemon put it there
}

// takings are all of the trial, in the order of their beginnings.
func (j *judge) takings() []taking {
	var all []taking
	open := map[string]int{}
	for _, a := range history.Select[history.Address](j.events) {
		if a.Body.Prefix.Addr() != j.course.VIP() {
			continue
		}
		i, has := open[a.Host]
		switch {
		case a.Body.Present && !has:
			open[a.Host] = len(all)
			all = append(all, taking{history.Window{From: a.At, To: j.window.To}, a.Host, a.ID, j.isByHand(a.Host, a.At)})
		case !a.Body.Present && has:
			all[i].To = a.At
			delete(open, a.Host)
		}
	}
	return all
}

// isByHand says whether a fault, or its undoing, puts addresses on the host at t.
func (j *judge) isByHand(host string, t time.Duration) bool {
	kinds := []string{string(fault.VIPAdded), string(fault.InterfaceRemoved), string(fault.InterfaceRenamed)}
	return slices.ContainsFunc(j.inForce(), func(f force) bool {
		kind, _, _ := strings.Cut(f.fault, " ")
		return f.host == host && slices.Contains(kinds, kind) && f.From <= t && t < f.To+announcedApart
	})
}

// force is a fault while it is in force.
type force struct {
	history.Window
	host, fault string
}

func (j *judge) inForce() []force {
	var all []force
	ends := history.Select[history.FaultEnd](j.events)
	for _, start := range history.Select[history.FaultStart](j.events) {
		f := force{history.Window{From: start.At, To: j.window.To}, start.Host, start.Body.Fault}
		i := slices.IndexFunc(ends, func(end history.Seen[history.FaultEnd]) bool {
			return end.Host == start.Host && end.Body.ID == start.Body.ID && end.At >= start.At
		})
		if i >= 0 {
			f.To = ends[i].At
		}
		all = append(all, f)
	}
	return all
}

// announcement wants whoever takes the address to announce it soon, and as often
// as is expected, and nobody to announce what it does not have (RFC 9568 §6.4).
func (j *judge) announcement() {
	takings := j.takings()
	announced := history.Announcements(j.events, j.course.VIP())
	for _, t := range takings {
		if j.window.Contains(t.From) && !t.byHand {
			j.announces(t, slices.DeleteFunc(slices.Clone(announced), func(a history.Announcement) bool {
				return a.Host != t.host || a.At < t.From-announcedWithin || a.At >= t.To // an early one is another matter
			}))
		}
	}
	for _, a := range announced {
		if !j.window.Contains(a.At) || j.course.Trial.Cluster.Node(a.Host).Priority == 0 {
			continue
		}
		apart := a.At // from the nearest taking of its own
		for _, t := range takings {
			if t.host == a.Host {
				apart = min(apart, max(t.From-a.At, a.At-t.To, 0))
			}
		}
		if apart > announcedApart {
			around := history.Window{From: a.At - announcedWithin, To: a.At + apart + announcedWithin}
			if j.hindered(a.Host, around) {
				continue
			}
			j.failIn(around, checkAnnouncement, apart, []int{a.ID}, "%s announced %s at %s from having it",
				a.Host, j.course.VIP(), round(apart))
			return
		}
	}
}

// announces holds the announcements of one taking against what is expected.
func (j *judge) announces(t taking, announced []history.Announcement) {
	e := Announcement{}
	if j.Expect.Announcement != nil {
		e = *j.Expect.Announcement
	}
	within := cmp.Or(time.Duration(e.Within), announcedWithin)
	took := t.Length()
	if len(announced) > 0 {
		took = max(0, announced[0].At-t.From)
	}
	if took > within {
		said := "not announced it for"
		if len(announced) > 0 {
			said = "announced it after"
		}
		around := history.Window{From: t.From - announcedWithin, To: t.From + took + announcedWithin}
		if j.hindered(t.host, around) {
			return
		}
		j.failIn(around, checkAnnouncement, took-within, []int{t.event}, "%s had %s and had %s %s, expected is within %s",
			t.host, j.course.VIP(), said, round(took), within)
		return
	}
	if during := time.Duration(e.During); t.Length() >= during+announcedWithin {
		until := t.From + during
		times := len(slices.DeleteFunc(announced, func(a history.Announcement) bool { return a.At > until }))
		if times < e.Times {
			j.fail(checkAnnouncement, 0, []int{t.event}, "%s announced %s %d times within %s of having it, expected is at least %d",
				t.host, j.course.VIP(), times, during, e.Times)
		}
	}
}
