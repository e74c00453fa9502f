package daemon

import (
	"cmp"
	"fmt"
	"log/slog"

	"takeover/daemon/config"
	"takeover/daemon/track"
)

// tracked is one script or interface as one instance tracks it.
type tracked struct {
	name    string // scriptName's or interfaceName's
	failure string // what is said of it when it is down: "failed" or "down"
	weight  track.Weight
}

// fault is why the instance cannot run; empty when it can. An instance is held
// until each script of weight 0 has returned once.
func (t *tracked) fault() string {
	switch {
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
	found := false
	for _, t := range i.tracked {
		if t.name == name {
			t.weight.State = state
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

func scriptName(name string) string    { return "script " + name }
func interfaceName(name string) string { return "interface " + name }

// trackedBy is what the instance tracks, scripts first. A weight in the
// instance goes before the script's own; Reverse is resolved by config.
func trackedBy(i config.Instance, scripts map[string]config.Script) []*tracked {
	var all []*tracked
	for _, t := range i.TrackScripts {
		script := scripts[t.Name]
		weight := track.Weight{Value: script.Weight, Reverse: t.Reverse}
		if t.Weight != nil {
			weight.Value = *t.Weight
		}
		all = append(all, &tracked{name: scriptName(t.Name), failure: "failed", weight: weight})
	}
	for _, t := range i.TrackInterfaces {
		weight := track.Weight{Value: t.Weight, Reverse: t.Reverse}
		all = append(all, &tracked{name: interfaceName(t.Name), failure: "down", weight: weight})
	}
	return all
}

// trackedScripts are the scripts that instances track, ready to run. With
// enable_script_security, it is an error that one would run as root although
// others than root could change it; otherwise that is logged.
func trackedScripts(c *config.Config, logger *slog.Logger) ([]*track.Script, error) {
	needed := make(map[string]bool)
	for _, i := range c.Instances {
		for _, t := range i.TrackScripts {
			needed[t.Name] = true
		}
	}
	var scripts []*track.Script
	for _, s := range c.Scripts {
		if !needed[s.Name] {
			continue
		}
		user, group := s.User, s.Group
		if user == "" {
			user, group = c.Global.ScriptUser, cmp.Or(group, c.Global.ScriptGroup)
		}
		credential, err := track.ResolveUser(user, group)
		if err != nil {
			return nil, fmt.Errorf("%s: vrrp_script %s: %w", s.Position, s.Name, err)
		}
		runsAsRoot := credential == nil || credential.Uid == 0
		if problem := track.SecurityProblem(s.Command[0]); problem != nil && runsAsRoot {
			if c.Global.EnableScriptSecurity {
				return nil, fmt.Errorf("%s: vrrp_script %s is not run as root: %w", s.Position, s.Name, problem)
			}
			logger.Warn("script may be changed by others than root", "script", s.Name, "problem", problem)
		}
		scripts = append(scripts, &track.Script{
			Name: s.Name, Command: s.Command, Interval: s.Interval, Timeout: s.Timeout,
			Rise: s.Rise, Fall: s.Fall, InitFail: s.InitFail, Credential: credential,
		})
	}
	return scripts, nil
}
