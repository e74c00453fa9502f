package chaos

import (
	"slices"

	"takeover/scenarios/fault"
	"takeover/scenarios/scene"
)

// Struck is a fault, as its text is, that struck a host in a trial.
type Struck struct{ Fault, Host string }

// Concrete is a scene as it went in a trial: without the steps that struck
// nothing, and with the host's name where the Active or a Backup was meant. Which
// it is does then no longer hang on the steps before. struck is in the order of
// time.
func Concrete(s scene.Scene, struck []Struck) scene.Scene {
	struck = slices.Clone(struck)
	var schedule []scene.Step
	for _, step := range s.Schedule {
		i := slices.IndexFunc(struck, func(one Struck) bool { return one.Fault == step.Fault })
		if i < 0 {
			continue
		}
		switch step.Target { //nolint:exhaustive // other targets are names
		case fault.TargetAll, fault.TargetMajority:
			host := struck[i].Host // the rest of them follows at once
			for i < len(struck) && struck[i].Fault == step.Fault {
				struck = slices.Delete(struck, i, i+1)
				if i < len(struck) && struck[i].Host == host {
					break
				}
			}
		case fault.TargetActive, fault.TargetBackup:
			step.Target = fault.Target(struck[i].Host)
			struck = slices.Delete(struck, i, i+1)
		default:
			struck = slices.Delete(struck, i, i+1)
		}
		schedule = append(schedule, step)
	}
	if len(schedule) == 0 {
		return s
	}
	s.Schedule = schedule
	return refit(s)
}

// hostsOf are those that a step's fault struck.
func hostsOf(step scene.Step, struck []Struck) []fault.Target {
	var hosts []fault.Target
	for _, one := range struck {
		if host := fault.Target(one.Host); one.Fault == step.Fault && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}
