package chaos

import (
	"time"

	"takeover/scenarios/fault"
)

// where is on which hosts a kind of fault means something.
type where int

const (
	onNodes   where = iota
	onClient        // alone
	onEndings       // nodes and the client
)

// recipe is how a kind of fault is drawn.
type recipe struct {
	weight int
	where  where
	// fits says whether the cluster has what the fault strikes; nil: every one has.
	fits func(Facts) bool
	// set draws its parameters; nil: there are none to draw.
	set func(*drawing, *fault.Parameters)
	// brief says that the blow is all: how long it is in force makes no difference.
	brief bool
}

func hasWeb(f Facts) bool    { return f.Web }
func hasScript(f Facts) bool { return f.Script }
func isIPv4(f Facts) bool    { return f.IPv4 }

// webServer is what process-killed calls the nodes' web server.
const webServer = "nginx"

// recipes are those of all kinds. The weights lean to what clusters meet: lost
// frames and links, daemons that die and stand still.
var recipes = map[fault.Kind]recipe{
	fault.NginxKilled:     {weight: 3, fits: hasWeb},
	fault.DaemonStopped:   {weight: 6},
	fault.DaemonKilled:    {weight: 5},
	fault.WorkerKilled:    {weight: 4},
	fault.GuardianKilled:  {weight: 4},
	fault.DaemonPaused:    {weight: 6},
	fault.DaemonRestarted: {weight: 5, brief: true},
	fault.DaemonReloaded: {weight: 5, set: func(d *drawing, p *fault.Parameters) {
		if p.Mode = pick(d, "same", "spoiled", "truncated", "priority"); p.Mode == "priority" {
			p.Priority = d.between(1, 254)
		}
	}},
	fault.ProcessKilled: {weight: 4, set: func(d *drawing, p *fault.Parameters) {
		p.Process, p.Signal = d.process(), pick(d, "KILL", "TERM", "INT", "HUP")
	}},
	fault.ProcessPaused: {weight: 3, set: func(d *drawing, p *fault.Parameters) { p.Process = d.process() }},
	fault.WebFails: {weight: 3, fits: hasWeb, set: func(d *drawing, p *fault.Parameters) {
		if p.Mode = mode(d, fault.WebFails); p.Mode == "slow" {
			p.Delay = d.duration(100*time.Millisecond, 3*time.Second)
		}
	}},
	fault.ScriptFails:   {weight: 4, fits: hasScript, set: func(d *drawing, p *fault.Parameters) { p.Mode = mode(d, fault.ScriptFails) }},
	fault.FilesLimited:  {weight: 1, set: func(d *drawing, p *fault.Parameters) { p.Count = d.between(8, 40) }},
	fault.MemoryLimited: {weight: 1, set: func(d *drawing, p *fault.Parameters) { p.Size = d.between(32, 4096) << 20 }},
	fault.DiskFull:      {weight: 1, set: func(d *drawing, p *fault.Parameters) { p.Path = pick(d, "/var/log", "/tmp") }},
	fault.CPUHogs:       {weight: 1, set: func(d *drawing, p *fault.Parameters) { p.Count = d.between(1, 2) }},
	fault.CPUQuota:      {weight: 2, set: func(d *drawing, p *fault.Parameters) { p.Percent = d.between(1, 18) * 5 }},
	fault.HostFrozen:    {weight: 4},
	fault.HostCrashed:   {weight: 4},
	fault.HostRebooted: {weight: 3, set: func(d *drawing, p *fault.Parameters) {
		p.After = d.duration(100*time.Millisecond, d.Down+2*d.Interval)
	}},

	fault.LinkLoss: {weight: 8, where: onEndings},
	fault.LinkDown: {weight: 4},
	fault.LinkFlaps: {weight: 4, set: func(d *drawing, p *fault.Parameters) {
		p.Period = d.duration(200*time.Millisecond, 2*d.Interval+200*time.Millisecond)
		p.Down = p.Period * fault.Duration(d.between(1, 9)) / 10
	}},
	fault.OneWayLoss: {weight: 6, where: onEndings, set: func(d *drawing, p *fault.Parameters) { p.Direction = pick(d, "from", "to") }},
	fault.Partition: {weight: 6, set: func(d *drawing, p *fault.Parameters) {
		p.Mode, p.Protocol = pick(d, "isolate", "split", "one-way", "ring", "bridge"), pick(d, "all", "all", "vrrp")
		if p.Mode == "split" || p.Mode == "one-way" {
			p.Groups = d.groups()
		}
	}},
	fault.MTUHole:          {weight: 1, where: onEndings, set: func(d *drawing, p *fault.Parameters) { p.Size = d.between(100, 1400) }},
	fault.MACMoved:         {weight: 2},
	fault.MACForgotten:     {weight: 1, brief: true},
	fault.MulticastSnooped: {weight: 4},

	fault.AdvertsDropped: {weight: 8},
	fault.TrafficDropped: {weight: 8, where: onEndings, set: func(d *drawing, p *fault.Parameters) {
		d.traffic(p)
		d.choice(p)
	}},
	fault.TrafficDelayed: {weight: 5, where: onEndings, set: func(d *drawing, p *fault.Parameters) {
		d.traffic(p)
		p.Delay = d.duration(10*time.Millisecond, 2*d.Interval)
		if d.happens(0.5) {
			p.Jitter = d.duration(10*time.Millisecond, time.Duration(p.Delay))
		}
	}},
	fault.TrafficReordered: {weight: 3, where: onEndings, set: func(d *drawing, p *fault.Parameters) {
		d.traffic(p)
		d.choice(p)
		p.Delay = d.duration(10*time.Millisecond, 2*d.Interval)
	}},
	fault.TrafficDuplicated: {weight: 3, where: onEndings, set: func(d *drawing, p *fault.Parameters) {
		d.traffic(p)
		p.Count = d.between(1, 3)
	}},
	fault.TrafficCorrupted: {weight: 3, where: onEndings, set: func(d *drawing, p *fault.Parameters) {
		d.traffic(p)
		p.Probability = d.share()
		p.Count = d.between(1, 4)
	}},
	fault.TrafficShaped: {weight: 2, where: onEndings, set: func(d *drawing, p *fault.Parameters) {
		d.traffic(p)
		p.Rate = d.between(1, 64) << 10
	}},
	fault.TrafficReplayed: {weight: 3, set: func(d *drawing, p *fault.Parameters) {
		p.Protocol = pick(d, "vrrp", "vrrp", "garp", "arp")
		p.Period, p.Count = d.duration(50*time.Millisecond, d.Interval), d.between(1, 10)
	}},

	fault.VIPDeleted:        {weight: 3, brief: true},
	fault.VIPAdded:          {weight: 3},
	fault.AddressDuplicated: {weight: 1, where: onClient, fits: isIPv4},
	fault.NeighbourPoisoned: {weight: 2, where: onClient},
	fault.AdvertForged: {weight: 3, fits: isIPv4, set: func(d *drawing, p *fault.Parameters) {
		p.Mode, p.Priority = mode(d, fault.AdvertForged), pick(d, 0, 1, 90, 150, 255)
		p.Version, p.TTL = pick(d, 0, 0, 0, 2, 3, 7), pick(d, 0, 0, 0, 64)
		p.Period, p.Count = d.duration(50*time.Millisecond, 2*d.Interval), d.between(1, 10)
	}},
	fault.RivalStarted: {weight: 2, fits: isIPv4, set: func(d *drawing, p *fault.Parameters) { p.Priority = d.between(1, 255) }},

	fault.ClockOffset: {weight: 1, set: func(d *drawing, p *fault.Parameters) {
		p.Offset = fault.Duration(d.between(1, 1_000_000)) * fault.Duration(time.Second)
	}},
	fault.ClockStepped: {weight: 1, set: func(d *drawing, p *fault.Parameters) {
		p.Offset = fault.Duration(d.between(-3600, 3600)*2+1) * fault.Duration(time.Second)
	}},

	fault.InterfaceRemoved: {weight: 2, set: func(d *drawing, p *fault.Parameters) {
		p.After = d.duration(100*time.Millisecond, d.Down+2*d.Interval)
	}},
	fault.InterfaceRenamed:     {weight: 2},
	fault.InterfacePromiscuous: {weight: 1},
	fault.NetlinkOverrun:       {weight: 1, brief: true, set: func(d *drawing, p *fault.Parameters) { p.Count = d.between(100, 2000) }},
}

