package vrrp_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/daemon/vrrp"
)

// drawParameters are of either version and family, with any options.
func drawParameters(t *rapid.T) vrrp.Parameters {
	p := parameters()
	drawFamily(t, &p)
	p.Priority = rapid.OneOf(rapid.Uint8Range(1, 255), rapid.Just(uint8(255))).Draw(t, "priority")
	p.AdvertisementInterval = drawInterval(t, p.Version)
	p.NoPreempt = rapid.Bool().Draw(t, "nopreempt")
	p.AnnounceCount = rapid.IntRange(0, 5).Draw(t, "announce_count")
	p.AnnounceDelay = drawDelay(t, "announce_delay")
	for i := range rapid.IntRange(0, 3).Draw(t, "more_addresses") {
		p.VirtualAddresses = append(p.VirtualAddresses, numbered(p.PrimaryAddress, byte(210+i)))
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "excluded_addresses") {
		p.ExcludedAddresses = append(p.ExcludedAddresses, numbered(p.PrimaryAddress, byte(220+i)))
	}
	if p.Version == vrrp.Version2 && rapid.Bool().Draw(t, "password") {
		p.Authentication = vrrp.Authentication{Type: vrrp.AuthenticationPass, Data: [8]byte{'s'}}
	}
	if rapid.Bool().Draw(t, "rivals") {
		count := rapid.IntRange(0, 5).Draw(t, "rival_count")
		p.RivalAnnounceCount, p.RivalAnnounceDelay = &count, drawDelay(t, "rival_delay")
	}
	if rapid.Bool().Draw(t, "refreshes") {
		p.AnnounceRefresh = 1 + drawDelay(t, "refresh")
		p.AnnounceRefreshCount = rapid.IntRange(1, 5).Draw(t, "refresh_count")
	}
	if rapid.Bool().Draw(t, "delayed") {
		p.StartupDelay = drawDelay(t, "startup_delay")
	}
	drawBehaviour(t, &p)
	return p
}

// drawFamily sets the version, the primary address and one virtual address.
func drawFamily(t *rapid.T, p *vrrp.Parameters) {
	p.Version = rapid.SampledFrom([]vrrp.Version{vrrp.Version2, vrrp.Version3}).Draw(t, "version")
	if p.Version == vrrp.Version3 && rapid.Bool().Draw(t, "ipv6") {
		p.PrimaryAddress = netip.MustParseAddr("fe80::65")
	}
	p.VirtualAddresses = []netip.Addr{numbered(p.PrimaryAddress, 200)}
}

// drawBehaviour sets the options that decide who is Active.
func drawBehaviour(t *rapid.T, p *vrrp.Parameters) {
	p.PreemptDelay = rapid.SampledFrom([]time.Duration{0, 0, 1, time.Second, 5 * time.Second}).Draw(t, "preempt_delay")
	p.DownTimerAdverts = rapid.SampledFrom([]int{0, 0, 2, 5}).Draw(t, "down_timer_adverts")
	p.FastPreempt = rapid.SampledFrom([]vrrp.FastPreempt{
		vrrp.FastPreemptOff, vrrp.FastPreemptResign, vrrp.FastPreemptAdvert,
	}).Draw(t, "fast_preempt")
	p.PeerLoss = rapid.SampledFrom([]vrrp.PeerLoss{
		vrrp.PeerLossIgnored, vrrp.PeerLossExpires, vrrp.PeerLossSkews,
	}).Draw(t, "peer_loss")
	p.SilentToRivals = rapid.Bool().Draw(t, "silent_to_rivals")
	p.AdvertBeforeYielding = rapid.Bool().Draw(t, "advert_before_yielding")
	p.CheckAddresses = rapid.Bool().Draw(t, "check_addresses")
	p.PlainChecksum = rapid.Bool().Draw(t, "plain_checksum")
}

func drawDelay(t *rapid.T, label string) time.Duration {
	return time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, label))
}

func drawInterval(t *rapid.T, version vrrp.Version) time.Duration {
	if version == vrrp.Version3 {
		return time.Duration(rapid.IntRange(1, 4095).Draw(t, "interval")) * 10 * time.Millisecond
	}
	return time.Duration(rapid.IntRange(1, 255).Draw(t, "interval")) * time.Second
}

// numbered is like's neighbour with the last byte.
func numbered(like netip.Addr, last byte) netip.Addr {
	if like.Is4() {
		return netip.AddrFrom4([4]byte{10, 0, 0, last})
	}
	bytes := like.As16()
	bytes[15] = last
	return netip.AddrFrom16(bytes)
}

