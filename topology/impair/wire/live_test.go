package wire_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"takeover/topology"
	"takeover/topology/impair/wire"
	"takeover/topology/lab"
	"takeover/topology/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main(map[string]sandbox.Role{"wire-test": inSandbox})
	os.Exit(m.Run())
}

// parts are what runs inside of a sandbox, by name.
var parts = map[string]func(*bench) error{
	"throughput": measureThroughput, "latency": measureLatency,
	"acts": tryActs, "streams": tryStreams, "tags": tryTags, "carrier": tryCarrier, "unseen": tryUnseen, "changes": tryChanges,
}

// bench is two hosts on a segment, and a packet socket at each.
type bench struct {
	*lab.Lab
	out   *strings.Builder
	fds   map[string]int
	ports map[string]string
}

func inSandbox(args []string) error {
	_, rest, err := sandbox.Enter(args)
	if err != nil {
		return err
	}
	spec := topology.Spec{Name: "two", Segments: []topology.Segment{{Name: "lan"}}}
	for i, name := range []string{"node1", "node2"} {
		spec.Hosts = append(spec.Hosts, topology.Host{Name: name, Links: []topology.Link{{
			Interface: "eth0", Segment: "lan", Addresses: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.0.0.10%d/24", i+1))},
		}}, Sysctls: []topology.Sysctl{{Name: "net.ipv6.conf.all.disable_ipv6", Value: "1"}}}) // they say nothing by themselves
	}
	l, err := lab.Up(spec)
	if err != nil {
		return err
	}
	b := &bench{Lab: l, out: &strings.Builder{}, fds: map[string]int{}, ports: map[string]string{}}
	for _, host := range spec.Hosts {
		b.ports[host.Name] = l.Host(host.Name).Links[0].Port
		if b.fds[host.Name], err = packetSocket(l.Host(host.Name).Network, experiments); err != nil {
			return err
		}
	}
	err = b.awaitPorts()
	if err == nil {
		err = parts[rest[0]](b)
	}
	fmt.Print(b.out)
	return errors.Join(err, l.Down())
}

// awaitPorts waits until the kernel has noticed that everything is up.
func (b *bench) awaitPorts() error {
	for name, port := range b.ports {
		host := b.Host(name).Network
		if err := errors.Join(awaitState(b.Switch(), port, true), awaitState(host, "eth0", true)); err != nil {
			return err
		}
	}
	return awaitState(b.Switch(), "lan", true)
}

// experiments is the EtherType for local ones (IEEE 802): nobody else sends it.
const experiments = 0x88b5

// packetSocket takes every frame of that EtherType at eth0.
func packetSocket(network ns.NetNS, protocol uint16) (fd int, err error) {
	err = network.Do(func(ns.NetNS) error {
		device, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20) // an ordinary user can't
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: protocol<<8 | protocol>>8, Ifindex: device.Index}),
		)
	})
	return fd, err
}

// sandboxed runs a part and returns what it printed.
func sandboxed(t testing.TB, part string) string {
	t.Helper()
	var out bytes.Buffer
	box, err := sandbox.Start(sandbox.Options{Role: "wire-test", Args: []string{part}, Dir: t.TempDir(), Output: &out, Errors: &out})
	if errors.Is(err, sandbox.ErrNoPermission) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Wait(t.Context()); err != nil {
		t.Fatalf("%s: %v\n%s", part, err, out.String())
	}
	return out.String()
}

// begin puts a wire at node1's port in force.
func (b *bench) begin(rules ...wire.Rule) (*wire.Wire, error) {
	w, err := wire.Prepare(b.Switch(), b.ports["node1"], 1)
	if err != nil {
		return nil, err
	}
	return w, errors.Join(w.SetRules(rules), w.Begin())
}

// frame is one from a host to the other, with a text.
func (b *bench) frame(from, to, text string) []byte {
	frame := append(append([]byte{}, b.Host(to).Links[0].MAC...), b.Host(from).Links[0].MAC...)
	frame = append(frame, experiments>>8, experiments&0xff)
	return append(append(frame, text...), make([]byte, 46-len(text))...)
}

// receiveBound is for what must come.
const receiveBound = 5 * time.Second

// send sends a frame for each word, and returns as many that came.
func (b *bench) send(from, to string, words ...string) (string, error) {
	for _, word := range words {
		if _, err := unix.Write(b.fds[from], b.frame(from, to, word)); err != nil {
			return "", err
		}
	}
	return b.receive(to, len(words))
}

// receive takes so many frames.
func (b *bench) receive(at string, count int) (string, error) {
	if err := unix.SetsockoptTimeval(b.fds[at], unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(receiveBound / time.Second)}); err != nil {
		return "", err
	}
	var came []string
	buffer := make([]byte, 100)
	for len(came) < count {
		n, err := unix.Read(b.fds[at], buffer)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("after %q: %w", came, err)
		}
		came = append(came, strings.TrimRight(string(buffer[14:n]), "\x00"))
	}
	return strings.Join(came, " "), nil
}

