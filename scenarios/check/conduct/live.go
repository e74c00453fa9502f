package conduct

import "time"

// Settles says whether sound links keep Backups quiet: the longest time between
// two advertisements, an interval and the travel, is shorter than every
// Active_Down_Interval. Otherwise Healed and Settled make no sense.
func (j *Judge) Settles() bool {
	for i := range j.routers {
		if r := &j.routers[i]; r.interval+j.limits.Travel+j.limits.Grain >= r.down {
			return false
		}
	}
	return true
}

// Healed says that all run, all links are sound, all clocks go right, and
// nothing is under way that was sent before and took longer than
// Limits.Travel. It returns when all must have settled; then call Settled.
//
// Somebody is Active and stays so after two travels, when what a lost Active
// said last has been heard, and the longest Active_Down_Interval. Whoever took
// over beside it did so before its first advertisement arrived, a travel
// later, and is told by the better one's first advertisement within another.
func (j *Judge) Healed(at time.Duration) time.Duration {
	longest := time.Duration(0)
	for i := range j.routers {
		longest = max(longest, j.routers[i].down)
	}
	return at + longest + 4*j.limits.Travel + j.limits.Grain
}

// Settled wants exactly one Active on each segment, that no preempting router
// outranks by its priority. From now on no state may change.
func (j *Judge) Settled(at time.Duration) {
	j.settle(at)
	j.settled = true
	segments := map[int]bool{}
	for i := range j.routers {
		if segment := j.routers[i].segment; !segments[segment] {
			segments[segment] = true
			j.settledOn(at, segment)
		}
	}
}

func (j *Judge) settledOn(at time.Duration, segment int) {
	var actives []string
	var active *router
	for i := range j.routers {
		if r := &j.routers[i]; r.segment == segment && r.state == Active {
			actives, active = append(actives, r.name), r
		}
	}
	if len(actives) != 1 {
		j.broken(at, nil, RuleLive, "%d are Active after the healing: %v", len(actives), actives)
		return
	}
	for i := range j.routers {
		if r := &j.routers[i]; r.segment == segment && r.preempt && r.priority > active.priority {
			j.broken(at, active, RuleLive, "%s is Active, but %s outranks it and preempts", active.name, r.name)
		}
	}
}

// End looks at what is still to be done at the end. The moments are those of
// each router.
func (j *Judge) End(at time.Duration, local []time.Duration) {
	j.settle(at)
	for i := range j.routers {
		r, m := &j.routers[i], Moment{at, local[i]}
		if r.running && !r.paused {
			j.checkDone(m, r)
		} else {
			j.checkLeft(m, r)
		}
	}
}