// drawReceived is mostly an advertisement that is believed.
func drawReceived(t *rapid.T, p vrrp.Parameters) vrrp.Received {
	e := vrrp.Received{
		Source: rapid.OneOf(
			rapid.Just(p.PrimaryAddress.Next()), rapid.Just(p.PrimaryAddress.Prev()),
			rapid.SampledFrom([]netip.Addr{p.PrimaryAddress, {}, multicast(p.PrimaryAddress)}),
		).Draw(t, "source"),
		Advertisement: vrrp.Advertisement{
			Version:        p.Version,
			VRID:           p.VRID,
			Priority:       rapid.SampledFrom([]uint8{0, 1, p.Priority - 1, p.Priority, p.Priority + 1, 254, 255}).Draw(t, "heard"),
			Interval:       p.AdvertisementInterval,
			Addresses:      p.VirtualAddresses,
			Authentication: p.Authentication,
		},
	}
	if p.Version == vrrp.Version3 {
		e.Advertisement.Interval = drawInterval(t, p.Version)
	}
	switch rapid.IntRange(0, 15).Draw(t, "damage") {
	case 1:
		e.Advertisement.VRID++
	case 2:
		e.Advertisement.Version ^= vrrp.Version2 ^ vrrp.Version3
	case 3:
		e.Advertisement.Interval += time.Second
	case 4:
		e.Advertisement.Authentication.Type++
	case 5:
		e.Advertisement.Authentication.Data[3]++
	case 6:
		e.Advertisement.Addresses = nil
	}
	return e
}

// TestMachineKeepsItsContract tells one machine anything at any time; what it
// promises is in contract.
func TestMachineKeepsItsContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		router, err := vrrp.New(drawParameters(t))
		if err != nil {
			t.Fatal(err)
		}
		c := contract{router: router}
		now := beginning()
		step := func(event vrrp.Event) {
			if _, err := c.step(now, event); err != nil {
				t.Fatalf("%s, %+v: %v", now.Sub(beginning()), event, err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"startup":  func(*rapid.T) { step(vrrp.Startup{}) },
			"shutdown": func(t *rapid.T) { step(vrrp.Shutdown{Reason: rapid.SampledFrom([]string{"", "x"}).Draw(t, "reason")}) },
			"deadline": func(*rapid.T) {
				if deadline, running := router.Deadline(); running && deadline.After(now) {
					now = deadline
				}
				step(vrrp.TimerExpired{})
			},
			"almost": func(*rapid.T) {
				if deadline, running := router.Deadline(); running && deadline.Add(-1).After(now) {
					now = deadline.Add(-1)
				}
				step(vrrp.TimerExpired{})
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(t, "wait")))
			},
			"expired":  func(*rapid.T) { step(vrrp.TimerExpired{}) },
			"received": func(t *rapid.T) { step(drawReceived(t, router.Parameters())) },
			"priority": func(t *rapid.T) { step(vrrp.PriorityChanged{Priority: rapid.Uint8().Draw(t, "priority")}) },
			"resign":   func(t *rapid.T) { step(vrrp.Resign{Reason: rapid.SampledFrom([]string{"", "x"}).Draw(t, "reason")}) },
			"takeover": func(t *rapid.T) { step(vrrp.TakeOver{Reason: rapid.SampledFrom([]string{"", "x"}).Draw(t, "reason")}) },
			"reconfigured": func(t *rapid.T) {
				p := drawParameters(t)
				if own := router.Parameters(); router.Accepts(p) != nil {
					p.Version, p.PrimaryAddress = own.Version, own.PrimaryAddress
					p.AdvertisementInterval = drawInterval(t, p.Version)
					p.VirtualAddresses, p.ExcludedAddresses = own.VirtualAddresses, nil
				}
				step(vrrp.Reconfigured{Parameters: p})
			},
			"peer": func(t *rapid.T) {
				peers := []netip.Addr{router.CurrentActive(), {}, router.Parameters().PrimaryAddress.Next()}
				step(vrrp.PeerLost{Address: rapid.SampledFrom(peers).Draw(t, "peer")})
			},
			"lost": func(t *rapid.T) {
				p := router.Parameters()
				addresses := append(p.VirtualAddresses, netip.MustParseAddr("10.9.9.9"))
				addresses = append(addresses, p.ExcludedAddresses...)
				step(vrrp.AddressLost{Address: rapid.SampledFrom(addresses).Draw(t, "address")})
			},
		})
	})
}

// drawSegment has 1 to 4 routers; at most one is the address owner. With two
// or more members each is a group on as many networks, of one priority.
func drawSegment(t *rapid.T, members int) *segment {
	s := newSegment(func(*node, []vrrp.Action) {})
	like := parameters()
	drawFamily(t, &like)
	owned := false
	for i := range rapid.IntRange(1, 4).Draw(t, "routers") {
		p := like
		p.PrimaryAddress = numbered(like.PrimaryAddress, byte(101+i))
		p.Priority = rapid.SampledFrom([]uint8{1, 99, 100, 100, 254, 255}).Draw(t, "priority")
		p.NoPreempt = rapid.Bool().Draw(t, "nopreempt")
		drawBehaviour(t, &p)
		p.StartupDelay = rapid.SampledFrom([]time.Duration{0, 0, 3 * time.Second}).Draw(t, "startup_delay")
		if p.Priority == 255 && owned {
			p.Priority = 200
		}
		owned = owned || p.Priority == 255
		name := string(rune('a' + i))
		if members == 1 {
			s.nodes = append(s.nodes, &node{name: name, parameters: p})
			continue
		}
		g := &group{name: name}
		for m := range members {
			p.VRID = uint8(1 + m)
			n := &node{name: fmt.Sprint(name, m), parameters: p, group: g}
			g.members = append(g.members, n)
			s.nodes = append(s.nodes, n)
		}
	}
	return s
}

