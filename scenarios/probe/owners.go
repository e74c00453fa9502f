//go:build linux

package probe

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

const (
	// ownersWindow is how long answers to one probe are waited for.
	ownersWindow = 50 * time.Millisecond
	// observers is the number of source addresses, used in turn.
	observers = 256
	// observers6 is that for IPv6. It is small because every host keeps a
	// neighbour entry for each, and the kernel's table is one for all
	// namespaces of the machine (gc_thresh3, 1024 entries).
	observers6 = 16
)

// OwnersPeriodMin is the shortest period of the owner probe for the VIP: the
// probes of a window must be fewer than the observer's addresses.
func OwnersPeriodMin(vip netip.Addr) time.Duration {
	if vip.Is6() {
		return 4 * time.Millisecond
	}
	return time.Millisecond
}

// observerPrefix begins the locally administered addresses of the owner probe.
// The sixth byte counts: an answer is addressed to the probe that it answers.
var observerPrefix = [5]byte{0x02, 'o', 'w', 'n', 'r'}

func observerMAC(number int) [6]byte {
	return [6]byte(append(observerPrefix[:], byte(number)))
}

func isObserver(mac []byte) bool { return bytes.HasPrefix(mac, observerPrefix[:]) }

// OwnerOptions says who is asked for which address.
type OwnerOptions struct {
	Namespace string
	Interface string // leads to a port of the switch that belongs to no host
	VIP       netip.Addr
	Period    time.Duration     // OwnersPeriodMin of the VIP or longer
	Hosts     map[string]string // MAC address (lower case, colons) to host
}

// StartOwnerProbe broadcasts an ARP probe (RFC 5227, section 2.1.1), or for an
// IPv6 address multicasts a Neighbor Solicitation, for the VIP in every period
// and appends all hosts that answered it within 50 ms as [history.Owners]. An
// answering MAC address that is not in Hosts stands for itself. The interface
// needs no address.
//
// Answers carry no sequence number, but they go to the MAC address that asked.
// So each of the last 256 probes, 16 in IPv6, has one of its own, and an answer
// that comes late is not taken for one to a later probe.
func StartOwnerProbe(clock Clock, log *history.Log, o OwnerOptions) (*Watch, error) {
	if !o.VIP.IsValid() || o.Period < OwnersPeriodMin(o.VIP) {
		return nil, fmt.Errorf("start owner probe for %s every %s: an address and %s or longer are needed",
			o.VIP, o.Period, OwnersPeriodMin(o.VIP))
	}
	p := &ownerProbe{OwnerOptions: o, clock: clock, log: log, asked: make([]question, observers)}
	protocol := uint16(unix.ETH_P_ARP)
	if o.VIP.Is6() {
		protocol, p.asked = unix.ETH_P_IPV6, p.asked[:observers6]
	}
	socket, err := openPacket(packetOptions{
		namespace: o.Namespace,
		device:    o.Interface,
		kind:      unix.SOCK_RAW,
		protocol:  protocol,
		filter:    ownersFilter(o.VIP),
	})
	if err != nil {
		return nil, fmt.Errorf("start owner probe: %w", err)
	}
	p.socket = socket
	return watchOnThread(p.run), nil
}

type ownerProbe struct {
	OwnerOptions
	clock  Clock
	log    *history.Log
	socket *packetSocket

	asked   []question // as many as there are source addresses, by seq modulo that
	next    int        // seq of the next probe
	oldest  int        // seq of the oldest whose window is open
	failure string     // why the last probe could not be sent
}

// question is one probe that was sent.
type question struct {
	at      time.Duration
	sent    bool
	answers []string
}

func (p *ownerProbe) run(stopped func() bool) error {
	defer p.socket.close()
	buffer := make([]byte, ethernetHeader+ipv6Header+ndLength+ndOptionLength)
	due := p.clock.Now()
	for !stopped() {
		p.clock.sleepUntil(due)
		if err := p.collect(buffer); err != nil {
			p.note(err.Error())
			return fmt.Errorf("owner probe: %w", err)
		}
		p.settle(p.clock.Now() - ownersWindow)
		p.ask()
		// Probes that could not be sent in time are left out: they would say
		// nothing that the next does not say.
		due += max(p.Period, (p.clock.Now() - due).Truncate(p.Period))
	}
	return nil
}

// ask sends the next probe.
func (p *ownerProbe) ask() {
	number := p.next % len(p.asked)
	mac := observerMAC(number)
	frame := arpProbe(mac, p.VIP)
	if p.VIP.Is6() {
		frame = solicitation(mac, p.VIP)
	}
	at := p.clock.Now()
	_, err := unix.Write(p.socket.fd, frame)
	p.asked[number] = question{at: at, sent: err == nil}
	p.next++
	failure := ""
	if err != nil {
		failure = err.Error()
	}
	if failure != "" && failure != p.failure {
		p.note("owner probe cannot be sent: " + failure)
	}
	p.failure = failure
}

// collect reads the answers that came and gives each to its probe. The
// kernel's timestamp decides whether it came in time, not this moment.
func (p *ownerProbe) collect(buffer []byte) error {
	for {
		packet, ok, err := p.socket.receive(buffer)
		if err != nil || !ok {
			return err
		}
		owner, ok := answering(packet.data)
		if !ok || !isObserver(packet.data[:6]) {
			continue
		}
		q := &p.asked[int(packet.data[5])%len(p.asked)]
		if p.clock.FromWall(packet.at)-q.at > ownersWindow {
			continue
		}
		host, known := p.Hosts[owner]
		if !known {
			host = owner
		}
		if !slices.Contains(q.answers, host) {
			q.answers = append(q.answers, host)
		}
	}
}

// answering is the MAC address that an answer names as the owner's.
func answering(frame []byte) (string, bool) {
	if len(frame) < ethernetHeader {
		return "", false
	}
	if na, ok := decodeNA(frame[ethernetHeader:]); ok && na.Problem == "" {
		return na.TargetMAC, na.TargetMAC != ""
	}
	arp, ok := decodeARP(frame[ethernetHeader:])
	return arp.SenderMAC, ok
}

// settle appends the probes that were sent before the given time.
func (p *ownerProbe) settle(before time.Duration) {
	for ; p.oldest < p.next; p.oldest++ {
		q := p.asked[p.oldest%len(p.asked)]
		if q.at > before {
			return
		}
		if !q.sent {
			continue
		}
		slices.Sort(q.answers)
		answers := append([]string{}, q.answers...) // empty on disk, not null
		p.log.Append(q.at, "", history.Owners{Seq: p.oldest, VIP: p.VIP.String(), Answers: answers})
	}
}

func (p *ownerProbe) note(text string) {
	p.log.Append(p.clock.Now(), "", history.Note{Text: text})
}
