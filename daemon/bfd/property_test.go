package bfd_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"takeover/daemon/bfd"
)

func drawInterval(t *rapid.T, label string) time.Duration {
	return time.Duration(rapid.Int64Range(1000, 300_000).Draw(t, label)) * time.Microsecond
}

func drawParameters(t *rapid.T, discriminator uint32) bfd.Parameters {
	return bfd.Parameters{
		Discriminator: discriminator,
		DesiredMinTx:  drawInterval(t, "tx"),
		RequiredMinRx: drawInterval(t, "rx"),
		IdleTx:        rapid.SampledFrom([]time.Duration{0, time.Second, 2 * time.Second}).Draw(t, "idle"),
		Multiplier:    rapid.Uint8Range(1, 5).Draw(t, "multiplier"),
		Seed:          rapid.Uint64().Draw(t, "seed"),
	}
}

// TestHealedLinkComesUp does anything to two systems, then heals the link and
// lets the timers run out: both are Up when both run and want to be, else
// neither.
func TestHealedLinkComesUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLink(func(*node, []bfd.Action) {})
		l.delay = time.Duration(rapid.Int64Range(0, int64(20*time.Millisecond)).Draw(t, "delay"))
		for i := range l.nodes {
			l.nodes[i] = &node{name: string(rune('a' + i)), parameters: drawParameters(t, uint32(i+1))}
		}
		// Two passive systems wait for each other for ever.
		l.nodes[0].parameters.Passive = rapid.Bool().Draw(t, "passive")
		must := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		pick := func(t *rapid.T) *node { return rapid.SampledFrom(l.nodes[:]).Draw(t, "node") }
		event := func(t *rapid.T, event bfd.Event) {
			if n := pick(t); n.running && !n.paused {
				must(l.step(n, event))
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"start":    func(t *rapid.T) { must(l.start(pick(t))) },
			"crash":    func(t *rapid.T) { l.crash(pick(t)) },
			"startup":  func(t *rapid.T) { event(t, bfd.Startup{}) },
			"shutdown": func(t *rapid.T) { event(t, bfd.Shutdown{}) },
			"expired":  func(t *rapid.T) { event(t, bfd.TimerExpired{}) },
			"pause":    func(t *rapid.T) { pick(t).paused = true },
			"cut":      func(t *rapid.T) { pick(t).cut = true },
			"drop":     func(t *rapid.T) { pick(t).drop = rapid.IntRange(1, 9).Draw(t, "count") },
			"heal":     func(*rapid.T) { l.heal() },
			"intervals": func(t *rapid.T) {
				event(t, bfd.IntervalsChanged{DesiredMinTx: drawInterval(t, "tx"), RequiredMinRx: drawInterval(t, "rx")})
			},
			"resume": func(t *rapid.T) {
				if n := pick(t); n.running {
					must(l.resume(n))
				}
			},
			"advance": func(t *rapid.T) {
				must(l.advance(time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "time"))))
			},
		})
		l.heal()
		wanted := true
		for _, n := range l.nodes {
			if n.running {
				must(l.resume(n))
			}
			wanted = wanted && n.running && n.session.State() != bfd.AdminDown
		}
		// The longest Detection Time is 5 x 2 s; then a slow interval or two.
		must(l.advance(16 * time.Second))
		for _, n := range l.nodes {
			if up := n.running && n.session.State() == bfd.Up; up != wanted {
				t.Errorf("%s: Up is %t, want %t", n.name, up, wanted)
			}
		}
	})
}

// TestSessionKeepsItsContract tells one session anything; what it promises is
// in link.check.
func TestSessionKeepsItsContract(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newLink(func(*node, []bfd.Action) {})
		n := &node{name: "a", parameters: drawParameters(t, 1)}
		n.parameters.Passive = rapid.Bool().Draw(t, "passive")
		l.nodes[0] = n
		session, err := bfd.New(n.parameters)
		if err != nil {
			t.Fatal(err)
		}
		n.session, n.cut = session, true
		step := func(event bfd.Event) {
			if err := l.step(n, event); err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"startup":  func(*rapid.T) { step(bfd.Startup{}) },
			"shutdown": func(*rapid.T) { step(bfd.Shutdown{}) },
			"deadline": func(*rapid.T) {
				if deadline, running := n.session.Deadline(); running && deadline.After(l.now) {
					l.now = deadline
				}
				step(bfd.TimerExpired{})
				if deadline, running := n.session.Deadline(); running && !deadline.After(l.now) {
					t.Fatal("the deadline is not over after TimerExpired")
				}
			},
			"almost": func(*rapid.T) {
				deadline, running := n.session.Deadline()
				if !running || !deadline.Add(-1).After(l.now) {
					return
				}
				l.now = deadline.Add(-1)
				if actions := n.session.Step(l.now, bfd.TimerExpired{}); len(actions) > 0 {
					t.Fatalf("did %v before the deadline", actions)
				}
			},
			"wait": func(t *rapid.T) {
				l.now = l.now.Add(time.Duration(rapid.Int64Range(0, int64(10*time.Second)).Draw(t, "wait")))
			},
			"intervals": func(t *rapid.T) {
				step(bfd.IntervalsChanged{DesiredMinTx: drawInterval(t, "tx"), RequiredMinRx: drawInterval(t, "rx")})
			},
			"received": func(t *rapid.T) {
				p := drawPacket(t)
				p.YourDiscriminator = rapid.SampledFrom([]uint32{1, 1, 1, 0, 2}).Draw(t, "to")
				p.DesiredMinTx, p.RequiredMinRx = drawInterval(t, "tx"), drawInterval(t, "rx")
				if p.YourDiscriminator == 0 {
					p.State = bfd.Down
				}
				step(bfd.Received{Packet: p})
			},
		})
	})
}
