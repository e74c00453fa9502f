package daemon

import "takeover/daemon/track"

// apply gives a weight the result.
func (r latest) apply(w *track.Weight) {
	w.State, w.Number = stateOf(r.up), nil
	if r.isNumber {
		number := r.number
		w.Number = &number
	}
}

// carryStates gives what the instance tracks the results that are known
// already. What is not known holds an instance up that is about to start, but
// none that runs.
func (l *loop) carryStates(i *instance) {
	for _, t := range i.tracked {
		if last, is := l.latest[t.name]; is {
			last.apply(&t.weight)
		} else {
			t.isLate = i.unit.started
		}
	}
	for _, t := range i.config.TrackInterfaces {
		if a := l.attachments[t.Name]; a != nil {
			i.setState(interfaceName(t.Name), stateOf(a.fault() == ""))
		}
	}
}

// forgetUntracked forgets the results of what is not there any more: it may come
// back as something else.
func (l *loop) forgetUntracked() {
	is := make(map[string]bool, len(l.latest))
	for _, i := range l.instances {
		for _, t := range i.tracked {
			is[t.name] = true
		}
	}
	for _, b := range l.config.BFDs {
		is[bfdName(b.Name)] = true
	}
	for name := range l.latest {
		if !is[name] {
			delete(l.latest, name)
		}
	}
}
