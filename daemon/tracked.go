package daemon

import (
	"takeover/daemon/config"
)

// condition is what is known of something tracked.
type condition uint8

const (
	unknown condition = iota // a script that has not returned yet
	up
	down
)

// tracked is one script or interface as one instance tracks it.
type tracked struct {
	name    string // scriptName's or interfaceName's
	failure string // what is wrong when it is down: "failed" or "down"
	weight  int    // 0: down is a fault
	reverse bool   // up counts as down, and down as up
	now     condition
}

// fault is why the instance cannot run; empty when it can. An instance is held
// until each script of weight 0 has returned once.
func (t *tracked) fault() string {
	if t.weight != 0 {
		return ""
	}
	switch t.effective() {
	case unknown:
		return t.name + " has not returned yet"
	case down:
		if t.reverse {
			return t.name + " is up, which counts as " + t.failure
		}
		return t.name + " " + t.failure
	case up:
	}
	return ""
}

// contribution is what is added to the priority: a positive weight while up, a
// negative one while down (keepalived.conf(5)).
func (t *tracked) contribution() int {
	switch t.effective() {
	case up:
		return max(t.weight, 0)
	case down:
		return min(t.weight, 0)
	case unknown:
	}
	return 0
}

func (t *tracked) effective() condition {
	if !t.reverse {
		return t.now
	}
	switch t.now {
	case up:
		return down
	case down:
		return up
	case unknown:
	}
	return unknown
}

func conditionOf(isUp bool) condition {
	if isUp {
		return up
	}
	return down
}

func scriptName(name string) string    { return "script " + name }
func interfaceName(name string) string { return "interface " + name }

// trackedBy is what the instance tracks, scripts first. A weight in the
// instance goes before the script's own.
func trackedBy(i config.Instance, scripts map[string]config.Script) []*tracked {
	var all []*tracked
	for _, t := range i.TrackScripts {
		script := scripts[t.Name]
		one := &tracked{name: scriptName(t.Name), failure: "failed", weight: script.Weight, reverse: script.Reverse}
		if t.Weight != nil {
			one.weight, one.reverse = *t.Weight, t.Reverse
		}
		all = append(all, one)
	}
	for _, t := range i.TrackInterfaces {
		all = append(all, &tracked{name: interfaceName(t.Name), failure: "down", weight: t.Weight})
	}
	return all
}
