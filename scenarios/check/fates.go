package check

import (
	"time"

	"takeover/scenarios/history"
)

// life is a long-lived connection from its begin to its end.
type life struct {
	opened, ended time.Duration
	fate          history.Fate // survived unless it ended
}

// lives are the connections, in the order of their numbers.
func (e *evidence) lives() []life {
	var all []life
	of := map[int]int{} // index by number
	for _, c := range history.Select[history.Connection](e.events) {
		switch i, known := of[c.Body.Number]; {
		case c.Body.Fate == history.FateOpened && !known && c.At < e.course.End:
			of[c.Body.Number] = len(all)
			all = append(all, life{c.At, e.course.End, history.FateSurvived})
		case known && c.Body.Fate != history.FateOpened && c.At < e.course.End:
			all[i].ended, all[i].fate = c.At, c.Body.Fate
		}
	}
	return all
}

// connections say what became of the long-lived connections: in all, and at each
// change of the owner from the first fault on, of those that were open when the
// owner before gave the address up.
func (e *evidence) connections() *history.ConnectionFates {
	lives := e.lives()
	if len(lives) == 0 {
		return nil
	}
	fates := &history.ConnectionFates{Changes: []history.ChangeFates{}}
	for _, l := range lives {
		count(&fates.Fates, l.fate)
	}
	changes := e.changes(e.disturbed())
	for i, c := range changes {
		until := e.course.End
		if i+1 < len(changes) {
			until = changes[i+1].since
		}
		of := history.ChangeFates{Event: c.event, Owner: c.owner}
		for _, l := range lives {
			switch {
			case l.opened >= c.since || l.ended <= c.since:
			case l.ended >= until:
				count(&of.Fates, history.FateSurvived)
			default:
				count(&of.Fates, l.fate)
			}
		}
		fates.Changes = append(fates.Changes, of)
	}
	return fates
}

func count(f *history.Fates, fate history.Fate) {
	f.Opened++
	switch fate {
	case history.FateReset:
		f.Reset++
	case history.FateTimedOut:
		f.TimedOut++
	case history.FateOpened, history.FateSurvived:
		f.Survived++
	}
}
