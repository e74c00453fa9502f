package vrrp_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/daemon/vrrp"
)

func drawParameters(t *rapid.T) vrrp.Parameters {
	p := parameters()
	p.Priority = rapid.OneOf(rapid.Uint8Range(1, 255), rapid.Just(uint8(255))).Draw(t, "priority")
	p.AdvertisementInterval = time.Duration(rapid.IntRange(1, 255).Draw(t, "interval")) * time.Second
	p.NoPreempt = rapid.Bool().Draw(t, "nopreempt")
	p.AnnounceCount = rapid.IntRange(0, 5).Draw(t, "announce_count")
	p.AnnounceDelay = time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "announce_delay"))
	for i := range rapid.IntRange(0, 3).Draw(t, "more_addresses") {
		p.VirtualAddresses = append(p.VirtualAddresses, netip.AddrFrom4([4]byte{10, 0, 1, byte(i)}))
	}
	if rapid.Bool().Draw(t, "password") {
		p.Authentication = vrrp.Authentication{Type: vrrp.AuthenticationPass, Data: [8]byte{'s'}}
	}
	return p
}

// drawReceived is mostly an advertisement that is believed.
func drawReceived(t *rapid.T, p vrrp.Parameters) vrrp.Received {
	e := vrrp.Received{
		Source: rapid.OneOf(
			rapid.Just(p.PrimaryAddress.Next()), rapid.Just(p.PrimaryAddress.Prev()),
			rapid.SampledFrom([]netip.Addr{p.PrimaryAddress, {}, netip.MustParseAddr("224.0.0.18")}),
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
	switch rapid.IntRange(0, 15).Draw(t, "damage") {
	case 1:
		e.Advertisement.VRID++
	case 2:
		e.Advertisement.Version = vrrp.Version3
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
			"lost": func(t *rapid.T) {
				addresses := append(router.Parameters().VirtualAddresses, netip.MustParseAddr("10.9.9.9"))
				step(vrrp.AddressLost{Address: rapid.SampledFrom(addresses).Draw(t, "address")})
			},
		})
	})
}

// drawSegment has 1 to 4 routers; at most one is the address owner.
func drawSegment(t *rapid.T) *segment {
	s := newSegment(func(*node, []vrrp.Action) {})
	owned := false
	for i := range rapid.IntRange(1, 4).Draw(t, "routers") {
		n := &node{name: string(rune('a' + i)), parameters: parameters()}
		n.parameters.PrimaryAddress = netip.AddrFrom4([4]byte{10, 0, 0, byte(101 + i)})
		n.parameters.Priority = rapid.SampledFrom([]uint8{1, 99, 100, 100, 254, 255}).Draw(t, "priority")
		n.parameters.NoPreempt = rapid.Bool().Draw(t, "nopreempt")
		if n.parameters.Priority == 255 && owned {
			n.parameters.Priority = 200
		}
		owned = owned || n.parameters.Priority == 255
		s.nodes = append(s.nodes, n)
	}
	return s
}

// TestHealedSegmentHasOneActive does anything to several routers, then heals
// all and lets the timers run out: exactly one is Active, and when all preempt
// none that runs has a higher priority.
func TestHealedSegmentHasOneActive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSegment(t)
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		pick := func(t *rapid.T) *node { return rapid.SampledFrom(s.nodes).Draw(t, "node") }
		event := func(t *rapid.T, event vrrp.Event) {
			if n := pick(t); n.running && !n.paused {
				must(s.step(n, event))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"start":    func(t *rapid.T) { must(s.start(pick(t))) },
			"startup":  func(t *rapid.T) { event(t, vrrp.Startup{}) },
			"stop":     func(t *rapid.T) { event(t, vrrp.Shutdown{}) },
			"crash":    func(t *rapid.T) { s.crash(pick(t)) },
			"pause":    func(t *rapid.T) { pick(t).paused = true },
			"cut":      func(t *rapid.T) { s.cut(pick(t), pick(t)) },
			"heal":     func(*rapid.T) { s.heal() },
			"priority": func(t *rapid.T) { event(t, vrrp.PriorityChanged{Priority: rapid.Uint8().Draw(t, "priority")}) },
			"lose":     func(t *rapid.T) { event(t, vrrp.AddressLost{Address: parameters().VirtualAddresses[0]}) },
			"resume": func(t *rapid.T) {
				if n := pick(t); n.running {
					must(s.resume(n))
				}
			},
			"advance": func(t *rapid.T) {
				must(s.advance(time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "time"))))
			},
		})
		s.heal()
		for _, n := range s.nodes {
			if n.running {
				must(s.resume(n))
			}
		}
		must(s.advance(20 * time.Second))
		must(checkOneActive(s))
	})
}

func checkOneActive(s *segment) error {
	actives, candidates := 0, 0
	best, active := uint8(0), uint8(0)
	preempt := true
	for _, n := range s.nodes {
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
