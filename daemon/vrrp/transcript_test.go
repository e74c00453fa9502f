package vrrp_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"takeover/daemon/vrrp"
)

// TestTranscripts runs the files in testdata: routers on one segment, and
// below each command what they do, with the virtual time in seconds. Run with
// -rewrite to write them anew, and review the difference.
//
//	router name=N priority=P address=A [version=3] [vrid=V] [vip=(V,...)]
//	       [excluded=(V,...)] [interval=D] [nopreempt] [password=S]
//	       [announce=COUNT] [delay=D] [refresh=D refresh_count=COUNT]
//	       [rival_count=COUNT] [rival_delay=D] [silent_to_rivals]
//	       [advert_before_yielding] [preempt_delay=D] [startup_delay=D]
//	       [down_timer_adverts=N] [check_addresses] [plain_checksum]
//	       [fast_preempt=resign|advert] [peer_loss=expires|skews]
//	group NAME N...      the routers are a sync group
//	start N...           a new process, with the router's (or group's) parameters
//	stop N [reason=S]    Shutdown
//	startup N            Startup, of a router that was stopped
//	resign N             Resign
//	crash N...           the process ends without a word
//	pause N, resume N    a stopped process; what it misses waits in its socket
//	cut N M [one_way]    N and M do not hear each other; or only M not N
//	heal                 all hear all
//	priority N P         PriorityChanged
//	reconfigure name=N ...  Reconfigured, with parameters as of router
//	lose N A             AddressLost
//	peer_lost N M        PeerLost with the address of M
//	advance D            let time pass
//	state                all routers
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata/transcripts", func(t *testing.T, path string) {
		env := newTranscript()
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

// transcript runs the commands of one file on one segment.
type transcript struct {
	segment *segment
	out     strings.Builder
}

func newTranscript() *transcript {
	env := &transcript{}
	env.segment = newSegment(env.print)
	return env
}

func (env *transcript) run(t *testing.T, d *datadriven.TestData) error {
	s := env.segment
	switch d.Cmd {
	case "router":
		return env.addRouter(t, d)
	case "start":
		for _, n := range env.nodes(t, d) {
			if err := s.start(n); err != nil {
				return err
			}
		}
		return nil
	case "stop":
		reason := ""
		d.MaybeScanArgs(t, "reason", &reason)
		return s.step(env.node(t, d, 0), vrrp.Shutdown{Reason: strings.ReplaceAll(reason, "_", " ")})
	case "startup":
		return s.step(env.node(t, d, 0), vrrp.Startup{})
	case "resign":
		return s.step(env.node(t, d, 0), vrrp.Resign{})
	case "group":
		env.addGroup(t, d)
	case "crash":
		for _, n := range env.nodes(t, d) {
			s.crash(n)
		}
	case "pause":
		s.pause(env.node(t, d, 0))
	case "resume":
		return s.resume(env.node(t, d, 0))
	case "cut":
		a, b := env.node(t, d, 0), env.node(t, d, 1)
		s.cut(a, b)
		if !d.HasArg("one_way") {
			s.cut(b, a)
		}
	case "heal":
		s.heal()
	case "priority":
		var priority uint8
		scan(t, d, 1, &priority)
		return s.step(env.node(t, d, 0), vrrp.PriorityChanged{Priority: priority})
	case "reconfigure":
		n, err := scanRouter(t, d)
		if err != nil {
			return err
		}
		running := env.named(t, d, n.name)
		if err := running.contract.router.Accepts(n.parameters); err != nil {
			return err
		}
		running.parameters = n.parameters
		return s.step(running, vrrp.Reconfigured{Parameters: n.parameters})
	case "lose":
		address := netip.MustParseAddr(d.CmdArgs[1].Key)
		return s.step(env.node(t, d, 0), vrrp.AddressLost{Address: address})
	case "peer_lost":
		address := env.node(t, d, 1).parameters.PrimaryAddress
		return s.step(env.node(t, d, 0), vrrp.PeerLost{Address: address})
	case "advance":
		duration, err := time.ParseDuration(d.CmdArgs[0].Key)
		if err != nil {
			return err
		}
		return s.advance(duration)
	case "state":
		env.printState()
	default:
		d.Fatalf(t, "no such command: %s", d.Cmd)
	}
	return nil
}