// TestHealedSegmentHasOneActive does anything to several routers, then heals
// all and lets the timers run out: exactly one is Active, and when all preempt
// none that runs has a higher priority.
func TestHealedSegmentHasOneActive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSegment(t, 1)
		disturb(t, s)
		heal(t, s)
		if err := checkOneActive(s.nodes); err != nil {
			t.Fatal(err)
		}
	})
}

// TestHealedGroupsAreActiveTogether is the same for sync groups: that none is
// ever Active in part is checked at every step. A group with a stopped member
// is no candidate.
func TestHealedGroupsAreActiveTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const members = 2
		s := drawSegment(t, members)
		disturb(t, s)
		resume(t, s)
		for _, n := range s.nodes { // one priority for a group
			if n.running {
				must(t, s.step(n, vrrp.PriorityChanged{Priority: n.group.members[0].contract.router.Parameters().Priority}))
			}
		}
		heal(t, s)
		for m := range members {
			var candidates []*node
			for _, n := range s.nodes {
				if n.group.members[m] == n && n.group.isStarted() {
					candidates = append(candidates, n)
				}
			}
			if err := checkOneActive(candidates); err != nil {
				t.Fatalf("VRID %d: %v", m+1, err)
			}
		}
	})
}

// isStarted reports whether no member is in Initialize.
func (g *group) isStarted() bool {
	for _, n := range g.members {
		if !n.running || n.contract.router.State() == vrrp.Initialize {
			return false
		}
	}
	return true
}

func must(t *rapid.T, err error) {
	if err != nil {
		t.Fatal(err)
	}
}

// disturb does anything to the routers of a segment.
func disturb(t *rapid.T, s *segment) {
	pick := func(t *rapid.T) *node { return rapid.SampledFrom(s.nodes).Draw(t, "node") }
	event := func(t *rapid.T, event vrrp.Event) {
		if n := pick(t); n.running && !n.paused {
			must(t, s.step(n, event))
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"start":    func(t *rapid.T) { must(t, s.start(pick(t))) },
		"startup":  func(t *rapid.T) { event(t, vrrp.Startup{}) },
		"stop":     func(t *rapid.T) { event(t, vrrp.Shutdown{}) },
		"resign":   func(t *rapid.T) { event(t, vrrp.Resign{}) },
		"crash":    func(t *rapid.T) { s.crash(pick(t)) },
		"pause":    func(t *rapid.T) { s.pause(pick(t)) },
		"cut":      func(t *rapid.T) { s.cut(pick(t), pick(t)) },
		"heal":     func(*rapid.T) { s.heal() },
		"priority": func(t *rapid.T) { event(t, vrrp.PriorityChanged{Priority: rapid.Uint8().Draw(t, "priority")}) },
		"lose":     func(t *rapid.T) { event(t, vrrp.AddressLost{Address: s.nodes[0].parameters.VirtualAddresses[0]}) },
		"peer":     func(t *rapid.T) { event(t, vrrp.PeerLost{Address: pick(t).parameters.PrimaryAddress}) },
		"resume": func(t *rapid.T) {
			if n := pick(t); n.running {
				must(t, s.resume(n))
			}
		},
		"advance": func(t *rapid.T) {
			must(t, s.advance(time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "time"))))
		},
	})
}

// heal undoes what disturb did, and lets the timers run out.
func heal(t *rapid.T, s *segment) {
	s.heal()
	resume(t, s)
	must(t, s.advance(30*time.Second))
}

func resume(t *rapid.T, s *segment) {
	for _, n := range s.nodes {
		if n.running {
			must(t, s.resume(n))
		}
	}
}

func checkOneActive(nodes []*node) error {
	actives, candidates := 0, 0
	best, active := uint8(0), uint8(0)
	preempt := true
	for _, n := range nodes {
		if !n.running || n.contract.router.State() == vrrp.Initialize {
			continue
		}
		candidates++
		p := n.contract.router.Parameters()
		preempt = preempt && !p.NoPreempt
		best = max(best, p.Priority)
		if n.contract.router.State() == vrrp.Active {
			actives++
			active = p.Priority
		}
	}
	if actives != min(candidates, 1) {
		return fmt.Errorf("%d of %d are Active", actives, candidates)
	}
	if preempt && active != best {
		return fmt.Errorf("priority %d is Active, and %d is there", active, best)
	}
	return nil
}
