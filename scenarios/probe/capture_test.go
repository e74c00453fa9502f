//go:build linux

package probe

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"takeover/scenarios/history"
)

func (n *network) ports(names ...string) []Port {
	var ports []Port
	for _, name := range names {
		ports = append(ports, Port{Host: name, Interface: name})
	}
	return ports
}

// reach waits until the switch forwards from one host to another, by an
// announcement that is repeated until it is seen at the other's port.
func (n *network) reach(log *history.Log, from, to string) {
	n.t.Helper()
	source := n.hosts[from]
	arrived := func(e history.Event) bool {
		arp, ok := e.Body.(history.ARP)
		return ok && e.Host == to && arp.Direction == history.ToHost && arp.SenderMAC == source.mac.String()
	}
	changed, done := log.Notify()
	defer done()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	timeout := time.NewTimer(bound)
	defer timeout.Stop()
	for seen := 0; ; {
		for _, event := range log.Since(seen) {
			if seen = event.ID; arrived(event) {
				return
			}
		}
		select {
		case <-changed:
		case <-again.C:
			source.announce(source.address)
		case <-timeout.C:
			n.t.Fatalf("the switch does not forward from %s to %s", from, to)
		}
	}
}

func TestCaptureSeesBothEndsOfTheWay(t *testing.T) {
	n := newNetwork(t, "node1", "node2")
	log, clock := history.NewLog(nil), NewClock()
	w, err := StartCapture(clock, log, CaptureOptions{
		Namespace: path(n.bridge), Ports: n.ports("node1", "node2"),
	})
	closing(t, w, err)
	n.reach(log, "node1", "node2")

	seen := last(log)
	before := clock.Now()
	n.hosts["node1"].send(sample2.frame())
	n.hosts["node1"].announce(vip)
	after := clock.Now()
	at := func(what, host string, match func(history.Event) bool) time.Duration {
		t.Helper()
		return await(t, log, seen, what, func(e history.Event) bool { return e.Host == host && match(e) }).At
	}
	advert := func(d history.Direction) func(history.Event) bool {
		return body(func(a history.Advert) bool { return a.Direction == d && a.VRID == 51 && a.Problem == "" })
	}
	arp := func(d history.Direction) func(history.Event) bool {
		return body(func(a history.ARP) bool { return a.Direction == d && a.Gratuitous && a.SenderIP == vip })
	}
	times := []time.Duration{
		before,
		at("the advertisement sent", "node1", advert(history.FromHost)),
		at("the advertisement delivered", "node2", advert(history.ToHost)),
		at("the announcement sent", "node1", arp(history.FromHost)),
		at("the announcement delivered", "node2", arp(history.ToHost)),
		after,
	}
	const slack = 20 * time.Microsecond // of two conversions from the wall clock
	for i := 1; i < len(times); i++ {
		if times[i] < times[i-1]-slack {
			t.Errorf("time %d of %v is out of order", i, times)
		}
	}
	count := 0
	for _, event := range log.Since(seen) {
		arp, ok := event.Body.(history.ARP)
		if late := ok && arp.SenderIP != vip; !late { // not one of reach's
			count++
		}
	}
	if count != 4 {
		t.Errorf("%d events: %+v", count, log.Since(seen))
	}
}

func TestCaptureLeavesTheOwnerProbeOut(t *testing.T) {
	n := newNetwork(t, "node1", "observer")
	n.hosts["node1"].addAddress(vip, 32)
	log, owners := history.NewLog(nil), history.NewLog(nil)
	var file bytes.Buffer
	for _, o := range []CaptureOptions{{}, {PCAPNG: &file}} {
		o.Namespace, o.Ports = path(n.bridge), n.ports("node1", "observer")
		w, err := StartCapture(NewClock(), log, o)
		closing(t, w, err)
	}
	w, err := StartOwnerProbe(NewClock(), owners, OwnerOptions{
		Namespace: path(n.hosts["observer"].space), Interface: "eth0", VIP: vip, Period: time.Millisecond,
	})
	closing(t, w, err)
	await(t, owners, 0, "answers", body(func(o history.Owners) bool { return len(o.Answers) == 1 }))
	n.hosts["node1"].announce(vip)
	await(t, log, 0, "the announcement", body(func(a history.ARP) bool { return a.Gratuitous }))
	for _, event := range log.Events() {
		if arp, ok := event.Body.(history.ARP); !ok || !arp.Gratuitous {
			t.Errorf("captured %+v", event)
		}
	}
}