// TestLiveWire: what the parts print.
func TestLiveWire(t *testing.T) {
	for part, want := range map[string]string{
		"acts":    actsWant,
		"streams": "node1: whole, in segments\nnode2: whole, in segments\n",
		"tags":    "tagged, whole true\n",
		"carrier": "port down: bridge's side down\nport up: bridge's side up\nbridge's side down: host has no carrier\nbridge's side up: host has a carrier\nhost down: bridge's side down\nhost up: bridge's side up\n",
		"unseen":  "node1 was told 0 times\nthe switch is as before\n",
		"changes": "200 changes\n",
	} {
		t.Run(part, func(t *testing.T) {
			if got := sandboxed(t, part); got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

const actsWant = `nothing: a b c, back a
drop every 2: a c e
duplicate: a a b b
reorder: b a d c
replay: a a a a
delay: a, late true
corrupt: differs true
to the host: a
after: a
`

// tryActs sends words through one rule after another.
func tryActs(b *bench) error {
	w, err := b.begin()
	if err != nil {
		return err
	}
	there, err := b.send("node1", "node2", "a", "b", "c")
	if err != nil {
		return err
	}
	back, err := b.send("node2", "node1", "a")
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "nothing: %s, back %s\n", there, back)
	for _, test := range []struct {
		name  string
		rule  wire.Rule
		words string
		count int
	}{
		{"drop every 2", wire.Rule{Act: wire.Drop, Choice: wire.Choice{Every: 2}}, "abcde", 3},
		{"duplicate", wire.Rule{Act: wire.Duplicate, Count: 1}, "ab", 4},
		{"reorder", wire.Rule{Act: wire.Reorder, Delay: time.Second}, "abcd", 4},
		{"replay", wire.Rule{Act: wire.Replay, Period: 10 * time.Millisecond, Count: 3}, "a", 4},
	} {
		test.rule.Name = test.name
		if err := w.SetRules([]wire.Rule{test.rule}); err != nil {
			return err
		}
		for word := range strings.SplitSeq(test.words, "") {
			if _, err := unix.Write(b.fds["node1"], b.frame("node1", "node2", word)); err != nil {
				return err
			}
		}
		came, err := b.receive("node2", test.count)
		if err != nil {
			return fmt.Errorf("%s: %w %+v", test.name, err, w.Counters())
		}
		fmt.Fprintf(b.out, "%s: %s\n", test.name, came)
	}
	if err := b.tryValues(w); err != nil {
		return err
	}
	if err := w.Remove(); err != nil {
		return err
	}
	after, err := b.send("node1", "node2", "a")
	fmt.Fprintf(b.out, "after: %s\n", after)
	return err
}

// tryValues tries what is judged otherwise than by the words that come.
func (b *bench) tryValues(w *wire.Wire) error {
	const delay = 30 * time.Millisecond
	if err := w.SetRules([]wire.Rule{{Name: "late", Act: wire.Delay, Delay: delay}}); err != nil {
		return err
	}
	sent := time.Now()
	came, err := b.send("node1", "node2", "a")
	if err != nil {
		return err
	}
	fmt.Fprintf(b.out, "delay: %s, late %t\n", came, time.Since(sent) >= delay)
	if err := w.SetRules([]wire.Rule{{Name: "bits", Act: wire.Corrupt, Count: 1}}); err != nil {
		return err
	}
	if came, err = b.send("node1", "node2", "a"); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "corrupt: differs %t\n", came != "a")
	if err := w.SetRules([]wire.Rule{{Name: "back", Act: wire.Drop, Match: wire.Match{Direction: wire.ToHost}}}); err != nil {
		return err
	}
	if _, err := unix.Write(b.fds["node2"], b.frame("node2", "node1", "lost")); err != nil {
		return err
	}
	came, err = b.send("node1", "node2", "a")
	fmt.Fprintf(b.out, "to the host: %s\n", came)
	if dropped := w.Counters()["back"].Dropped; dropped != 1 {
		return errors.Join(err, fmt.Errorf("%d frames were dropped", dropped))
	}
	return err
}

// tryStreams sends much by TCP, which hands over more than a frame at a time and
// without checksums, through a wire that looks at each frame.
func tryStreams(b *bench) error {
	w, err := b.begin(wire.Rule{Name: "look", Act: wire.Drop, Match: wire.Match{Protocol: "tcp:80"}, Choice: wire.Choice{First: 1}},
		wire.Rule{Name: "late", Act: wire.Delay, Delay: time.Millisecond, Match: wire.Match{Protocol: "tcp:80"}})
	if err != nil {
		return err
	}
	before := uint64(0)
	for _, from := range []string{"node1", "node2"} {
		const size = 4 << 20
		if err := b.stream(from, size); err != nil {
			return fmt.Errorf("from %s: %w", from, err)
		}
		const most = 1448 // bytes of payload in a frame
		seen := w.Counters()["late"].Matched
		if seen-before < size/most {
			return fmt.Errorf("%d bytes from %s went in %d frames", size, from, seen-before)
		}
		before = seen
		fmt.Fprintf(b.out, "%s: whole, in segments\n", from)
	}
	return w.Remove()
}

// stream sends bytes from a host to the other one's port 80.
func (b *bench) stream(from string, size int) error {
	to := map[string]string{"node1": "node2", "node2": "node1"}[from]
	var listener net.Listener
	err := b.Host(to).Network.Do(func(ns.NetNS) (err error) {
		listener, err = net.Listen("tcp", b.Host(to).Address().String()+":80")
		return err
	})
	if err != nil {
		return err
	}
	defer listener.Close()
	var conn net.Conn
	err = b.Host(from).Network.Do(func(ns.NetNS) (err error) {
		conn, err = net.DialTimeout("tcp", listener.Addr().String(), receiveBound)
		return err
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	peer, err := listener.Accept()
	if err != nil {
		return err
	}
	defer peer.Close()
	_ = peer.SetDeadline(time.Now().Add(4 * receiveBound))
	text := text(size)
	sending := make(chan error, 1)
	go func() {
		_, err := conn.Write(text)
		sending <- errors.Join(err, conn.Close())
	}()
	came, err := io.ReadAll(peer)
	if !bytes.Equal(came, text) {
		err = errors.Join(err, fmt.Errorf("%d of %d bytes came, or others", len(came), size))
	}
	return errors.Join(err, <-sending)
}

// tryTags sends a tagged frame, whose tag the kernel takes out on its way.
func tryTags(b *bench) error {
	w, err := b.begin(wire.Rule{Name: "late", Act: wire.Delay, Delay: time.Millisecond})
	if err != nil {
		return err
	}
	fd, err := packetSocket(b.Host("node2").Network, unix.ETH_P_ALL) // others do not see tags
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	bound := unix.NsecToTimeval(int64(receiveBound))
	err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1), unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &bound))
	if err != nil {
		return err
	}
	const tag = 0x2005
	sent, err := b.sendTagged(tag)
	if err != nil {
		return err
	}
	buffer, control := make([]byte, 1000), make([]byte, 100)
	for {
		n, m, _, _, err := unix.Recvmsg(fd, buffer, control, 0)
		if err != nil {
			return err
		}
		messages, err := unix.ParseSocketControlMessage(control[:m])
		if err != nil {
			return err
		}
		const tagAt = 16 // in struct tpacket_auxdata
		for _, message := range messages {
			if message.Header.Level == unix.SOL_PACKET && binary.NativeEndian.Uint16(message.Data[tagAt:]) == tag {
				whole := slices.Concat(sent[:12], sent[16:]) // the kernel took the tag out again
				fmt.Fprintf(b.out, "tagged, whole %t\n", bytes.Equal(buffer[:n], whole))
				return w.Remove()
			}
		}
	}
}

// sendTagged sends a datagram with a tag whose checksum is left to be completed,
// and returns what is to come of it.
func (b *bench) sendTagged(tag uint16) ([]byte, error) {
	const network, transport, checksum = 18, 38, 6
	kind, stack := overIP(false, layers.IPProtocolUDP, &layers.UDP{SrcPort: 1, DstPort: 2}, text(100))
	buffer := gopacket.NewSerializeBuffer()
	ethernet := &layers.Ethernet{SrcMAC: b.Host("node1").Links[0].MAC, DstMAC: b.Host("node2").Links[0].MAC, EthernetType: layers.EthernetTypeDot1Q}
	dot1q := &layers.Dot1Q{Priority: uint8(tag >> 13), VLANIdentifier: tag & 0xfff, Type: kind}
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buffer, options, append([]gopacket.SerializableLayer{ethernet, dot1q}, stack...)...); err != nil {
		return nil, err
	}
	fd, err := packetSocket(b.Host("node1").Network, unix.ETH_P_ALL)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1); err != nil {
		return nil, err
	}
	partial := slices.Clone(buffer.Bytes())
	pseudo(partial, network, transport, checksum, unix.IPPROTO_UDP)
	left := offload(0, 0, transport, checksum)
	_, err = unix.Write(fd, append(left[:], partial...))
	return buffer.Bytes(), err
}

// tryChanges changes the rules as frames pass: none is lost.
func tryChanges(b *bench) error {
	w, err := b.begin()
	if err != nil {
		return err
	}
	const changes = 200
	for n := range changes {
		rules := []wire.Rule{{Name: fmt.Sprint(n), Act: wire.Delay, Delay: time.Duration(n%3+1) * time.Millisecond}, {Name: "other", Act: wire.Duplicate, Count: 1, Match: wire.Match{Protocol: "vrrp"}}}
		if err := w.SetRules(rules[n%2:]); err != nil {
			return err
		}
		if came, err := b.send("node1", "node2", "a"); err != nil || came != "a" {
			return fmt.Errorf("change %d: %q, %w", n, came, err)
		}
	}
	if w.Lost() != 0 {
		return fmt.Errorf("%d frames were lost", w.Lost())
	}
	fmt.Fprintf(b.out, "%d changes\n", changes)
	return w.Remove()
}
