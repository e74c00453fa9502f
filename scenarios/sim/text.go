package sim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"takeover/daemon/vrrp"
	"takeover/scenarios/check/conduct"
)

// String is the schedule as text: a line for each thing, "#" begins a comment.
// Parse reads it.
func (s *Schedule) String() string {
	var b strings.Builder
	o := &s.Options
	fmt.Fprintf(&b, "seed %d\nversion %d\ninterval %s\n", s.Seed, o.Version, o.Interval)
	if o.Segments > 1 {
		fmt.Fprintf(&b, "segments %d\n", o.Segments)
	}
	if o.DownTimerAdverts > 0 {
		fmt.Fprintf(&b, "down_timer_adverts %d\n", o.DownTimerAdverts)
	}
	if o.PeerLoss != vrrp.PeerLossIgnored {
		fmt.Fprintf(&b, "peer_loss %s\n", peerLosses[o.PeerLoss])
	}
	if o.IPv6 {
		b.WriteString("ipv6\n")
	}
	for i, r := range o.Routers {
		fmt.Fprintf(&b, "router %s priority %d", routerName(i), r.Priority)
		if r.NoPreempt {
			b.WriteString(" nopreempt")
		}
		b.WriteByte('\n')
	}
	writeNetwork(&b, &o.Network)
	fmt.Fprintf(&b, "queue %d\n", o.Queue)
	if o.Guardian {
		fmt.Fprintf(&b, "guardian %s\n", o.Farewell)
	}
	if o.Lease > 0 {
		fmt.Fprintf(&b, "lease %s\n", o.Lease)
	}
	if o.Codec {
		b.WriteString("codec\n")
	}
	for i := range s.Faults {
		f := &s.Faults[i]
		fmt.Fprintf(&b, "at %s for %s %s\n", f.At, f.For, f)
	}
	fmt.Fprintf(&b, "calm %s\n", s.Calm)
	return b.String()
}

func writeNetwork(b *strings.Builder, n *Network) {
	fmt.Fprintf(b, "delay %s jitter %s\n", n.Delay, n.Jitter)
	if n.Loss > 0 {
		fmt.Fprintf(b, "loss %s\n", formatShare(n.Loss))
	}
	if n.BurstBegin > 0 {
		fmt.Fprintf(b, "burst %s end %s\n", formatShare(n.BurstBegin), formatShare(n.BurstEnd))
	}
	if n.Duplicate > 0 {
		fmt.Fprintf(b, "duplicate %s\n", formatShare(n.Duplicate))
	}
	if n.Reorder > 0 {
		fmt.Fprintf(b, "reorder %s delay %s\n", formatShare(n.Reorder), n.ReorderDelay)
	}
}

// String is what the fault is, without its time.
func (f *Fault) String() string {
	if f.Segment > 0 {
		return fmt.Sprintf("%s on %d", f.words(), f.Segment)
	}
	return f.words()
}

// words is the fault without its segment.
func (f *Fault) words() string {
	if !f.Kind.ofLinks() {
		switch f.Kind {
		case Clock:
			return fmt.Sprintf("%s %s rate %s", f.Kind, routerName(f.Router), formatRate(f.Rate))
		case Priority:
			return fmt.Sprintf("%s %s to %d", f.Kind, routerName(f.Router), f.Priority)
		case Crash, Stop, Pause, Unplug, Cut, Loss, Burst, Delay, Duplicate, Reorder, Lose:
		}
		return fmt.Sprintf("%s %s", f.Kind, routerName(f.Router))
	}
	arrow := "->"
	if f.Both {
		arrow = "<->"
	}
	text := fmt.Sprintf("%s %s %s %s", f.Kind, f.From, arrow, f.To)
	switch f.Kind {
	case Loss, Duplicate:
		text += " share " + formatShare(f.Share)
	case Burst:
		text += fmt.Sprintf(" share %s end %s", formatShare(f.Share), formatShare(f.EndShare))
	case Delay:
		text += fmt.Sprintf(" delay %s jitter %s", f.Delay, f.Jitter)
	case Reorder:
		text += fmt.Sprintf(" share %s delay %s", formatShare(f.Share), f.Delay)
	case Crash, Stop, Pause, Clock, Cut, Unplug, Priority, Lose:
	}
	return text
}

// String is the names of the routers with commas between them.
func (s Set) String() string {
	var names []string
	for i := range mostRouters {
		if s.Has(i) {
			names = append(names, routerName(i))
		}
	}
	return strings.Join(names, ",")
}

func formatShare(share float64) string { return strconv.FormatFloat(share, 'g', -1, 64) }

func formatRate(r conduct.Rate) string {
	return strconv.FormatFloat(float64(r)/float64(conduct.TrueRate), 'f', -1, 64)
}

// Parse reads a schedule. What the text does not say is zero: no jitter, no
// guardian. Errors name the line.
func Parse(r io.Reader) (*Schedule, error) {
	s := &Schedule{}
	lines := bufio.NewScanner(r)
	for number := 1; lines.Scan(); number++ {
		text, _, _ := strings.Cut(lines.Text(), "#")
		words := &words{rest: strings.Fields(text)}
		if len(words.rest) == 0 {
			continue
		}
		if err := s.line(words); err != nil {
			return nil, fmt.Errorf("schedule line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read schedule: %w", err)
	}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("schedule: %w", err)
	}
	return s, nil
}