func TestCaptureGoesOnWhenAPortWasDown(t *testing.T) {
	n := newNetwork(t, "node1", "node2")
	log := history.NewLog(nil)
	w, err := StartCapture(NewClock(), log, CaptureOptions{
		Namespace: path(n.bridge), Ports: n.ports("node1", "node2"),
	})
	closing(t, w, err)
	n.reach(log, "node1", "node2")
	n.inBridge(func() error {
		link, err := netlink.LinkByName("node1")
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetDown(link), netlink.LinkSetUp(link))
	})
	seen := last(log)
	n.hosts["node1"].send(sample3.frame())
	await(t, log, seen, "an advertisement", func(e history.Event) bool {
		_, ok := e.Body.(history.Advert)
		return ok && e.Host == "node1"
	})
}

func TestCaptureWritesEveryFrameToAFile(t *testing.T) {
	n := newNetwork(t, "node1", "node2")
	log := history.NewLog(nil)
	var file bytes.Buffer
	w, err := StartCapture(NewClock(), log, CaptureOptions{
		Namespace: path(n.bridge), Ports: n.ports("node1", "node2"), PCAPNG: &file,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.reach(log, "node1", "node2")
	seen := last(log)
	other := arpProbe([6]byte(n.hosts["node1"].mac), vip)
	copy(other[12:], []byte{0x88, 0xb5}) // for experiments: neither ARP nor IPv4
	n.hosts["node1"].send(other)
	n.hosts["node1"].announce(vip)
	await(t, log, seen, "what was sent behind it", func(e history.Event) bool {
		arp, ok := e.Body.(history.ARP)
		return ok && e.Host == "node2" && arp.SenderIP == vip
	})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}

	reader, err := pcapgo.NewNgReader(&file, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]time.Time{}
	for {
		data, info, err := reader.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		port, err := reader.Interface(info.InterfaceIndex)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(data, other) {
			at[port.Name] = info.Timestamp
		}
	}
	if len(at) != 2 || at["node2"].Before(at["node1"]) || time.Since(at["node1"]) > bound {
		t.Errorf("the frame was seen at %v", at)
	}
}

func TestCaptureNotesWhatItLost(t *testing.T) {
	n := newNetwork(t, "node1")
	log := history.NewLog(nil)
	socket, err := openPacket(packetOptions{
		namespace: path(n.bridge), device: "node1", kind: unix.SOCK_RAW, protocol: unix.ETH_P_ALL,
		filter: captureFilter(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.close()
	// Nobody reads this socket, and it has no room.
	if err := unix.SetsockoptInt(socket.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1); err != nil {
		t.Fatal(err)
	}
	for range 32 {
		n.hosts["node1"].send(sample2.frame())
	}
	tap := &tap{capture: &capture{clock: NewClock(), log: log}, port: Port{Host: "node1"}, socket: socket}
	for range 2 { // the second time there is nothing new
		if err := tap.noteDrops(); err != nil {
			t.Fatal(err)
		}
	}
	if events := log.Events(); len(events) != 1 || events[0].Host != "node1" {
		t.Errorf("events %+v", events)
	}
}

func TestCaptureNamesTheMissingPort(t *testing.T) {
	n := newNetwork(t)
	_, err := StartCapture(NewClock(), history.NewLog(nil), CaptureOptions{
		Namespace: path(n.bridge), Ports: []Port{{Host: "node7", Interface: "nowhere"}},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, word := range []string{"node7", "nowhere"} {
		if !bytes.Contains([]byte(err.Error()), []byte(word)) {
			t.Errorf("%q does not say %s", err, word)
		}
	}
}
