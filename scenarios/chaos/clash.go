package chaos

import (
	"slices"
	"strings"
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/scene"
)

// apart is how far from each other two faults must be that would clash: undoing
// one takes a while, and a phase up to an interval.
const apart = 2 * time.Second

// Groups of kinds that can't be in force in one host at once: either could not
// be undone beside the other, or would undo it.
var (
	standstills = []fault.Kind{fault.DaemonPaused, fault.ProcessPaused, fault.HostFrozen, fault.CPUQuota}
	ends        = []fault.Kind{
		fault.DaemonStopped, fault.DaemonRestarted, fault.ProcessKilled, fault.ClockOffset, fault.NginxKilled, fault.WebFails,
	}
	webs       = []fault.Kind{fault.NginxKilled, fault.WebFails, fault.ProcessKilled, fault.ProcessPaused}
	deaths     = []fault.Kind{fault.HostCrashed, fault.HostRebooted}
	interfaces = []fault.Kind{
		fault.LinkDown, fault.InterfaceRemoved, fault.InterfaceRenamed, fault.InterfacePromiscuous, fault.VIPAdded, fault.VIPDeleted,
	}
	limits = []fault.Kind{fault.FilesLimited, fault.MemoryLimited}
	// A daemon that starts where its interface is not there does not start at all.
	absences = []fault.Kind{fault.InterfaceRemoved, fault.InterfaceRenamed}
	restarts = []fault.Kind{
		fault.DaemonStopped, fault.DaemonKilled, fault.DaemonRestarted, fault.WorkerKilled, fault.GuardianKilled,
		fault.ProcessKilled, fault.ClockOffset,
	}
)

// clash says that two steps are not to be drawn beside each other: they may
// strike one host at a time, and the harness refuses the later one or can't undo
// both.
func clash(a, b scene.Step) bool {
	return together(a, b) && meet(a.Target, b.Target) && quarrel(kindOf(a), kindOf(b))
}

func together(a, b scene.Step) bool {
	return a.At < b.At+b.For+fault.Duration(apart) && b.At < a.At+a.For+fault.Duration(apart)
}

// meet says that two targets may be one host: a selector may be any node, and a
// host is itself.
func meet(a, b fault.Target) bool {
	selects := func(t fault.Target) bool { return slices.Contains(fault.Targets(), t) && t != fault.TargetClient }
	return a == b || selects(a) || selects(b)
}

// quarrel says that two kinds can't be in force in one host at once.
func quarrel(a, b fault.Kind) bool {
	both := func(one, other []fault.Kind) bool {
		return slices.Contains(one, a) && slices.Contains(other, b) || slices.Contains(one, b) && slices.Contains(other, a)
	}
	restarting := slices.Concat(ends, deaths, limits, standstills)
	// No daemon starts with a configuration that is spoiled.
	reloads := []fault.Kind{fault.DaemonReloaded}
	return a == b || both(reloads, restarting) || both(reloads, restarts) || both(standstills, ends) || both(webs, webs) || both(interfaces, interfaces) || both(limits, limits) ||
		both(standstills, standstills) || both(absences, restarts) || both(deaths, restarting) || both(deaths, interfaces) ||
		both(deaths, []fault.Kind{fault.DaemonKilled, fault.WorkerKilled, fault.GuardianKilled, fault.ScriptFails, fault.CPUHogs})
}

func kindOf(s scene.Step) fault.Kind {
	name, _, _ := strings.Cut(s.Fault, " ")
	return fault.Kind(name)
}