// addGroup joins routers that are not started yet.
func (env *transcript) addGroup(t *testing.T, d *datadriven.TestData) {
	g := &group{}
	scan(t, d, 0, &g.name)
	for i := 1; i < len(d.CmdArgs); i++ {
		n := env.node(t, d, i)
		n.group = g
		g.members = append(g.members, n)
	}
}

// addRouter adds a router that is not started yet.
func (env *transcript) addRouter(t *testing.T, d *datadriven.TestData) error {
	n, err := scanRouter(t, d)
	env.segment.nodes = append(env.segment.nodes, n)
	return err
}

// scanRouter reads the parameters of a router.
func scanRouter(t *testing.T, d *datadriven.TestData) (*node, error) {
	n := &node{parameters: vrrp.Parameters{
		Version:               vrrp.Version2,
		VRID:                  51,
		AdvertisementInterval: time.Second,
		AnnounceCount:         5,
		NoPreempt:             d.HasArg("nopreempt"),
		SilentToRivals:        d.HasArg("silent_to_rivals"),
		AdvertBeforeYielding:  d.HasArg("advert_before_yielding"),
		CheckAddresses:        d.HasArg("check_addresses"),
		PlainChecksum:         d.HasArg("plain_checksum"),
	}}
	p := &n.parameters
	d.ScanArgs(t, "name", &n.name)
	d.ScanArgs(t, "priority", &p.Priority)
	d.MaybeScanArgs(t, "version", (*uint8)(&p.Version))
	d.MaybeScanArgs(t, "vrid", &p.VRID)
	d.MaybeScanArgs(t, "announce", &p.AnnounceCount)
	d.MaybeScanArgs(t, "refresh_count", &p.AnnounceRefreshCount)
	d.MaybeScanArgs(t, "down_timer_adverts", &p.DownTimerAdverts)
	if d.HasArg("rival_count") {
		p.RivalAnnounceCount = new(int)
		d.ScanArgs(t, "rival_count", p.RivalAnnounceCount)
	}
	var password string
	if d.MaybeScanArgs(t, "password", &password) {
		p.Authentication.Type = vrrp.AuthenticationPass
		copy(p.Authentication.Data[:], password)
	}
	scanAddresses(t, d, p)
	scanChoices(t, d, p)
	return n, scanDurations(t, d, p)
}

func scanAddresses(t *testing.T, d *datadriven.TestData, p *vrrp.Parameters) {
	var address string
	d.ScanArgs(t, "address", &address)
	p.PrimaryAddress = netip.MustParseAddr(address)
	vips := []string{"10.0.0.200"}
	if !p.PrimaryAddress.Is4() {
		vips = []string{"fe80::200", "2001:db8::200"}
	}
	if arg, ok := d.Arg("vip"); ok {
		vips = arg.Vals
	}
	for _, vip := range vips {
		p.VirtualAddresses = append(p.VirtualAddresses, netip.MustParseAddr(vip))
	}
	if arg, ok := d.Arg("excluded"); ok {
		for _, vip := range arg.Vals {
			p.ExcludedAddresses = append(p.ExcludedAddresses, netip.MustParseAddr(vip))
		}
	}
}

func scanChoices(t *testing.T, d *datadriven.TestData, p *vrrp.Parameters) {
	choice, known := "", false
	if d.MaybeScanArgs(t, "fast_preempt", &choice) {
		p.FastPreempt, known = map[string]vrrp.FastPreempt{
			"resign": vrrp.FastPreemptResign, "advert": vrrp.FastPreemptAdvert,
		}[choice]
		if !known {
			d.Fatalf(t, "no such way: %s", choice)
		}
	}
	if d.MaybeScanArgs(t, "peer_loss", &choice) {
		p.PeerLoss, known = map[string]vrrp.PeerLoss{
			"expires": vrrp.PeerLossExpires, "skews": vrrp.PeerLossSkews,
		}[choice]
		if !known {
			d.Fatalf(t, "no such way: %s", choice)
		}
	}
}

