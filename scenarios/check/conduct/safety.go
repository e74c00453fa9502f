package conduct

import "time"

type link struct {
	sound bool
	since time.Duration
}

// Linked says whether the way between two routers is sound from now: nothing
// is lost, and all arrives within Limits.Travel.
func (j *Judge) Linked(at time.Duration, from, to int, sound bool) {
	l := &j.links[from*len(j.routers)+to]
	if l.sound == sound {
		return
	}
	j.settle(at)
	*l = link{sound, at}
}

// settle looks at each pair of Actives before something changes.
func (j *Judge) settle(at time.Duration) {
	n := len(j.routers)
	for a := range j.routers {
		better := &j.routers[a]
		if better.state != Active || better.paused {
			continue
		}
		for b := range j.routers {
			lesser := &j.routers[b]
			l := &j.links[a*n+b]
			if a == b || lesser.state != Active || lesser.paused || !l.sound || !j.outranks(a, better.priority, lesser) {
				continue
			}
			gap := better.rate.Takes(better.interval) + j.limits.Travel + j.limits.Grain
			if gap+j.limits.Travel >= lesser.rate.Takes(lesser.down) {
				continue // the clocks are too far apart
			}
			from := max(better.activeAt, better.moved, lesser.moved, lesser.zeroRead, l.since)
			if at-from > gap {
				j.broken(at, lesser, RuleSafety, "%s and %s were both Active for %s, %s more than %s could know of it",
					better.name, lesser.name, at-max(better.activeAt, lesser.activeAt), at-from-gap, lesser.name)
			}
		}
	}
}