// line takes in one line.
func (s *Schedule) line(w *words) error {
	o := &s.Options
	switch keyword := w.next(); keyword {
	case "seed":
		s.Seed = w.number(64)
	case "version":
		o.Version = vrrp.Version(w.number(8))
	case "interval":
		o.Interval = w.duration()
	case "segments":
		o.Segments = int(w.number(8))
	case "down_timer_adverts":
		o.DownTimerAdverts = int(w.number(8))
	case "peer_loss":
		o.PeerLoss = w.peerLoss()
	case "router":
		if w.router() != len(o.Routers) {
			return fmt.Errorf("the next router is %s", routerName(len(o.Routers)))
		}
		w.word("priority")
		o.Routers = append(o.Routers, Router{uint8(w.number(8)), w.optional("nopreempt")})
	case "delay", "loss", "burst", "duplicate", "reorder":
		o.Network.line(keyword, w)
	case "queue":
		o.Queue = int(w.number(31))
	case "guardian":
		o.Guardian, o.Farewell = true, w.duration()
	case "lease":
		o.Lease = w.duration()
	case "ipv6":
		o.IPv6 = true
	case "codec":
		o.Codec = true
	case "calm":
		s.Calm = w.duration()
	case "at":
		s.Faults = append(s.Faults, w.fault())
	default:
		return fmt.Errorf("unknown word %q", keyword)
	}
	return w.end()
}

func (n *Network) line(keyword string, w *words) {
	switch keyword {
	case "delay":
		n.Delay = w.duration()
		w.word("jitter")
		n.Jitter = w.duration()
	case "loss":
		n.Loss = w.share()
	case "burst":
		n.BurstBegin = w.share()
		w.word("end")
		n.BurstEnd = w.share()
	case "duplicate":
		n.Duplicate = w.share()
	case "reorder":
		n.Reorder = w.share()
		w.word("delay")
		n.ReorderDelay = w.duration()
	}
}

// words are what is left of a line. The first thing that is wrong stays.
type words struct {
	rest []string
	err  error
}

func (w *words) next() string {
	if len(w.rest) == 0 {
		w.fail(errors.New("the line is too short"))
		return ""
	}
	word := w.rest[0]
	w.rest = w.rest[1:]
	return word
}

func (w *words) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// end says what was wrong, or that there is more than there should be.
func (w *words) end() error {
	if w.err == nil && len(w.rest) > 0 {
		return fmt.Errorf("%q is too much", strings.Join(w.rest, " "))
	}
	return w.err
}

func (w *words) word(want string) {
	if got := w.next(); got != want {
		w.fail(fmt.Errorf("%q where %q must stand", got, want))
	}
}

func (w *words) optional(word string) bool {
	if len(w.rest) == 0 || w.rest[0] != word {
		return false
	}
	w.rest = w.rest[1:]
	return true
}

func (w *words) number(bits int) uint64 {
	n, err := strconv.ParseUint(w.next(), 10, bits)
	if err != nil {
		w.fail(err)
	}
	return n
}

func (w *words) duration() time.Duration {
	d, err := time.ParseDuration(w.next())
	if err != nil {
		w.fail(err)
	}
	return d
}

func (w *words) share() float64 {
	f, err := strconv.ParseFloat(w.next(), 64)
	if err != nil {
		w.fail(err)
	}
	return f
}

// peerLosses are the names of what follows from a lost peer.
var peerLosses = [...]string{vrrp.PeerLossIgnored: "ignored", vrrp.PeerLossExpires: "expires", vrrp.PeerLossSkews: "skews"}

// ParsePeerLoss reads what follows from a lost peer: ignored, expires or skews.
func ParsePeerLoss(name string) (vrrp.PeerLoss, error) {
	i := slices.Index(peerLosses[:], name)
	if i < 0 {
		return 0, fmt.Errorf("%q is not %s", name, strings.Join(peerLosses[:], ", "))
	}
	return vrrp.PeerLoss(i), nil
}

func (w *words) peerLoss() vrrp.PeerLoss {
	loss, err := ParsePeerLoss(w.next())
	if err != nil {
		w.fail(err)
	}
	return loss
}

func (w *words) router() int { return w.routerNamed(w.next()) }

func (w *words) routerNamed(name string) int {
	number, err := strconv.Atoi(strings.TrimPrefix(name, "node"))
	if err != nil || number < 1 || number > mostRouters || routerName(number-1) != name {
		w.fail(fmt.Errorf("%q is no router: node1 to node%d", name, mostRouters))
		return 0
	}
	return number - 1
}

func (w *words) set() Set {
	var s Set
	for name := range strings.SplitSeq(w.next(), ",") {
		s |= SetOf(w.routerNamed(name))
	}
	return s
}

// fault is the rest of a line that begins with at.
func (w *words) fault() Fault {
	var f Fault
	f.At = w.duration()
	w.word("for")
	f.For = w.duration()
	f.Kind = Kind(w.next())
	if f.Kind.ofLinks() {
		f.From = w.set()
		f.Both = w.optional("<->")
		if !f.Both {
			w.word("->")
		}
		f.To = w.set()
	} else {
		f.Router = w.router()
	}
	switch f.Kind {
	case Clock:
		w.word("rate")
		f.Rate = conduct.Rate(w.share()*float64(conduct.TrueRate) + 0.5)
	case Priority:
		w.word("to")
		f.Priority = uint8(w.number(8))
	case Loss, Duplicate, Burst, Reorder:
		w.word("share")
		f.Share = w.share()
	case Delay, Crash, Stop, Pause, Cut, Unplug, Lose:
	}
	switch f.Kind {
	case Burst:
		w.word("end")
		f.EndShare = w.share()
	case Delay:
		w.word("delay")
		f.Delay = w.duration()
		w.word("jitter")
		f.Jitter = w.duration()
	case Reorder:
		w.word("delay")
		f.Delay = w.duration()
	case Crash, Stop, Pause, Clock, Cut, Loss, Duplicate, Unplug, Priority, Lose:
	}
	if w.optional("on") {
		f.Segment = int(w.number(8))
	}
	return f
}
