package netif

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// host is a network namespace, and the thread that is in it. Both end with the
// test.
type host struct {
	t     *testing.T
	calls chan func()
	tid   int
	k     *Kernel
}

func newHost(t *testing.T) *host {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("skipped: root is needed to make a network namespace")
	}
	h := &host{t: t, calls: make(chan func())}
	opened := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlock: the thread ends
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			h.tid = unix.Gettid()
			h.k, err = Open()
		}
		opened <- err
		for f := range h.calls {
			f()
		}
	}()
	if err := <-opened; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.k.Close()
		close(h.calls)
	})
	h.run("ip link set lo up && cd /proc/sys/net/ipv6/conf && echo 0 | tee all/accept_dad default/accept_dad")
	return h
}

// in runs f on the host's thread.
func (h *host) in(f func() error) error {
	result := make(chan error)
	h.calls <- func() { result <- f() }
	return <-result
}

// try runs a command in the namespace.
func (h *host) try(command string) (string, error) {
	var out []byte
	err := h.in(func() (err error) {
		out, err = exec.Command("sh", "-c", command).CombinedOutput()
		return err
	})
	return string(out), err
}

func (h *host) run(format string, arguments ...any) string {
	h.t.Helper()
	command := fmt.Sprintf(format, arguments...)
	out, err := h.try(command)
	if err != nil {
		h.t.Fatalf("%s: %v: %s", command, err, out)
	}
	return out
}

func (h *host) link(name string) Link {
	h.t.Helper()
	return link(h.t, h.k, name)
}

func (h *host) set(a Address) {
	h.t.Helper()
	if err := first(h.k.Set(a)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) remove(a Address) {
	h.t.Helper()
	if err := first(h.k.Remove(a)); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) ensure(v VMAC) Link {
	h.t.Helper()
	var made Link
	err := h.in(func() (err error) {
		made, err = h.k.EnsureVMAC(v)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return made
}

func (h *host) release(v VMAC) {
	h.t.Helper()
	if err := h.in(func() error { return h.k.ReleaseVMAC(v) }); err != nil {
		h.t.Fatal(err)
	}
}

// reaches reports whether an address answers: a closed port is refused.
func (h *host) reaches(address netip.Addr) bool {
	return h.reachesWithin(bound, address)
}

func (h *host) reachesWithin(timeout time.Duration, address netip.Addr) bool {
	err := h.in(func() error {
		dialer := net.Dialer{Timeout: timeout}
		c, err := dialer.Dial("tcp", netip.AddrPortFrom(address, 9).String())
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	return errors.Is(err, unix.ECONNREFUSED)
}

// segment is a bridge in a namespace of its own, and hosts on it.
type segment struct {
	bridge *host
	hosts  []*host
}

// newSegment connects n hosts by their eth0, which have the addresses
// 10.0.0.1/24, fd01::1/64 and so on. The bridge's ports are p1 and so on.
func newSegment(t *testing.T, n int) *segment {
	t.Helper()
	s := &segment{bridge: newHost(t)}
	s.bridge.run("ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up")
	for i := 1; i <= n; i++ {
		h := newHost(t)
		s.bridge.run("ip link add p%d type veth peer name eth0 netns %d", i, h.tid)
		s.bridge.run("ip link set p%d master br0 && ip link set p%d up", i, i)
		h.run("ip link set eth0 up && ip addr add 10.0.0.%d/24 dev eth0 && ip addr add fd01::%d/64 dev eth0 nodad", i, i)
		s.hosts = append(s.hosts, h)
	}
	return s
}

// portOf is where the bridge sends frames to a MAC address.
func (s *segment) portOf(hardware net.HardwareAddr) string {
	s.bridge.t.Helper()
	for line := range strings.Lines(s.bridge.run("bridge fdb show br br0")) {
		fields := strings.Fields(line)
		if fields[0] == hardware.String() && !strings.Contains(line, "permanent") {
			return fields[2]
		}
	}
	return "none"
}

// arpSocket hears and sends ARP on an interface.
type arpSocket struct {
	h     *host
	fd    int
	index int
}

func (h *host) arp(name string) *arpSocket {
	h.t.Helper()
	s := &arpSocket{h: h, index: h.link(name).Index}
	protocol := binary.NativeEndian.Uint16([]byte{unix.ETH_P_ARP >> 8, unix.ETH_P_ARP & 0xff})
	err := h.in(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK, int(protocol))
		if err != nil {
			return err
		}
		return unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: protocol, Ifindex: s.index})
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { unix.Close(s.fd) })
	return s
}

// arpBytes is the length of an Ethernet frame with ARP for IPv4.
const arpBytes = 42

// answers are the sender's hardware addresses in the replies about an address
// that have arrived.
func (s *arpSocket) answers(address netip.Addr) []string {
	s.h.t.Helper()
	var from []string
	for frame := make([]byte, 128); ; {
		n, sender, err := unix.Recvfrom(s.fd, frame, 0)
		if err != nil {
			return from
		}
		isOutgoing := sender.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING
		if n < arpBytes || isOutgoing || frame[21] != 2 || !bytes.Equal(frame[28:32], address.AsSlice()) {
			continue
		}
		if frameSource, sender := net.HardwareAddr(frame[6:12]).String(), net.HardwareAddr(frame[22:28]).String(); frameSource != sender {
			s.h.t.Errorf("a frame of %s says that %s is at %s", frameSource, address, sender)
		}
		from = append(from, net.HardwareAddr(frame[22:28]).String())
	}
}

// announce sends a gratuitous ARP.
func (s *arpSocket) announce(hardware net.HardwareAddr, address netip.Addr) {
	s.h.t.Helper()
	broadcast := bytes.Repeat([]byte{0xff}, 6)
	frame := append(bytes.Clone(broadcast), hardware...)
	frame = append(frame, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
	frame = append(append(frame, hardware...), address.AsSlice()...)
	frame = append(append(frame, broadcast...), address.AsSlice()...)
	if err := unix.Sendto(s.fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: s.index}); err != nil {
		s.h.t.Fatal(err)
	}
}

// rawSocket sends and receives packets of IP protocol 112 on an interface.
type rawSocket struct {
	h  *host
	fd int
}

func (h *host) vrrp(name string) *rawSocket {
	h.t.Helper()
	s := &rawSocket{h: h}
	err := h.in(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK, protocolOurs)
		if err != nil {
			return err
		}
		return unix.BindToDevice(s.fd, name)
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { unix.Close(s.fd) })
	return s
}

func (s *rawSocket) join(group netip.Addr, name string) {
	s.h.t.Helper()
	request := &unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(s.h.link(name).Index)}
	if err := unix.SetsockoptIPMreqn(s.fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, request); err != nil {
		s.h.t.Fatal(err)
	}
}

