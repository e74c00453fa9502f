package daemon

import (
	"cmp"
	"fmt"
	"log/slog"

	"takeover/daemon/bfdrun"
	"takeover/daemon/config"
	"takeover/daemon/track"
)

// trackers are the parts that report what instances track.
type trackers struct {
	scripts   []*track.Script
	processes []*track.Processes
	files     []*track.File
	neighbors []bfdrun.Neighbor
}

// newTrackers are those for all that instances track. What nobody tracks is
// left out.
func newTrackers(c *config.Config, logger *slog.Logger) (trackers, error) {
	scripts, err := trackedScripts(c, logger)
	if err != nil {
		return trackers{}, err
	}
	all := trackers{scripts: scripts, processes: trackedProcesses(c), neighbors: neighbors(c)}
	wanted := needed(c, func(i config.Instance) []string { return namesOf(i.TrackFiles) })
	for _, f := range c.Files {
		if !wanted[f.Name] {
			continue
		}
		all.files = append(all.files, &track.File{Name: f.Name, Path: f.Path, Init: f.Init, Overwrite: f.Overwrite})
	}
	return all, bfdrun.Check(all.neighbors)
}

// prepare writes the initial numbers of files, as a daemon does when it starts.
func (t trackers) prepare() error {
	for _, file := range t.files {
		if err := file.Prepare(); err != nil {
			return fmt.Errorf("track_file %s: %w", file.Name, err)
		}
	}
	return nil
}

// isEmpty reports whether nothing is tracked.
func (t trackers) isEmpty() bool {
	return len(t.scripts)+len(t.processes)+len(t.files)+len(t.neighbors) == 0
}

// trackedScripts are the scripts that instances track, ready to run. With
// enable_script_security, it is an error that one would run as root although
// others than root could change it; otherwise that is logged.
func trackedScripts(c *config.Config, logger *slog.Logger) ([]*track.Script, error) {
	wanted := needed(c, func(i config.Instance) []string {
		var names []string
		for _, t := range i.TrackScripts {
			names = append(names, t.Name)
		}
		return names
	})
	var scripts []*track.Script
	for _, s := range c.Scripts {
		if !wanted[s.Name] {
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

func trackedProcesses(c *config.Config) []*track.Processes {
	wanted := needed(c, func(i config.Instance) []string { return namesOf(i.TrackProcesses) })
	var all []*track.Processes
	for _, p := range c.Processes {
		if !wanted[p.Name] {
			continue
		}
		all = append(all, &track.Processes{
			Name: p.Name, Command: p.Command, FullCommand: p.FullCommand, Match: parameterMatch(p.Match),
			Parameters: p.Parameters, Quorum: p.Quorum, QuorumMax: p.QuorumMax,
			ForkDelay: p.ForkDelay, TerminateDelay: p.TerminateDelay,
		})
	}
	return all
}

func parameterMatch(m config.ParameterMatch) track.ParameterMatch {
	switch m {
	case config.MatchExact:
		return track.MatchExact
	case config.MatchPartial:
		return track.MatchPartial
	case config.MatchInitial:
		return track.MatchInitial
	case config.MatchAny:
	}
	return track.MatchAny
}

// neighbors are all BFD sessions, tracked or not: the other side may need
// them.
func neighbors(c *config.Config) []bfdrun.Neighbor {
	all := make([]bfdrun.Neighbor, 0, len(c.BFDs))
	for _, b := range c.BFDs {
		hops := max(b.MaxHops, 0)
		if b.MaxHops < 0 {
			hops = int(b.TTL)
		}
		all = append(all, bfdrun.Neighbor{
			Name: b.Name, Local: b.Source, Remote: b.Neighbor, Multihop: b.Multihop, TTL: b.TTL,
			MaxHops: uint8(hops), DesiredMinTx: b.MinTx, RequiredMinRx: b.MinRx, IdleTx: b.IdleTx,
			Multiplier: b.Multiplier, Passive: b.Passive,
		})
	}
	return all
}
