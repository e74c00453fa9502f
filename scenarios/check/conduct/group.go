package conduct

import (
	"slices"
	"time"
)

// leaves says whether one of the router's group is not Active any more, or
// about not to be.
func (j *Judge) leaves(r *router) bool {
	return slices.ContainsFunc(r.mates, func(i int) bool {
		mate := &j.routers[i]
		return mate.state != Active || mate.stopping || mate.yieldTo >= 0
	})
}

// due is when the router's timer ends, and those of its group, on the host's
// clock.
func (j *Judge) due(r *router) time.Duration {
	due := r.due
	for _, i := range r.mates {
		if due = max(due, j.routers[i].due); j.routers[i].state == Initialize {
			return never / 2 // so that there is room for more
		}
	}
	return due
}

// resigned looks at an Active that became Backup without a better one.
func (j *Judge) resigned(m Moment, r *router) {
	switch {
	case !j.leaves(r):
		j.broken(m.At, r, RuleCause, "%s gave up though it heard no better one", r.name)
	case !r.goodbye:
		j.broken(m.At, r, RuleAdvert, "%s gave up with its group, without priority 0", r.name)
	}
}
