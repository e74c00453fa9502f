package scenarios

import (
	"time"

	"takeover/scenarios/fault"
	"takeover/scenarios/history"
)

// Scenario is one fault against a cluster, and what is declared beforehand.
type Scenario struct {
	Name    string
	Cluster history.Cluster
	Fault   fault.Fault
	// PhaseFraction is where the fault falls in the Active's advertisement
	// interval, from 0 (right behind an advertisement) to below 1.
	PhaseFraction float64
	// AnnounceDelay is how long after becoming Active a subject announces its
	// addresses again; a cluster is not settled before.
	AnnounceDelay time.Duration
}

// How long the Runner looks on beyond what the protocol needs.
const (
	// settleSlack is for the programs to start.
	settleSlack = 10 * time.Second
	// faultSlack is beyond the longest failover that the timers explain.
	faultSlack = 2 * time.Second
	// defended is how long a new Active has the VIP without being asked until
	// it is clear that the old one keeps the client.
	defended = time.Second
	// holdFaulted is how long the fault stays in force after the failover.
	holdFaulted = 2 * time.Second
	// healSlack is beyond the longest reversion that the timers explain.
	healSlack = 4 * time.Second
	// holdHealed is how long the healed cluster has to stay as it is.
	holdHealed = time.Second
)

// Expect derives what can be declared of a fault beforehand.
func Expect(f fault.Fault) history.Expectation {
	switch f.Kind { //nolint:exhaustive // the rest is judged by what their schedules expect
	case fault.NginxKilled:
		return history.Expectation{Detection: history.DetectCheck}
	case fault.AdvertsDropped:
		return history.Expectation{
			Detection: history.DetectSilence, TwoOwners: true,
			TwoOwnersReason: "the Active is well but not heard, so a Backup takes over beside it",
		}
	case fault.LinkLoss:
		return history.Expectation{Detection: history.DetectSilence}
	case fault.DaemonStopped:
		return history.Expectation{Detection: history.DetectPriorityZero}
	case fault.DaemonKilled:
		return history.Expectation{
			Detection: history.DetectSilence, TwoOwners: true,
			TwoOwnersReason: "no process is left that could take the address off the dead node",
		}
	case fault.DaemonPaused:
		return history.Expectation{
			Detection: history.DetectSilence, TwoOwners: true,
			TwoOwnersReason: "no process runs that could take the address off the node",
		}
	case fault.WorkerKilled, fault.GuardianKilled:
		return history.Expectation{Detection: history.DetectSilence}
	default:
		return history.Expectation{}
	}
}