// send sends an empty packet to a group, from any source.
func (s *rawSocket) send(group, source netip.Addr) {
	s.h.t.Helper()
	header := make([]byte, 20)
	header[0], header[8], header[9] = 0x45, 255, protocolOurs
	copy(header[12:], source.AsSlice())
	copy(header[16:], group.AsSlice())
	err := unix.SetsockoptInt(s.fd, unix.IPPROTO_IP, unix.IP_HDRINCL, 1)
	if err == nil {
		err = unix.Sendto(s.fd, header, 0, &unix.SockaddrInet4{Addr: group.As4()})
	}
	if err != nil {
		s.h.t.Fatal(err)
	}
}

// receive waits for a packet, and is its source; invalid when none comes soon.
func (s *rawSocket) receive() netip.Addr {
	s.h.t.Helper()
	ready := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(ready, int(silence.Milliseconds())); n != 1 || err != nil {
		return netip.Addr{}
	}
	packet := make([]byte, 128)
	if n, _, err := unix.Recvfrom(s.fd, packet, 0); n < 20 || err != nil {
		s.h.t.Errorf("%d bytes received: %v", n, err)
		return netip.Addr{}
	}
	return netip.AddrFrom4([4]byte(packet[12:16]))
}

// isHeard sends to a group until there hears it: a bridge may lose what is sent
// while its ports come up.
func (s *rawSocket) isHeard(there *rawSocket, group, source netip.Addr) {
	s.h.t.Helper()
	for end := time.Now().Add(bound); time.Now().Before(end); {
		s.send(group, source)
		switch from := there.receive(); from {
		case netip.Addr{}:
		case source:
			return
		default:
			s.h.t.Errorf("heard %s", from)
		}
	}
	s.h.t.Error("nothing heard")
}
