package bfd_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"takeover/daemon/bfd"
)

// TestTranscripts runs the files in testdata: two systems on a link with a
// delay of 1 ms, and below each command what they do, with the virtual time in
// seconds. A packet is shown when it differs from the sender's last one. Run
// with -rewrite to write them anew, and review the difference.
//
//	session name=N [tx=D] [rx=D] [idle=D] [multiplier=N] [passive]
//	start N...           a new process, with another discriminator
//	stop N [reason=S]    Shutdown
//	enable N             Startup of a running session
//	crash N              the process ends without a word
//	pause N, resume N    a stopped process; what it misses waits in its socket
//	cut N                what N sends is lost
//	lose N COUNT         its next COUNT packets are lost
//	heal                 nothing is lost any more
//	intervals N tx=D rx=D
//	demand N, mute N     the peer of N says that it is in demand mode, or that
//	                     it wants no packets, with Poll
//	advance D            let time pass
//	state                all sessions
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		env := &transcript{last: map[*node]bfd.Packet{}}
		env.link = newLink(env.print)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			env.out.Reset()
			if err := env.run(t, d); err != nil {
				fmt.Fprintf(&env.out, "error: %v\n", err)
			}
			if env.out.Len() == 0 {
				return "ok\n"
			}
			return env.out.String()
		})
	})
}

// transcript runs the commands of one file on one link.
type transcript struct {
	link *link
	last map[*node]bfd.Packet
	out  strings.Builder
}

func (env *transcript) run(t *testing.T, d *datadriven.TestData) error {
	l := env.link
	switch d.Cmd {
	case "session":
		env.addSession(t, d)
	case "start":
		for i := range d.CmdArgs {
			if err := l.start(env.node(t, d, i)); err != nil {
				return err
			}
		}
	case "stop":
		reason := ""
		d.MaybeScanArgs(t, "reason", &reason)
		return l.step(env.node(t, d, 0), bfd.Shutdown{Reason: strings.ReplaceAll(reason, "_", " ")})
	case "enable":
		return l.step(env.node(t, d, 0), bfd.Startup{})
	case "crash":
		l.crash(env.node(t, d, 0))
	case "pause":
		env.node(t, d, 0).paused = true
	case "resume":
		return l.resume(env.node(t, d, 0))
	case "cut":
		env.node(t, d, 0).cut = true
	case "lose":
		_, err := fmt.Sscan(d.CmdArgs[1].Key, &env.node(t, d, 0).drop)
		return err
	case "heal":
		l.heal()
	case "intervals":
		return l.step(env.node(t, d, 0), bfd.IntervalsChanged{
			DesiredMinTx: duration(t, d, "tx", 0), RequiredMinRx: duration(t, d, "rx", 0),
		})
	case "demand", "mute":
		return env.forge(env.node(t, d, 0), d.Cmd)
	case "advance":
		by, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			return err
		}
		return l.advance(by)
	case "state":
		env.printState()
	default:
		d.Fatalf(t, "no such command: %s", d.Cmd)
	}
	return nil
}

// addSession adds a session that is not started yet.
func (env *transcript) addSession(t *testing.T, d *datadriven.TestData) {
	place := 0
	if env.link.nodes[0] != nil {
		place = 1
	}
	n := &node{parameters: bfd.Parameters{
		Discriminator: uint32(0xa + place),
		DesiredMinTx:  duration(t, d, "tx", 10*time.Millisecond),
		RequiredMinRx: duration(t, d, "rx", 10*time.Millisecond),
		IdleTx:        duration(t, d, "idle", 0),
		Multiplier:    3,
		Passive:       d.HasArg("passive"),
		Seed:          uint64(place),
	}}
	d.ScanArgs(t, "name", &n.name)
	d.MaybeScanArgs(t, "multiplier", &n.parameters.Multiplier)
	env.link.nodes[place] = n
}

// forge has n receive a packet that its peer would not send by itself.
func (env *transcript) forge(n *node, kind string) error {
	peer := env.link.peer(n).session.Status()
	p := bfd.Packet{
		State:             peer.State,
		Poll:              true,
		Multiplier:        3,
		MyDiscriminator:   peer.Discriminator,
		YourDiscriminator: peer.RemoteDiscriminator,
		DesiredMinTx:      10 * time.Millisecond,
		RequiredMinRx:     10 * time.Millisecond,
	}
	if kind == "demand" {
		p.Demand = true
	} else {
		p.RequiredMinRx = 0
	}
	return env.link.step(n, bfd.Received{Packet: p})
}

func duration(t *testing.T, d *datadriven.TestData, key string, otherwise time.Duration) time.Duration {
	text := ""
	if !d.MaybeScanArgs(t, key, &text) {
		return otherwise
	}
	value, err := time.ParseDuration(text)
	if err != nil {
		d.Fatalf(t, "%s: %v", key, err)
	}
	return value
}

// node is the one named by the command's argument.
func (env *transcript) node(t *testing.T, d *datadriven.TestData, argument int) *node {
	if argument >= len(d.CmdArgs) {
		d.Fatalf(t, "%s: argument %d is missing", d.Cmd, argument+1)
	}
	name := d.CmdArgs[argument].Key
	for _, n := range env.link.nodes {
		if n != nil && n.name == name {
			return n
		}
	}
	d.Fatalf(t, "no session %q", name)
	return nil
}

// print writes a line for each action.
func (env *transcript) print(n *node, actions []bfd.Action) {
	for _, action := range actions {
		text := ""
		switch a := action.(type) {
		case bfd.Send:
			if env.last[n] == *a.Packet {
				continue
			}
			env.last[n] = *a.Packet
			text = "Send " + packetText(a.Packet)
		case bfd.Discard:
			text = fmt.Sprintf("Discard: %s", a.Refusal)
		case bfd.StateChanged:
			text = fmt.Sprintf("StateChanged %s -> %s (%s): %s", a.From, a.To, a.Diagnostic, a.Reason)
		}
		fmt.Fprintf(&env.out, "%9.6f %s %s\n", env.seconds(env.link.now), n.name, text)
	}
}

func packetText(p *bfd.Packet) string {
	text := fmt.Sprintf("%s %#x to %#x tx %s rx %s", p.State, p.MyDiscriminator, p.YourDiscriminator, p.DesiredMinTx, p.RequiredMinRx)
	if p.Diagnostic != bfd.DiagnosticNone {
		text += fmt.Sprintf(" (%s)", p.Diagnostic)
	}
	if p.Poll {
		text += " Poll"
	}
	if p.Final {
		text += " Final"
	}
	return text
}

func (env *transcript) printState() {
	for _, n := range env.link.nodes {
		if !n.running {
			fmt.Fprintf(&env.out, "%s not running\n", n.name)
			continue
		}
		s := n.session.Status()
		fmt.Fprintf(&env.out, "%s %s remote %s %#x transmit %s detection %s", n.name, s.State,
			s.RemoteState, s.RemoteDiscriminator, s.TransmitInterval, s.DetectionTime)
		if s.Polling {
			fmt.Fprint(&env.out, " polling")
		}
		if deadline, running := n.session.Deadline(); running {
			fmt.Fprintf(&env.out, " deadline %.6f", env.seconds(deadline))
		}
		fmt.Fprintln(&env.out)
	}
}

func (env *transcript) seconds(t time.Time) float64 { return t.Sub(beginning()).Seconds() }
