package daemon

import (
	"slices"
	"strings"

	"takeover/daemon/config"
	"takeover/daemon/track"
	"takeover/daemon/vrrp"
)

// faults is how many tracked things keep the instance from running.
func (v *instanceView) faults() int {
	count := 0
	for n := range v.tracked {
		if v.tracked[n].fault() != "" && !v.tracked[n].weight.Pending() {
			count++
		}
	}
	if count == 0 && v.fault != "" {
		return 1
	}
	return count
}

// pending is how many tracked things have not returned yet.
func (v *instanceView) pending() int {
	count := 0
	for n := range v.tracked {
		if v.tracked[n].weight.Pending() {
			count++
		}
	}
	return count
}

// tracking is what an instance tracks.
func (d *data) tracking(c *config.Instance) {
	if len(c.TrackInterfaces) > 0 {
		d.line("   Tracked interfaces :")
	}
	for _, t := range c.TrackInterfaces {
		d.line("     %s weight %d%s", t.Name, t.Weight, reversed(t.Reverse))
	}
	if len(c.TrackScripts) > 0 {
		d.line("   Tracked scripts :")
	}
	for _, t := range c.TrackScripts {
		d.line("     %s weight %d%s", t.Name, d.weightOf(t), reversed(t.Reverse))
	}
	list := func(title, form string, all []config.Tracked) {
		if len(all) > 0 {
			d.line("   %s :", title)
		}
		for _, t := range all {
			d.line(form, t.Name, t.Weight, reversed(t.Reverse))
		}
	}
	list("Tracked files", "     %s weight %d%s", c.TrackFiles)
	list("Tracked processes", "     %s, weight %d%s", c.TrackProcesses)
	list("Tracked BFDs", "     %s: weight %d%s", c.TrackBFDs)
}

func reversed(is bool) string {
	if is {
		return " reverse"
	}
	return ""
}

// weightOf is the weight of a tracked script: the instance's, or its own.
func (s *snapshot) weightOf(t config.TrackScript) int {
	if t.Weight != nil {
		return *t.Weight
	}
	if script := s.scriptNamed(t.Name); script != nil {
		return script.Weight
	}
	return 0
}

func (s *snapshot) scriptNamed(name string) *config.Script {
	n := slices.IndexFunc(s.config.Scripts, func(script config.Script) bool { return script.Name == name })
	if n < 0 {
		return nil
	}
	return &s.config.Scripts[n]
}

// commandOf is the command line of a script.
func (s *snapshot) commandOf(name string) string {
	if script := s.scriptNamed(name); script != nil {
		return quoted(script.Command)
	}
	return name
}

// quoted is a command line as keepalived writes it: each word in quotes.
func quoted(command []string) string {
	words := make([]string, len(command))
	for n, word := range command {
		words[n] = "'" + word + "'"
	}
	return strings.Join(words, " ")
}

// group is a VRRP Sync Group block.
func (d *data) group(g config.SyncGroup) {
	state, faults, inits := "INIT", 0, 0
	d.members(g, func(v *instanceView) {
		state, _ = v.keepalivedState()
		if v.state == vrrp.Initialize && v.fault != "" {
			faults++
		} else if v.state == vrrp.Initialize {
			inits++
		}
	})
	if faults > 0 {
		state = "FAULT"
	}
	d.line(" VRRP Sync Group = %s, %s", g.Name, state)
	d.line("   Num member fault %d, num member init %d", faults, inits)
	d.line("   VRRP member instances :")
	for _, member := range g.Members {
		d.line("     %s", member)
	}
	if g.TrackingWeight {
		d.line("   sync group tracking weight set")
	}
	d.line("   Using smtp notification = no")
}

func (d *data) members(g config.SyncGroup, do func(*instanceView)) {
	for n := range d.instances {
		if slices.Contains(g.Members, d.instances[n].config.Name) {
			do(&d.instances[n])
		}
	}
}

// script is a VRRP Script block.
func (d *data) script(s config.Script) {
	state, is := d.stateOf(scriptName(s.Name))
	result, status, initial := 0, "BAD", "INIT"
	if s.InitFail {
		initial = "INIT/FAILED"
	}
	if state == track.Up {
		result, status = s.Rise+s.Fall-1, "GOOD"
	}
	if is {
		initial = "unknown" // as keepalived says of one that has returned
	}
	d.line(" VRRP Script = %s", s.Name)
	d.line("   Command = %s", quoted(s.Command))
	d.line("   Interval = %d sec", wholeSeconds(s.Interval))
	d.line("   Timeout = %d sec", wholeSeconds(s.Timeout))
	d.line("   Weight = %d%s", s.Weight, reversed(s.Reverse))
	d.line("   Rise = %d", s.Rise)
	d.line("   Fall = %d", s.Fall)
	d.line("   Result = %d", result)
	d.line("   Insecure = no")
	d.line("   Init state = %s", initial)
	d.line("   Status = %s", status)
	d.line("   Script uid:gid = 0:0")
	d.line("   VRRP instances :")
	d.trackedBy(scriptName(s.Name))
	d.line("   State = idle")
}

// stateOf is the state of a tracker, and whether it is known.
func (d *data) stateOf(name string) (track.State, bool) {
	last, is := d.latest[name]
	if !is {
		return track.Unknown, false
	}
	return stateOf(last.up), true
}

// trackedBy are the instances that track something, with its weight.
func (d *data) trackedBy(name string) {
	for n := range d.instances {
		for _, t := range d.instances[n].tracked {
			if t.name == name {
				d.line("     %s, weight %d%s", d.instances[n].config.Name, t.weight.Value, reversed(t.weight.Reverse))
			}
		}
	}
}

// process is a VRRP Track process block.
func (d *data) process(p config.Process) {
	last := d.latest[processName(p.Name)]
	d.line(" VRRP Track process = %s", p.Name)
	d.line("   Process = %s", p.Command)
	if len(p.Parameters) > 0 {
		d.line("   Parameters = %s", strings.Join(p.Parameters, " "))
	}
	switch p.Match {
	case config.MatchExact:
		d.line("   Param match")
	case config.MatchPartial:
		d.line("   Param match = partial")
	case config.MatchInitial:
		d.line("   Param match = initial")
	case config.MatchAny:
	}
	d.line("   Min processes = %d", p.Quorum)
	if p.QuorumMax != config.NoQuorumMax {
		d.line("   Max processes = %d", p.QuorumMax)
	}
	d.line("   Current processes = %d", last.number)
	d.line("   Have quorum = %t", last.up)
	d.line("   Weight = %d%s", p.Weight, reversed(p.Reverse))
	d.line("   Terminate delay = %fs", p.TerminateDelay.Seconds())
	d.line("   Fork delay = %fs", p.ForkDelay.Seconds())
	d.line("   Fork delay timer not running")
	d.line("   Terminate delay timer not running")
	d.line("   Full command = %t", p.FullCommand)
	d.trackedBy(processName(p.Name))
}

// bfd is a VRRP Track BFD block.
func (d *data) bfd(b config.BFD) {
	d.line(" VRRP Track BFD = %s", b.Name)
	d.line("   Weight = %d%s", b.Weight, reversed(b.Reverse))
	d.line("   Bfd is %s", upOrDown(d.latest[bfdName(b.Name)].up))
	d.line("   Tracking VRRP instances :")
	d.trackedBy(bfdName(b.Name))
}