func scanDurations(t *testing.T, d *datadriven.TestData, p *vrrp.Parameters) error {
	for name, into := range map[string]*time.Duration{
		"interval":      &p.AdvertisementInterval,
		"delay":         &p.AnnounceDelay,
		"refresh":       &p.AnnounceRefresh,
		"rival_delay":   &p.RivalAnnounceDelay,
		"preempt_delay": &p.PreemptDelay,
		"startup_delay": &p.StartupDelay,
	} {
		arg, ok := d.Arg(name)
		if !ok {
			continue
		}
		var err error
		if *into, err = time.ParseDuration(arg.SingleVal(t)); err != nil {
			return err
		}
	}
	return nil
}

// nodes are those named by all of the command's arguments.
func (env *transcript) nodes(t *testing.T, d *datadriven.TestData) []*node {
	nodes := make([]*node, len(d.CmdArgs))
	for i := range d.CmdArgs {
		nodes[i] = env.node(t, d, i)
	}
	return nodes
}

// node is the one named by the command's argument.
func (env *transcript) node(t *testing.T, d *datadriven.TestData, argument int) *node {
	var name string
	scan(t, d, argument, &name)
	return env.named(t, d, name)
}

func (env *transcript) named(t *testing.T, d *datadriven.TestData, name string) *node {
	for _, n := range env.segment.nodes {
		if n.name == name {
			return n
		}
	}
	d.Fatalf(t, "no router %q", name)
	return nil
}

func scan(t *testing.T, d *datadriven.TestData, argument int, into any) {
	if argument >= len(d.CmdArgs) {
		d.Fatalf(t, "%s: argument %d is missing", d.Cmd, argument+1)
	}
	if _, err := fmt.Sscan(d.CmdArgs[argument].Key, into); err != nil {
		d.Fatalf(t, "%s: argument %d: %v", d.Cmd, argument+1, err)
	}
}

// print writes a line for each action.
func (env *transcript) print(n *node, actions []vrrp.Action) {
	for _, action := range actions {
		text := ""
		switch a := action.(type) {
		case vrrp.SendAdvertisement:
			text = fmt.Sprintf("SendAdvertisement priority %d", a.Advertisement.Priority)
		case vrrp.SetAddress:
			text = fmt.Sprintf("SetAddress %s", a.Address)
		case vrrp.RemoveAddress:
			text = fmt.Sprintf("RemoveAddress %s", a.Address)
		case vrrp.Announce:
			text = fmt.Sprintf("Announce %s x%d", a.Address, a.Count)
		case vrrp.Discard:
			text = fmt.Sprintf("Discard from %s: %s", a.Source, a.Refusal)
		case vrrp.StateChanged:
			text = fmt.Sprintf("StateChanged %s -> %s: %s", a.From, a.To, a.Reason)
		}
		fmt.Fprintf(&env.out, "%7.3f %s %s\n", env.seconds(env.segment.now), n.name, text)
	}
}

func (env *transcript) printState() {
	for _, n := range env.segment.nodes {
		if !n.running {
			fmt.Fprintf(&env.out, "%s not running\n", n.name)
			continue
		}
		router := n.contract.router
		fmt.Fprintf(&env.out, "%s %s priority %d", n.name, router.State(), router.Parameters().Priority)
		if deadline, running := router.Deadline(); running {
			fmt.Fprintf(&env.out, " deadline %.3f", env.seconds(deadline))
		}
		fmt.Fprintln(&env.out)
	}
}

func (env *transcript) seconds(t time.Time) float64 { return t.Sub(beginning()).Seconds() }
