package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"takeover/daemon/vrrp"
)

// keepalivedAH owns the addresses of two virtual routers with the password
// "secret": one of the group, one with b for a peer.
const keepalivedAH = `
vrrp_instance group {
	interface a
	state MASTER
	virtual_router_id 51
	priority 255
	advert_int 1
	authentication {
		auth_type AH
		auth_pass secret
	}
	virtual_ipaddress {
		10.1.0.100
	}
}
vrrp_instance peer {
	interface a
	state MASTER
	virtual_router_id 52
	priority 255
	advert_int 1
	unicast_peer {
		10.1.0.2
	}
	authentication {
		auth_type AH
		auth_pass secret
	}
	virtual_ipaddress {
		10.1.0.101
	}
}
`

// keepalived runs in the host until the test ends.
type keepalived struct {
	t   *testing.T
	log string
}

func (h *host) keepalived(configuration string) *keepalived {
	h.t.Helper()
	path, err := exec.LookPath("keepalived")
	if err != nil {
		h.t.Skip("skipped: keepalived is not installed")
	}
	dir := h.t.TempDir()
	file := filepath.Join(dir, "keepalived.conf")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		h.t.Fatal(err)
	}
	k := &keepalived{t: h.t, log: filepath.Join(dir, "log")}
	log, err := os.Create(k.log)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close()
	command := exec.Command(path, "-n", "-l", "-D", "-P", "-f", file,
		"-p", filepath.Join(dir, "pid"), "-r", filepath.Join(dir, "vrrp.pid"))
	command.Stdout, command.Stderr = log, log
	// It inherits the namespace of the thread that starts it.
	h.do(func() {
		if err := command.Start(); err != nil {
			h.t.Fatal(err)
		}
	})
	h.t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		_ = command.Wait() // it was told to end
		if h.t.Failed() {
			text, _ := os.ReadFile(k.log)
			h.t.Logf("keepalived's log:\n%s", text)
		}
	})
	return k
}

// awaitLog waits until the log has the text.
func (k *keepalived) awaitLog(text string) {
	k.t.Helper()
	for deadline := time.Now().Add(bound); ; {
		log, err := os.ReadFile(k.log)
		if err != nil {
			k.t.Fatal(err)
		}
		if strings.Contains(string(log), text) {
			return
		}
		if time.Now().After(deadline) {
			k.t.Fatalf("keepalived did not log %q", text)
		}
		<-time.After(time.Millisecond)
	}
}

// keepalived believes an equal priority from the higher address, when it is
// signed with its password, and only then.
func TestLiveAHWithKeepalived(t *testing.T) {
	betweenHosts(t, func(t *testing.T, a, b *host) {
		conns := map[string]*testConn{
			"group": b.open(Settings{AH: true}),
			"peer":  b.open(Settings{AH: true, Peers: peersOf(a.ip4)}),
		}
		k := a.keepalived(keepalivedAH)
		for vrid, name := range map[uint8]string{51: "group", 52: "peer"} {
			speaker := ahSpeaker{t: t, conn: conns[name], vrid: vrid, source: b.ip4}
			speaker.hear(a.ip4)
			speaker.speak(vrrp.AH{Key: [8]byte{'w', 'r', 'o', 'n', 'g'}})
			k.awaitLog(fmt.Sprintf("(%s) IPSEC-AH : invalid", name))
			speaker.hear(a.ip4) // it stays
			speaker.speak(vrrp.AH{Key: [8]byte{'s', 'e', 'c', 'r', 'e', 't'}})
			k.awaitLog(fmt.Sprintf("(%s) Entering BACKUP STATE", name))
		}
	})
}

// ahSpeaker is a virtual router that says what it is told to.
type ahSpeaker struct {
	t        *testing.T
	conn     *testConn
	vrid     uint8
	source   netip.Addr
	sequence vrrp.AHSequence
}

// hear takes an advertisement of its virtual router that keepalived signed.
func (s *ahSpeaker) hear(from netip.Addr) {
	s.t.Helper()
	for {
		d := s.conn.datagram()
		payload, sequence, err := vrrp.AH{Key: [8]byte{'s', 'e', 'c', 'r', 'e', 't'}}.Open(d.Packet)
		if err != nil {
			s.t.Fatal(err)
		}
		advertisement, err := vrrp.Decode(payload, d.Source, d.Destination)
		if err != nil {
			s.t.Fatal(err)
		}
		if advertisement.VRID != s.vrid {
			continue
		}
		if d.Source != from || advertisement.Priority != 255 || advertisement.Authentication.Type != vrrp.AuthenticationAH {
			s.t.Errorf("received %+v from %s", advertisement, d.Source)
		}
		if err := s.sequence.Accept(d.Source, sequence); err != nil {
			s.t.Error(err)
		}
		var refused *vrrp.RefusalError
		if err := s.sequence.Accept(d.Source, sequence); !errors.As(err, &refused) {
			s.t.Errorf("the same once more: %v", err)
		}
		return
	}
}

// speak sends an advertisement.
func (s *ahSpeaker) speak(h vrrp.AH) {
	s.t.Helper()
	destination := s.conn.Destinations()[0]
	virtual := netip.AddrFrom4([4]byte{10, 1, 0, 49 + s.vrid})
	payload, err := vrrp.Encode(vrrp.Advertisement{
		Version: vrrp.Version2, VRID: s.vrid, Priority: 255, Interval: time.Second,
		Addresses: []netip.Addr{virtual}, Authentication: vrrp.Authentication{Type: vrrp.AuthenticationAH},
	}, s.source, destination)
	if err != nil {
		s.t.Fatal(err)
	}
	packet, err := h.Seal(s.source, destination, TTL, s.sequence.Next(time.Now()), payload)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.conn.SendTo(destination, packet); err != nil {
		s.t.Fatal(err)
	}
}