// Fits says whether the cluster has what a kind of fault strikes.
func (f Facts) Fits(kind fault.Kind) bool {
	r, known := recipes[kind]
	return known && (r.fits == nil || r.fits(f)) && (r.where != onClient || f.Client != "")
}

// The rest are parts of what recipes draw.

func pick[T any](d *drawing, from ...T) T { return from[d.IntN(len(from))] }

func mode(d *drawing, kind fault.Kind) string { return pick(d, kind.Modes()...) }

// process is what a fault of any process strikes.
func (d *drawing) process() string {
	if d.Web && d.happens(0.3) {
		return webServer
	}
	return d.Daemon
}

// traffic draws which frames: those that clusters live on more often than all.
func (d *drawing) traffic(p *fault.Parameters) {
	protocols := []string{"vrrp", "vrrp", "all", "icmp"}
	if d.IPv4 {
		protocols = append(protocols, "arp", "garp")
	} else {
		protocols = append(protocols, "nd")
	}
	p.Protocol, p.Direction = pick(d, protocols...), pick(d, "from", "to", "both")
}

// choice draws how many of them.
func (d *drawing) choice(p *fault.Parameters) {
	switch d.IntN(6) {
	case 0: // all
	case 1:
		p.Every = d.between(2, 4)
	case 2:
		p.First = d.between(1, 5)
	case 3:
		p.BurstEnter, p.BurstLeave = d.share(), d.share()
	default:
		p.Probability = d.share()
	}
}

// groups parts all hosts in two.
func (d *drawing) groups() [][]string {
	hosts := d.hosts()
	order := d.Perm(len(hosts))
	first := d.between(1, len(hosts)-1)
	groups := [][]string{nil, nil}
	for rank, i := range order {
		group := 0
		if rank >= first {
			group = 1
		}
		groups[group] = append(groups[group], hosts[i])
	}
	return groups
}
