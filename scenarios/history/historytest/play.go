package historytest

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"takeover/scenarios/history"
)

// Options says which trial is played.
type Options struct {
	Fault   string
	Subject string        // vipd when empty
	Run     int           // 1 when 0
	Phase   time.Duration // of the fault, above 0 and below 1 s
	Late    time.Duration // how much later than ideal the new Active is
}

// The times of every trial.
const (
	observed  = 5500 * time.Millisecond // probes begin
	settled   = 6 * time.Second
	lastBeat  = 7 * time.Second // node1's last advertisement before the fault
	interval  = time.Second
	overhead  = 300 * time.Microsecond // timer's end to advertisement
	hop       = 20 * time.Microsecond  // host to switch, or through it
	noticed   = 400 * time.Millisecond // the fault to the check's failure
	startup   = 100 * time.Millisecond // of a daemon
	holdFault = 2 * time.Second
	holdDone  = 1200 * time.Millisecond
	// unmoved is how long a fault stands that nobody notices.
	unmoved = 7 * time.Second
)

// Cluster is the cluster of every trial: three nodes, version 2, 1 s.
func Cluster() history.Cluster {
	node := func(name, address, mac string, priority int) history.Node {
		return history.Node{Name: name, Address: netip.MustParseAddr(address), MAC: mac, Priority: priority, Preempt: true}
	}
	return history.Cluster{
		Version: 2, VRID: 51, AdvertInterval: interval,
		VIPs: []netip.Addr{netip.MustParseAddr("10.0.0.200")},
		Nodes: []history.Node{
			node("node1", "10.0.0.101", "02:00:00:00:01:01", 100),
			node("node2", "10.0.0.102", "02:00:00:00:01:02", 99),
			node("node3", "10.0.0.103", "02:00:00:00:01:03", 98),
		},
		Client: history.Peer{Name: "client", Address: netip.MustParseAddr("10.0.0.10"), MAC: "02:00:00:00:01:0a"},
		Check: &history.CheckScript{
			Interval: time.Second, Timeout: time.Second, Fall: 1, Rise: 1,
		},
		WebServer: "nginx",
	}
}

// Faults are those that can be played.
func Faults() []string {
	return []string{
		"nginx-killed", "adverts-dropped", "link-loss", "daemon-stopped",
		"daemon-killed", "worker-killed", "guardian-killed",
	}
}

// Expect is what is declared of a fault.
func Expect(fault string) history.Expectation {
	switch fault {
	case "nginx-killed":
		return history.Expectation{Detection: history.DetectCheck}
	case "daemon-stopped":
		return history.Expectation{Detection: history.DetectPriorityZero}
	case "adverts-dropped":
		return history.Expectation{
			Detection: history.DetectSilence, TwoOwners: true,
			TwoOwnersReason: "the Active is well but not heard",
		}
	case "daemon-killed":
		return history.Expectation{
			Detection: history.DetectSilence, TwoOwners: true,
			TwoOwnersReason: "no process is left that could remove the address",
		}
	default:
		return history.Expectation{Detection: history.DetectSilence}
	}
}

// Play returns the events of a trial in the order of time.
func Play(o Options) []history.Event {
	o.Subject = cmp.Or(o.Subject, "vipd")
	o.Run = cmp.Or(o.Run, 1)
	p := &player{
		options: o, cluster: Cluster(), fault: lastBeat + o.Phase,
		holds: map[string][]history.Window{},
	}
	for i := range p.cluster.Nodes {
		p.cluster.Nodes[i].Subject = o.Subject
	}
	p.plan()
	p.frame()
	p.adverts()
	p.addresses()
	p.traffic()
	p.canary()
	slices.SortStableFunc(p.events, func(a, b history.Event) int { return cmp.Compare(a.At, b.At) })
	for i := range p.events {
		p.events[i].ID = i + 1
	}
	return p.events
}
