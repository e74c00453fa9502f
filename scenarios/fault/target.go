package fault

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Target says which hosts a fault is for: a host's name, or one of the
// selectors.
type Target string

// The selectors.
const (
	TargetActive   Target = "active"   // who holds the virtual address
	TargetBackup   Target = "backup"   // the best of those that do not
	TargetAny      Target = "any"      // one node, drawn
	TargetAll      Target = "all"      // every node
	TargetMajority Target = "majority" // more than half of the nodes, drawn
	TargetClient   Target = "client"
)

// Targets are the selectors.
func Targets() []Target {
	return []Target{TargetActive, TargetBackup, TargetAny, TargetAll, TargetMajority, TargetClient}
}

// Situation is what a target is chosen from.
type Situation struct {
	Nodes  []string // the best first
	Active string   // empty: nobody, or more than one
	Client string
	Others []string // hosts that are neither
}

// Resolve returns the hosts that the target stands for, in the order of the
// situation. It is an error when there are none.
func (t Target) Resolve(s Situation, draw *rand.Rand) ([]string, error) {
	backups := slices.DeleteFunc(slices.Clone(s.Nodes), func(name string) bool { return name == s.Active })
	var chosen []string
	switch t {
	case TargetActive:
		chosen = []string{s.Active}
	case TargetBackup:
		chosen = backups[:min(1, len(backups))]
	case TargetAny:
		chosen = drawn(s.Nodes, min(1, len(s.Nodes)), draw)
	case TargetAll:
		chosen = s.Nodes
	case TargetMajority:
		chosen = drawn(s.Nodes, len(s.Nodes)/2+1, draw)
	case TargetClient:
		chosen = []string{s.Client}
	default:
		if !slices.Contains(slices.Concat(s.Nodes, s.Others, []string{s.Client}), string(t)) {
			return nil, fmt.Errorf("target %q is no host and none of %v", t, Targets())
		}
		chosen = []string{string(t)}
	}
	chosen = slices.DeleteFunc(slices.Clone(chosen), func(name string) bool { return name == "" })
	if len(chosen) == 0 {
		return nil, fmt.Errorf("target %q: there is no such host now", t)
	}
	return chosen, nil
}

// drawn are n of the names, in their order.
func drawn(names []string, n int, draw *rand.Rand) []string {
	if n > len(names) {
		return nil
	}
	chosen := draw.Perm(len(names))[:n]
	slices.Sort(chosen)
	var all []string
	for _, i := range chosen {
		all = append(all, names[i])
	}
	return all
}
