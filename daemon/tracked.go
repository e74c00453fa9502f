package daemon

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"takeover/daemon/bfdrun"
	"takeover/daemon/config"
	"takeover/daemon/control"
	"takeover/daemon/track"
	"takeover/daemon/vrrp"
)

// tracked is one thing as one instance tracks it.
type tracked struct {
	name    string // scriptName's, interfaceName's, ...
	failure string // what is said of it when it is down: "failed" or "down"
	weight  track.Weight
	// isLate says that it came to be tracked while the virtual router ran: it
	// holds nothing up before it has returned.
	isLate bool
	// peer is the neighbor of a BFD session whose loss expires the timer;
	// invalid of anything else.
	peer netip.Addr
}

// fault is why the instance cannot run; empty when it can. An instance is held
// until whatever has weight 0 has returned once. The loss of a session that
// expires the timer is no fault: a Backup could not take over from within one.
func (t *tracked) fault() string {
	switch {
	case t.peer.IsValid() && t.weight.Value == 0:
		return ""
	case t.weight.Pending() && t.isLate:
		return ""
	case t.weight.Pending():
		return t.name + " has not returned yet"
	case t.weight.Fault() && t.weight.Reverse:
		return t.name + " is up, which counts as " + t.failure
	case t.weight.Fault():
		return t.name + " " + t.failure
	}
	return ""
}

// setState notes what is known of something tracked; false when the instance
// does not track it.
func (i *instance) setState(name string, state track.State) bool {
	return i.note(name, func(w *track.Weight) { w.State = state })
}

func (i *instance) note(name string, set func(*track.Weight)) bool {
	found := false
	for _, t := range i.tracked {
		if t.name == name {
			set(&t.weight)
			found = true
		}
	}
	return found
}

func stateOf(isUp bool) track.State {
	if isUp {
		return track.Up
	}
	return track.Down
}

func scriptName(name string) string    { return track.KindScript.String() + " " + name }
func processName(name string) string   { return track.KindProcesses.String() + " " + name }
func fileName(name string) string      { return track.KindFile.String() + " " + name }
func interfaceName(name string) string { return "interface " + name }
func bfdName(name string) string       { return "bfd " + name }

// trackedBy is what the instance tracks, scripts first. A weight in the
// instance goes before the script's own; Reverse is resolved by config.
func trackedBy(i config.Instance, c *config.Config) []*tracked {
	var all []*tracked
	for _, t := range i.TrackScripts {
		weight := track.Weight{Reverse: t.Reverse}
		n := slices.IndexFunc(c.Scripts, func(s config.Script) bool { return s.Name == t.Name })
		if n >= 0 {
			weight.Value = c.Scripts[n].Weight
		}
		if t.Weight != nil {
			weight.Value = *t.Weight
		}
		all = append(all, &tracked{name: scriptName(t.Name), failure: "failed", weight: weight})
	}
	for _, t := range i.TrackInterfaces {
		weight := track.Weight{Value: t.Weight, Reverse: t.Reverse}
		all = append(all, &tracked{name: interfaceName(t.Name), failure: "down", weight: weight})
	}
	for _, t := range i.TrackProcesses {
		all = append(all, &tracked{name: processName(t.Name), failure: "failed", weight: weightOf(t)})
	}
	for _, t := range i.TrackFiles {
		all = append(all, &tracked{name: fileName(t.Name), failure: "failed", weight: weightOf(t)})
	}
	for _, t := range i.TrackBFDs {
		one := &tracked{name: bfdName(t.Name), failure: "down", weight: weightOf(t)}
		n := slices.IndexFunc(c.BFDs, func(b config.BFD) bool { return b.Name == t.Name })
		if n >= 0 && i.BFDExpire != config.BFDExpireOff {
			one.peer = c.BFDs[n].Neighbor.WithZone("")
		}
		all = append(all, one)
	}
	return all
}

func weightOf(t config.Tracked) track.Weight {
	return track.Weight{Value: t.Weight, Reverse: t.Reverse}
}

// checked applies the result of a script, of processes or of a file.
func (l *loop) checked(now time.Time, result track.Result) {
	l.logger.Info(result.Kind.String()+" result", result.Kind.String(), result.Name, "up", result.Up,
		"status", result.Status, "number", result.Number, "took", result.Took)
	name := result.Kind.String() + " " + result.Name
	last := latest{
		up: result.Up, at: now, detail: result.Status, number: result.Number, isNumber: result.Kind == track.KindFile,
	}
	l.noteLatest(name, last)
	l.resultEvent(name, result)
	for _, i := range l.instances {
		if i.note(name, last.apply) {
			l.judge(now, i)
		}
	}
}

// bfdChanged applies what happened to a BFD session. Its loss expires the
// timer of a Backup first, where that is configured: a lower priority that
// follows from it must not delay the takeover. A neighbor that takes the
// session down by itself has not failed (RFC 5882 §3.2).
func (l *loop) bfdChanged(now time.Time, event bfdrun.Event) {
	l.logger.Info("bfd session", "session", event.Name, "up", event.Up, "reason", event.Reason)
	name := bfdName(event.Name)
	l.noteLatest(name, latest{up: event.Up, at: now, detail: event.Reason})
	l.events.Publish(control.Event{
		Kind: control.KindSession, Name: event.Name, To: upOrDown(event.Up), Reason: event.Reason,
	})
	for _, i := range l.instances {
		if !i.setState(name, stateOf(event.Up)) {
			continue
		}
		for _, t := range i.tracked {
			if t.name == name && t.peer.IsValid() && !event.Up && !event.Administrative && i.router != nil {
				l.step(now, i, vrrp.PeerLost{Address: t.peer})
			}
		}
		l.judge(now, i)
	}
}

// needed are the names of what any instance tracks, of one sort.
func needed(c *config.Config, names func(config.Instance) []string) map[string]bool {
	all := make(map[string]bool)
	for _, i := range c.Instances {
		maps.Copy(all, setOf(names(i)))
	}
	return all
}

func setOf(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

func namesOf(tracked []config.Tracked) []string {
	names := make([]string, len(tracked))
	for n, t := range tracked {
		names[n] = t.Name
	}
	return names
}
